//! One step in the making: the time, the randomness, and what is to be sent and shown. What is to be
//! committed is known by the tables themselves ([`crate::storage::tracked`]), but for messages, which are only
//! ever written.

use pawl_wire::ClientFrame;
use rand_core::CryptoRng;

use crate::api::command::CommandId;
use crate::api::error::{AlertCode, CommandError};
use crate::api::event::{Event, MessageStatus, MessageView};
use crate::api::step::SocketRequest;
use crate::ids::ConversationId;
use crate::numbers::{Millis, Position};
use crate::storage::sorted::{SortedMap, SortedSet};
use crate::storage::store::{Change, Key};

/// What one call of `Engine::handle` works with.
pub(crate) struct Turn<'a> {
    /// Milliseconds since 1970.
    pub(crate) now: Millis,
    pub(crate) rng: &'a mut dyn CryptoRng,
    pub(crate) changes: Vec<Change>,
    pub(crate) reads: Vec<Key>,
    pub(crate) frames: Vec<Vec<u8>>,
    /// Bytes of frames that the relay answers.
    pub(crate) asked: u64,
    pub(crate) socket: Option<SocketRequest>,
    /// A delivery was dealt with: the relay is told how far.
    pub(crate) acknowledge: bool,
    pub(crate) alerts: Vec<AlertCode>,
    /// Conversations whose summary is to be shown.
    pub(crate) shown: SortedSet<ConversationId>,
    pub(crate) lines: SortedMap<ConversationId, SortedMap<Position, MessageView>>,
    pub(crate) statuses: SortedMap<ConversationId, SortedMap<Position, MessageStatus>>,
    pub(crate) done: Vec<(CommandId, Option<CommandError>)>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(now: Millis, rng: &'a mut dyn CryptoRng) -> Self {
        Self {
            now,
            rng,
            changes: Vec::new(),
            reads: Vec::new(),
            frames: Vec::new(),
            asked: 0,
            socket: None,
            acknowledge: false,
            alerts: Vec::new(),
            shown: SortedSet::new(),
            lines: SortedMap::new(),
            statuses: SortedMap::new(),
            done: Vec::new(),
        }
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A wait between half and all of this, so that many clients do not return as one.
    pub(crate) fn jittered(&mut self, wait: u64) -> u64 {
        let half = wait / 2;
        half + self.rng.next_u64() % (wait - half + 1)
    }

    pub(crate) fn send(&mut self, frame: &ClientFrame) {
        let bytes = frame.encode();
        if !matches!(frame, ClientFrame::Ping { .. } | ClientFrame::Ack { .. }) {
            self.asked += bytes.len() as u64;
        }
        self.frames.push(bytes);
    }

    /// Tells of something at most once per step.
    pub(crate) fn alert(&mut self, alert: AlertCode) {
        if !self.alerts.contains(&alert) {
            self.alerts.push(alert);
        }
    }

    /// A line whole, which says its status, too.
    pub(crate) fn show_line(&mut self, conversation: ConversationId, line: MessageView) {
        self.lines
            .get_or_default(conversation)
            .insert(Position(line.position), line);
    }

    /// The new status of an own message.
    pub(crate) fn show_status(
        &mut self,
        conversation: ConversationId,
        position: Position,
        status: MessageStatus,
    ) {
        let line = self
            .lines
            .get_mut(&conversation)
            .and_then(|lines| lines.get_mut(&position));
        match line {
            Some(line) => line.status = Some(status),
            None => {
                let statuses = self.statuses.get_or_default(conversation);
                statuses.insert(position, status);
            }
        }
    }

    /// Lines and statuses as events.
    pub(crate) fn message_events(&mut self) -> impl Iterator<Item = Event> {
        let lines = std::mem::take(&mut self.lines).into_iter();
        let lines = lines.map(|(conversation, lines)| Event::MessagesChanged {
            conversation,
            messages: lines.into_iter().map(|(_, line)| line).collect(),
        });
        let statuses = std::mem::take(&mut self.statuses).into_iter();
        let statuses = statuses.map(|(conversation, changes)| Event::StatusChanged {
            conversation,
            changes: (changes.into_iter())
                .map(|(position, status)| (position.0, status))
                .collect(),
        });
        lines.chain(statuses)
    }
}
