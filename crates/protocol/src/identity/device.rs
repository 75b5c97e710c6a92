//! A device of an account: its two key pairs.
//! A local device is put together only from keys and a certificate that belong to each other.
//! It knows no other device of the account. PROTOCOL.md "Identity".

use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::CryptoRng;

use super::account::AccountKeyPair;
use super::certificate::{CertificateError, DeviceCertificate, PeerIdentity};
use super::ids::{Address, DeviceId};
use super::statement::{StatementError, sign_statement};
use crate::codec::{DecodeError, Reader};
use crate::curve::{X25519Pair, X25519Public};
use crate::secret::{SecretBytes, opaque_debug, scrubbed};
use crate::signature::{self, SIGNATURE_BYTES};

/// Version of a device key pair's stored form.
const STORED_VERSION: u8 = 1;

/// A device's Ed25519 signing key and X25519 identity key. Wiped when dropped.
pub struct DeviceKeyPair {
    signing: Box<SigningKey>,
    identity: X25519Pair,
}

opaque_debug!(DeviceKeyPair);

impl DeviceKeyPair {
    /// Makes the keys of a new device.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self {
            signing: scrubbed(|| Box::new(signature::generate(rng))),
            identity: X25519Pair::generate(rng),
        }
    }

    /// The public X25519 identity key.
    pub fn identity_key(&self) -> X25519Public {
        self.identity.public()
    }

    /// The public Ed25519 signing key, 32 bytes.
    pub fn signing_key(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// The stored form: a version byte, the signing seed, the identity key's private half, 65 bytes.
    pub fn to_bytes(&self) -> SecretBytes {
        let mut bytes = Vec::with_capacity(65);
        bytes.push(STORED_VERSION);
        bytes.extend_from_slice(self.signing.as_bytes());
        bytes.extend_from_slice(self.identity.secret_bytes());
        bytes.into()
    }

    /// Restores what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(STORED_VERSION)?;
        let seed = reader.array()?;
        let signing = scrubbed(|| Box::new(SigningKey::from_bytes(seed)));
        let identity = X25519Pair::from_bytes(reader.array()?);
        reader.finish()?;
        Ok(Self { signing, identity })
    }

    /// Signs exactly `statement`, a statement to the relay.
    ///
    /// # Errors
    /// [`StatementError`] unless it begins with [`crate::RELAY_STATEMENT_PREFIX`].
    pub fn sign_statement(&self, statement: &[u8]) -> Result<[u8; 64], StatementError> {
        sign_statement(&self.signing, statement)
    }

    pub(crate) fn identity(&self) -> &X25519Pair {
        &self.identity
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    pub(crate) fn sign(&self, context: &[u8], fields: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
        signature::sign(&self.signing, context, fields)
    }
}

/// Keys and certificate do not belong together. Blame: the caller's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalDeviceError {
    /// The certificate names other keys than these.
    #[error("the certificate is not for these keys")]
    OtherKeys,
    /// The certificate is not signed by its account.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// This device: its keys and the certificate that binds them to its account.
#[derive(Debug)]
pub struct LocalDevice {
    keys: DeviceKeyPair,
    identity: PeerIdentity,
}

impl LocalDevice {
    /// Lets `account` certify `keys` as its device number `device`.
    pub fn certify(account: &AccountKeyPair, device: DeviceId, keys: DeviceKeyPair) -> Self {
        let (signing, agreeing) = (keys.verifying_key(), keys.identity_key());
        let identity = PeerIdentity::certify(account, device, signing, agreeing);
        Self { keys, identity }
    }

    /// Puts a stored device together again and checks that the parts belong to each other.
    ///
    /// # Errors
    /// [`LocalDeviceError`].
    pub fn new(
        keys: DeviceKeyPair,
        certificate: DeviceCertificate,
    ) -> Result<Self, LocalDeviceError> {
        if certificate.signing_key() != &keys.signing_key()
            || certificate.identity_key() != keys.identity_key()
        {
            return Err(LocalDeviceError::OtherKeys);
        }
        let identity = certificate.verify()?;
        Ok(Self { keys, identity })
    }

    /// The key pairs.
    pub fn keys(&self) -> &DeviceKeyPair {
        &self.keys
    }

    /// The certificate.
    pub fn certificate(&self) -> &DeviceCertificate {
        self.identity.certificate()
    }

    /// This device's address.
    pub fn address(&self) -> Address {
        self.identity.address()
    }
}
