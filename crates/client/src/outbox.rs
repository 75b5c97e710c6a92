//! What is to be sent, in order, until the relay has it: each entry keeps its content, and once sealed
//! its envelope, which is sent byte for byte until it is stored. Sealing and sending is `sending.rs`.

use pawl_wire::{AccountId, DeviceAddress, MessageId};
use prost::Message;
use zeroize::Zeroizing;

use crate::contacts::PeerId;
use crate::limits::MAX_OUTBOX_TEXTS;
use crate::records::{self, Record, RecordError};
use crate::sorted::SortedMap;
use crate::store::{Change, Key, Table};
use crate::tracked::{RecordKey, Tracked};

/// Names an entry. What a page needs to know of it stands in the key, so that it is known even where
/// the record is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryId {
    /// Order of sending, over all conversations.
    pub(crate) order: u64,
    pub(crate) peer: PeerId,
    /// Number of the text; 0 for what is not one.
    pub(crate) number: u64,
}

impl RecordKey for EntryId {
    fn to_key(self) -> Key {
        let fields = [self.order, self.peer.0, self.number];
        Key(fields.map(u64::to_be_bytes).concat())
    }
}

impl EntryId {
    pub(crate) fn from_key(key: &Key) -> Option<Self> {
        let (fields, rest) = key.0.as_chunks::<8>();
        match (fields, rest) {
            ([order, peer, number], []) => Some(Self {
                order: u64::from_be_bytes(*order),
                peer: PeerId(u64::from_be_bytes(*peer)),
                number: u64::from_be_bytes(*number),
            }),
            _ => None,
        }
    }
}

/// Something to send.
pub(crate) struct Entry {
    /// Position of the text's line; 0 for what is not one.
    pub(crate) position: u64,
    /// Encoded content without an introduction.
    pub(crate) content: Zeroizing<Vec<u8>>,
    /// Once it is sealed.
    pub(crate) sealed: Option<Sealed>,
    /// Waits for the user to try again.
    pub(crate) failed: bool,
    /// A text that was sent before: its status does not go back.
    pub(crate) again: bool,
}

/// An envelope, sealed once.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) message_id: MessageId,
    pub(crate) recipient: DeviceAddress,
    pub(crate) envelope: Vec<u8>,
}

#[derive(Message)]
#[prost(skip_debug)]
struct EntryRecord {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(bytes = "vec", tag = "2")]
    content: Vec<u8>,
    #[prost(bool, tag = "3")]
    failed: bool,
    #[prost(bytes = "vec", tag = "4")]
    message_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    account: Vec<u8>,
    #[prost(uint32, tag = "6")]
    device: u32,
    #[prost(bytes = "vec", tag = "7")]
    envelope: Vec<u8>,
    #[prost(bool, tag = "8")]
    again: bool,
}

records::wiped!(EntryRecord: content);

impl Record for Entry {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let sealed = self.sealed.as_ref();
        let address = sealed.map(|sealed| sealed.recipient);
        records::write(&EntryRecord {
            position: self.position,
            content: self.content.to_vec(),
            failed: self.failed,
            again: self.again,
            message_id: sealed.map_or_else(Vec::new, |sealed| sealed.message_id.0.to_vec()),
            account: address.map_or_else(Vec::new, |address| address.account.0.to_vec()),
            device: address.map_or(0, |address| address.device),
            envelope: sealed.map_or_else(Vec::new, |sealed| sealed.envelope.clone()),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut record: EntryRecord = records::read(bytes)?;
        let sealed = match records::fixed_or_none(&record.message_id)? {
            Some(message_id) => Some(Sealed {
                message_id: MessageId(message_id),
                recipient: DeviceAddress {
                    account: AccountId(records::fixed(&record.account)?),
                    device: record.device,
                },
                envelope: std::mem::take(&mut record.envelope),
            }),
            None => None,
        };
        Ok(Self {
            position: record.position,
            content: std::mem::take(&mut record.content).into(),
            sealed,
            failed: record.failed,
            again: record.again,
        })
    }
}

/// All entries in order, and by what they are looked up.
pub(crate) struct Outbox {
    entries: Tracked<EntryId, Entry>,
    texts: SortedMap<(PeerId, u64), EntryId>,
    envelopes: SortedMap<MessageId, EntryId>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            entries: Tracked::new(Table::Outbox),
            texts: SortedMap::new(),
            envelopes: SortedMap::new(),
        }
    }

    /// Takes an entry as it was read.
    pub(crate) fn load(&mut self, id: EntryId, entry: Entry) {
        self.index(id, &entry);
        self.entries.load(id, entry);
    }

    /// Erases a damaged entry from the store.
    pub(crate) fn erase(&mut self, id: EntryId) {
        self.entries.erase(id);
    }

    pub(crate) fn flush(&mut self, changes: &mut Vec<Change>) {
        self.entries.flush(changes);
    }

    fn index(&mut self, id: EntryId, entry: &Entry) {
        if id.number > 0 {
            self.texts.insert((id.peer, id.number), id);
        }
        if let Some(sealed) = &entry.sealed {
            self.envelopes.insert(sealed.message_id, id);
        }
    }

    pub(crate) fn insert(&mut self, id: EntryId, entry: Entry) {
        self.index(id, &entry);
        self.entries.insert(id, entry);
    }

    pub(crate) fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.texts.remove(&(id.peer, id.number));
        if let Some(sealed) = &entry.sealed {
            self.envelopes.remove(&sealed.message_id);
        }
        Some(entry)
    }

    pub(crate) fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Sets what an entry was sealed to, or forgets it.
    pub(crate) fn set_sealed(&mut self, id: EntryId, sealed: Option<Sealed>) {
        let Some(entry) = self.entries.edit(id) else {
            return;
        };
        if let Some(old) = entry.sealed.take() {
            self.envelopes.remove(&old.message_id);
        }
        if let Some(new) = &sealed {
            self.envelopes.insert(new.message_id, id);
        }
        entry.sealed = sealed;
    }

    /// Sets whether an entry waits for the user; true where that is a change.
    pub(crate) fn set_failed(&mut self, id: EntryId, failed: bool) -> bool {
        let changes = self
            .entries
            .get(id)
            .is_some_and(|entry| entry.failed != failed);
        if changes && let Some(entry) = self.entries.edit(id) {
            entry.failed = failed;
        }
        changes
    }

    pub(crate) fn text(&self, peer: PeerId, number: u64) -> Option<(EntryId, &Entry)> {
        let id = *self.texts.get(&(peer, number))?;
        Some((id, self.entries.get(id)?))
    }

    pub(crate) fn envelope(&self, message_id: MessageId) -> Option<EntryId> {
        self.envelopes.get(&message_id).copied()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = EntryId> {
        self.entries.keys()
    }

    pub(crate) fn ids_of(&self, peer: PeerId) -> Vec<EntryId> {
        self.ids().filter(|id| id.peer == peer).collect()
    }

    /// Whether anything but a text is on its way to a person.
    pub(crate) fn has_signal(&self, peer: PeerId) -> bool {
        self.ids().any(|id| id.peer == peer && id.number == 0)
    }

    /// Whether there is no room for another text.
    pub(crate) fn is_full(&self) -> bool {
        self.texts.len() >= MAX_OUTBOX_TEXTS
    }
}
