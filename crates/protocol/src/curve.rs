//! X25519 keys. Knows nothing of who owns a key or what it is for. PROTOCOL.md "Primitives".
//!
//! A public key is refused when it is not the one canonical encoding of its u-coordinate, a shared secret
//! when the other side's point contributed nothing to it.

use core::fmt;

use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};

use crate::secret::opaque_debug;

/// Why 32 bytes are not a public key. Blame: whoever sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The coordinate is not reduced modulo 2^255 - 19 (or an unused bit is set).
    #[error("the public key is not in canonical form")]
    NotCanonical,
    /// No point of the curve has this encoding.
    #[error("the public key is not a point of the curve")]
    NotOnCurve,
    /// An Ed25519 point of small order, for which signatures of nobody verify.
    #[error("the public key is of small order")]
    SmallOrder,
}

/// The other side's X25519 point is of small order, so the shared secret would be known to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the X25519 public key contributes nothing to the shared secret")]
pub struct NonContributory;

/// An X25519 public key of 32 bytes in canonical form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct X25519Public(PublicKey);

impl X25519Public {
    /// Checks that `bytes` are a canonical u-coordinate (RFC 7748 would accept and reduce the others).
    ///
    /// # Errors
    /// [`KeyError::NotCanonical`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        if is_reduced(bytes) {
            Ok(Self(PublicKey::from(*bytes)))
        } else {
            Err(KeyError::NotCanonical)
        }
    }

    /// The 32 bytes of the u-coordinate, little-endian.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for X25519Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519Public(..)")
    }
}

/// Whether 32 little-endian bytes are a number below 2^255 - 19. Public input, so time may tell.
pub(crate) fn is_reduced(bytes: &[u8; 32]) -> bool {
    let top = bytes[31] < 0x7f || (bytes[31] == 0x7f && bytes[1..31].iter().any(|b| *b != 0xff));
    top || (bytes[31] == 0x7f && bytes[0] < 0xed)
}

/// An X25519 private key with its public key. Wiped when dropped.
pub(crate) struct X25519Pair {
    secret: StaticSecret,
    public: X25519Public,
}

opaque_debug!(X25519Pair);

impl X25519Pair {
    pub(crate) fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_secret(StaticSecret::random_from_rng(rng))
    }

    /// Restores a stored pair; the public half is computed again, so the halves cannot disagree.
    pub(crate) fn from_bytes(secret: &[u8; 32]) -> Self {
        Self::from_secret(StaticSecret::from(*secret))
    }

    fn from_secret(secret: StaticSecret) -> Self {
        let public = X25519Public(PublicKey::from(&secret));
        Self { secret, public }
    }

    pub(crate) fn public(&self) -> X25519Public {
        self.public
    }

    pub(crate) fn secret_bytes(&self) -> &[u8; 32] {
        self.secret.as_bytes()
    }

    /// The shared secret with `theirs`, refused when their point contributed nothing.
    pub(crate) fn agree(&self, theirs: &X25519Public) -> Result<SharedSecret, NonContributory> {
        let shared = self.secret.diffie_hellman(&theirs.0);
        if shared.was_contributory() {
            Ok(shared)
        } else {
            Err(NonContributory)
        }
    }
}
