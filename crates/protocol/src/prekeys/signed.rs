//! The signed X25519 prekey: the published record and the pair behind it.
//! It is replaced weekly; how long an old one is kept is the caller's.
//! It knows neither bundle nor handshake. PROTOCOL.md "Prekeys".

use rand_core::CryptoRng;

use crate::codec::{DecodeError, Reader};
use crate::curve::{X25519Pair, X25519Public};
use crate::identity::{DeviceCertificate, DeviceKeyPair};
use crate::labels;
use crate::secret::{SecretBytes, opaque_debug};
use crate::signature::{self, SIGNATURE_BYTES};

/// Version of the pair's stored form.
const STORED_VERSION: u8 = 1;

/// A published signed prekey, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPreKey {
    id: u32,
    key: X25519Public,
    signature: [u8; SIGNATURE_BYTES],
}

impl SignedPreKey {
    /// Bytes of the encoding: id 4, key 32, signature 64.
    pub const BYTES: usize = 100;

    /// The id that its device gave it.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The public key.
    pub fn key(&self) -> X25519Public {
        self.key
    }

    /// The one encoding.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.id.to_be_bytes());
        bytes[4..36].copy_from_slice(self.key.as_bytes());
        bytes[36..].copy_from_slice(&self.signature);
        bytes
    }

    /// Parses a signed prekey; says nothing of its signature.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not exactly one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let prekey = Self {
            id: reader.u32()?,
            key: X25519Public::from_bytes(reader.array()?)?,
            signature: *reader.array()?,
        };
        reader.finish()?;
        Ok(prekey)
    }

    pub(super) fn is_signed_by(&self, device: &DeviceCertificate) -> bool {
        signature::verifies(
            device.verifying_key(),
            labels::SIGNED_PREKEY,
            &[&self.id.to_be_bytes(), self.key.as_bytes()],
            &self.signature,
        )
    }
}

/// A signed prekey with its private half. Wiped when dropped.
pub struct SignedPreKeyPair {
    id: u32,
    pair: X25519Pair,
    signature: [u8; SIGNATURE_BYTES],
}

opaque_debug!(SignedPreKeyPair);

impl SignedPreKeyPair {
    /// Makes a prekey and signs it with the device's signing key.
    pub fn generate(id: u32, device: &DeviceKeyPair, rng: &mut dyn CryptoRng) -> Self {
        let pair = X25519Pair::generate(rng);
        let signature = device.sign(
            labels::SIGNED_PREKEY,
            &[&id.to_be_bytes(), pair.public().as_bytes()],
        );
        Self {
            id,
            pair,
            signature,
        }
    }

    /// The id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What is published.
    pub fn public(&self) -> SignedPreKey {
        SignedPreKey {
            id: self.id,
            key: self.pair.public(),
            signature: self.signature,
        }
    }

    pub(crate) fn pair(&self) -> &X25519Pair {
        &self.pair
    }

    /// The stored form: version 1, id 4, private key 32, signature 64.
    pub fn to_bytes(&self) -> SecretBytes {
        let mut bytes = Vec::with_capacity(101);
        bytes.push(STORED_VERSION);
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(self.pair.secret_bytes());
        bytes.extend_from_slice(&self.signature);
        bytes.into()
    }

    /// Restores what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(STORED_VERSION)?;
        let prekey = Self {
            id: reader.u32()?,
            pair: X25519Pair::from_bytes(reader.array()?),
            signature: *reader.array()?,
        };
        reader.finish()?;
        Ok(prekey)
    }
}
