//! What accounts that are not the pinned one have written under a person's name. None of it is a line of
//! the conversation: it waits on disk until the user accepts that account, or until the name is the pinned
//! account's again. Whom to believe is decided elsewhere (`trust.rs`).

use pawl_protocol::AccountKey;
use prost::Message;
use zeroize::Zeroizing;

use crate::contacts::{Contact, PeerId, account_key};
use crate::content::Text;
use crate::engine::Engine;
use crate::event::{MessageView, NoticeCause};
use crate::limits::{ASIDE_OVERHEAD, MAX_ASIDE_ACCOUNT_BYTES, MAX_ASIDE_BYTES, MAX_ASIDE_TEXTS};
use crate::lines::Line;
use crate::records::{self, Record, RecordError};
use crate::store::{Change, Key, Table};
use crate::tracked::{RecordKey, Tracked};
use crate::turn::Turn;

/// Under whose name something came, and the order in which it came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AsideId {
    peer: PeerId,
    order: u64,
}

impl RecordKey for AsideId {
    fn to_key(self) -> Key {
        Key([self.peer.0, self.order].map(u64::to_be_bytes).concat())
    }
}

impl AsideId {
    /// Reads the longer ones of the keys in [`Table::Conversations`].
    pub(crate) fn from_key(key: &Key) -> Option<Self> {
        match key.0.as_chunks::<8>() {
            ([peer, order], []) => Some(Self {
                peer: PeerId(u64::from_be_bytes(*peer)),
                order: u64::from_be_bytes(*order),
            }),
            _ => None,
        }
    }
}

/// Something that waits.
pub(crate) struct Waiting {
    sender: AccountKey,
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
}

