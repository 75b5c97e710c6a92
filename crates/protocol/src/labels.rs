//! Every context string and label of the protocol, in one place so that no two can be the same.
//! Knows nothing else. PROTOCOL.md "Labels".
//!
//! Each ends in a zero byte and holds no other, so none is a prefix of another and what follows a label can
//! never be read as part of it.

pub(crate) const CERTIFICATE: &[u8] = b"Pawl device certificate v1\0";
pub(crate) const ACCOUNT_RECORD: &[u8] = b"Pawl account record v1\0";
pub(crate) const SIGNED_PREKEY: &[u8] = b"Pawl signed prekey v1\0";
pub(crate) const ONE_TIME_KEM_PREKEY: &[u8] = b"Pawl one-time KEM prekey v1\0";
pub(crate) const LAST_RESORT_KEM_PREKEY: &[u8] = b"Pawl last-resort KEM prekey v1\0";

pub(crate) const ASSOCIATED_DATA: &[u8] = b"Pawl associated data v1\0";
pub(crate) const HANDSHAKE: &[u8] = b"Pawl PQXDH v1 X25519 SHA-256 ML-KEM-768\0";
pub(crate) const ROOT_CHAIN: &[u8] = b"Pawl root chain v1\0";
pub(crate) const MESSAGE_KEY: &[u8] = b"Pawl message key v1\0";
pub(crate) const SAFETY_NUMBER: &[u8] = b"Pawl safety number v1\0";

/// Input of the HMAC of a chain key that gives the message's secret (the Double Ratchet's `KDF_CK`).
pub(crate) const CHAIN_MESSAGE: &[u8] = &[0x01];
/// Input of the HMAC of a chain key that gives the next chain key.
pub(crate) const CHAIN_NEXT: &[u8] = &[0x02];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_a_prefix_of_another_or_of_a_relay_statement() {
        let labels = [
            CERTIFICATE,
            ACCOUNT_RECORD,
            SIGNED_PREKEY,
            ONE_TIME_KEM_PREKEY,
            LAST_RESORT_KEM_PREKEY,
            ASSOCIATED_DATA,
            HANDSHAKE,
            ROOT_CHAIN,
            MESSAGE_KEY,
            SAFETY_NUMBER,
            crate::RELAY_STATEMENT_PREFIX,
        ];
        for (i, a) in labels.iter().enumerate() {
            for b in &labels[i + 1..] {
                assert!(!a.starts_with(b) && !b.starts_with(a));
            }
        }
    }
}
