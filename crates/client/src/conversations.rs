//! Conversations: their lines' positions and numbers, how far own messages have come, what was not seen
//! yet, the draft. The lines themselves stand in the store and are never all in memory (`lines.rs`).

use pawl_protocol::AccountKey;
use pawl_wire::Username;
use prost::Message;
use zeroize::Zeroizing;

use crate::contacts::{PeerId, account_key};
use crate::event::{MessageStatus, NoticeCause};
use crate::ids::ConversationId;
use crate::lines;
use crate::mending::Mending;
use crate::number_map::NumberMap;
use crate::ranges::RangeSet;
use crate::records::{self, Record, RecordError};
use crate::tracked::Tracked;

/// One conversation.
pub(crate) struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) username: Username,
    /// The account pinned for it, so that a damaged contact record does not lose the pin.
    pub(crate) account: AccountKey,
    /// The version of its device list, so that a damaged contact record does not let it go back.
    pub(crate) list_version: u64,
    /// Position of the next line, from 1.
    pub(crate) next_position: u64,
    /// Number of the next own text, from 1.
    pub(crate) next_number: u64,
    /// Own texts to the pinned account that are not known to be read, and the newest of the others.
    pub(crate) own: NumberMap,
    /// Received texts that were not seen.
    pub(crate) unseen: NumberMap,
    /// Own texts that the other's device has.
    pub(crate) delivered: RangeSet,
    /// Own texts that the other has seen.
    pub(crate) read: RangeSet,
    /// Own texts to accounts that were pinned before: nobody says any more what became of them.
    pub(crate) former: RangeSet,
    /// Own texts that are not sent again: their record is damaged, or they were tried too often, or had
    /// arrived long ago.
    pub(crate) lost: RangeSet,
    /// Texts of the pinned account that are on this disk. Never has a gap closed for want of room.
    pub(crate) received: RangeSet,
    /// Texts of accounts that are not accepted yet, which wait aside. Each account has its own numbers: nobody
    /// can hide another's texts by using theirs.
    unaccepted: Vec<(AccountKey, RangeSet)>,
    /// Something that waited aside was dropped, and no line has said so yet.
    pub(crate) dropped: bool,
    /// Received texts that were seen.
    pub(crate) seen: RangeSet,
    /// A receipt is due.
    pub(crate) owes: bool,
    /// Own texts that the other had at its last word, which a device that went back in time takes back.
    pub(crate) known: RangeSet,
    pub(crate) mending: Mending,
    pub(crate) preview: String,
    /// Number and position of the newest text, where it is an own one.
    pub(crate) newest_own: Option<(u64, u64)>,
    /// Milliseconds since 1970.
    pub(crate) active_at: u64,
    pub(crate) draft: String,
    /// The notice that stands in the last line, so that it is not said twice in a row.
    pub(crate) last_notice: Option<NoticeCause>,
    /// How often the name has changed hands since a person last wrote here or accepted somebody.
    pub(crate) handovers: u32,
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
    #[prost(string, tag = "12")]
    preview: String,
    #[prost(uint64, tag = "13")]
    active_at: u64,
    #[prost(string, tag = "14")]
    draft: String,
    #[prost(uint32, tag = "15")]
    last_notice: u32,
    // 10 and 11 were what receipts still had to say.
    #[prost(uint64, repeated, tag = "16")]
    received: Vec<u64>,
    #[prost(message, repeated, tag = "17")]
    unaccepted: Vec<UnacceptedRecord>,
    #[prost(uint64, repeated, tag = "18")]
    seen: Vec<u64>,
    #[prost(bool, tag = "19")]
    owes: bool,
    // 20 was what is below in 23 and 24, as a message.
    #[prost(uint64, repeated, tag = "21")]
    known: Vec<u64>,
    #[prost(uint64, tag = "22")]
    list_version: u64,
    #[prost(uint64, repeated, tag = "23")]
    mending: Vec<u64>,
    #[prost(bytes = "vec", tag = "24")]
    unreadable: Vec<u8>,
    #[prost(uint64, repeated, tag = "25")]
    former: Vec<u64>,
    #[prost(bool, tag = "26")]
    dropped: bool,
    /// Number and position, zeros where the newest text is not an own one; nothing where an older version wrote this.
    #[prost(uint64, repeated, tag = "27")]
    newest_own: Vec<u64>,
    /// Nothing where an older version wrote this.
    #[prost(uint32, tag = "28")]
    handovers: u32,
    #[prost(bytes = "vec", tag = "29")]
    id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct UnacceptedRecord {
    #[prost(bytes = "vec", tag = "1")]
    account: Vec<u8>,
    #[prost(uint64, repeated, tag = "2")]
    received: Vec<u64>,
}

