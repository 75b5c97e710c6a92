//! Commands: checked, carried out, answered once. A command that succeeded and is asked again is only
//! answered again; one that failed has changed nothing and is tried anew.

use pawl_wire::limits::MAX_USERNAME;
use pawl_wire::{DeviceAddress, UsernameError};

use crate::MAX_TEXT;
use crate::command::{Command, CommandId};
use crate::content::Text;
use crate::engine::Engine;
use crate::error::CommandError;
use crate::event::{MessageStatus, NoticeCause};
use crate::ids::{ContactId, ConversationId};
use crate::limits::PREVIEW_CHARS;
use crate::lines::{self, Line};
use crate::outbox::{Part, PartState};
use crate::records::Record;
use crate::store::{Change, Table};
use crate::turn::Turn;
use crate::unread::TextOf;

impl From<UsernameError> for CommandError {
    fn from(error: UsernameError) -> Self {
        let limit = u32::try_from(MAX_USERNAME).unwrap_or(u32::MAX);
        let character = |c: char, look_alike| Self::UsernameCharacter {
            character: c.to_string(),
            look_alike,
        };
        match error {
            UsernameError::Empty => Self::UsernameEmpty,
            UsernameError::TooLong(_) => Self::UsernameTooLong { limit },
            UsernameError::ControlCharacter => Self::UsernameControlCharacter,
            UsernameError::NotAscii(c) => character(c, true),
            UsernameError::Forbidden(c) => character(c, false),
            UsernameError::BadStart => Self::UsernameStart,
        }
    }
}

impl Engine {
    pub(crate) fn on_command(&mut self, id: CommandId, command: Command, turn: &mut Turn<'_>) {
        let is_done = ring_id(&id).is_some_and(|id| self.recent_commands.contains(&id));
        if is_done {
            turn.done.push((id, None));
            return;
        }
        if self.lookups.is_starting(&id) {
            return;
        }
        let result = match command {
            Command::CreateAccount { username, invite } => {
                return self.create_account(id, &username, invite, turn);
            }
            Command::StartConversation { username } => {
                return self.start_conversation(id, &username, turn);
            }
            Command::SendText { conversation, text } => self.send_text(conversation, text, turn),
            Command::RetryMessage {
                conversation,
                position,
            } => self.retry(conversation, position, turn),
            Command::SaveDraft { conversation, text } => self.save_draft(conversation, text, turn),
            Command::MarkRead {
                conversation,
                through,
            } => self
                .contact_in(conversation)
                .map(|_| self.mark_read(conversation, through, turn)),
            Command::MarkVerified {
                conversation,
                verified,
                number,
            } => self
                .looked_at(conversation, &number)
                .map(|contact| self.mark_verified(contact, verified, turn)),
            Command::AcceptIdentity {
                conversation,
                number,
            } => self
                .looked_at(conversation, &number)
                .map(|contact| self.accept_identity(contact, turn)),
        };
        self.done(id, result, turn);
    }

    /// Answers a command, and remembers that it is done.
    pub(crate) fn done(
        &mut self,
        id: CommandId,
        result: Result<(), CommandError>,
        turn: &mut Turn<'_>,
    ) {
        if let (Ok(()), Some(id)) = (&result, ring_id(&id)) {
            self.recent_commands.push(id);
        }
        turn.done.push((id, result.err()));
    }

    /// The other of a conversation.
    pub(crate) fn contact_in(
        &self,
        conversation: ConversationId,
    ) -> Result<ContactId, CommandError> {
        if self.account.get().ready().is_none() {
            return Err(CommandError::NoAccount);
        }
        self.contacts
            .in_conversation(conversation)
            .ok_or(CommandError::UnknownConversation)
    }

    fn send_text(
        &mut self,
        id: ConversationId,
        text: String,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        let contact = self.contact_in(id)?;
        check_text(&text)?;
        if self.outbox.is_full() {
            return Err(CommandError::OutboxFull);
        }
        let conversation = self
            .conversations
            .edit(id)
            .ok_or(CommandError::UnknownConversation)?;
        // Never a number twice, not even where this store is an old copy of itself.
        let number = conversation.next_number.max(self.born_at);
        let is_first = conversation.next_number == 1;
        // Where nothing is known of texts before, nothing is said of them.
        let after = match conversation.next_number {
            1 => number - 1,
            next => next - 1,
        };
        let position = conversation.take_position();
        conversation.next_number = number + 1;
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
        let status = self.status(id, number);
        self.write_line(id, position, line, Some(status), turn);
        if is_first {
            self.retry_requests_of(contact, turn);
        }
        Ok(())
    }

