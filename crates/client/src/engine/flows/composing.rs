//! Own texts and drafts: checked, numbered, written into the conversation and put into the outbox.

use crate::MAX_TEXT;
use crate::account::counters::Counters;
use crate::api::error::CommandError;
use crate::channel::Channels;
use crate::content::{Content, Text};
use crate::conversations::Conversations;
use crate::conversations::lines::Line;
use crate::directory::contacts::Contacts;
use crate::engine::flows::status::Statuses;
use crate::ids::ConversationId;
use crate::numbers::{Millis, Number, Position};
use crate::outbox::{Entry, Outbox, Part};
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// Writes own texts.
pub(crate) struct Composing<'e> {
    pub(crate) began_at: Millis,
    pub(crate) counters: &'e mut Kept<Counters>,
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) outbox: &'e mut Outbox,
}

/// Lends its rooms to the flows that it uses.
impl Composing<'_> {
    fn statuses(&self) -> Statuses<'_> {
        Statuses {
            contacts: self.contacts,
            conversations: self.conversations,
            outbox: self.outbox,
        }
    }
}

impl Composing<'_> {
    /// Writes a text. Says whether it is the first one to the other.
    pub(crate) fn send_text(
        &mut self,
        id: ConversationId,
        text: String,
        turn: &mut Turn<'_>,
    ) -> Result<bool, CommandError> {
        check_text(&text)?;
        if self.outbox.is_full() {
            return Err(CommandError::OutboxFull);
        }
        let conversation = self
            .conversations
            .edit(id)
            .ok_or(CommandError::UnknownConversation)?;
        // Never a number twice, not even where this store is an old copy of itself.
        let number = conversation.next_number.max(Number(self.began_at.0));
        let is_first = conversation.next_number == Number::FIRST;
        // Where nothing is known of texts before, nothing is said of them.
        let after = match is_first {
            true => number.previous(),
            false => conversation.next_number.previous(),
        };
        let position = conversation.take_position();
        conversation.next_number = number.next();
        conversation.own.push(number, position);
        conversation.draft.clear();
        let content = Text {
            number,
            after,
            id: turn.random(),
            text,
            sent_at: turn.now,
        };
        let line = Line {
            own_number: Some(number),
            text: content.text.clone(),
            at: turn.now,
            notice: None,
            times: 0,
            id: content.id,
            sent_at: content.sent_at,
        };
        self.enqueue_text(id, position, content, turn);
        let status = self.statuses().of(id, number);
        self.conversations
            .write_line(id, position, line, Some(status), turn);
        Ok(is_first)
    }

    /// Keeps what is not sent yet.
    pub(crate) fn save_draft(
        &mut self,
        id: ConversationId,
        text: String,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        check_length(&text)?;
        if self.conversations.get(id).is_some_and(|c| c.draft != text)
            && let Some(conversation) = self.conversations.edit(id)
        {
            conversation.draft = text;
            turn.shown.insert(id);
        }
        Ok(())
    }

    /// Puts a text into the outbox, for every device of the other.
    fn enqueue_text(
        &mut self,
        conversation: ConversationId,
        position: Position,
        text: Text,
        turn: &Turn<'_>,
    ) {
        let number = text.number;
        let contact = self.contacts.in_conversation(conversation);
        let Some(contact) = contact.and_then(|contact| self.contacts.get(contact)) else {
            return;
        };
        let mut devices = contact.devices();
        if devices.is_empty() {
            // The list was lost to damage, and comes again.
            devices.push(contact.all_devices());
        }
        let parts = devices.iter().map(|device| Part::wanted(*device, false));
        let entry = Entry::new(position, turn.now, Content::Text(text), parts.collect());
        let order = self.counters.edit().next_outbox();
        self.outbox.add(order, conversation, number, entry);
        for device in devices {
            self.channels.ensure(device, conversation, number);
            self.outbox.wake(device);
        }
    }
}

fn check_text(text: &str) -> Result<(), CommandError> {
    if text.chars().all(is_unseen) {
        Err(CommandError::MessageEmpty)
    } else {
        check_length(text)
    }
}

fn check_length(text: &str) -> Result<(), CommandError> {
    if text.len() > MAX_TEXT {
        return Err(CommandError::MessageTooLong {
            limit: u32::try_from(MAX_TEXT).unwrap_or(u32::MAX),
            length: u32::try_from(text.len()).unwrap_or(u32::MAX),
        });
    }
    Ok(())
}

/// Whether nothing is drawn for a character: white space, control characters, what Unicode 17 calls
/// default ignorable, the anchors of annotations, and the empty pattern of Braille.
fn is_unseen(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}
