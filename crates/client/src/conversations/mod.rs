//! Conversations: their lines' positions, the numbers of own texts and how far these have come, what was
//! not seen yet, the draft. The lines themselves stand in the store and are never all in memory
//! (`conversations/lines.rs`). What one device of the other has is `channel`'s.

pub(crate) mod aside;
pub(crate) mod lines;
pub(crate) mod number_map;
mod timeline;
pub(crate) mod unread;

use pawl_protocol::AccountKey;
use pawl_wire::Username;
use prost::Message;
use zeroize::Zeroizing;

use crate::api::event::{MessageStatus, NoticeCause};
use crate::channel::Stream;
use crate::conversations::number_map::NumberMap;
use crate::conversations::unread::{RunRecord, Unread};
use crate::directory::contacts::{Contact, account_key};
use crate::ids::{ContactId, ConversationId};
use crate::numbers::{Millis, Number, Position};
use crate::storage::ranges::RangeSet;
use crate::storage::records::{self, Record, RecordError};
use crate::storage::room::Room;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{RecordKey, Tracked};

/// One conversation: between this person and one other.
pub(crate) struct Conversation {
    pub(crate) contact: ContactId,
    pub(crate) username: Username,
    /// The account pinned for it, so that a damaged contact record does not lose the pin.
    pub(crate) account: AccountKey,
    /// The version of its device list, so that a damaged contact record does not let it go back.
    pub(crate) list_version: u64,
    /// Position of the next line, from 1.
    pub(crate) next_position: Position,
    /// Number of the next own text, from 1.
    pub(crate) next_number: Number,
    /// Own texts to the pinned account that are not known to be read, and the newest of the others.
    pub(crate) own: NumberMap,
    pub(crate) unread: Unread,
    /// Own texts that a device of the other has had.
    pub(crate) delivered: RangeSet,
    /// Own texts that the other has seen.
    pub(crate) read: RangeSet,
    /// Own texts to accounts that were pinned before: nobody says any more what became of them.
    pub(crate) former: RangeSet,
    /// Own texts that are not sent again to anybody: their record is damaged, or they were tried too
    /// often.
    pub(crate) lost: RangeSet,
    /// Something that waited aside was dropped, and no line has said so yet.
    pub(crate) dropped: bool,
    pub(crate) preview: String,
    /// Number and position of the newest text, where it is an own one.
    pub(crate) newest_own: Option<(Number, Position)>,
    /// Milliseconds since 1970.
    pub(crate) active_at: Millis,
    pub(crate) draft: String,
    /// The notice that stands in the last line, so that it is not said twice in a row.
    pub(crate) last_notice: Option<NoticeCause>,
    /// How often the name has changed hands since a person last wrote here or accepted somebody.
    pub(crate) handovers: u32,
    /// The first own text that was written since another account has the name: while that is so, it and those
    /// after it go to nobody.
    held_from: Option<Number>,
}

/// All of them.
pub(crate) struct Conversations(Tracked<ConversationId, Conversation>);

impl Conversations {
    pub(crate) fn new() -> Self {
        Self(Tracked::new(Table::Conversations))
    }

    pub(crate) fn get(&self, id: ConversationId) -> Option<&Conversation> {
        self.0.get(id)
    }

    /// For changing it: the record is written at the end of the step.
    pub(crate) fn edit(&mut self, id: ConversationId) -> Option<&mut Conversation> {
        self.0.edit(id)
    }

    pub(crate) fn insert(&mut self, id: ConversationId, conversation: Conversation) {
        self.0.insert(id, conversation);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConversationId, &Conversation)> {
        self.0.iter()
    }

    /// Whether a device of the other has had a text.
    pub(crate) fn has_arrived(&self, id: ConversationId, number: Number) -> bool {
        let conversation = self.get(id);
        conversation.is_some_and(|it| it.delivered.contains(number))
    }

