//! What becomes of what accounts write that are not the pinned one: it is set aside, within bounds, and dropped
//! where nobody can accept it any more.

use pawl_protocol::AccountKey;

use crate::api::event::NoticeCause;
use crate::channel::Channels;
use crate::content::Text;
use crate::conversations::Conversations;
use crate::conversations::aside::{Aside, Waiting};
use crate::conversations::lines::Line;
use crate::directory::contacts::Contacts;
use crate::engine::flows::opening::Sender;
use crate::ids::{ContactId, ConversationId};
use crate::numbers::Number;
use crate::storage::ranges::RangeSet;
use crate::turn::Turn;

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
                .try_insert(after.next(), number)
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
        let last = self.aside.last_of(conversation, sender.account);
        let is_news = last.is_none_or(|it| it.line.notice != Some(cause));
        let waiting = Waiting {
            sender: sender.device,
            number: Number::ZERO,
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
        for (conversation, account) in self.aside.accounts() {
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
