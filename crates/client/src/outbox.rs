//! What is to be sent, in order: one entry for each thing that was said, with one part for each device
//! that is to have it. A part is wanted, then sealed, which is sent byte for byte until the relay has it,
//! then stored. A text stays until each device has said that it has it, so that it can be sent again
//! from here. Sealing and sending is `sending.rs`.

use pawl_wire::{AccountId, DeviceAddress, MessageId};
use prost::Message;
use zeroize::Zeroizing;

use crate::content::Content;
use crate::ids::ConversationId;
use crate::limits::{
    KEPT_LIFETIME, MAX_DROPPED_PER_STEP, MAX_KEPT_BYTES, MAX_KEPT_TEXTS, MAX_OUTBOX_TEXTS,
};
use crate::records::{self, Record, RecordError};
use crate::sorted::{SortedMap, SortedSet};
use crate::store::{Change, Key, Table};
use crate::tracked::{RecordKey, Tracked};

/// Names an entry. What a page needs to know of it stands in the key, so that it is known even where
/// the record is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryId {
    /// Order of sending, over all conversations.
    pub(crate) order: u64,
    pub(crate) conversation: ConversationId,
    /// Number of the text; 0 for what is not one.
    pub(crate) number: u64,
}

impl EntryId {
    /// Before every other.
    pub(crate) const FIRST: Self = Self {
        order: 0,
        conversation: ConversationId::from_bytes([0; ConversationId::LEN]),
        number: 0,
    };

    /// The next one after this.
    pub(crate) const fn next(self) -> Self {
        Self {
            number: self.number.saturating_add(1),
            ..self
        }
    }

    pub(crate) const fn is_text(self) -> bool {
        self.number > 0
    }

    pub(crate) fn from_key(key: &Key) -> Option<Self> {
        let (order, rest) = key.0.split_first_chunk()?;
        let (conversation, number) = rest.split_first_chunk()?;
        Some(Self {
            order: u64::from_be_bytes(*order),
            conversation: ConversationId::from_bytes(*conversation),
            number: u64::from_be_bytes(number.try_into().ok()?),
        })
    }
}

impl RecordKey for EntryId {
    fn to_key(self) -> Key {
        let (order, number) = (self.order.to_be_bytes(), self.number.to_be_bytes());
        Key([&order[..], self.conversation.as_bytes(), &number].concat())
    }
}

/// How far a part has come.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PartState {
    /// To be sealed when it is sent.
    Wanted,
    /// An envelope, which is sent until the relay has it.
    Sealed {
        message_id: MessageId,
        envelope: Vec<u8>,
    },
    /// The relay has it; the device has not said yet that it does.
    Stored,
    /// It cannot go out by itself: the user decides when to try again.
    Refused,
}

/// What one device is to have.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Number 0: every device of the account, once its list is known.
    pub(crate) device: DeviceAddress,
    pub(crate) state: PartState,
    /// The device, or the relay for it, had this text before: its status does not go back.
    pub(crate) again: bool,
}

impl Part {
    pub(crate) const fn wanted(device: DeviceAddress, again: bool) -> Self {
        Self {
            device,
            state: PartState::Wanted,
            again,
        }
    }

    const fn is_pending(&self) -> bool {
        matches!(self.state, PartState::Wanted | PartState::Sealed { .. })
    }

    /// Whether the relay may have something of it: what was never sealed the device cannot have.
    pub(crate) const fn may_have_left(&self) -> bool {
        self.again || matches!(self.state, PartState::Sealed { .. } | PartState::Stored)
    }
}

/// Something to send.
pub(crate) struct Entry {
    /// Position of the text's line; 0 for what is not one.
    pub(crate) position: u64,
    /// When it was put here, milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) content: Content,
    parts: Vec<Part>,
}

#[derive(Message)]
#[prost(skip_debug)]
struct EntryRecord {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(uint64, tag = "2")]
    at: u64,
    #[prost(bytes = "vec", tag = "3")]
    content: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    parts: Vec<PartRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct PartRecord {
    #[prost(bytes = "vec", tag = "1")]
    account: Vec<u8>,
    #[prost(uint32, tag = "2")]
    device: u32,
    #[prost(uint32, tag = "3")]
    state: u32,
    #[prost(bool, tag = "4")]
    again: bool,
    #[prost(bytes = "vec", tag = "5")]
    message_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    envelope: Vec<u8>,
}

records::wiped!(EntryRecord: content);

const WANTED: u32 = 1;
const SEALED: u32 = 2;
const STORED: u32 = 3;
const REFUSED: u32 = 4;