impl Record for Waiting {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&WaitingRecord {
            sender: self.sender.as_bytes().to_vec(),
            number: self.number,
            line: self.line.encode().to_vec(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: WaitingRecord = records::read(bytes)?;
        Ok(Self {
            sender: account_key(&records::fixed(&record.sender)?)?,
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

    pub(crate) fn load(&mut self, id: AsideId, waiting: Waiting) {
        self.waiting.load(id, waiting);
    }

    /// Erases a damaged record from the store, and says under whose name it stood.
    pub(crate) fn erase(&mut self, id: AsideId) -> PeerId {
        self.waiting.erase(id);
        id.peer
    }

    pub(crate) fn flush(&mut self, changes: &mut Vec<Change>) {
        self.waiting.flush(changes);
    }

    fn of_peer(&self, peer: PeerId) -> impl Iterator<Item = (AsideId, &Waiting)> {
        self.waiting.iter().filter(move |(id, _)| id.peer == peer)
    }

    fn of_sender(&self, peer: PeerId, sender: AccountKey) -> impl Iterator<Item = &Waiting> {
        let all = self.of_peer(peer).map(|(_, waiting)| waiting);
        all.filter(move |waiting| waiting.sender == sender)
    }

    /// How much of one account waits.
    pub(crate) fn count(&self, peer: PeerId, sender: AccountKey) -> usize {
        self.of_sender(peer, sender).count()
    }

    /// As the review shows it.
    pub(crate) fn views(&self, peer: PeerId, sender: AccountKey) -> Vec<MessageView> {
        let all = self.of_peer(peer).filter(|(_, it)| it.sender == sender);
        all.map(|(id, waiting)| waiting.line.clone().view(id.order))
            .collect()
    }

    /// Whether one more thing of this size is within the account's share.
    fn is_within_share(&self, peer: PeerId, sender: AccountKey, size: usize) -> bool {
        let bytes: usize = self.of_sender(peer, sender).map(Waiting::size).sum();
        self.count(peer, sender) < MAX_ASIDE_TEXTS && bytes + size <= MAX_ASIDE_ACCOUNT_BYTES
    }

    /// Where all that waits and one more thing of this size is too much: under whose name most of it waits.
    fn most_over(&self, peer: PeerId, size: usize) -> Option<PeerId> {
        let mut all = 0;
        let mut most = (0, peer);
        let mut current = (0, peer);
        for (id, waiting) in self.waiting.iter() {
            if id.peer != current.1 {
                current = (0, id.peer);
            }
            current.0 += waiting.size();
            all += waiting.size();
            most = most.max(current);
        }
        (all + size > MAX_ASIDE_BYTES).then_some(most.1)
    }

    fn push(&mut self, peer: PeerId, waiting: Waiting) {
        let last = self.of_peer(peer).map(|(id, _)| id.order).last();
        let order = last.unwrap_or(0) + 1;
        self.waiting.insert(AsideId { peer, order }, waiting);
    }

    /// Hands out, and erases, what an account wrote under a person's name, in its order.
    pub(crate) fn take(&mut self, peer: PeerId, sender: AccountKey) -> Vec<Waiting> {
        let all = self.of_peer(peer).filter(|(_, it)| it.sender == sender);
        let ids: Vec<_> = all.map(|(id, _)| id).collect();
        let taken = ids.into_iter().filter_map(|id| self.waiting.remove(id));
        taken.collect()
    }
}

impl Engine {
    /// A text of an account that is not the pinned one. What there is no room for is not remembered
    /// either: where the account is accepted, it learns that and sends it again.
    pub(crate) fn set_aside_text(
        &mut self,
        peer: PeerId,
        sender: AccountKey,
        text: Text,
        turn: &mut Turn<'_>,
    ) {
        let conversation = self.conversations.get(peer);
        let came = conversation.and_then(|c| c.unaccepted(&sender));
        if came.is_some_and(|came| came.contains(text.number)) {
            return;
        }
        let (number, after) = (text.number, text.after);
        let waiting = Waiting {
            sender,
            number,
            line: Line::received(text, turn.now),
        };
        if self.makes_room(peer, &waiting)
            && let Some(conversation) = self.conversations.edit(peer)
            && conversation
                .unaccepted_mut(&sender)
                .try_insert(after + 1, number)
        {
            self.aside.push(peer, waiting);
            turn.shown.insert(peer);
        }
    }

    /// What such an account sent and this version cannot show.
    pub(crate) fn set_aside_notice(
        &mut self,
        peer: PeerId,
        sender: AccountKey,
        cause: NoticeCause,
        turn: &mut Turn<'_>,
    ) {
        let last = self.aside.of_sender(peer, sender).last();
        let waiting = Waiting {
            sender,
            number: 0,
            line: Line::notice(cause, turn.now),
        };
        if last.is_none_or(|it| it.line.notice != Some(cause)) && self.makes_room(peer, &waiting) {
            self.aside.push(peer, waiting);
            turn.shown.insert(peer);
        }
    }

    /// Whether one more thing may wait. Where too much waits in all, the accounts that had a name first
    /// go first, of the name under which most waits.
    fn makes_room(&mut self, peer: PeerId, new: &Waiting) -> bool {
        if !self.aside.is_within_share(peer, new.sender, new.size()) {
            return false;
        }
        while let Some(most) = self.aside.most_over(peer, new.size()) {
            let contact = self.contacts.get(most);
            let mut holders = contact.into_iter().flat_map(|c| &c.changed);
            let oldest = holders.find(|(it, _)| self.aside.count(most, *it) > 0);
            match oldest.map(|(account, _)| *account) {
                Some(account) if (most, account) != (peer, new.sender) => {
                    self.drop_aside(most, account);
                }
                _ => return false,
            }
        }
        true
    }

    /// An account's texts go, and that they came is forgotten with them.
    pub(crate) fn drop_aside(&mut self, peer: PeerId, account: AccountKey) {
        let any = !self.aside.take(peer, account).is_empty();
        if let Some(conversation) = self.conversations.edit(peer) {
            conversation.forget_unaccepted(&account);
            conversation.dropped |= any;
        }
    }

    /// The same for all accounts that the user has not accepted.
    pub(crate) fn drop_all_aside(&mut self, peer: PeerId) {
        let contact = self.contacts.get(peer);
        let all = contact.map(|c| c.changed.iter().map(|(account, _)| *account).collect());
        let all: Vec<AccountKey> = all.unwrap_or_default();
        for account in all {
            self.drop_aside(peer, account);
        }
    }

    /// After loading: whose texts nobody can accept any more, because a record is lost, or because an older
    /// version did not forget them when the name was given back.
    pub(crate) fn settle_aside(&mut self) {
        let waiting = self.aside.waiting.iter();
        let mut all: Vec<_> = waiting.map(|(id, it)| (id.peer, it.sender)).collect();
        for (peer, conversation) in self.conversations.iter() {
            all.extend(conversation.unaccepted_accounts().map(|it| (peer, it)));
        }
        for (peer, account) in all {
            let is_held = |c: &Contact| c.changed.iter().any(|(it, _)| *it == account);
            if !self.contacts.get(peer).is_some_and(is_held) {
                self.drop_aside(peer, account);
            }
        }
    }
}
