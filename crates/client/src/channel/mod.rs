//! What binds this device to one device of somebody else: the sessions with it, how they are mended,
//! what was received from it and what it is known to have. Numbers nothing: numbers belong to the
//! stream of a sending device in a conversation. Knows no text and no name.

pub(crate) mod receipts;
pub(crate) mod repair;
pub(crate) mod repair_queue;
#[cfg(test)]
mod repair_tests;
mod resent;
pub(crate) mod sessions;

use pawl_protocol::{AccountKey, SessionTag};
use pawl_wire::{AccountId, ClaimId, DeviceAddress};
use prost::Message;
use zeroize::Zeroizing;

use self::repair::Repair;
use crate::ids::ConversationId;
use crate::limits::MAX_KNOWN_TAGS;
use crate::numbers::Number;
use crate::storage::ranges::RangeSet;
use crate::storage::records::{self, Record, RecordError, tags_from_bytes, tags_to_bytes};
use crate::storage::room::Room;
use crate::storage::sorted::{SortedMap, SortedSet};
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{RecordKey, Tracked};

impl RecordKey for DeviceAddress {
    /// 36 bytes, so that it is never a contact's key, which has 8.
    fn to_key(self) -> Key {
        Key([&self.account.0[..], &self.device.to_be_bytes()].concat())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let (account, device) = key.0.split_first_chunk()?;
        Some(Self {
            account: AccountId(*account),
            device: u32::from_be_bytes(device.try_into().ok()?),
        })
    }
}

/// What is known of one stream of texts in each direction, between this device and the other.
#[derive(Clone, Default)]
pub(crate) struct Stream {
    /// Texts of the other device that are on this disk. Never has a gap closed for want of room.
    pub(crate) received: RangeSet,
    /// Which they are is lost to damage: all before the next one.
    pub(crate) received_unknown: bool,
    /// Those that the person has seen.
    pub(crate) seen: RangeSet,
    /// Own texts that the other device has said to have, ever.
    pub(crate) delivered: RangeSet,
    /// Those that it had at its last word, which a device that went back in time takes back.
    pub(crate) known: RangeSet,
    /// Own texts that are not sent to it again: tried too often, or long over.
    pub(crate) given_up: RangeSet,
    /// The first own text that it is owed.
    pub(crate) owed_from: Number,
}

impl Stream {
    /// Own texts that the other has or need not have.
    pub(crate) fn settled(&self) -> RangeSet {
        let mut settled = self.known.clone();
        settled.extend(&self.given_up);
        settled
    }

    /// Own texts that it said to have, or that it must have seen go by; `processed`: the last one that
    /// came before its last answer.
    pub(crate) fn due(&self, processed: Number) -> RangeSet {
        let mut due = self.delivered.clone();
        due.insert_range(self.owed_from, self.known.last().max(processed));
        due
    }

    /// What had arrived up to this own text is not sent again, whatever the other has lost.
    pub(crate) fn give_up_delivered(&mut self, number: Number) {
        for (first, last) in self.delivered.iter().filter(|(first, _)| *first <= number) {
            self.given_up.insert_range(first, last.min(number));
        }
    }
}

/// One channel.
#[derive(Default)]
pub(crate) struct Channel {
    /// The session to write on.
    pub(crate) head: Option<SessionTag>,
    /// The device has written since its account was pinned, so that it knows who this is.
    pub(crate) replied: bool,
    /// The claim of a bundle that is under way; the same on every retry.
    pub(crate) claim: Option<ClaimId>,
    /// Sessions with it, the newest last: what comes on one that is dropped, expired or damaged can be
    /// told to be its.
    tags: Vec<SessionTag>,
    /// A receipt is due.
    receipt_due: bool,
    pub(crate) repair: Repair,
    streams: Vec<(ConversationId, Stream)>,
}

