//! Ed25519 with domain separation: what is signed is always `context || fields`, and verification is always
//! strict. Knows no record by name. PROTOCOL.md "Signatures".

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
