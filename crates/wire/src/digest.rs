//! A digest of public prekeys, by which a device notices that its relay holds others than it published: a
//! relay restored from a backup, a device gone back in time, an upload that was lost on its way.
//!
//! It is against accidents, not against the relay, which knows the keys and can say what it likes. So it is
//! short, and an exclusive or over the keys: whoever adds or takes a key need not look at the others.

use crate::hash;
use crate::records::KeyRecord;

const LABEL: &[u8] = b"Pawl key digest v1\0";

/// Of one key: the first eight bytes of SHA-256 over label, id (big-endian) and record, as a big-endian number.
#[must_use]
pub fn of_key(key: &KeyRecord) -> u64 {
    hash::number(hash::begin(&[LABEL, &key.id.to_be_bytes(), &key.record]))
}

/// Of several keys in any order; 0 for none.
#[must_use]
pub fn of_keys<'a>(keys: impl IntoIterator<Item = &'a KeyRecord>) -> u64 {
    keys.into_iter().fold(0, |all, key| all ^ of_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32, record: &[u8]) -> KeyRecord {
        let record = record.to_vec();
        KeyRecord { id, record }
    }

    #[test]
    fn id_and_record_count_and_the_order_does_not() {
        let keys = [
            key(1, b"a"),
            key(2, b"a"),
            key(1, b"b"),
            key(1, b""),
            key(0, b""),
        ];
        for (i, one) in keys.iter().enumerate() {
            for other in &keys[i + 1..] {
                assert_ne!(of_key(one), of_key(other));
            }
        }
        assert_eq!(of_keys(&keys), of_keys(keys.iter().rev()));
        assert_ne!(of_keys(&keys), of_keys(&keys[1..]));
        assert_eq!(of_keys(&keys), of_key(&keys[0]) ^ of_keys(&keys[1..]));
        assert_eq!(of_keys([]), 0);
    }

    #[test]
    fn it_is_the_one_in_the_document() {
        // python3 -c 'import hashlib; print(hashlib.sha256(b"Pawl key digest v1\0\0\0\0\7record").hexdigest()[:16])'
        assert_eq!(of_key(&key(7, b"record")), 0x2f5a_8e4b_650d_f830);
    }
}
