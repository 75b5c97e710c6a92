//! Conversations: their lines' positions and numbers, how far own messages have come, what was not seen
//! yet, the draft. The lines themselves stand in the store and are never all in memory (`lines.rs`).

use pawl_protocol::AccountKey;
use pawl_wire::Username;
use prost::Message;
use zeroize::Zeroizing;

use crate::contacts::{PeerId, account_key};
use crate::event::{MessageStatus, NoticeCause};
use crate::lines;
use crate::number_map::NumberMap;
use crate::ranges::RangeSet;
use crate::records::{self, Record, RecordError};
use crate::tracked::Tracked;

/// One conversation.
pub(crate) struct Conversation {
    pub(crate) username: Username,
    /// The account pinned for it, so that a damaged contact record does not lose the pin.
    pub(crate) account: AccountKey,
    /// Position of the next line, from 1.
    pub(crate) next_position: u64,
    /// Number of the next own text, from 1.
    pub(crate) next_number: u64,
    /// Own texts that are not known to be read.
    pub(crate) own: NumberMap,
    /// Received texts that were not seen.
    pub(crate) unseen: NumberMap,
    /// Own texts that the other's device has.
    pub(crate) delivered: RangeSet,
    /// Own texts that the other has seen.
    pub(crate) read: RangeSet,
    /// Own texts that cannot be sent again, because their outbox record was damaged.
    pub(crate) lost: RangeSet,
    /// Received texts for which a delivery receipt is due.
    pub(crate) owed_delivered: RangeSet,
    /// Seen texts for which a read receipt is due.
    pub(crate) owed_read: RangeSet,
    pub(crate) preview: String,
    /// Milliseconds since 1970.
    pub(crate) active_at: u64,
    pub(crate) draft: String,
    /// The notice that stands in the last line, so that it is not said twice in a row.
    pub(crate) last_notice: Option<NoticeCause>,
}

/// All of them.
pub(crate) type Conversations = Tracked<PeerId, Conversation>;

#[derive(Clone, PartialEq, Message)]
struct ConversationRecord {
    #[prost(string, tag = "1")]
    username: String,
    #[prost(bytes = "vec", tag = "2")]
    account: Vec<u8>,
    #[prost(uint64, tag = "3")]
    next_position: u64,
    #[prost(uint64, tag = "4")]
    next_number: u64,
    #[prost(uint64, repeated, tag = "5")]
    own: Vec<u64>,
    #[prost(uint64, repeated, tag = "6")]
    unseen: Vec<u64>,
    #[prost(uint64, repeated, tag = "7")]
    delivered: Vec<u64>,
    #[prost(uint64, repeated, tag = "8")]
    read: Vec<u64>,
    #[prost(uint64, repeated, tag = "9")]
    lost: Vec<u64>,
    #[prost(uint64, repeated, tag = "10")]
    owed_delivered: Vec<u64>,
    #[prost(uint64, repeated, tag = "11")]
    owed_read: Vec<u64>,
    #[prost(string, tag = "12")]
    preview: String,
    #[prost(uint64, tag = "13")]
    active_at: u64,
    #[prost(string, tag = "14")]
    draft: String,
    #[prost(uint32, tag = "15")]
    last_notice: u32,
}

impl Conversation {
    /// An empty one, whose numbers begin at `first`: 1, or where an earlier record of it was lost, a
    /// number above all that it can have used.
    pub(crate) fn new(username: Username, account: AccountKey, first: u64) -> Self {
        Self {
            username,
            account,
            next_position: first,
            next_number: first,
            own: NumberMap::default(),
            unseen: NumberMap::default(),
            delivered: RangeSet::default(),
            read: RangeSet::default(),
            lost: RangeSet::default(),
            owed_delivered: RangeSet::default(),
            owed_read: RangeSet::default(),
            preview: String::new(),
            active_at: 0,
            draft: String::new(),
            last_notice: None,
        }
    }

    /// Position for one more line.
    pub(crate) fn take_position(&mut self) -> u64 {
        let position = self.next_position;
        self.next_position += 1;
        position
    }

    /// How far an own text has come that does not wait in the outbox.
    pub(crate) fn status_of_sent(&self, number: u64) -> MessageStatus {
        if self.read.contains(number) {
            MessageStatus::Read
        } else if self.delivered.contains(number) {
            MessageStatus::Delivered
        } else if self.lost.contains(number) {
            MessageStatus::NotSent
        } else {
            MessageStatus::Sent
        }
    }

    pub(crate) fn owes_receipts(&self) -> bool {
        !self.owed_delivered.is_empty() || !self.owed_read.is_empty()
    }
}

impl Record for Conversation {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&ConversationRecord {
            username: self.username.as_str().to_owned(),
            account: self.account.as_bytes().to_vec(),
            next_position: self.next_position,
            next_number: self.next_number,
            own: self.own.to_fields(),
            unseen: self.unseen.to_fields(),
            delivered: self.delivered.to_fields(),
            read: self.read.to_fields(),
            lost: self.lost.to_fields(),
            owed_delivered: self.owed_delivered.to_fields(),
            owed_read: self.owed_read.to_fields(),
            preview: self.preview.clone(),
            active_at: self.active_at,
            draft: self.draft.clone(),
            last_notice: self.last_notice.map_or(0, lines::notice_number),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: ConversationRecord = records::read(bytes)?;
        Ok(Self {
            username: Username::from_canonical(&record.username)
                .map_err(|_| RecordError::Damaged)?,
            account: account_key(&records::fixed(&record.account)?)?,
            next_position: record.next_position,
            next_number: record.next_number,
            own: NumberMap::from_fields(&record.own)?,
            unseen: NumberMap::from_fields(&record.unseen)?,
            delivered: RangeSet::from_fields(&record.delivered)?,
            read: RangeSet::from_fields(&record.read)?,
            lost: RangeSet::from_fields(&record.lost)?,
            owed_delivered: RangeSet::from_fields(&record.owed_delivered)?,
            owed_read: RangeSet::from_fields(&record.owed_read)?,
            preview: record.preview,
            active_at: record.active_at,
            draft: record.draft,
            last_notice: lines::notice_from_number(record.last_notice)?,
        })
    }
}
