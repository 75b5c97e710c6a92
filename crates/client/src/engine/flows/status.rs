//! How far own texts have come, by what is known of the other, of the conversation and of the outbox.

use crate::api::event::MessageStatus;
use crate::conversations::Conversations;
use crate::directory::contacts::Contacts;
use crate::ids::ConversationId;
use crate::numbers::Number;
use crate::outbox::{EntryId, Outbox};
use crate::turn::Turn;

/// Reads how far own texts have come.
pub(crate) struct Statuses<'e> {
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e Conversations,
    pub(crate) outbox: &'e Outbox,
}

impl Statuses<'_> {
    /// How far an own text has come. Never goes back, but from "not sent" on a retry.
    pub(crate) fn of(&self, conversation: ConversationId, number: Number) -> MessageStatus {
        let known = self.conversations.get(conversation);
        let sent = known.map_or(MessageStatus::Sent, |it| it.status_of_sent(number));
        let Some((_, entry)) = self.outbox.text(conversation, number) else {
            return sent;
        };
        let has_come = matches!(sent, MessageStatus::Delivered | MessageStatus::Read);
        if has_come || entry.is_stored() {
            return sent;
        }
        let contact = known.and_then(|it| self.contacts.get(it.contact));
        match entry.is_refused() {
            true => MessageStatus::NotSent,
            false if contact.is_some_and(|it| it.is_changed()) => MessageStatus::Waiting,
            false => MessageStatus::Sending,
        }
    }

    /// How far a text has come is shown.
    pub(crate) fn show(&self, id: EntryId, turn: &mut Turn<'_>) {
        if let Some(entry) = self.outbox.get(id).filter(|_| id.is_text()) {
            let status = self.of(id.conversation, id.number);
            turn.show_status(id.conversation, entry.position, status);
        }
    }

    /// Own texts that are not sent yet wait for the user from now on, or no longer.
    pub(crate) fn show_all(&self, conversation: ConversationId, turn: &mut Turn<'_>) {
        for id in self.outbox.texts_of(conversation) {
            self.show(id, turn);
        }
    }
}
