//! XChaCha20-Poly1305 in place, with a fresh random nonce kept beside the ciphertext. Knows no message
//! format. PROTOCOL.md "Primitives".

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