impl Part {
    fn to_record(&self) -> PartRecord {
        let (state, message_id, envelope) = match &self.state {
            PartState::Wanted => (WANTED, Vec::new(), Vec::new()),
            PartState::Sealed {
                message_id,
                envelope,
            } => (SEALED, message_id.0.to_vec(), envelope.clone()),
            PartState::Stored => (STORED, Vec::new(), Vec::new()),
            PartState::Refused => (REFUSED, Vec::new(), Vec::new()),
        };
        PartRecord {
            account: self.device.account.0.to_vec(),
            device: self.device.device,
            state,
            again: self.again,
            message_id,
            envelope,
        }
    }

    fn from_record(record: PartRecord) -> Result<Self, RecordError> {
        let state = match record.state {
            WANTED => PartState::Wanted,
            SEALED => PartState::Sealed {
                message_id: MessageId(records::fixed(&record.message_id)?),
                envelope: record.envelope,
            },
            STORED => PartState::Stored,
            REFUSED => PartState::Refused,
            _ => return Err(RecordError::Damaged),
        };
        Ok(Self {
            device: DeviceAddress {
                account: AccountId(records::fixed(&record.account)?),
                device: record.device,
            },
            state,
            again: record.again,
        })
    }
}

impl Entry {
    pub(crate) fn new(position: u64, at: u64, content: Content, parts: Vec<Part>) -> Self {
        Self {
            position,
            at,
            content,
            parts,
        }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(crate) fn part(&self, device: DeviceAddress) -> Option<&Part> {
        self.parts.iter().find(|part| part.device == device)
    }

    /// Whether the relay has it for anybody.
    pub(crate) fn is_stored(&self) -> bool {
        let has = |part: &Part| part.again || part.state == PartState::Stored;
        self.parts.iter().any(has)
    }

    /// Whether it goes nowhere by itself.
    pub(crate) fn is_refused(&self) -> bool {
        let mut all = self.parts.iter();
        all.all(|part| part.state == PartState::Refused)
    }

    /// Whether anything of it has still to get to the relay, by itself or when the user wants it to.
    fn is_unsent(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.state != PartState::Stored)
    }

    fn size(&self) -> usize {
        self.content.size()
    }
}

impl Record for Entry {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&EntryRecord {
            position: self.position,
            at: self.at,
            content: self.content.encode(None).to_vec(),
            parts: self.parts.iter().map(Part::to_record).collect(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut record: EntryRecord = records::read(bytes)?;
        let (_, content) = Content::decode(&record.content);
        let parts = std::mem::take(&mut record.parts).into_iter();
        Ok(Self {
            position: record.position,
            at: record.at,
            content: content.map_err(|_| RecordError::Damaged)?,
            parts: parts.map(Part::from_record).collect::<Result<_, _>>()?,
        })
    }
}

/// All entries in order, and by what they are looked up.
pub(crate) struct Outbox {
    entries: Tracked<EntryId, Entry>,
    texts: SortedMap<(ConversationId, u64), EntryId>,
    envelopes: SortedMap<MessageId, (EntryId, DeviceAddress)>,
    /// Parts that have to get to the relay, for each device in order.
    pending: SortedSet<(DeviceAddress, EntryId)>,
    /// What is no text, by the device that it is for.
    signals: SortedSet<(DeviceAddress, EntryId)>,
    /// Texts that the relay does not have for everybody.
    unsent: SortedSet<EntryId>,
    /// Texts that it has for everybody, and their bytes.
    kept: SortedSet<EntryId>,
    kept_bytes: usize,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            entries: Tracked::new(Table::Outbox),
            texts: SortedMap::new(),
            envelopes: SortedMap::new(),
            pending: SortedSet::new(),
            signals: SortedSet::new(),
            unsent: SortedSet::new(),
            kept: SortedSet::new(),
            kept_bytes: 0,
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
        for part in &entry.parts {
            if part.is_pending() {
                self.pending.insert((part.device, id));
            }
            if let PartState::Sealed { message_id, .. } = part.state {
                self.envelopes.insert(message_id, (id, part.device));
            }
            if !id.is_text() {
                self.signals.insert((part.device, id));
            }
        }
        if !id.is_text() {
            return;
        }
        self.texts.insert((id.conversation, id.number), id);
        if entry.is_unsent() {
            self.unsent.insert(id);
        } else if self.kept.insert(id) {
            self.kept_bytes += entry.size();
        }
    }

    fn forget(&mut self, id: EntryId, entry: &Entry) {
        for part in &entry.parts {
            self.pending.remove(&(part.device, id));
            self.signals.remove(&(part.device, id));
            if let PartState::Sealed { message_id, .. } = &part.state {
                self.envelopes.remove(message_id);
            }
        }
        self.texts.remove(&(id.conversation, id.number));
        self.unsent.remove(&id);
        if self.kept.remove(&id) {
            self.kept_bytes -= entry.size();
        }
    }

    pub(crate) fn insert(&mut self, id: EntryId, entry: Entry) {
        self.index(id, &entry);
        self.entries.insert(id, entry);
    }