#[derive(Clone, PartialEq, Message)]
struct ChannelRecord {
    #[prost(bytes = "vec", tag = "1")]
    head: Vec<u8>,
    #[prost(bool, tag = "2")]
    replied: bool,
    #[prost(bytes = "vec", tag = "3")]
    claim: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    tags: Vec<u8>,
    #[prost(bool, tag = "5")]
    receipt_due: bool,
    #[prost(uint64, repeated, tag = "6")]
    repair: Vec<u64>,
    #[prost(bytes = "vec", tag = "7")]
    unreadable: Vec<u8>,
    #[prost(message, repeated, tag = "8")]
    streams: Vec<StreamRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct StreamRecord {
    #[prost(bytes = "vec", tag = "1")]
    conversation: Vec<u8>,
    #[prost(uint64, repeated, tag = "2")]
    received: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    seen: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    delivered: Vec<u64>,
    #[prost(uint64, repeated, tag = "5")]
    known: Vec<u64>,
    #[prost(uint64, repeated, tag = "6")]
    given_up: Vec<u64>,
    #[prost(uint64, tag = "7")]
    owed_from: u64,
    #[prost(bool, tag = "8")]
    received_unknown: bool,
}

impl Channel {
    pub(crate) fn stream(&self, conversation: ConversationId) -> Option<&Stream> {
        let mut all = self.streams.iter();
        all.find(|(id, _)| *id == conversation).map(|(_, it)| it)
    }

    /// The same for changing it; begun where there is none.
    pub(crate) fn stream_mut(&mut self, conversation: ConversationId) -> &mut Stream {
        let at = self.streams.iter().position(|(id, _)| *id == conversation);
        let at = at.unwrap_or_else(|| {
            self.streams.push((conversation, Stream::default()));
            self.streams.len() - 1
        });
        &mut self.streams[at].1
    }

    pub(crate) fn knows(&self, tag: SessionTag) -> bool {
        self.tags.contains(&tag)
    }

    pub(crate) const fn receipt_is_due(&self) -> bool {
        self.receipt_due
    }

