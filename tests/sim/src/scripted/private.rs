//! A law that holds in every test: when a public key reaches the relay, its private half is on the device's disk.

use pawl_client::{Key, Table};
use pawl_wire::{ClientFrame, PublishedKeys, digest};

use super::Disk;

/// Looks at a frame that the relay is about to hear.
pub fn are_on_disk(frame: &[u8], disk: &Disk) {
    match ClientFrame::decode(frame) {
        Ok(ClientFrame::Publish { keys, .. }) => look(&keys, disk),
        Ok(ClientFrame::Register(register)) => look(&register.keys, disk),
        _ => {}
    }
}

/// The private half stands under kind and id, with the digest of the public one.
pub fn look(keys: &PublishedKeys, disk: &Disk) {
    let signed = keys.signed_prekey.iter().map(|key| (0, key));
    let last_resort = keys.last_resort_kem.iter().map(|key| (1, key));
    let one_time = keys.one_time_prekeys.iter().map(|key| (2, key));
    let kems = keys.one_time_kems.iter().map(|key| (3, key));
    for (kind, key) in signed.chain(last_resort).chain(one_time).chain(kems) {
        let stored = [&[kind], key.id.to_be_bytes().as_slice()].concat();
        let record = disk.get(&(Table::Prekeys, Key(stored)));
        let record = record.unwrap_or_else(|| panic!("kind {kind}, id {} is not on disk", key.id));
        let digest = digest::of_key(key).to_le_bytes();
        let is_its = record.windows(8).any(|window| window == digest);
        assert!(is_its, "kind {kind}, id {}: another key", key.id);
    }
}
