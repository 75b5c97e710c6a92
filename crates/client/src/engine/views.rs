//! The engine's state as a page sees it. Reads, never changes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Engine;
use crate::api::error::CommandError;
use crate::api::event::{
    ConversationView, IdentityState, MessageView, NoticeCause, Phase, SafetyNumberView, Snapshot,
};
use crate::conversations::lines::{self, Line};
use crate::directory::contacts::Contact;
use crate::ids::ConversationId;
use crate::numbers::{Millis, Position};
use crate::storage::records::Record;
use crate::storage::store::Key;
use crate::turn::Turn;

impl Engine {
    /// Everything a page needs to draw itself.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // A heap, since a sort is a kilobyte of download.
        let mut order: BinaryHeap<_> = (self.conversations.iter())
            .map(|(id, conversation)| (conversation.active_at, Reverse(conversation.contact), id))
            .collect();
        let newest_first = std::iter::from_fn(|| order.pop());
        Snapshot {
            phase: self.phase(),
            connection: self.relay.state(),
            conversations: newest_first
                .filter_map(|(_, _, id)| self.conversation_view(id))
                .collect(),
        }
    }

    /// The conversation with a person.
    #[must_use]
    pub fn conversation_with(&self, username: &str) -> Option<ConversationId> {
        let contact = self.contacts.named(username)?;
        self.contacts.get(contact).map(Contact::conversation)
    }

    /// The username of the other of a conversation.
    #[must_use]
    pub fn username(&self, conversation: ConversationId) -> Option<String> {
        self.contacts
            .username(self.contacts.in_conversation(conversation)?)
    }

    /// What is known of the identity of the other of a conversation; nothing where there is none.
    #[must_use]
    pub fn identity(&self, conversation: ConversationId) -> Option<IdentityState> {
        let contact = self.contacts.in_conversation(conversation)?;
        self.contacts.get(contact).map(Contact::identity)
    }

    /// Bounds of a conversation's keys in [`crate::Table::Messages`]: the driver reads `[lower, upper)`,
    /// newest first, as many as were asked for.
    ///
    /// # Errors
    /// [`CommandError::UnknownConversation`].
    pub fn history_range(
        &self,
        conversation: ConversationId,
        before: Option<u64>,
    ) -> Result<(Key, Key), CommandError> {
        if self.contacts.in_conversation(conversation).is_none() {
            return Err(CommandError::UnknownConversation);
        }
        Ok((
            lines::key(conversation, Position::ZERO),
            lines::key(conversation, before.map_or(Position::MAX, Position)),
        ))
    }

    /// A message as a page shows it. A record that is missing or damaged is a line that says so.
    #[must_use]
    pub fn message_view(&self, key: &Key, record: Option<&[u8]>) -> MessageView {
        let place = lines::parse_key(key);
        let position = place.map_or(Position::ZERO, |(_, position)| position);
        let line = record.and_then(|bytes| Line::decode(bytes).ok());
        let line = line.unwrap_or_else(|| Line::notice(NoticeCause::Damaged, Millis::ZERO));
        let status = place
            .zip(line.own_number)
            .map(|((id, _), number)| self.statuses().of(id, number));
        MessageView {
            status,
            ..line.view(position)
        }
    }

    /// Whether there is an account, and whose.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.account.get().0.as_deref() {
            None => Phase::NoAccount {
                registration: self.relay.registration(),
            },
            Some(own) if own.registering.is_some() => Phase::Registering {
                username: own.username.as_str().to_owned(),
            },
            Some(own) => Phase::Ready {
                username: own.username.as_str().to_owned(),
            },
        }
    }

    pub(crate) fn conversation_view(&self, id: ConversationId) -> Option<ConversationView> {
        let conversation = self.conversations.get(id)?;
        let contact = self.contacts.get(conversation.contact)?;
        let identity = contact.identity();
        let set_aside = self.aside.count(id, contact.newest_account());
        let unread = &conversation.unread;
        Some(ConversationView {
            id,
            username: conversation.username.as_str().to_owned(),
            unread: u32::try_from(unread.count()).unwrap_or(u32::MAX),
            unread_from: unread.first_position().map(|first| first.0),
            preview: conversation.preview.clone(),
            preview_status: conversation
                .newest_own
                .map(|(number, _)| self.statuses().of(id, number)),
            active_at: conversation.active_at.0,
            draft: conversation.draft.clone(),
            identity,
            was_verified: contact.verified && identity == IdentityState::Changed,
            set_aside: u32::try_from(set_aside).unwrap_or(u32::MAX),
        })
    }

    /// A summary says how far the newest own message has come, where nothing came after it.
    pub(crate) fn show_previews(&self, turn: &mut Turn<'_>) {
        for (id, changes) in turn.statuses.iter() {
            let conversation = self.conversations.get(*id);
            let newest = conversation.and_then(|it| it.newest_own);
            if newest.is_some_and(|(_, position)| changes.get(&position).is_some()) {
                turn.shown.insert(*id);
            }
        }
    }

    /// The safety number with the other of a conversation; after a change, with their new account.
    ///
    /// # Errors
    /// [`CommandError::NoAccount`], [`CommandError::UnknownConversation`].
    pub fn safety_number(
        &self,
        conversation: ConversationId,
    ) -> Result<SafetyNumberView, CommandError> {
        let id = self.contact_in(conversation)?;
        let number = self.number_with(id)?;
        let contact = self
            .contacts
            .get(id)
            .ok_or(CommandError::UnknownConversation)?;
        Ok(SafetyNumberView {
            groups: number.to_string().split(' ').map(str::to_owned).collect(),
            qr: number.qr_payload().to_vec(),
            identity: contact.identity(),
            messages: self.aside.views(conversation, contact.newest_account()),
        })
    }
}
