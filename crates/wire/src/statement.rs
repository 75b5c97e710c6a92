//! What is signed on a connection: domain-separated statements of fixed layout.
//!
//! Each begins with its own context, `"Pawl relay …"`, which no certificate or prekey signature
//! begins with, and names the relay's authority, so that a relay cannot pass a client's answer on to
//! another relay. Integers are big-endian; variable fields carry a 16-bit length.

use crate::ids::{DeviceAddress, Epoch, Nonce, SigningKeyBytes};
use crate::username::Username;

const AUTH_CONTEXT: &[u8] = b"Pawl relay auth v1";
const REGISTER_CONTEXT: &[u8] = b"Pawl relay register v1";

/// What the relay challenged a connection with, and where the client believes itself to be.
#[derive(Clone, Debug)]
pub struct Connection<'a> {
    /// `host[:port]` that the client connected to, in lower case, as in the Host header.
    pub authority: &'a str,
    /// The relay's nonce for this connection.
    pub nonce: Nonce,
    /// The relay's epoch.
    pub epoch: Epoch,
}

/// Signed by the device's signing key in `Auth`; `last_seq` is the last sequence number on its disk.
#[must_use]
pub fn auth(connection: &Connection<'_>, device: DeviceAddress, last_seq: u64) -> Vec<u8> {
    let mut bytes = begin(AUTH_CONTEXT, connection);
    push_device(&mut bytes, device);
    bytes.extend_from_slice(&last_seq.to_be_bytes());
    bytes
}

/// Signed in `Register` by the account's key and by the device's signing key.
#[must_use]
pub fn register(
    connection: &Connection<'_>,
    device: DeviceAddress,
    signing_key: &SigningKeyBytes,
    username: &Username,
) -> Vec<u8> {
    let mut bytes = begin(REGISTER_CONTEXT, connection);
    push_device(&mut bytes, device);
    bytes.extend_from_slice(&signing_key.0);
    push_short(&mut bytes, username.as_str().as_bytes());
    bytes
}

fn begin(context: &[u8], connection: &Connection<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(context);
    push_short(&mut bytes, connection.authority.as_bytes());
    bytes.extend_from_slice(&connection.nonce.0);
    bytes.extend_from_slice(&connection.epoch.0);
    bytes
}

fn push_device(bytes: &mut Vec<u8>, device: DeviceAddress) {
    bytes.extend_from_slice(&device.account.0);
    bytes.extend_from_slice(&device.device.to_be_bytes());
}

/// A longer field is cut at 65,535 bytes, which then fails to verify: nothing valid is that long.
fn push_short(bytes: &mut Vec<u8>, field: &[u8]) {
    let len = u16::try_from(field.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(&field[..usize::from(len)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountId;

    #[test]
    fn every_field_changes_the_statement() {
        let connection = |authority, nonce, epoch| Connection {
            authority,
            nonce: Nonce([nonce; 32]),
            epoch: Epoch([epoch; 16]),
        };
        let device = |account, device| DeviceAddress {
            account: AccountId([account; 32]),
            device,
        };
        let all = [
            auth(&connection("a:1", 0, 0), device(0, 1), 0),
            auth(&connection("a:2", 0, 0), device(0, 1), 0),
            auth(&connection("a:1", 1, 0), device(0, 1), 0),
            auth(&connection("a:1", 0, 1), device(0, 1), 0),
            auth(&connection("a:1", 0, 0), device(1, 1), 0),
            auth(&connection("a:1", 0, 0), device(0, 2), 0),
            auth(&connection("a:1", 0, 0), device(0, 1), 1),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
