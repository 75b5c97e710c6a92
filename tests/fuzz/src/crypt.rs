//! The primitives by themselves, to seal with a session's own keys what an honest peer never would.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;

const ROOT_CHAIN: &[u8] = b"Pawl root chain v1\0";
const MESSAGE_KEY: &[u8] = b"Pawl message key v1\0";

fn hkdf<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> [u8; N] {
    let mut output = [0; N];
    let kdf = Hkdf::<Sha256>::new(Some(salt), input);
    kdf.expand(info, &mut output).expect("a short output");
    output
}

fn hmac(key: &[u8], input: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.chain_update(input).finalize().into_bytes().into()
}

/// The chain key of the chain that the holder of `private` sees begin with `public`.
pub(crate) fn next_chain(root: &[u8; 32], private: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
    let shared = x25519_dalek::x25519(*private, *public);
    let keys: [u8; 96] = hkdf(root, &shared, ROOT_CHAIN);
    keys.as_chunks().0[1]
}

/// The key of the message `steps` after the chain's next one.
pub(crate) fn message_key(chain: &[u8; 32], steps: u32) -> [u8; 32] {
    let chain = (0..steps).fold(*chain, |chain, _| hmac(&chain, &[2]));
    hkdf(&[], &hmac(&chain, &[1]), MESSAGE_KEY)
}

fn seal(key: &[u8; 32], nonce: &[u8; 24], data: &[u8], text: &[u8]) -> Vec<u8> {
    let payload = Payload {
        msg: text,
        aad: data,
    };
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.encrypt(nonce.into(), payload).expect("a short text")
}

/// An envelope without a handshake, whatever header and padded body say.
pub(crate) fn envelope(
    associated_data: &[u8],
    tag: &[u8],
    header: (&[u8; 32], &[u8; 42]),
    body: (&[u8; 32], &[u8]),
) -> Vec<u8> {
    let nonce = [7; 24];
    let prefix = [&[1, 2, 1], tag].concat();
    let header_data = [associated_data, &prefix].concat();
    let sealed = seal(header.0, &nonce, &header_data, header.1);
    let length = u32::try_from(body.1.len() + 16)
        .expect("short")
        .to_be_bytes();
    let head = [&prefix, &nonce[..], &sealed, &nonce, &length].concat();
    let sealed = seal(body.0, &nonce, &[associated_data, &head].concat(), body.1);
    [head, sealed].concat()
}
