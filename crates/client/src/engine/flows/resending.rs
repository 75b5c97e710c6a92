//! Sending texts again that a device says it does not have: from the outbox, where they stay until all
//! who are to have them say that they do, or else from the conversation's own lines in the store. Number
//! and id stay, so that who has a text already knows it. Decides nothing about sessions (`mending.rs`).
//! docs/PROTOCOL.md, "Mending".

use pawl_wire::DeviceAddress;
use zeroize::Zeroizing;

use crate::account::counters::Counters;
use crate::api::error::CommandError;
use crate::api::event::NoticeCause;
use crate::channel::Channels;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::{Reading, RepairQueue};
use crate::content::{Content, Text};
use crate::conversations::lines::{self, Line};
use crate::conversations::{Conversation, Conversations};
use crate::directory::contacts::Contacts;
use crate::engine::flows::receipts::may_send_signal;
use crate::engine::flows::status::Statuses;
use crate::ids::ConversationId;
use crate::limits::{ASKED_BACK_LIFETIME, RESEND_BATCH};
use crate::numbers::{Millis, Number, Position};
use crate::outbox::{Entry, Outbox, Part, PartState};
use crate::storage::records::Record;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// Sends texts again.
pub(crate) struct Resending<'e> {
    pub(crate) counters: &'e mut Kept<Counters>,
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

/// Lends its rooms to the flows that it uses.
impl Resending<'_> {
    fn statuses(&self) -> Statuses<'_> {
        Statuses {
            contacts: self.contacts,
            conversations: self.conversations,
            outbox: self.outbox,
        }
    }
}

