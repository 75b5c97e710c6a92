//! Somebody new: their account is pinned on first use, and the conversation with them begins.

use pawl_protocol::{AccountKey, VerifiedAccountRecord};
use pawl_wire::Username;

use crate::account::Account;
use crate::account::counters::Counters;
use crate::channel::Channels;
use crate::channel::sessions::Sessions;
use crate::conversations::{Conversation, Conversations};
use crate::directory::contacts::{Contact, Contacts};
use crate::ids::{ContactId, ConversationId};
use crate::outbox::Outbox;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// Begins a conversation with somebody new.
pub(crate) struct Meeting<'e> {
    pub(crate) account: &'e Kept<Account>,
    pub(crate) counters: &'e mut Kept<Counters>,
    pub(crate) contacts: &'e mut Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) channels: &'e Channels,
    pub(crate) sessions: &'e Sessions,
    pub(crate) outbox: &'e Outbox,
}

impl Meeting<'_> {
    /// Pins an account on first use and opens the conversation with it.
    pub(crate) fn add_contact(
        &mut self,
        username: Username,
        record: &VerifiedAccountRecord,
        turn: &mut Turn<'_>,
    ) -> ContactId {
        let contact = self.counters.edit().next_contact();
        let id = self.free_id(&record.account());
        let account = record.account();
        // Where records were lost, lines and numbers of before are still there: none can be as high as
        // the time.
        let is_known = !self.outbox.texts_of(id).is_empty()
            || !self.channels.of_account(&account).is_empty()
            || !self.sessions.devices_of(&account).is_empty();
        let first = if is_known { turn.now.0 } else { 1 };
        let mut conversation = Conversation::new(contact, username.clone(), account, first);
        conversation.active_at = turn.now;
        conversation.list_version = record.version();
        let mut new = Contact::new(username, account, id);
        new.update(record);
        self.contacts.insert(contact, new);
        self.conversations.insert(id, conversation);
        turn.shown.insert(id);
        contact
    }

    /// The id of a conversation with somebody new. It is taken where they are the account that a
    /// contact had before that one's identity changed; then it is the next one.
    fn free_id(&self, account: &AccountKey) -> ConversationId {
        let own = self.account.get().0.as_deref();
        let own = own.map_or(*account, |own| own.keys.public());
        let mut id = ConversationId::of_two(&own, account);
        while self.contacts.in_conversation(id).is_some() {
            id = id.next();
        }
        id
    }
}