impl Conversation {
    /// An empty one, whose numbers begin at `first`: 1, or where an earlier record of it was lost, a
    /// number above all that it can have used.
    pub(crate) fn new(
        id: ConversationId,
        username: Username,
        account: AccountKey,
        first: u64,
    ) -> Self {
        Self {
            id,
            username,
            account,
            list_version: 0,
            next_position: first,
            next_number: first,
            own: NumberMap::default(),
            unseen: NumberMap::default(),
            delivered: RangeSet::default(),
            read: RangeSet::default(),
            former: RangeSet::default(),
            lost: RangeSet::default(),
            received: RangeSet::default(),
            unaccepted: Vec::new(),
            dropped: false,
            seen: RangeSet::default(),
            owes: false,
            known: RangeSet::default(),
            mending: Mending::default(),
            preview: String::new(),
            newest_own: None,
            active_at: 0,
            draft: String::new(),
            last_notice: None,
            handovers: 0,
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

    /// Another account is pinned. What was sent to the old one is never sent again to the new one, nor is
    /// the new one believed about it: only these own texts are meant for it.
    pub(crate) fn begin_with(&mut self, account: AccountKey, own: NumberMap) {
        self.account = account;
        self.own = own;
        self.former.insert_range(1, self.next_number - 1);
        let none = RangeSet::default();
        for (number, _) in self.own.between(&self.former, &none, usize::MAX) {
            self.former.remove(number);
        }
        self.list_version = 0;
        let unaccepted = std::mem::take(&mut self.unaccepted).into_iter();
        let theirs = unaccepted.filter(|(sender, _)| *sender == account);
        self.received = theirs
            .map(|(_, received)| received)
            .next()
            .unwrap_or_default();
        self.unseen.forget_numbers();
        self.seen = RangeSet::default();
        self.known = RangeSet::default();
        self.owes = !self.received.is_empty();
        self.mending = Mending::default();
    }

    /// Which texts of an account that is not accepted wait aside.
    pub(crate) fn unaccepted(&self, sender: &AccountKey) -> Option<&RangeSet> {
        let mut all = self.unaccepted.iter();
        all.find(|(account, _)| account == sender)
            .map(|(_, received)| received)
    }

    /// The same, to add to; the accounts that may write are few.
    pub(crate) fn unaccepted_mut(&mut self, sender: &AccountKey) -> &mut RangeSet {
        let mut all = self.unaccepted.iter();
        let at = all.position(|(account, _)| account == sender);
        let at = at.unwrap_or_else(|| {
            self.unaccepted.push((*sender, RangeSet::default()));
            self.unaccepted.len() - 1
        });
        &mut self.unaccepted[at].1
    }

    /// Whose texts wait aside.
    pub(crate) fn unaccepted_accounts(&self) -> impl Iterator<Item = AccountKey> {
        self.unaccepted.iter().map(|(account, _)| *account)
    }

    /// What an account wrote is not there any more, and may come again.
    pub(crate) fn forget_unaccepted(&mut self, sender: &AccountKey) {
        self.unaccepted.retain(|(account, _)| account != sender);
    }

    /// Own texts that the other says it has not, though it has, or has said to have, what came after
    /// them; with their positions, the oldest first.
    pub(crate) fn holes(&self, limit: usize) -> Vec<(u64, u64)> {
        let mut due = self.delivered.clone();
        due.insert_range(1, self.known.last().max(self.mending.processed));
        let mut known = self.known.clone();
        known.extend(&self.lost);
        self.own.between(&due, &known, limit)
    }

    /// What had arrived up to this own text is not sent again, whatever the other has lost.
    pub(crate) fn settle_delivered(&mut self, number: u64) {
        for (first, last) in self.delivered.iter().filter(|(first, _)| *first <= number) {
            self.lost.insert_range(first, last.min(number));
        }
    }

    /// Whether all own texts have arrived.
    pub(crate) fn all_arrived(&self) -> bool {
        let mut all = RangeSet::default();
        all.insert_range(1, self.next_number - 1);
        let mut known = self.known.clone();
        known.extend(&self.lost);
        self.own.between(&all, &known, 1).is_empty()
    }
}

impl Record for Conversation {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&ConversationRecord {
            id: self.id.as_bytes().to_vec(),
            username: self.username.as_str().to_owned(),
            account: self.account.as_bytes().to_vec(),
            next_position: self.next_position,
            next_number: self.next_number,
            own: self.own.to_fields(),
            unseen: self.unseen.to_fields(),
            delivered: self.delivered.to_fields(),
            read: self.read.to_fields(),
            lost: self.lost.to_fields(),
            preview: self.preview.clone(),
            newest_own: self
                .newest_own
                .map_or_else(|| vec![0, 0], |(number, position)| vec![number, position]),
            active_at: self.active_at,
            draft: self.draft.clone(),
            last_notice: self.last_notice.map_or(0, lines::notice_number),
            received: self.received.to_fields(),
            unaccepted: self
                .unaccepted
                .iter()
                .map(|(sender, received)| UnacceptedRecord {
                    account: sender.as_bytes().to_vec(),
                    received: received.to_fields(),
                })
                .collect(),
            seen: self.seen.to_fields(),
            owes: self.owes,
            mending: self.mending.to_fields(),
            unreadable: self.mending.unreadable.clone(),
            known: self.known.to_fields(),
            list_version: self.list_version,
            former: self.former.to_fields(),
            dropped: self.dropped,
            handovers: self.handovers,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: ConversationRecord = records::read(bytes)?;
        // Before there was any mending, neither side's numbers were kept whole.
        let mending = if record.mending.is_empty() {
            Mending {
                amnesia: true,
                ..Mending::default()
            }
        } else {
            Mending::from_fields(&record.mending, record.unreadable)?
        };
        let mut known = RangeSet::from_fields(&record.known)?;
        if mending.amnesia {
            known.extend(&RangeSet::from_fields(&record.delivered)?);
            known.extend(&RangeSet::from_fields(&record.read)?);
        }
        let own = NumberMap::from_fields(&record.own)?;
        // Before it was kept: the newest own text, where nothing stands below it.
        let newest_own = match record.newest_own.as_slice() {
            [] => own
                .newest()
                .filter(|(_, position)| *position + 1 == record.next_position),
            [0, 0] => None,
            [number, position] => Some((*number, *position)),
            _ => return Err(RecordError::Damaged),
        };
        Ok(Self {
            id: ConversationId::from_bytes(records::fixed(&record.id)?),
            username: Username::from_canonical(&record.username)
                .map_err(|_| RecordError::Damaged)?,
            account: account_key(&records::fixed(&record.account)?)?,
            list_version: record.list_version,
            next_position: record.next_position,
            next_number: record.next_number,
            own,
            unseen: NumberMap::from_fields(&record.unseen)?,
            delivered: RangeSet::from_fields(&record.delivered)?,
            read: RangeSet::from_fields(&record.read)?,
            former: RangeSet::from_fields(&record.former)?,
            lost: RangeSet::from_fields(&record.lost)?,
            received: RangeSet::from_fields(&record.received)?,
            unaccepted: record
                .unaccepted
                .iter()
                .map(|UnacceptedRecord { account, received }| {
                    let account = account_key(&records::fixed(account)?)?;
                    Ok((account, RangeSet::from_fields(received)?))
                })
                .collect::<Result<_, _>>()?,
            dropped: record.dropped,
            seen: RangeSet::from_fields(&record.seen)?,
            owes: record.owes,
            mending,
            known,
            preview: record.preview,
            newest_own,
            active_at: record.active_at,
            draft: record.draft,
            last_notice: lines::notice_from_number(record.last_notice)?,
            handovers: record.handovers,
        })
    }
}

#[cfg(test)]
mod tests {
    use chacha20::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_record_from_before_there_was_mending_asks_for_nothing_again() {
        let mut rng = chacha20::ChaCha20Rng::from_seed([7; 32]);
        let account = pawl_protocol::AccountKeyPair::generate(&mut rng).public();
        let old = ConversationRecord {
            id: vec![7; 16],
            username: "bob".into(),
            account: account.as_bytes().to_vec(),
            next_position: 9,
            next_number: 6,
            own: vec![1, 1, 5],
            delivered: vec![1, 4],
            read: vec![1, 2],
            ..ConversationRecord::default()
        };
        let conversation = Conversation::decode(&records::write(&old)).expect("decodes");
        assert!(
            conversation.mending.amnesia,
            "what came before is not said to be missing"
        );
        assert!(
            conversation.holes(9).is_empty(),
            "what arrived is not sent again"
        );
        let again = Conversation::decode(&conversation.encode()).expect("decodes");
        assert!(again.mending.amnesia && again.known == conversation.known);
        let new = Conversation::new(conversation.id, conversation.username, account, 1);
        let new = Conversation::decode(&new.encode()).expect("decodes");
        assert!(!new.mending.amnesia);
    }
}