    fn retry(
        &mut self,
        conversation: ConversationId,
        position: u64,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        let contact = self.contact_in(conversation)?;
        let is_refused = |part: &Part| part.state == PartState::Refused;
        let mut texts = self.outbox.texts_of(conversation).into_iter();
        let refused = texts.find(|id| {
            let entry = self.outbox.get(*id);
            entry.is_some_and(|it| it.position == position && it.parts().iter().any(is_refused))
        });
        let Some(id) = refused else {
            return self.retry_lost(conversation, position, turn);
        };
        self.outbox.change(id, |parts| {
            for part in parts.iter_mut().filter(|part| is_refused(part)) {
                part.state = PartState::Wanted;
            }
        });
        self.release_contact(contact);
        self.show_text(id, turn);
        Ok(())
    }

    fn save_draft(
        &mut self,
        id: ConversationId,
        text: String,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        self.contact_in(id)?;
        check_length(&text)?;
        if self.conversations.get(id).is_some_and(|c| c.draft != text)
            && let Some(conversation) = self.conversations.edit(id)
        {
            conversation.draft = text;
            turn.shown.insert(id);
        }
        Ok(())
    }

    /// A text of a device of the pinned account, on this disk with this step. One whose number is known
    /// came before.
    pub(crate) fn receive_text(
        &mut self,
        id: ConversationId,
        device: DeviceAddress,
        text: Text,
        turn: &mut Turn<'_>,
    ) {
        self.channels.set_receipt_due(device, true);
        self.receipts.gather(turn.now);
        let Some(channel) = self.channels.edit(device) else {
            return;
        };
        let stream = channel.stream_mut(id);
        if std::mem::take(&mut stream.received_unknown) {
            stream.received.insert_range(1, text.number - 1);
        }
        // What there is no room to remember is not shown: its sender learns that, and sends it again.
        if stream.received.contains(text.number)
            || !stream.received.try_insert(text.after + 1, text.number)
        {
            return;
        }
        let number = text.number;
        let line = Line::received(text, turn.now);
        self.append_received(id, Some(TextOf { device, number }), line, turn);
    }

    /// A line of somebody else's; `text` is nothing for what is not a text.
    pub(crate) fn append_received(
        &mut self,
        id: ConversationId,
        text: Option<TextOf>,
        line: Line,
        turn: &mut Turn<'_>,
    ) {
        if let Some(conversation) = self.conversations.edit(id) {
            let position = conversation.take_position();
            if text.is_some() {
                conversation.unread.push(text, position);
            }
            self.write_line(id, position, line, None, turn);
        }
    }

    /// A line that says what happened; never the same one twice in a row, however much comes.
    pub(crate) fn notice(&mut self, id: ConversationId, cause: NoticeCause, turn: &mut Turn<'_>) {
        let conversation = self.conversations.get(id);
        if conversation.is_some_and(|c| c.last_notice != Some(cause)) {
            self.append_received(id, None, Line::notice(cause, turn.now), turn);
        }
    }

    pub(crate) fn write_line(
        &mut self,
        id: ConversationId,
        position: u64,
        line: Line,
        status: Option<MessageStatus>,
        turn: &mut Turn<'_>,
    ) {
        if let Some(conversation) = self.conversations.edit(id) {
            conversation.active_at = turn.now;
            conversation.last_notice = line.notice;
            if line.notice.is_none() {
                conversation.handovers = 0;
                conversation.preview = line.text.chars().take(PREVIEW_CHARS).collect();
                conversation.newest_own = line.own_number.map(|number| (number, position));
            }
        }
        turn.changes.push(Change::Put {
            table: Table::Messages,
            key: lines::key(id, position),
            value: line.encode(),
        });
        turn.shown.insert(id);
        let mut view = line.view(position);
        view.status = status;
        turn.show_line(id, view);
    }
}

/// A command's id as it is remembered; one that is not 32 hexadecimal digits is not remembered.
fn ring_id(id: &str) -> Option<[u8; 16]> {
    let is_hex = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_hex.then(|| u128::from_str_radix(id, 16).ok())?;
    number.map(u128::to_be_bytes)
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
