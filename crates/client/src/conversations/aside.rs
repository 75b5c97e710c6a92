//! What accounts that are not the pinned one have written under a person's name. None of it is a line of
//! the conversation: it waits on disk until the user accepts that account, or until the name is the pinned
//! account's again. Whom to believe is decided elsewhere (`engine/flows/trust.rs`).

use pawl_protocol::AccountKey;
use pawl_wire::{AccountId, DeviceAddress};
use prost::Message;
use zeroize::Zeroizing;

use crate::api::event::MessageView;
use crate::conversations::lines::Line;
use crate::ids::ConversationId;
use crate::limits::{ASIDE_OVERHEAD, MAX_ASIDE_ACCOUNT_BYTES, MAX_ASIDE_BYTES, MAX_ASIDE_TEXTS};
use crate::numbers::{Number, Order, Position};
use crate::storage::records::{self, Record, RecordError};
use crate::storage::room::Room;
use crate::storage::sorted::SortedSet;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{RecordKey, Tracked};

/// In which conversation something would stand, and the order in which it came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AsideId {
    pub(crate) conversation: ConversationId,
    order: Order,
}

impl RecordKey for AsideId {
    fn to_key(self) -> Key {
        Key([
            &self.conversation.as_bytes()[..],
            &self.order.0.to_be_bytes(),
        ]
        .concat())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let (conversation, order) = key.0.split_first_chunk()?;
        Some(Self {
            conversation: ConversationId::from_bytes(*conversation),
            order: Order(u64::from_be_bytes(order.try_into().ok()?)),
        })
    }
}

/// Something that waits.
pub(crate) struct Waiting {
    pub(crate) sender: DeviceAddress,
    /// The sender's number of the text; 0 for what is not a text.
    pub(crate) number: Number,
    pub(crate) line: Line,
}

impl Waiting {
    pub(crate) fn size(&self) -> usize {
        self.line.text.len() + ASIDE_OVERHEAD
    }
}

#[derive(Clone, PartialEq, Message)]
struct WaitingRecord {
    #[prost(bytes = "vec", tag = "1")]
    sender: Vec<u8>,
    #[prost(uint64, tag = "2")]
    number: u64,
    #[prost(bytes = "vec", tag = "3")]
    line: Vec<u8>,
    #[prost(uint32, tag = "4")]
    device: u32,
}

impl Record for Waiting {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&WaitingRecord {
            sender: self.sender.account.0.to_vec(),
            device: self.sender.device,
            number: self.number.0,
            line: self.line.encode().to_vec(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: WaitingRecord = records::read(bytes)?;
        Ok(Self {
            sender: DeviceAddress {
                account: AccountId(records::fixed(&record.sender)?),
                device: record.device,
            },
            number: Number(record.number),
            line: Line::decode(&record.line)?,
        })
    }
}

/// All of it.
pub(crate) struct Aside {
    waiting: Tracked<AsideId, Waiting>,
}

impl Aside {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Tracked::new(Table::Conversations),
        }
    }

    fn of_conversation(
        &self,
        conversation: ConversationId,
    ) -> impl Iterator<Item = (AsideId, &Waiting)> {
        let first = AsideId {
            conversation,
            order: Order::ZERO,
        };
        let all = self.waiting.from(first);
        all.take_while(move |(id, _)| id.conversation == conversation)
    }

    fn of_account(
        &self,
        conversation: ConversationId,
        account: AccountKey,
    ) -> impl Iterator<Item = (AsideId, &Waiting)> {
        let all = self.of_conversation(conversation);
        all.filter(move |(_, waiting)| waiting.sender.account.0 == *account.as_bytes())
    }

    /// How much of one account waits.
    pub(crate) fn count(&self, conversation: ConversationId, account: AccountKey) -> usize {
        self.of_account(conversation, account).count()
    }

    /// As the review shows it.
    pub(crate) fn views(
        &self,
        conversation: ConversationId,
        account: AccountKey,
    ) -> Vec<MessageView> {
        let all = self.of_account(conversation, account);
        all.map(|(id, waiting)| waiting.line.clone().view(Position(id.order.0)))
            .collect()
    }

    /// Whether one more thing of this size is within the account's share.
    pub(crate) fn is_within_share(
        &self,
        conversation: ConversationId,
        account: AccountKey,
        size: usize,
    ) -> bool {
        let all = self.of_account(conversation, account);
        let bytes: usize = all.map(|(_, waiting)| waiting.size()).sum();
        self.count(conversation, account) < MAX_ASIDE_TEXTS
            && bytes + size <= MAX_ASIDE_ACCOUNT_BYTES
    }

    /// Where all that waits and one more thing of this size is too much: the conversation in which most
    /// of it waits.
    pub(crate) fn most_over(
        &self,
        conversation: ConversationId,
        size: usize,
    ) -> Option<ConversationId> {
        let mut all = 0;
        let mut most = (0, conversation);
        let mut current = (0, conversation);
        for (id, waiting) in self.waiting.iter() {
            if id.conversation != current.1 {
                current = (0, id.conversation);
            }
            current.0 += waiting.size();
            all += waiting.size();
            most = most.max(current);
        }
        (all + size > MAX_ASIDE_BYTES).then_some(most.1)
    }

    /// Whose texts wait, and in which conversation.
    pub(crate) fn accounts(&self) -> SortedSet<(ConversationId, [u8; 32])> {
        let waiting = self.waiting.iter();
        waiting
            .map(|(id, it)| (id.conversation, it.sender.account.0))
            .collect()
    }

    /// The last thing that an account wrote.
    pub(crate) fn last_of(
        &self,
        conversation: ConversationId,
        account: AccountKey,
    ) -> Option<&Waiting> {
        let last = self.of_account(conversation, account).last();
        last.map(|(_, waiting)| waiting)
    }

    pub(crate) fn push(&mut self, conversation: ConversationId, waiting: Waiting) {
        let last = self.of_conversation(conversation).last();
        let order = last.map_or(Order::ZERO, |(id, _)| id.order).next();
        let id = AsideId {
            conversation,
            order,
        };
        self.waiting.insert(id, waiting);
    }

    /// Hands out, and erases, what an account wrote in a conversation, in its order.
    pub(crate) fn take(
        &mut self,
        conversation: ConversationId,
        account: AccountKey,
    ) -> Vec<Waiting> {
        let all = self.of_account(conversation, account);
        let ids: Vec<_> = all.map(|(id, _)| id).collect();
        let taken = ids.into_iter().filter_map(|id| self.waiting.remove(id));
        taken.collect()
    }
}

impl Room for Aside {
    fn takes(&self, table: Table, key: &Key) -> bool {
        table == Table::Conversations && AsideId::from_key(key).is_some()
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        self.waiting.load_record(key, value)
    }

    fn erase(&mut self, key: &Key) -> bool {
        self.waiting.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.waiting.flush(changes);
    }
}
