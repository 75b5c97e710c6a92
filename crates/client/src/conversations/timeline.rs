//! The lines of a conversation: what is written next, and what is said of it once and not again. A line is
//! written and shown; it is kept by the store alone.

use crate::api::event::{MessageStatus, NoticeCause};
use crate::conversations::Conversations;
use crate::conversations::aside::Waiting;
use crate::conversations::lines::{self, Line};
use crate::conversations::unread::TextOf;
use crate::ids::ConversationId;
use crate::limits::{MAX_HANDOVER_LINES, PREVIEW_CHARS};
use crate::numbers::{Number, Position};
use crate::storage::records::Record;
use crate::storage::store::{Change, Table};
use crate::turn::Turn;

impl Conversations {
    /// A line of somebody else's; `text` is nothing for what is not a text.
    pub(crate) fn append_received(
        &mut self,
        id: ConversationId,
        text: Option<TextOf>,
        line: Line,
        turn: &mut Turn<'_>,
    ) {
        if let Some(conversation) = self.edit(id) {
            let position = conversation.take_position();
            if text.is_some() {
                conversation.unread.push(text, position);
            }
            self.write_line(id, position, line, None, turn);
        }
    }

    /// A line that says what happened; never the same one twice in a row, however much comes.
    pub(crate) fn notice(&mut self, id: ConversationId, cause: NoticeCause, turn: &mut Turn<'_>) {
        let conversation = self.get(id);
        if conversation.is_some_and(|c| c.last_notice != Some(cause)) {
            self.append_received(id, None, Line::notice(cause, turn.now), turn);
        }
    }

    /// The name has changed hands. The newest line says who has it; where the lines before it say only
    /// that it went to and fro, that line is the one there is already, and counts.
    pub(crate) fn tell_handover(
        &mut self,
        id: ConversationId,
        cause: NoticeCause,
        turn: &mut Turn<'_>,
    ) {
        let Some(conversation) = self.edit(id) else {
            return;
        };
        let last = conversation.last_notice;
        if last == Some(cause) {
            return;
        }
        conversation.handovers = conversation.handovers.saturating_add(1);
        let is_handover = last.is_some_and(NoticeCause::is_handover);
        if conversation.handovers <= MAX_HANDOVER_LINES || !is_handover {
            return self.notice(id, cause, turn);
        }
        // The line that said so goes.
        conversation.dropped |= last == Some(NoticeCause::ReturnedAndDropped);
        let position = conversation.next_position.previous();
        let line = Line {
            times: conversation.handovers,
            ..Line::notice(cause, turn.now)
        };
        self.write_line(id, position, line, None, turn);
    }

    /// What the account that is accepted has written stands under a line that says whose it is.
    pub(crate) fn append_aside(
        &mut self,
        id: ConversationId,
        texts: Vec<Waiting>,
        turn: &mut Turn<'_>,
    ) {
        if !texts.is_empty() {
            self.notice(id, NoticeCause::IdentityChanged, turn);
        }
        for Waiting {
            sender,
            number,
            line,
        } in texts
        {
            let text = TextOf {
                device: sender,
                number,
            };
            self.append_received(id, (number > Number::ZERO).then_some(text), line, turn);
        }
        if self.take_dropped(id) {
            self.notice(id, NoticeCause::OthersDropped, turn);
        }
        // The next change is told, also where nothing stands between.
        if let Some(conversation) = self.edit(id) {
            conversation.last_notice = None;
            conversation.handovers = 0;
        }
    }

    /// Whether something that waited aside was dropped and no line has said so.
    pub(crate) fn take_dropped(&mut self, conversation: ConversationId) -> bool {
        let conversation = self.edit(conversation);
        conversation.is_some_and(|it| std::mem::take(&mut it.dropped))
    }

    pub(crate) fn write_line(
        &mut self,
        id: ConversationId,
        position: Position,
        line: Line,
        status: Option<MessageStatus>,
        turn: &mut Turn<'_>,
    ) {
        if let Some(conversation) = self.edit(id) {
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
