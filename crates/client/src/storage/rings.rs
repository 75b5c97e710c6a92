//! The last ids of a kind, so that what comes again is known: commands that succeeded, envelopes that
//! were opened. Blocks of ids, the oldest overwritten by the newest; bounded by construction.

use prost::Message;
use zeroize::Zeroizing;

use crate::storage::records::{self, Record, RecordError};
use crate::storage::room::Room;
use crate::storage::sorted::SortedSet;
use crate::storage::store::{Change, Key, Table};

/// A random id, of a command or of an envelope.
type Id = [u8; 16];

/// One record of a ring.
#[derive(Default)]
pub(crate) struct Block {
    /// How many ids were in the ring before this block's first.
    first: u64,
    ids: Vec<Id>,
}

#[derive(Clone, PartialEq, Message)]
struct BlockRecord {
    #[prost(uint64, tag = "1")]
    first: u64,
    #[prost(bytes = "vec", tag = "2")]
    ids: Vec<u8>,
}

impl Record for Block {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&BlockRecord {
            first: self.first,
            ids: self.ids.concat(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: BlockRecord = records::read(bytes)?;
        let (ids, rest) = record.ids.as_chunks::<16>();
        if rest.is_empty() {
            Ok(Self {
                first: record.first,
                ids: ids.to_vec(),
            })
        } else {
            Err(RecordError::Damaged)
        }
    }
}

/// The last `blocks * per_block` ids, at least those of all blocks but one.
pub(crate) struct Ring {
    name: &'static str,
    per_block: u64,
    blocks: Vec<Block>,
    ids: SortedSet<Id>,
    next: u64,
    changed: SortedSet<usize>,
}

impl Ring {
    pub(crate) fn new(name: &'static str, blocks: u64, per_block: u64) -> Self {
        Self {
            name,
            per_block,
            blocks: (0..blocks).map(|_| Block::default()).collect(),
            ids: SortedSet::new(),
            next: 0,
            changed: SortedSet::new(),
        }
    }

    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.ids.contains(id)
    }

    /// Adds an id; the oldest block goes when a new one begins.
    pub(crate) fn push(&mut self, id: Id) {
        if !self.ids.insert(id) {
            return;
        }
        let blocks = self.blocks.len() as u64;
        let at = usize::try_from(self.next / self.per_block % blocks).expect("below their number");
        let block = &mut self.blocks[at];
        if self.next.is_multiple_of(self.per_block) {
            for old in std::mem::take(&mut block.ids) {
                self.ids.remove(&old);
            }
            block.first = self.next;
        }
        block.ids.push(id);
        self.next += 1;
        self.changed.insert(at);
    }
}

impl Room for Ring {
    fn takes(&self, table: Table, key: &Key) -> bool {
        table == Table::Meta && key.0.starts_with(self.name.as_bytes())
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        let rest = key.0.strip_prefix(self.name.as_bytes());
        let rest = rest.ok_or(RecordError::Damaged)?;
        let at = usize::from(u16::from_be_bytes(records::fixed(rest)?));
        let block = Block::decode(value)?;
        if at >= self.blocks.len() || block.ids.len() as u64 > self.per_block {
            return Err(RecordError::Damaged);
        }
        self.next = self.next.max(block.first + block.ids.len() as u64);
        self.ids.extend(block.ids.iter().copied());
        self.blocks[at] = block;
        Ok(())
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        for at in std::mem::take(&mut self.changed) {
            let number = u16::try_from(at).expect("a ring has few blocks");
            let key = [self.name.as_bytes(), &number.to_be_bytes()].concat();
            changes.push(Change::Put {
                table: Table::Meta,
                key: Key(key),
                value: self.blocks[at].encode(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(i: u64) -> Id {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&i.to_be_bytes());
        id
    }

    fn reload(ring: &mut Ring, disk: &mut std::collections::BTreeMap<Key, Vec<u8>>) -> Ring {
        let mut changes = Vec::new();
        ring.flush(&mut changes);
        for change in changes {
            if let Change::Put { key, value, .. } = change {
                disk.insert(key, value.to_vec());
            }
        }
        let mut loaded = Ring::new(ring.name, ring.blocks.len() as u64, ring.per_block);
        for (key, bytes) in disk.iter() {
            assert_eq!(loaded.load(key, bytes), Ok(()));
        }
        loaded
    }

    #[test]
    fn knows_the_newest_and_forgets_the_oldest_across_reloads() {
        let mut disk = std::collections::BTreeMap::new();
        let mut ring = Ring::new("seen", 4, 8);
        for i in 0..200 {
            ring.push(id(i));
            ring.push(id(i));
            if i % 7 == 0 {
                ring = reload(&mut ring, &mut disk);
            }
            let oldest = i.saturating_sub(23);
            assert!((oldest..=i).all(|known| ring.contains(&id(known))), "{i}");
            assert!(ring.ids.len() <= 32 && !ring.contains(&id(i + 1)));
        }
        assert_eq!(disk.len(), 4);
        assert!(!ring.contains(&id(100)));
    }

    #[test]
    fn a_record_of_another_kind_is_not_taken() {
        let mut ring = Ring::new("seen", 4, 8);
        assert!(!ring.takes(Table::Meta, &Key(b"other".to_vec())));
        assert!(ring.takes(Table::Meta, &Key(b"seen\0\0".to_vec())));
        assert_eq!(
            ring.load(&Key(b"seen\0\0".to_vec()), b""),
            Err(RecordError::Damaged)
        );
        let block = Block {
            first: 0,
            ids: vec![id(1)],
        }
        .encode();
        assert_eq!(
            ring.load(&Key(b"seen\0\x09".to_vec()), &block),
            Err(RecordError::Damaged)
        );
    }
}
