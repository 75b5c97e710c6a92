//! What accounts that are not the pinned one have written under a person's name. None of it is a line of
//! the conversation: it waits on disk until the user accepts that account, or until the name is the pinned
//! account's again. Whom to believe is decided elsewhere (`engine/flows/trust.rs`).

use pawl_protocol::AccountKey;
use pawl_wire::{AccountId, DeviceAddress};
use prost::Message;
use zeroize::Zeroizing;

use crate::api::event::{MessageView, NoticeCause};
use crate::channel::Channels;
use crate::content::Text;
use crate::conversations::Conversations;
use crate::conversations::lines::Line;
use crate::directory::contacts::Contacts;
use crate::engine::flows::opening::Sender;
use crate::ids::{ContactId, ConversationId};
use crate::limits::{ASIDE_OVERHEAD, MAX_ASIDE_ACCOUNT_BYTES, MAX_ASIDE_BYTES, MAX_ASIDE_TEXTS};
use crate::rooms::Room;
use crate::storage::ranges::RangeSet;
use crate::storage::records::{self, Record, RecordError};
use crate::storage::sorted::SortedSet;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{RecordKey, Tracked};
use crate::turn::Turn;

/// In which conversation something would stand, and the order in which it came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AsideId {
    pub(crate) conversation: ConversationId,
    order: u64,
}

impl RecordKey for AsideId {
    fn to_key(self) -> Key {
        Key([&self.conversation.as_bytes()[..], &self.order.to_be_bytes()].concat())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let (conversation, order) = key.0.split_first_chunk()?;
        Some(Self {
            conversation: ConversationId::from_bytes(*conversation),
            order: u64::from_be_bytes(order.try_into().ok()?),
        })
    }
}

/// Something that waits.
pub(crate) struct Waiting {
    pub(crate) sender: DeviceAddress,
    /// The sender's number of the text; 0 for what is not a text.
    pub(crate) number: u64,
    pub(crate) line: Line,
}

impl Waiting {
    fn size(&self) -> usize {
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
            number: self.number,
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
            number: record.number,
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
            order: 0,
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
        all.map(|(id, waiting)| waiting.line.clone().view(id.order))
            .collect()
    }

    /// Whether one more thing of this size is within the account's share.
    fn is_within_share(
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
    fn most_over(&self, conversation: ConversationId, size: usize) -> Option<ConversationId> {
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

    fn push(&mut self, conversation: ConversationId, waiting: Waiting) {
        let last = self.of_conversation(conversation).last();
        let order = last.map_or(0, |(id, _)| id.order) + 1;
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

    fn erase(&mut self, key: &Key) {
        self.waiting.erase_record(key);
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.waiting.flush(changes);
    }
}

/// Sets aside what accounts write that are not accepted.
pub(crate) struct SettingAside<'e> {
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) aside: &'e mut Aside,
    pub(crate) channels: &'e mut Channels,
}

impl SettingAside<'_> {
    /// A text of an account that is not the pinned one. What there is no room for is not remembered
    /// either: where the account is accepted, its device learns that and sends it again.
    pub(crate) fn set_aside_text(
        &mut self,
        conversation: ConversationId,
        sender: Sender,
        text: Text,
        turn: &mut Turn<'_>,
    ) {
        let stream = self.channels.stream(sender.device, conversation);
        if stream.is_some_and(|stream| stream.received.contains(text.number)) {
            return;
        }
        let (number, after) = (text.number, text.after);
        let waiting = Waiting {
            sender: sender.device,
            number,
            line: Line::received(text, turn.now),
        };
        if self.makes_room(conversation, sender, &waiting)
            && let Some(channel) = self.channels.edit(sender.device)
            && channel
                .stream_mut(conversation)
                .received
                .try_insert(after + 1, number)
        {
            self.aside.push(conversation, waiting);
            turn.shown.insert(conversation);
        }
    }

    /// What such an account sent and this version cannot show.
    pub(crate) fn set_aside_notice(
        &mut self,
        conversation: ConversationId,
        sender: Sender,
        cause: NoticeCause,
        turn: &mut Turn<'_>,
    ) {
        let last = self.aside.of_account(conversation, sender.account).last();
        let is_news = last.is_none_or(|(_, it)| it.line.notice != Some(cause));
        let waiting = Waiting {
            sender: sender.device,
            number: 0,
            line: Line::notice(cause, turn.now),
        };
        if is_news && self.makes_room(conversation, sender, &waiting) {
            self.aside.push(conversation, waiting);
            turn.shown.insert(conversation);
        }
    }

    /// Whether one more thing may wait. Where too much waits in all, the accounts that had a name first
    /// go first, of the conversation in which most waits.
    fn makes_room(&mut self, conversation: ConversationId, sender: Sender, new: &Waiting) -> bool {
        let account = sender.account;
        if !(self.aside).is_within_share(conversation, account, new.size()) {
            return false;
        }
        while let Some(most) = self.aside.most_over(conversation, new.size()) {
            let contact = self.contacts.in_conversation(most);
            let contact = contact.and_then(|contact| self.contacts.get(contact));
            let mut holders = contact.into_iter().flat_map(|it| it.unaccepted());
            let oldest = holders.find(|it| self.aside.count(most, *it) > 0);
            drop(holders);
            match oldest {
                Some(oldest) if (most, oldest) != (conversation, account) => {
                    self.drop_aside(most, oldest);
                }
                _ => return false,
            }
        }
        true
    }

    /// An account's texts go, and that they came is forgotten with them.
    pub(crate) fn drop_aside(&mut self, conversation: ConversationId, account: AccountKey) {
        let any = !self.aside.take(conversation, account).is_empty();
        for device in self.channels.of_account(&account) {
            let stream = self.channels.stream(device, conversation);
            if stream.is_some_and(|stream| !stream.received.is_empty())
                && let Some(channel) = self.channels.edit(device)
            {
                channel.stream_mut(conversation).received = RangeSet::default();
            }
        }
        if any && let Some(conversation) = self.conversations.edit(conversation) {
            conversation.dropped = true;
        }
    }

    /// The same for all accounts that the user has not accepted.
    pub(crate) fn drop_all_aside(&mut self, contact: ContactId) {
        let Some(known) = self.contacts.get(contact) else {
            return;
        };
        let conversation = known.conversation();
        let accounts: Vec<_> = known.unaccepted().collect();
        for account in accounts {
            self.drop_aside(conversation, account);
        }
    }

    /// After loading: whose texts nobody can accept any more, because a record is lost.
    pub(crate) fn settle_aside(&mut self) {
        let waiting = self.aside.waiting.iter();
        let all: SortedSet<_> = waiting
            .map(|(id, it)| (id.conversation, it.sender.account.0))
            .collect();
        for (conversation, account) in all {
            let contact = self.contacts.in_conversation(conversation);
            let contact = contact.and_then(|contact| self.contacts.get(contact));
            let mut holders = contact.into_iter().flat_map(|it| it.unaccepted());
            let is_held = holders.any(|it| *it.as_bytes() == account);
            drop(holders);
            if let (false, Ok(account)) = (is_held, AccountKey::from_bytes(&account)) {
                self.drop_aside(conversation, account);
            }
        }
    }
}
