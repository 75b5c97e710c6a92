//! The form of public keys that a device uploads.

use pawl_wire::limits::{KEM_RECORD, ONE_TIME_PREKEY_RECORD, SIGNED_PREKEY_RECORD};
use pawl_wire::{KeyRecord, PublishedKeys};

/// Ids begin at 1; 0 stands for "none" in a stock. Each kind of record has one length: what is longer would only fill
/// the disk.
pub(super) fn are_keys(keys: &PublishedKeys) -> bool {
    let are = |keys: &[KeyRecord], length| {
        let is = |key: &KeyRecord| key.id != 0 && key.record.len() == length;
        keys.iter().all(is)
    };
    are(keys.signed_prekey.as_slice(), SIGNED_PREKEY_RECORD)
        && are(keys.last_resort_kem.as_slice(), KEM_RECORD)
        && are(&keys.one_time_prekeys, ONE_TIME_PREKEY_RECORD)
        && are(&keys.one_time_kems, KEM_RECORD)
}
