//! The certificate by which an account binds a device's keys to itself. PROTOCOL.md "Device certificate".
//!
//! A decoded certificate is a claim; verifying it gives a [`PeerIdentity`], and nothing else does. Whether
//! the account is the expected one, and lists the device still, is for the caller to ask.

use ed25519_dalek::VerifyingKey;

use super::account::{AccountKey, AccountKeyPair};
use super::ids::{Address, DeviceId};
use crate::codec::{DecodeError, Reader};
use crate::curve::X25519Public;
use crate::labels;
use crate::signature::{self, SIGNATURE_BYTES};

/// The certificate's signature is not its account's. Blame: whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device certificate is not signed by its account")]
pub struct CertificateError;

/// A device's keys, with the account's signature over them, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCertificate {
    address: Address,
    signing_key: VerifyingKey,
    identity_key: X25519Public,
    signature: [u8; SIGNATURE_BYTES],
}

impl DeviceCertificate {
    /// Bytes of an encoded certificate: account 32, device 4, signing key 32, identity key 32, signature 64.
    pub const BYTES: usize = 164;

    /// The account and device that it is for.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The device's Ed25519 signing key.
    pub fn signing_key(&self) -> &[u8; 32] {
        self.signing_key.as_bytes()
    }

    /// The device's X25519 identity key.
    pub fn identity_key(&self) -> X25519Public {
        self.identity_key
    }

    /// Checks the account's signature.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify(self) -> Result<PeerIdentity, CertificateError> {
        let authentic = signature::verifies(
            self.address.account.verifying_key(),
            labels::CERTIFICATE,
            &[&self.signed_fields()],
            &self.signature,
        );
        if authentic {
            Ok(PeerIdentity(self))
        } else {
            Err(CertificateError)
        }
    }

    /// The one encoding, [`Self::BYTES`] long.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..100].copy_from_slice(&self.signed_fields());
        bytes[100..].copy_from_slice(&self.signature);
        bytes
    }

    /// Parses a certificate; says nothing of its signature.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not exactly one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let certificate = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(certificate)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            address: Address {
                account: AccountKey::from_bytes(reader.array()?)?,
                device: DeviceId::read(reader)?,
            },
            signing_key: signature::verifying_key(reader.array()?)?,
            identity_key: X25519Public::from_bytes(reader.array()?)?,
            signature: *reader.array()?,
        })
    }

    pub(crate) fn verifying_key(&self) -> &VerifyingKey {
        &self.signing_key
    }

    /// Everything but the signature, 100 bytes.
    pub(crate) fn signed_fields(&self) -> [u8; 100] {
        let mut bytes = [0; 100];
        bytes[..32].copy_from_slice(self.address.account.as_bytes());
        bytes[32..36].copy_from_slice(&self.address.device.to_be_bytes());
        bytes[36..68].copy_from_slice(self.signing_key.as_bytes());
        bytes[68..].copy_from_slice(self.identity_key.as_bytes());
        bytes
    }
}

/// A device whose certificate has been verified: who the other side of a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity(DeviceCertificate);

impl PeerIdentity {
    /// The verified certificate.
    pub fn certificate(&self) -> &DeviceCertificate {
        &self.0
    }

    /// The account.
    pub fn account(&self) -> AccountKey {
        self.0.address.account
    }

    /// The device's number.
    pub fn device(&self) -> DeviceId {
        self.0.address.device
    }

    /// Account and device.
    pub fn address(&self) -> Address {
        self.0.address
    }

    pub(super) fn certify(
        account: &AccountKeyPair,
        device: DeviceId,
        signing_key: VerifyingKey,
        identity_key: X25519Public,
    ) -> Self {
        let mut certificate = DeviceCertificate {
            address: Address {
                account: account.public(),
                device,
            },
            signing_key,
            identity_key,
            signature: [0; SIGNATURE_BYTES],
        };
        certificate.signature = account.sign(labels::CERTIFICATE, &[&certificate.signed_fields()]);
        Self(certificate)
    }

    /// Reads an identity from this device's own sealed state, where only a verified one is ever written.
    pub(crate) fn read_own_state(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        DeviceCertificate::read(reader).map(Self)
    }
}
