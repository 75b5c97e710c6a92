//! A table of the store in memory, which knows what changed: at the end of a step, each changed record
//! is one change to commit. This is how memory and disk stay equal without anyone thinking of it.

use crate::storage::records::{Record, RecordError};
use crate::storage::room::Room;
use crate::storage::sorted::{SortedMap, SortedSet};
use crate::storage::store::{Change, Key, Table};

/// The key of a record, in memory and in the store.
pub(crate) trait RecordKey: Ord + Copy {
    /// As the store orders it.
    fn to_key(self) -> Key;

    /// Reads what [`Self::to_key`] gave; none where the key is of another kind, or damaged.
    fn from_key(key: &Key) -> Option<Self>;
}

/// The key of what waits in the order in which it came. `KIND`: the first byte, of this kind alone in its table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Numbered<const KIND: u8>(pub(crate) u64);

impl<const KIND: u8> RecordKey for Numbered<KIND> {
    fn to_key(self) -> Key {
        Key([&[KIND], self.0.to_be_bytes().as_slice()].concat())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let number = key.0.strip_prefix(&[KIND])?;
        number.try_into().ok().map(u64::from_be_bytes).map(Self)
    }
}

/// Records of one kind, by key.
pub(crate) struct Tracked<K, V> {
    table: Table,
    records: SortedMap<K, V>,
    changed: SortedSet<K>,
}

impl<K: RecordKey, V: Record> Tracked<K, V> {
    pub(crate) fn new(table: Table) -> Self {
        Self {
            table,
            records: SortedMap::new(),
            changed: SortedSet::new(),
        }
    }

    /// Takes a record as it was read: not a change.
    pub(crate) fn load(&mut self, key: K, value: V) {
        self.records.insert(key, value);
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.records.get(&key)
    }

    /// For changing it: the record is written at the end of the step.
    pub(crate) fn edit(&mut self, key: K) -> Option<&mut V> {
        let value = self.records.get_mut(&key)?;
        self.changed.insert(key);
        Some(value)
    }

    /// Lets each record change itself; those that say that they did are written.
    pub(crate) fn sweep(&mut self, mut change: impl FnMut(&mut V) -> bool) {
        for (key, value) in self.records.iter_mut() {
            if change(value) {
                self.changed.insert(*key);
            }
        }
    }

    /// Lets a record change itself; it is written where it says that it did.
    pub(crate) fn change(&mut self, key: K, change: impl FnOnce(&mut V) -> bool) -> bool {
        let is_changed = self.records.get_mut(&key).is_some_and(change);
        if is_changed {
            self.changed.insert(key);
        }
        is_changed
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.changed.insert(key);
        self.records.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let value = self.records.remove(&key)?;
        self.changed.insert(key);
        Some(value)
    }

    /// Takes a record out to put another in its place in the same step.
    pub(crate) fn take(&mut self, key: K) -> Option<V> {
        self.records.remove(&key)
    }

    /// Takes a record of this kind as it was read.
    pub(crate) fn load_record(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        let id = K::from_key(key).ok_or(RecordError::Damaged)?;
        self.load(id, V::decode(value)?);
        Ok(())
    }

    /// Erases a damaged record of this kind; false where the key is of no such record.
    pub(crate) fn erase_record(&mut self, key: &Key) -> bool {
        let id = K::from_key(key);
        id.map(|id| self.erase(id)).is_some()
    }

    /// Erases a record from the store that is not in memory, because it is damaged.
    pub(crate) fn erase(&mut self, key: K) {
        self.records.remove(&key);
        self.changed.insert(key);
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.records.iter().map(|(key, value)| (*key, value))
    }

    /// From a key on.
    pub(crate) fn from(&self, key: K) -> impl DoubleEndedIterator<Item = (K, &V)> {
        let rest = self.records.from(key);
        rest.map(|(key, value)| (*key, value))
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = K> {
        self.records.keys().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// What changed since the last step.
    pub(crate) fn flush(&mut self, changes: &mut Vec<Change>) {
        for key in std::mem::take(&mut self.changed) {
            let table = self.table;
            changes.push(match self.records.get(&key) {
                Some(record) => Change::Put {
                    table,
                    key: key.to_key(),
                    value: record.encode(),
                },
                None => Change::Delete {
                    table,
                    key: key.to_key(),
                },
            });
        }
    }
}

/// A single record of [`Table::Meta`].
pub(crate) struct Kept<T> {
    key: &'static str,
    value: T,
    changed: bool,
    is_there: bool,
}

impl<T: Record> Kept<T> {
    pub(crate) fn new(key: &'static str, value: T) -> Self {
        Self {
            key,
            value,
            changed: false,
            is_there: false,
        }
    }

    pub(crate) fn get(&self) -> &T {
        &self.value
    }

    /// For changing it: the record is written at the end of the step.
    pub(crate) fn edit(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }

    /// Whether it was in the store.
    pub(crate) const fn is_there(&self) -> bool {
        self.is_there
    }
}

impl<T: Record> Room for Kept<T> {
    fn takes(&self, table: Table, key: &Key) -> bool {
        table == Table::Meta && key.0 == self.key.as_bytes()
    }

    fn load(&mut self, _: &Key, value: &[u8]) -> Result<(), RecordError> {
        self.value = T::decode(value)?;
        self.is_there = true;
        Ok(())
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        if std::mem::take(&mut self.changed) {
            changes.push(Change::Put {
                table: Table::Meta,
                key: Key(self.key.as_bytes().to_vec()),
                value: self.value.encode(),
            });
        }
    }
}
