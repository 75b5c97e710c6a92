//! One-time X25519 prekeys: each for one handshake, then erased.
//! Not signed, as in PQXDH: a relay that swaps one only makes a handshake that its recipient cannot open.
//! It knows no stock. PROTOCOL.md "Prekeys".

use rand_core::CryptoRng;

use crate::codec::{DecodeError, Reader};
use crate::curve::{X25519Pair, X25519Public};
use crate::secret::{SecretBytes, opaque_debug};

/// Version of the pair's stored form.
const STORED_VERSION: u8 = 1;

/// A published one-time prekey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimePreKey {
    id: u32,
    key: X25519Public,
}

impl OneTimePreKey {
    /// Bytes of the encoding: id 4, key 32.
    pub const BYTES: usize = 36;

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
        bytes[4..].copy_from_slice(self.key.as_bytes());
        bytes
    }

    /// Parses a one-time prekey.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not exactly one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let prekey = Self {
            id: reader.u32()?,
            key: X25519Public::from_bytes(reader.array()?)?,
        };
        reader.finish()?;
        Ok(prekey)
    }
}

/// A one-time prekey with its private half. Wiped when dropped.
pub struct OneTimePreKeyPair {
    id: u32,
    pair: X25519Pair,
}

opaque_debug!(OneTimePreKeyPair);

impl OneTimePreKeyPair {
    /// Makes a prekey.
    pub fn generate(id: u32, rng: &mut dyn CryptoRng) -> Self {
        Self {
            id,
            pair: X25519Pair::generate(rng),
        }
    }

    /// The id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What is published.
    pub fn public(&self) -> OneTimePreKey {
        OneTimePreKey {
            id: self.id,
            key: self.pair.public(),
        }
    }

    pub(crate) fn pair(&self) -> &X25519Pair {
        &self.pair
    }

    /// The stored form: version 1, id 4, private key 32.
    pub fn to_bytes(&self) -> SecretBytes {
        let mut bytes = Vec::with_capacity(37);
        bytes.push(STORED_VERSION);
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(self.pair.secret_bytes());
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
        };
        reader.finish()?;
        Ok(prekey)
    }
}
