//! Signed ML-KEM-768 prekeys: one-time ones, and the last-resort one that fills in when they have run out.
//! PROTOCOL.md "Prekeys".
//!
//! The kind is under the signature (each kind has its own context), so a relay cannot pass one off as the other.

use rand_core::CryptoRng;

use crate::codec::{DecodeError, Reader};
use crate::identity::{DeviceCertificate, DeviceKeyPair};
use crate::kem::{KEM_PUBLIC_BYTES, KemPair, KemPublic};
use crate::labels;
use crate::secret::{SecretBytes, opaque_debug};
use crate::signature::{self, SIGNATURE_BYTES};

/// Version of the pair's stored form.
const STORED_VERSION: u8 = 1;

/// How often a KEM prekey may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KemKind {
    /// For one handshake, then erased.
    OneTime,
    /// For every handshake that found no one-time key, until it is replaced.
    LastResort,
}

impl KemKind {
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::OneTime => 1,
            Self::LastResort => 2,
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            1 => Ok(Self::OneTime),
            2 => Ok(Self::LastResort),
            _ => Err(DecodeError::BadField("KEM kind")),
        }
    }

    fn context(self) -> &'static [u8] {
        match self {
            Self::OneTime => labels::ONE_TIME_KEM_PREKEY,
            Self::LastResort => labels::LAST_RESORT_KEM_PREKEY,
        }
    }
}

/// A published KEM prekey, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KemPreKey {
    kind: KemKind,
    id: u32,
    key: KemPublic,
    signature: [u8; SIGNATURE_BYTES],
}

impl KemPreKey {
    /// Bytes of the encoding: kind 1, id 4, key 1,184, signature 64.
    pub const BYTES: usize = 5 + KEM_PUBLIC_BYTES + SIGNATURE_BYTES;

    /// One-time or last-resort.
    pub fn kind(&self) -> KemKind {
        self.kind
    }

    /// The id that its device gave it, unique within its kind.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The encapsulation key.
    pub fn key(&self) -> &KemPublic {
        &self.key
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.push(self.kind.to_byte());
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Parses a KEM prekey; says nothing of its signature or of its key.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not exactly one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let prekey = Self {
            kind: KemKind::read(&mut reader)?,
            id: reader.u32()?,
            key: KemPublic::from_bytes(reader.array()?),
            signature: *reader.array()?,
        };
        reader.finish()?;
        Ok(prekey)
    }

    pub(super) fn is_signed_by(&self, device: &DeviceCertificate) -> bool {
        signature::verifies(
            device.verifying_key(),
            self.kind.context(),
            &[&self.id.to_be_bytes(), self.key.as_bytes()],
            &self.signature,
        )
    }
}

/// A KEM prekey with its private half. Wiped when dropped.
pub struct KemPreKeyPair {
    kind: KemKind,
    id: u32,
    pair: KemPair,
    signature: [u8; SIGNATURE_BYTES],
}

opaque_debug!(KemPreKeyPair);

impl KemPreKeyPair {
    /// Makes a prekey of this kind and signs it with the device's signing key.
    pub fn generate(
        kind: KemKind,
        id: u32,
        device: &DeviceKeyPair,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let pair = KemPair::generate(rng);
        let signature = device.sign(
            kind.context(),
            &[&id.to_be_bytes(), pair.public().as_bytes()],
        );
        Self {
            kind,
            id,
            pair,
            signature,
        }
    }

    /// One-time or last-resort.
    pub fn kind(&self) -> KemKind {
        self.kind
    }

    /// The id, unique within its kind.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What is published.
    pub fn public(&self) -> KemPreKey {
        KemPreKey {
            kind: self.kind,
            id: self.id,
            key: self.pair.public().clone(),
            signature: self.signature,
        }
    }

    pub(crate) fn pair(&self) -> &KemPair {
        &self.pair
    }

    /// The stored form: version 1, kind 1, id 4, seed 64, signature 64.
    pub fn to_bytes(&self) -> SecretBytes {
        let mut bytes = Vec::with_capacity(134);
        bytes.push(STORED_VERSION);
        bytes.push(self.kind.to_byte());
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(self.pair.seed());
        bytes.extend_from_slice(&self.signature);
        bytes.into()
    }

    /// Restores what [`Self::to_bytes`] gave. Expands the seed: as slow as making a new key.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(STORED_VERSION)?;
        let kind = KemKind::read(&mut reader)?;
        let id = reader.u32()?;
        let seed = reader.array()?;
        let signature = *reader.array()?;
        reader.finish()?;
        Ok(Self {
            kind,
            id,
            pair: KemPair::from_seed(seed),
            signature,
        })
    }
}