    /// Keeps the version of the pinned account's list in the conversation, too.
    pub(crate) fn note_version(&mut self, contact: &Contact) {
        let id = contact.conversation();
        let version = contact.verified_record().map(|record| record.version());
        let noted = self.get(id).map(|it| it.list_version);
        if version > noted
            && let (Some(version), Some(conversation)) = (version, self.edit(id))
        {
            conversation.list_version = version;
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct ConversationRecord {
    #[prost(uint64, tag = "1")]
    contact: u64,
    #[prost(string, tag = "2")]
    username: String,
    #[prost(bytes = "vec", tag = "3")]
    account: Vec<u8>,
    #[prost(uint64, tag = "4")]
    list_version: u64,
    #[prost(uint64, tag = "5")]
    next_position: u64,
    #[prost(uint64, tag = "6")]
    next_number: u64,
    #[prost(uint64, repeated, tag = "7")]
    own: Vec<u64>,
    #[prost(message, repeated, tag = "8")]
    unread: Vec<RunRecord>,
    #[prost(uint64, repeated, tag = "9")]
    delivered: Vec<u64>,
    #[prost(uint64, repeated, tag = "10")]
    read: Vec<u64>,
    #[prost(uint64, repeated, tag = "11")]
    former: Vec<u64>,
    #[prost(uint64, repeated, tag = "12")]
    lost: Vec<u64>,
    #[prost(bool, tag = "13")]
    dropped: bool,
    #[prost(string, tag = "14")]
    preview: String,
    /// Number and position; nothing where the newest text is not an own one.
    #[prost(uint64, repeated, tag = "15")]
    newest_own: Vec<u64>,
    #[prost(uint64, tag = "16")]
    active_at: u64,
    #[prost(string, tag = "17")]
    draft: String,
    #[prost(uint32, tag = "18")]
    last_notice: u32,
    #[prost(uint32, tag = "19")]
    handovers: u32,
    #[prost(uint64, optional, tag = "20")]
    held_from: Option<u64>,
}

impl Conversation {
    /// An empty one, whose numbers begin at `first`: 1, or where an earlier record of it was lost, a
    /// number above all that it can have used.
    pub(crate) fn new(
        contact: ContactId,
        username: Username,
        account: AccountKey,
        first: u64,
    ) -> Self {
        Self {
            contact,
            username,
            account,
            list_version: 0,
            next_position: Position(first),
            next_number: Number(first),
            own: NumberMap::default(),
            unread: Unread::default(),
            delivered: RangeSet::default(),
            read: RangeSet::default(),
            former: RangeSet::default(),
            lost: RangeSet::default(),
            dropped: false,
            preview: String::new(),
            newest_own: None,
            active_at: Millis::ZERO,
            draft: String::new(),
            last_notice: None,
            handovers: 0,
            held_from: None,
        }
    }

    /// Position for one more line.
    pub(crate) fn take_position(&mut self) -> Position {
        let position = self.next_position;
        self.next_position = position.next();
        position
    }

    /// The newest number that an own text has had.
    pub(crate) const fn newest_number(&self) -> Number {
        self.next_number.previous()
    }

    /// Another account has the name: own texts from this one on, or from the next one, are for nobody yet.
    pub(crate) fn hold_from(&mut self, first: Option<Number>) {
        let first = first.unwrap_or(self.next_number);
        self.held_from.get_or_insert(first);
    }

    /// The name is the pinned account's again.
    pub(crate) fn hold_no_more(&mut self) {
        self.held_from = None;
    }

    /// The newest own text that can have gone out. `is_changed`: another account has the name.
    pub(crate) fn newest_sent(&self, is_changed: bool) -> Number {
        let held_from = self.held_from.filter(|_| is_changed);
        held_from.map_or_else(|| self.newest_number(), Number::previous)
    }

    /// How far an own text has come that does not wait in the outbox.
    pub(crate) fn status_of_sent(&self, number: Number) -> MessageStatus {
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

    /// Another account is pinned. What was sent to the old one is never sent again to the new one, nor
    /// is the new one believed about it: only these own texts are meant for it.
    pub(crate) fn begin_with(&mut self, account: AccountKey, own: NumberMap) {
        self.account = account;
        self.held_from = None;
        self.own = own;
        (self.former).insert_range(Number::FIRST, self.newest_number());
        let none = RangeSet::default();
        for (number, _) in self.own.between(&self.former, &none, usize::MAX) {
            self.former.remove(number);
        }
        self.list_version = 0;
        self.unread.forget_texts();
    }

    /// Own texts that a device says it has not, though it has, or has said to have, what came after
    /// them; with their positions, the oldest first. `processed`: the last one that came before its
    /// last answer.
    pub(crate) fn holes(
        &self,
        stream: &Stream,
        processed: Number,
        limit: usize,
    ) -> Vec<(Number, Position)> {
        let mut settled = stream.settled();
        settled.extend(&self.lost);
        self.own.between(&stream.due(processed), &settled, limit)
    }

    /// Whether all own texts that a device is owed have arrived there.
    pub(crate) fn all_arrived(&self, stream: &Stream) -> bool {
        let mut all = RangeSet::default();
        all.insert_range(stream.owed_from.max(Number::FIRST), self.newest_number());
        let mut settled = stream.settled();
        settled.extend(&self.lost);
        self.own.between(&all, &settled, 1).is_empty()
    }
}

impl Record for Conversation {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let newest_own = self.newest_own.iter();
        records::write(&ConversationRecord {
            contact: self.contact.0,
            username: self.username.as_str().to_owned(),
            account: self.account.as_bytes().to_vec(),
            list_version: self.list_version,
            next_position: self.next_position.0,
            next_number: self.next_number.0,
            own: self.own.to_fields(),
            unread: self.unread.to_records(),
            delivered: self.delivered.to_fields(),
            read: self.read.to_fields(),
            former: self.former.to_fields(),
            lost: self.lost.to_fields(),
            dropped: self.dropped,
            preview: self.preview.clone(),
            newest_own: newest_own
                .flat_map(|(number, position)| [number.0, position.0])
                .collect(),
            active_at: self.active_at.0,
            draft: self.draft.clone(),
            last_notice: self.last_notice.map_or(0, NoticeCause::number),
            handovers: self.handovers,
            held_from: self.held_from.map(|number| number.0),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: ConversationRecord = records::read(bytes)?;
        let newest_own = match record.newest_own.as_slice() {
            [] => None,
            [number, position] => Some((Number(*number), Position(*position))),
            _ => return Err(RecordError::Damaged),
        };
        let is_sound = record.next_position > 0 && record.next_number > 0;
        if !is_sound {
            return Err(RecordError::Damaged);
        }
        Ok(Self {
            contact: ContactId(record.contact),
            username: Username::from_canonical(&record.username)
                .map_err(|_| RecordError::Damaged)?,
            account: account_key(&records::fixed(&record.account)?)?,
            list_version: record.list_version,
            next_position: Position(record.next_position),
            next_number: Number(record.next_number),
            own: NumberMap::from_fields(&record.own)?,
            unread: Unread::from_records(&record.unread)?,
            delivered: RangeSet::from_fields(&record.delivered)?,
            read: RangeSet::from_fields(&record.read)?,
            former: RangeSet::from_fields(&record.former)?,
            lost: RangeSet::from_fields(&record.lost)?,
            dropped: record.dropped,
            preview: record.preview,
            newest_own,
            active_at: Millis(record.active_at),
            draft: record.draft,
            last_notice: NoticeCause::from_number(record.last_notice)?,
            handovers: record.handovers,
            held_from: record.held_from.map(Number),
        })
    }
}

impl Room for Conversations {
    fn takes(&self, table: Table, key: &Key) -> bool {
        table == Table::Conversations && ConversationId::from_key(key).is_some()
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        self.0.load_record(key, value)
    }

    fn erase(&mut self, key: &Key) -> bool {
        self.0.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.0.flush(changes);
    }
}