impl Resending<'_> {
    /// When texts are to be sent again to a device; sends or reads them where that is now. While an
    /// answer is awaited, nothing is: it may say that they arrived.
    pub(crate) fn resend_due(
        &mut self,
        device: DeviceAddress,
        id: ConversationId,
        turn: &mut Turn<'_>,
    ) -> Option<Millis> {
        let channel = self.channels.get(device)?;
        if channel.repair.is_asking() || !may_send_signal(self.contacts, self.outbox, device) {
            return None;
        }
        let conversation = self.conversations.get(id)?;
        let stream = channel.stream(id)?;
        let holes = conversation.holes(stream, channel.repair.processed(), RESEND_BATCH);
        let has_hole = !holes.is_empty();
        if channel.repair.knows_of_hole() != has_hole {
            self.channels
                .repair(device)?
                .note_hole(has_hole.then_some(turn.now));
        }
        if !has_hole {
            return None;
        }
        let due = self.channels.get(device)?.repair.resend_at(&holes);
        if due <= turn.now {
            if !self.repairs.is_reading() {
                self.resend(device, id, holes, turn);
            } else {
                self.repairs.wait_for_lines(device);
            }
        }
        Some(due)
    }

    /// Sends again what is in the outbox, asks for the lines of what is not, and gives up on what was
    /// tried too often.
    fn resend(
        &mut self,
        device: DeviceAddress,
        id: ConversationId,
        mut holes: Vec<(Number, Position)>,
        turn: &mut Turn<'_>,
    ) {
        holes.retain(|(number, _)| !self.outbox.is_pending(device, id, *number));
        let Some(repair) = self.channels.repair(device) else {
            return;
        };
        holes.truncate(repair.resent.left(turn.now));
        let is_hopeless = |(number, _): &(Number, Position)| repair.resent.is_hopeless(*number);
        let (hopeless, holes): (Vec<_>, Vec<_>) = holes.into_iter().partition(is_hopeless);
        for (number, position) in hopeless {
            self.give_up(device, id, number, position, turn);
        }
        // All of them together, so that they keep their order.
        if holes
            .iter()
            .all(|(number, _)| self.outbox.text(id, *number).is_some())
        {
            for (number, _) in &holes {
                self.send_kept(device, id, *number, turn);
            }
            if !holes.is_empty() {
                self.ask_about_resent(device, turn);
            }
            return;
        }
        let keys = holes.iter().map(|(_, position)| lines::key(id, *position));
        turn.reads.extend(keys);
        self.repairs.read(Reading {
            device,
            conversation: id,
            wanted: holes,
        });
    }

    /// A text that is still in the outbox, sealed once more.
    fn send_kept(
        &mut self,
        device: DeviceAddress,
        id: ConversationId,
        number: Number,
        turn: &mut Turn<'_>,
    ) {
        let text = self.outbox.text(id, number);
        let Some((entry, at)) = text.map(|(entry, text)| (entry, text.at)) else {
            return;
        };
        if self.may_go_again(device, id, number, at, turn) {
            self.outbox.want_again(entry, device);
            self.outbox.wake(device);
        }
    }

    /// A text that cannot be sent again, or was in vain: where no device of theirs has it, the user sees
    /// that it was not sent.
    fn give_up(
        &mut self,
        device: DeviceAddress,
        id: ConversationId,
        number: Number,
        position: Position,
        turn: &mut Turn<'_>,
    ) {
        if let Some(channel) = self.channels.edit(device) {
            channel.stream_mut(id).given_up.insert(number);
            channel.repair.resent.keep(|resent| resent != number);
        }
        if let Some((entry, _)) = self.outbox.text(id, number) {
            self.outbox.drop_part(entry, device);
        }
        let is_hopeless = self.outbox.text(id, number).is_none();
        if is_hopeless
            && let Some(conversation) = self.conversations.edit(id)
            && !conversation.delivered.contains(number)
        {
            conversation.lost.insert(number);
            let status = conversation.status_of_sent(number);
            turn.show_status(id, position, status);
        }
        self.repairs.trouble(device);
    }

    /// The user tries a text again that was not sent.
    pub(crate) fn retry(
        &mut self,
        conversation: ConversationId,
        position: Position,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
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
        let contact = self.contacts.in_conversation(conversation);
        if let Some(contact) = contact.and_then(|contact| self.contacts.get(contact)) {
            self.repairs.release_all(self.outbox, contact);
        }
        self.statuses().show(id, turn);
        Ok(())
    }

    /// The same for one that was given up.
    fn retry_lost(
        &mut self,
        id: ConversationId,
        position: Position,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        let lost = |c: &Conversation| c.own.number_at(position).filter(|it| c.lost.contains(*it));
        let number = self.conversations.get(id).and_then(lost);
        let (Some(number), Some(conversation)) = (number, self.conversations.edit(id)) else {
            return Err(CommandError::UnknownMessage);
        };
        conversation.lost.remove(number);
        let (status, contact) = (conversation.status_of_sent(number), conversation.contact);
        turn.show_status(id, position, status);
        let Some(contact) = self.contacts.get(contact) else {
            return Ok(());
        };
        self.repairs.release_all(self.outbox, contact);
        for device in contact.devices() {
            self.channels.ensure(device, id, number);
            if let Some(channel) = self.channels.edit(device) {
                let stream = channel.stream_mut(id);
                stream.given_up.remove(number);
                channel.repair.retry(number);
                self.repairs.trouble(device);
            }
        }
        Ok(())
    }

    /// The lines that were asked for: into the outbox with them, and then the device is asked whether
    /// they arrived.
    pub(crate) fn on_lines(&mut self, rows: &[Option<Zeroizing<Vec<u8>>>], turn: &mut Turn<'_>) {
        let Some(Reading {
            device,
            conversation,
            wanted,
        }) = self.repairs.take_reading()
        else {
            return;
        };
        self.repairs.trouble(device);
        for ((number, position), row) in wanted.into_iter().zip(rows) {
            let line = row.as_ref().and_then(|bytes| Line::decode(bytes).ok());
            match line.filter(|line| line.own_number == Some(number)) {
                Some(line) if !self.outbox.is_full() => {
                    self.send_line(device, conversation, (number, position), line, turn);
                }
                Some(_) => {}
                None => self.give_up(device, conversation, number, position, turn),
            }
        }
        self.ask_about_resent(device, turn);
    }

    /// The next receipt asks whether what was sent again arrived.
    fn ask_about_resent(&mut self, device: DeviceAddress, turn: &Turn<'_>) {
        if let Some(repair) = self.channels.repair(device) {
            repair.ask_about_resent(turn.now);
            self.channels.set_receipt_due(device, true);
            self.receipts.hurry(turn.now);
        }
    }

    fn send_line(
        &mut self,
        device: DeviceAddress,
        id: ConversationId,
        (number, position): (Number, Position),
        line: Line,
        turn: &mut Turn<'_>,
    ) {
        // While the line was read another account may have been pinned, for which it was not meant.
        let Some(own) = self.conversations.get(id).map(|it| &it.own) else {
            return;
        };
        let (is_theirs, after) = (own.number_at(position) == Some(number), own.before(number));
        let is_known = self.channels.stream(device, id);
        let is_known = is_known.is_none_or(|stream| stream.known.contains(number));
        if !is_theirs || is_known || self.outbox.is_pending(device, id, number) {
            return;
        }
        if !self.may_go_again(device, id, number, line.at, turn) {
            return;
        }
        let text = Text {
            number,
            after,
            id: line.id,
            text: line.text,
            sent_at: line.sent_at,
        };
        match self.outbox.text(id, number).map(|(entry, _)| entry) {
            Some(entry) => self.outbox.want_again(entry, device),
            None => self.enqueue_again(device, id, (position, line.at), text),
        }
        self.outbox.wake(device);
    }

    /// Whether a text may go to a device once more, which then is counted and, where it had arrived, told.
    fn may_go_again(
        &mut self,
        device: DeviceAddress,
        id: ConversationId,
        number: Number,
        at: Millis,
        turn: &mut Turn<'_>,
    ) -> bool {
        let Some(channel) = self.channels.edit(device) else {
            return false;
        };
        let stream = channel.stream_mut(id);
        let had_arrived = stream.delivered.contains(number);
        // Whoever has the other's keys now could ask for it, too: what is long over stays over.
        if had_arrived && turn.now.since(at) > ASKED_BACK_LIFETIME {
            stream.give_up_delivered(number);
            return false;
        }
        channel.repair.resent.count(number);
        if had_arrived {
            self.conversations.notice(id, NoticeCause::SentAgain, turn);
        }
        true
    }

    /// Puts a text into the outbox that one device says it does not have.
    fn enqueue_again(
        &mut self,
        device: DeviceAddress,
        conversation: ConversationId,
        (position, at): (Position, Millis),
        text: Text,
    ) {
        let number = text.number;
        let parts = vec![Part::wanted(device, true)];
        let entry = Entry::new(position, at, Content::Text(text), parts);
        match self.outbox.order_before(conversation, number) {
            Some(order) => {
                self.outbox.add(order, conversation, number, entry);
            }
            None => {
                let order = self.counters.edit().next_outbox();
                self.outbox.add(order, conversation, number, entry);
            }
        }
        self.outbox.wake(device);
    }
}
