//! SHA-256 as this crate uses it: over parts, for the number that its first bytes are. In one place because each use of
//! a hash's generic functions is code that a browser loads.

use sha2::{Digest, Sha256};

/// A hash of these parts, one behind another, to which more may come.
pub(crate) fn begin(parts: &[&[u8]]) -> Sha256 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash
}

/// The first eight bytes, as a big-endian number.
pub(crate) fn number(hash: Sha256) -> u64 {
    let hash = hash.finalize();
    let (first, _) = hash.split_first_chunk().expect("32 bytes have a first 8");
    u64::from_be_bytes(*first)
}