    pub(crate) fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.forget(id, &entry);
        Some(entry)
    }

    pub(crate) fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Changes an entry's parts. One that has none left goes.
    pub(crate) fn change(&mut self, id: EntryId, change: impl FnOnce(&mut Vec<Part>)) {
        let Some(mut entry) = self.entries.take(id) else {
            return;
        };
        self.forget(id, &entry);
        change(&mut entry.parts);
        if entry.parts.is_empty() {
            self.entries.erase(id);
        } else {
            self.index(id, &entry);
            self.entries.insert(id, entry);
        }
    }

    /// Sets how far one part has come.
    pub(crate) fn set_state(&mut self, id: EntryId, device: DeviceAddress, state: PartState) {
        self.change(id, |parts| {
            let mut all = parts.iter_mut();
            if let Some(part) = all.find(|part| part.device == device) {
                part.state = state;
            }
        });
    }

    /// A device needs it no longer.
    pub(crate) fn drop_part(&mut self, id: EntryId, device: DeviceAddress) {
        self.change(id, |parts| parts.retain(|part| part.device != device));
    }

    /// A device is to have it as well, or once more.
    pub(crate) fn want_again(&mut self, id: EntryId, device: DeviceAddress) {
        self.change(id, |parts| {
            parts.retain(|part| part.device != device);
            parts.push(Part::wanted(device, true));
        });
    }

    pub(crate) fn text(
        &self,
        conversation: ConversationId,
        number: u64,
    ) -> Option<(EntryId, &Entry)> {
        let id = *self.texts.get(&(conversation, number))?;
        Some((id, self.entries.get(id)?))
    }

    /// A conversation's texts from a number up to another.
    pub(crate) fn texts_in(
        &self,
        conversation: ConversationId,
        (first, last): (u64, u64),
    ) -> Vec<EntryId> {
        let all = self.texts.from((conversation, first));
        let these = all.take_while(|((of, number), _)| *of == conversation && *number <= last);
        these.map(|(_, id)| *id).collect()
    }

    pub(crate) fn texts_of(&self, conversation: ConversationId) -> Vec<EntryId> {
        self.texts_in(conversation, (0, u64::MAX))
    }

    /// Where a text that comes back stands in the order: before those of its conversation that follow it.
    pub(crate) fn order_before(&self, conversation: ConversationId, number: u64) -> Option<u64> {
        let ((of, _), id) = self.texts.from((conversation, number)).next()?;
        (*of == conversation).then_some(id.order)
    }

    /// The entry and the device that an envelope was sealed for.
    pub(crate) fn envelope(&self, message_id: MessageId) -> Option<(EntryId, DeviceAddress)> {
        self.envelopes.get(&message_id).copied()
    }

    /// The next thing that a device is to be sent, from a place in the order on.
    pub(crate) fn next_pending(&self, device: DeviceAddress, from: EntryId) -> Option<EntryId> {
        let mut all = self.pending.from((device, from));
        let (of, id) = all.next()?;
        (*of == device).then_some(*id)
    }

    /// Who is to be sent anything.
    pub(crate) fn pending_devices(&self) -> Vec<DeviceAddress> {
        let mut devices = Vec::new();
        let first = |device| (device, EntryId::FIRST);
        let mut next = self.pending.first();
        while let Some((device, _)) = next {
            devices.push(*device);
            let after = DeviceAddress {
                device: device.device.saturating_add(1),
                ..*device
            };
            next = self.pending.from(first(after)).next();
        }
        devices
    }

    /// What is on its way to a device besides texts.
    pub(crate) fn signals_to(&self, device: DeviceAddress) -> Vec<EntryId> {
        let all = self.signals.from((device, EntryId::FIRST));
        let theirs = all.take_while(|(of, _)| *of == device);
        theirs.map(|(_, id)| *id).collect()
    }

    /// Whether anything but a text is on its way to a device.
    pub(crate) fn has_signal(&self, device: DeviceAddress) -> bool {
        !self.signals_to(device).is_empty()
    }

    /// Whether there is no room for another text.
    pub(crate) fn is_full(&self) -> bool {
        self.unsent.len() >= MAX_OUTBOX_TEXTS
    }

    /// Lets go of texts that the relay has for everybody, the oldest first, where they are too many or
    /// too old. They still stand in their conversation. False where some are left for another step.
    pub(crate) fn drop_kept(&mut self, now: u64) -> bool {
        for _ in 0..MAX_DROPPED_PER_STEP {
            let Some(oldest) = self.kept.first().copied() else {
                return true;
            };
            let at = self.entries.get(oldest).map_or(0, |entry| entry.at);
            let is_too_many = self.kept.len() > MAX_KEPT_TEXTS || self.kept_bytes > MAX_KEPT_BYTES;
            if !is_too_many && now.saturating_sub(at) <= KEPT_LIFETIME {
                return true;
            }
            self.remove(oldest);
        }
        false
    }
}
