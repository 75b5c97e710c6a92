//! Newtypes of secrets: wiped when dropped, never cloned, copied or printed.
//! Two are public, for what leaves this crate; the symmetric keys are made with a macro.
//! It knows no protocol. PROTOCOL.md "Secrets in memory".

use core::fmt;

use zeroize::Zeroizing;

/// Encoded secret state (a private key, a prekey's private half, a session), to be sealed by the store and
/// never to be seen anywhere else. Wiped when dropped.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// The bytes themselves, for the sealed store and nothing else.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

/// What an opened envelope held, padding removed. Wiped when dropped; only an opened ciphertext makes one.
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    pub(crate) fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes that the peer sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(..)")
    }
}

/// Bytes of the stack below a caller that are wiped: four times what tests/memory needs to find nothing.
const SCRUBBED_BYTES: usize = 16 * 1024;
/// The same after ML-KEM, which holds matrices of polynomials.
const SCRUBBED_BYTES_KEM: usize = 96 * 1024;

/// Does what handles keys by value, and wipes the stack that it used: whatever the compiler moved or spilled there
/// is not ours to wipe by name. What comes out must hold its keys in a box.
pub(crate) fn scrubbed<T>(work: impl FnOnce() -> T) -> T {
    let out = below(work);
    scrub::<SCRUBBED_BYTES>();
    out
}

/// [`scrubbed`] for ML-KEM.
pub(crate) fn scrubbed_kem<T>(work: impl FnOnce() -> T) -> T {
    let out = below(work);
    scrub::<SCRUBBED_BYTES_KEM>();
    out
}

#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn scrub<const BYTES: usize>() {
    // Given away as mutable, or it would be a constant and nowhere on the stack.
    core::hint::black_box(&mut [0_u8; BYTES]);
}

/// Declares a 32-byte symmetric key that is wiped when dropped and cannot be copied or printed.
macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        pub(crate) struct $name([u8; 32]);

        impl $name {
            pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
                Self(*bytes)
            }

            pub(crate) fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }
    };
}
pub(crate) use secret_key;

/// A `Debug` that names the type and shows nothing of it.
macro_rules! opaque_debug {
    ($($name:ident),+) => {$(
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+};
}
pub(crate) use opaque_debug;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = SecretBytes::from(vec![0x41; 4]);
        let text = Plaintext::new(Zeroizing::new(vec![0x41; 4]));
        assert_eq!(
            format!("{secret:?} {text:?}"),
            "SecretBytes(..) Plaintext(..)"
        );
    }
}