    /// The account of the other device has just been accepted: it is written to on this session, owed
    /// what waits, and told what of its texts is here.
    pub(crate) fn begin(&mut self, conversation: ConversationId, head: Option<SessionTag>) {
        self.head = head;
        self.replied = head.is_some();
        self.claim = None;
        self.repair = Repair::default();
        let stream = self.stream_mut(conversation);
        *stream = Stream {
            received: std::mem::take(&mut stream.received),
            owed_from: Number::FIRST,
            ..Stream::default()
        };
        self.receipt_due = !self.stream_mut(conversation).received.is_empty();
    }
}

impl Record for Channel {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let streams = self.streams.iter();
        records::write(&ChannelRecord {
            head: self
                .head
                .map_or_else(Vec::new, |tag| tag.as_bytes().to_vec()),
            replied: self.replied,
            claim: self.claim.map_or_else(Vec::new, |claim| claim.0.to_vec()),
            tags: tags_to_bytes(&self.tags),
            receipt_due: self.receipt_due,
            repair: self.repair.to_fields(),
            unreadable: self.repair.unreadable_bytes(),
            streams: streams
                .map(|(conversation, stream)| StreamRecord {
                    conversation: conversation.as_bytes().to_vec(),
                    received: stream.received.to_fields(),
                    seen: stream.seen.to_fields(),
                    delivered: stream.delivered.to_fields(),
                    known: stream.known.to_fields(),
                    given_up: stream.given_up.to_fields(),
                    owed_from: stream.owed_from.0,
                    received_unknown: stream.received_unknown,
                })
                .collect(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: ChannelRecord = records::read(bytes)?;
        let stream = |record: &StreamRecord| {
            let conversation = ConversationId::from_bytes(records::fixed(&record.conversation)?);
            let stream = Stream {
                received: RangeSet::from_fields(&record.received)?,
                received_unknown: record.received_unknown,
                seen: RangeSet::from_fields(&record.seen)?,
                delivered: RangeSet::from_fields(&record.delivered)?,
                known: RangeSet::from_fields(&record.known)?,
                given_up: RangeSet::from_fields(&record.given_up)?,
                owed_from: Number(record.owed_from),
            };
            Ok((conversation, stream))
        };
        Ok(Self {
            head: records::fixed_or_none(&record.head)?.map(SessionTag::from_bytes),
            replied: record.replied,
            claim: records::fixed_or_none(&record.claim)?.map(ClaimId),
            tags: tags_from_bytes(&record.tags, MAX_KNOWN_TAGS)?,
            receipt_due: record.receipt_due,
            repair: Repair::from_fields(&record.repair, &record.unreadable)?,
            streams: record
                .streams
                .iter()
                .map(stream)
                .collect::<Result<_, RecordError>>()?,
        })
    }
}

/// All of them, and by what they are looked up.
pub(crate) struct Channels {
    table: Tracked<DeviceAddress, Channel>,
    by_tag: SortedMap<SessionTag, DeviceAddress>,
    /// Who is owed a receipt.
    owed: SortedSet<DeviceAddress>,
}

impl Channels {
    pub(crate) fn new() -> Self {
        Self {
            table: Tracked::new(Table::Contacts),
            by_tag: SortedMap::new(),
            owed: SortedSet::new(),
        }
    }

    pub(crate) fn get(&self, device: DeviceAddress) -> Option<&Channel> {
        self.table.get(device)
    }

    /// For changing it: the record is written at the end of the step.
    pub(crate) fn edit(&mut self, device: DeviceAddress) -> Option<&mut Channel> {
        self.table.edit(device)
    }

    pub(crate) fn stream(
        &self,
        device: DeviceAddress,
        conversation: ConversationId,
    ) -> Option<&Stream> {
        self.get(device)?.stream(conversation)
    }

    pub(crate) fn repair(&mut self, device: DeviceAddress) -> Option<&mut Repair> {
        self.edit(device).map(|channel| &mut channel.repair)
    }

    /// A channel for a device in a conversation, where there is none: it is owed texts from `first` on.
    pub(crate) fn ensure(
        &mut self,
        device: DeviceAddress,
        conversation: ConversationId,
        first: Number,
    ) {
        if self.stream(device, conversation).is_some() {
            return;
        }
        if self.get(device).is_none() {
            self.table.insert(device, Channel::default());
        }
        if let Some(channel) = self.edit(device) {
            channel.stream_mut(conversation).owed_from = first;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (DeviceAddress, &Channel)> {
        self.table.iter()
    }

    /// The devices of an account that there are channels to.
    pub(crate) fn of_account(&self, account: &AccountKey) -> Vec<DeviceAddress> {
        let account = AccountId(*account.as_bytes());
        let first = DeviceAddress { account, device: 0 };
        let all = self.table.from(first).map(|(device, _)| device);
        all.take_while(|device| device.account == account).collect()
    }

    /// Whose session this is or was.
    pub(crate) fn of_tag(&self, tag: SessionTag) -> Option<DeviceAddress> {
        self.by_tag.get(&tag).copied()
    }

    /// Remembers whose session this is.
    pub(crate) fn remember(&mut self, device: DeviceAddress, tag: SessionTag) {
        let Some(channel) = self.table.get(device).filter(|it| !it.knows(tag)) else {
            return;
        };
        let surplus = (channel.tags.len() + 1).saturating_sub(MAX_KNOWN_TAGS);
        if let Some(channel) = self.table.edit(device) {
            for forgotten in channel.tags.drain(..surplus) {
                self.by_tag.remove(&forgotten);
            }
            channel.tags.push(tag);
            self.by_tag.insert(tag, device);
        }
    }

    /// A device that is no longer anybody's.
    pub(crate) fn remove(&mut self, device: DeviceAddress) {
        if let Some(channel) = self.table.remove(device) {
            for tag in &channel.tags {
                self.by_tag.remove(tag);
            }
        }
        self.owed.remove(&device);
    }

    /// Whether a receipt is due to a device.
    pub(crate) fn set_receipt_due(&mut self, device: DeviceAddress, is_due: bool) {
        let known = self.get(device).map(Channel::receipt_is_due);
        if known.is_some_and(|known| known != is_due)
            && let Some(channel) = self.table.edit(device)
        {
            channel.receipt_due = is_due;
        }
        self.note_receipt(device);
    }

    /// After a channel's receipt may have become due otherwise.
    pub(crate) fn note_receipt(&mut self, device: DeviceAddress) {
        if self.get(device).is_some_and(Channel::receipt_is_due) {
            self.owed.insert(device);
        } else {
            self.owed.remove(&device);
        }
    }

    /// Who is owed a receipt.
    pub(crate) fn owed(&self) -> Vec<DeviceAddress> {
        self.owed.iter().copied().collect()
    }
}

impl Room for Channels {
    fn takes(&self, table: Table, key: &Key) -> bool {
        table == Table::Contacts && DeviceAddress::from_key(key).is_some()
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        self.table.load_record(key, value)
    }

    fn index_loaded(&mut self) {
        let all = || self.table.iter();
        let tags = all().flat_map(|(device, it)| it.tags.iter().map(move |tag| (*tag, device)));
        self.by_tag = tags.collect();
        let owed = all().filter(|(_, it)| it.receipt_due);
        self.owed = owed.map(|(device, _)| device).collect();
    }

    fn erase(&mut self, key: &Key) -> bool {
        self.table.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.table.flush(changes);
    }
}
