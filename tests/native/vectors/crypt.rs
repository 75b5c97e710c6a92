//! The primitives by themselves, beside the crate that is tested: to write down what it keeps to itself (the
//! agreements, the message keys) and to forge what it would never send. Everything computed here is compared
//! with a live session before it is written.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

pub(super) mod labels {
    pub(in super::super) const CERTIFICATE: &[u8] = b"Pawl device certificate v1\0";
    pub(in super::super) const ACCOUNT_RECORD: &[u8] = b"Pawl account record v1\0";
    pub(in super::super) const SIGNED_PREKEY: &[u8] = b"Pawl signed prekey v1\0";
    pub(in super::super) const ONE_TIME_KEM_PREKEY: &[u8] = b"Pawl one-time KEM prekey v1\0";
    pub(in super::super) const LAST_RESORT_KEM_PREKEY: &[u8] = b"Pawl last-resort KEM prekey v1\0";
    pub(in super::super) const ASSOCIATED_DATA: &[u8] = b"Pawl associated data v1\0";
    pub(in super::super) const HANDSHAKE: &[u8] = b"Pawl PQXDH v1 X25519 SHA-256 ML-KEM-768\0";
    pub(in super::super) const ROOT_CHAIN: &[u8] = b"Pawl root chain v1\0";
    pub(in super::super) const MESSAGE_KEY: &[u8] = b"Pawl message key v1\0";
    pub(in super::super) const SAFETY_NUMBER: &[u8] = b"Pawl safety number v1\0";
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(super) fn hkdf(salt: &[u8], input: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut output = vec![0; length];
    Hkdf::<Sha256>::new(Some(salt), input)
        .expand(info, &mut output)
        .expect("a short output");
    output
}

pub(super) fn hmac(key: &[u8], input: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.chain_update(input).finalize().into_bytes().into()
}

/// The message key and the next chain key.
pub(super) fn chain_step(chain_key: &[u8]) -> ([u8; 32], [u8; 32]) {
    let secret = hmac(chain_key, &[1]);
    let key = hkdf(&[], &secret, labels::MESSAGE_KEY, 32);
    (array(&key), hmac(chain_key, &[2]))
}

pub(super) fn agree(private: &[u8], public: &[u8]) -> [u8; 32] {
    x25519_dalek::x25519(array(private), array(public))
}

pub(super) fn x25519_public(private: &[u8]) -> [u8; 32] {
    x25519_dalek::x25519(array(private), x25519_dalek::X25519_BASEPOINT_BYTES)
}

pub(super) fn sign(seed: &[u8], label: &[u8], fields: &[u8]) -> [u8; 64] {
    let key = SigningKey::from_bytes(&array(seed));
    key.sign(&[label, fields].concat()).to_bytes()
}

pub(super) fn seal(key: &[u8], nonce: &[u8], data: &[u8], text: &[u8]) -> Vec<u8> {
    XChaCha20Poly1305::new(&array(key).into())
        .encrypt(
            &array(nonce).into(),
            Payload {
                msg: text,
                aad: data,
            },
        )
        .expect("a short text")
}

pub(super) fn open(key: &[u8], nonce: &[u8], data: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    XChaCha20Poly1305::new(&array(key).into())
        .decrypt(
            &array(nonce).into(),
            Payload {
                msg: text,
                aad: data,
            },
        )
        .ok()
}

/// What an ML-KEM-768 encapsulation gives for this key and randomness: ciphertext and shared secret.
pub(super) fn encapsulate(key: &[u8], message: &[u8]) -> (Vec<u8>, [u8; 32]) {
    let key = ml_kem::ml_kem_768::EncapsulationKey::new(&array::<1184>(key).into());
    let (ciphertext, shared) = key
        .expect("a checked key")
        .encapsulate_deterministic(&array::<32>(message).into());
    (ciphertext.to_vec(), array(&shared))
}

pub(super) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the width is fixed")
}
