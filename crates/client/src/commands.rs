//! Commands: checked, carried out, answered once. A command that succeeded and is asked again is only
//! answered again; one that failed has changed nothing and is tried anew.

use pawl_wire::UsernameError;
use pawl_wire::limits::MAX_USERNAME;

use crate::MAX_TEXT;
use crate::command::{Command, CommandId};
use crate::contacts::PeerId;
use crate::content::{Content, Text};
use crate::engine::Engine;
use crate::error::CommandError;
use crate::event::{MessageStatus, NoticeCause};
use crate::ids::ConversationId;
use crate::limits::PREVIEW_CHARS;
use crate::lines::{self, Line};
use crate::records::Record;
use crate::store::{Change, Table};
use crate::turn::Turn;

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
                .peer(conversation)
                .map(|peer| self.mark_read(peer, through, turn)),
            Command::MarkVerified {
                conversation,
                verified,
                number,
            } => self
                .looked_at(conversation, &number)
                .map(|peer| self.mark_verified(peer, verified, turn)),
            Command::AcceptIdentity {
                conversation,
                number,
            } => self
                .looked_at(conversation, &number)
                .map(|peer| self.accept_identity(peer, turn)),
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

    pub(crate) fn peer(&self, conversation: ConversationId) -> Result<PeerId, CommandError> {
        if self.account.get().ready().is_none() {
            return Err(CommandError::NoAccount);
        }
        self.contacts
            .in_conversation(conversation)
            .ok_or(CommandError::UnknownConversation)
    }

    fn send_text(
        &mut self,
        conversation: ConversationId,
        text: String,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        let peer = self.peer(conversation)?;
        check_text(&text)?;
        if self.outbox.is_full() {
            return Err(CommandError::OutboxFull);
        }
        let conversation = self
            .conversations
            .edit(peer)
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
        self.enqueue(peer, number, position, false, &Content::Text(content));
        let status = self.status(peer, number);
        self.write_line(peer, position, line, Some(status), turn);
        if is_first {
            self.retry_requests_of(peer, turn);
        }
        Ok(())
    }

    fn retry(
        &mut self,
        conversation: ConversationId,
        position: u64,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        let peer = self.peer(conversation)?;
        let at_position = |id: &_| {
            self.outbox
                .get(*id)
                .is_some_and(|e| e.position == position && e.failed)
        };
        let id = self
            .outbox
            .ids_of(peer)
            .into_iter()
            .find(|id| id.number > 0 && at_position(id));
        let Some(id) = id else {
            return self.retry_lost(peer, position, turn);
        };
        self.outbox.set_failed(id, false);
        self.sending.release(peer);
        turn.show_status(peer, position, self.status(peer, id.number));
        Ok(())
    }

    fn save_draft(
        &mut self,
        conversation: ConversationId,
        text: String,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        let peer = self.peer(conversation)?;
        check_length(&text)?;
        if self
            .conversations
            .get(peer)
            .is_some_and(|c| c.draft != text)
            && let Some(conversation) = self.conversations.edit(peer)
        {
            conversation.draft = text;
            turn.shown.insert(peer);
        }
        Ok(())
    }

    /// A text from the pinned account, on this disk with this step. One whose number is known came before.
    pub(crate) fn receive_text(&mut self, peer: PeerId, text: Text, turn: &mut Turn<'_>) {
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        conversation.owes = true;
        self.receipts.gather(turn.now);
        let received = &mut conversation.received;
        if std::mem::take(&mut conversation.mending.amnesia) {
            received.insert_range(1, text.number - 1);
        }
        // What there is no room to remember is not shown: its sender learns that, and sends it again.
        if received.contains(text.number) || !received.try_insert(text.after + 1, text.number) {
            return;
        }
        let number = text.number;
        self.append_received(peer, number, Line::received(text, turn.now), turn);
    }

    /// A line of the pinned account's; `number` is 0 for what is not a text.
    pub(crate) fn append_received(
        &mut self,
        peer: PeerId,
        number: u64,
        line: Line,
        turn: &mut Turn<'_>,
    ) {
        if let Some(conversation) = self.conversations.edit(peer) {
            let position = conversation.take_position();
            if number > 0 {
                conversation.unseen.push(number, position);
            }
            self.write_line(peer, position, line, None, turn);
        }
    }

    /// A line that says what happened; never the same one twice in a row, however much comes.
    pub(crate) fn notice(&mut self, peer: PeerId, cause: NoticeCause, turn: &mut Turn<'_>) {
        if self
            .conversations
            .get(peer)
            .is_some_and(|c| c.last_notice != Some(cause))
        {
            self.append_received(peer, 0, Line::notice(cause, turn.now), turn);
        }
    }

    pub(crate) fn write_line(
        &mut self,
        peer: PeerId,
        position: u64,
        line: Line,
        status: Option<MessageStatus>,
        turn: &mut Turn<'_>,
    ) {
        if let Some(conversation) = self.conversations.edit(peer) {
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
            key: lines::key(peer, position),
            value: line.encode(),
        });
        turn.shown.insert(peer);
        let mut view = line.view(position);
        view.status = status;
        turn.show_line(peer, view);
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
