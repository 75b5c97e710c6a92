//! A device's disk in memory: what an engine is loaded with, what a commit writes, what is read
//! back. A world keeps records in whatever it likes: one that copies disks often shares them.

use std::collections::BTreeMap;

use pawl_client::{
    Change, Config, Engine, Key, LoadedRecord, MessageView, Records, StoreError, Table,
};
use pawl_wire::{ClientFrame, KeyRecord, PublishedKeys, digest};

use crate::conversation::conversation_with;

/// Records by their place.
pub type Disk<V> = BTreeMap<(Table, Key), V>;

/// Writes one transaction.
pub fn commit<V: for<'a> From<&'a [u8]>>(disk: &mut Disk<V>, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Put { table, key, value } => {
                disk.insert((table, key), V::from(&value));
            }
            Change::Delete { table, key } => drop(disk.remove(&(table, key))),
        }
    }
}

/// An engine of this authority's relay as a disk has it; `read` may alter a record or leave it out.
///
/// # Errors
/// As [`Engine::load`].
pub fn load<V: AsRef<[u8]>>(
    disk: &Disk<V>,
    authority: &str,
    read: impl Fn(Table, &Key, &[u8]) -> Option<Vec<u8>>,
) -> Result<Engine, StoreError> {
    let loaded = disk.iter().filter(|((table, _), _)| table.is_loaded());
    let record = |((table, key), value): (&(Table, Key), &V)| {
        Some(LoadedRecord {
            table: *table,
            key: key.clone(),
            value: Some(read(*table, key, value.as_ref())?.into()),
        })
    };
    let authority = authority.to_owned();
    Engine::load(Config { authority }, loaded.filter_map(record).collect())
}

/// The messages that an engine asks for.
pub fn read<V: AsRef<[u8]>>(disk: &Disk<V>, keys: Vec<Key>) -> Records {
    let read = |key| Some(disk.get(&(Table::Messages, key))?.as_ref().to_vec().into());
    keys.into_iter().map(read).collect()
}

/// All lines of an engine's conversation with somebody.
pub fn history<V: AsRef<[u8]>>(engine: &Engine, disk: &Disk<V>, with: &str) -> Vec<MessageView> {
    let conversation = conversation_with(engine, with);
    let Ok((from, to)) = engine.history_range(conversation, None) else {
        return Vec::new();
    };
    let lines = disk.range((Table::Messages, from)..(Table::Messages, to));
    lines
        .map(|((_, key), value)| engine.message_view(key, Some(value.as_ref())))
        .collect()
}

/// The public keys in a frame that a relay is about to hear.
pub(crate) fn keys_in(frame: &[u8]) -> Option<PublishedKeys> {
    match ClientFrame::decode(frame) {
        Ok(ClientFrame::Publish { keys, .. }) => Some(keys),
        Ok(ClientFrame::Register(register)) => Some(register.keys),
        _ => None,
    }
}

/// Public keys whose private halves are not on the disk: their kinds and ids.
pub fn lacking<V: AsRef<[u8]>>(disk: &Disk<V>, keys: &PublishedKeys) -> Vec<(u8, u32)> {
    let signed = keys.signed_prekey.iter().map(|key| (0, key));
    let last_resort = keys.last_resort_kem.iter().map(|key| (1, key));
    let one_time = keys.one_time_prekeys.iter().map(|key| (2, key));
    let kems = keys.one_time_kems.iter().map(|key| (3, key));
    let all = signed.chain(last_resort).chain(one_time).chain(kems);
    let lacking = all.filter(|(kind, key)| !has_private_half(disk, *kind, key));
    lacking.map(|(kind, key)| (kind, key.id)).collect()
}

/// The private half stands under kind and id, with the digest of the public one.
pub(crate) fn has_private_half<V: AsRef<[u8]>>(disk: &Disk<V>, kind: u8, key: &KeyRecord) -> bool {
    let stored = [&[kind], key.id.to_be_bytes().as_slice()].concat();
    let record = disk.get(&(Table::Prekeys, Key(stored)));
    let digest = digest::of_key(key).to_le_bytes();
    record.is_some_and(|record| record.as_ref().windows(8).any(|it| it == digest))
}
