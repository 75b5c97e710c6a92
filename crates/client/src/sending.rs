//! From the outbox to the relay: seal in order, send, wait for the relay's answer, try again. A part is
//! sealed once, when it is about to leave; its envelope is sent byte for byte until it is stored. What
//! goes to one device goes out in order, several at once; only where the relay refuses one of them may a
//! later one pass it.

use pawl_protocol::{Envelope, SessionTag};
use pawl_wire::{ClientFrame, DeviceAddress, MessageId, Submit, SubmitRefusal};

use crate::content::{Content, Receipt, Text};
use crate::engine::Engine;
use crate::error::AlertCode;
use crate::event::MessageStatus;
use crate::ids::{ContactId, ConversationId};
use crate::limits::{MAX_IN_FLIGHT, UNANSWERED_SESSION_LIFETIME};
use crate::outbox::{Entry, EntryId, Part, PartState};
use crate::turn::Turn;

/// What became of a part that was to be sent.
enum Attempt {
    /// It is on its way: the next one may follow.
    Sent,
    /// It waits for something, and so does what comes after it.
    Blocked,
    /// It is tried again in the next step.
    Later,
}

impl Engine {
    /// Puts a text into the outbox, for every device of the other.
    pub(crate) fn enqueue_text(
        &mut self,
        conversation: ConversationId,
        position: u64,
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
        self.insert_entry(conversation, number, entry);
        for device in devices {
            self.channels.ensure(device, conversation, number);
            self.wake(device);
        }
    }

    /// Puts a text into the outbox that one device says it does not have.
    pub(crate) fn enqueue_again(
        &mut self,
        device: DeviceAddress,
        conversation: ConversationId,
        (position, at): (u64, u64),
        text: Text,
    ) {
        let number = text.number;
        let parts = vec![Part::wanted(device, true)];
        let entry = Entry::new(position, at, Content::Text(text), parts);
        match self.outbox.order_before(conversation, number) {
            Some(order) => {
                let id = EntryId {
                    order,
                    conversation,
                    number,
                };
                self.outbox.insert(id, entry);
            }
            None => self.insert_entry(conversation, number, entry),
        }
        self.wake(device);
    }

    /// Puts a receipt for one device into the outbox.
    pub(crate) fn enqueue_signal(
        &mut self,
        device: DeviceAddress,
        conversation: ConversationId,
        receipt: Receipt,
        now: u64,
    ) {
        let parts = vec![Part::wanted(device, false)];
        let entry = Entry::new(0, now, Content::Receipt(receipt), parts);
        self.insert_entry(conversation, 0, entry);
        self.wake(device);
    }

    fn insert_entry(&mut self, conversation: ConversationId, number: u64, entry: Entry) {
        let order = self.counters.edit().next_outbox();
        let id = EntryId {
            order,
            conversation,
            number,
        };
        self.outbox.insert(id, entry);
    }

    /// Something may be sent to a device that could not be before.
    pub(crate) fn wake(&mut self, device: DeviceAddress) {
        if self.relay.is_online()
            && let Some(next) = self.outbox.next_pending(device, EntryId::FIRST)
        {
            self.sending.ready.insert((next, device));
        }
    }

    /// The same for everybody: the connection has just begun.
    pub(crate) fn wake_all(&mut self) {
        for device in self.outbox.pending_devices() {
            self.wake(device);
        }
    }

    /// This device is left alone no longer: tries at once.
    pub(crate) fn release(&mut self, device: DeviceAddress) {
        self.sending.release(device);
        if self.sending.given_up.remove(&device) {
            self.mender.retry(device);
        }
        self.wake(device);
    }

    /// The same for all devices of a person, those included that are not known now.
    pub(crate) fn release_contact(&mut self, contact: ContactId) {
        let Some(known) = self.contacts.get(contact) else {
            return;
        };
        let any = known.all_devices();
        for device in known.devices() {
            self.release(device);
        }
        self.wake(any);
    }

    /// Sends what may be sent, in order, until so much is under way that answers come first.
    pub(crate) fn send_waiting(&mut self, turn: &mut Turn<'_>) {
        if self.account.get().ready().is_none() || !self.relay.is_online() {
            return;
        }
        for device in self.sending.end_holds(turn.now) {
            self.wake(device);
        }
        while self.sending.in_flight.len() < MAX_IN_FLIGHT
            && let Some((from, device)) = self.sending.ready.first().copied()
        {
            self.sending.ready.remove(&(from, device));
            let Some(id) = self.outbox.next_pending(device, from) else {
                continue;
            };
            match self.send_part(id, device, turn) {
                Attempt::Sent => {
                    if let Some(next) = self.outbox.next_pending(device, id.next()) {
                        self.sending.ready.insert((next, device));
                    }
                }
                Attempt::Blocked => {}
                Attempt::Later => {
                    self.sending.ready.insert((from, device));
                    return;
                }
            }
        }
    }

    fn send_part(&mut self, id: EntryId, device: DeviceAddress, turn: &mut Turn<'_>) -> Attempt {
        let Some(contact) = self.contacts.in_conversation(id.conversation) else {
            return Attempt::Blocked;
        };
        let is_trusted = (self.contacts.get(contact))
            .is_some_and(|it| !it.is_changed() && it.account().as_bytes() == &device.account.0);
        if !is_trusted || self.sending.is_held(device, turn.now) {
            return Attempt::Blocked;
        }
        if self.lookups.is_refreshing(contact) {
            return Attempt::Blocked;
        }
        if device.device == 0 {
            // The device list was lost to damage; the relay's must be of the pinned account.
            self.refresh(contact);
            return Attempt::Blocked;
        }
        if self.is_wanted(id, device) {
            if let Some(attempt) = self.without_session(device, turn) {
                return attempt;
            }
            if !self.seal(id, device, turn) {
                let attempt = self.without_session(device, turn);
                return attempt.unwrap_or(Attempt::Later);
            }
        }
        let part = self.outbox.part(id, device);
        let Some(PartState::Sealed {
            message_id,
            envelope,
        }) = part.map(|part| part.state.clone())
        else {
            return Attempt::Sent;
        };
        if self.sending.in_flight.insert(message_id) {
            turn.send(&ClientFrame::Submit(Submit {
                message_id,
                recipient: device,
                envelope,
            }));
        }
        Attempt::Sent
    }

    fn is_wanted(&self, id: EntryId, device: DeviceAddress) -> bool {
        let part = self.outbox.part(id, device);
        part.is_some_and(|part| part.state == PartState::Wanted)
    }

    /// Claims what a session is begun with, where there is none to write on.
    fn without_session(&mut self, device: DeviceAddress, turn: &mut Turn<'_>) -> Option<Attempt> {
        self.retire_unanswered(device, turn.now);
        let head = self.channels.get(device).and_then(|channel| channel.head);
        if head.is_some_and(|tag| self.sessions.get(tag).is_some()) {
            return None;
        }
        match self.claim_bundle(device, turn) {
            true => Some(Attempt::Blocked),
            false => Some(Attempt::Later),
        }
    }

    /// Seals a part on the session to write on; false where that is exhausted.
    fn seal(&mut self, id: EntryId, device: DeviceAddress, turn: &mut Turn<'_>) -> bool {
        let Some(channel) = self.channels.get(device) else {
            return false;
        };
        let (head, replied) = (channel.head, channel.replied);
        let Some((entry, slot)) = self
            .outbox
            .get(id)
            .zip(head.and_then(|tag| self.sessions.edit(tag)))
        else {
            return false;
        };
        // Who answers on a session knows who this is; after a failure they may know nothing any more.
        let is_known = replied && !slot.session.awaits_reply();
        let own = self.account.get().ready().filter(|_| !is_known);
        let introduction = own.map(|own| own.record.record().encode());
        let plaintext = entry.content.encode(introduction.as_deref());
        let Ok(envelope) = slot.session.seal(&plaintext, turn.rng) else {
            // The chain is exhausted: only another session helps.
            if let Some(channel) = self.channels.edit(device) {
                channel.head = None;
            }
            return false;
        };
        let message_id = MessageId(turn.random());
        let state = PartState::Sealed {
            message_id,
            envelope,
        };
        self.outbox.set_state(id, device, state);
        true
    }

    /// Stops writing on a session that has not been answered for so long that its prekeys may be gone.
    fn retire_unanswered(&mut self, device: DeviceAddress, now: u64) {
        let head = self.channels.get(device).and_then(|channel| channel.head);
        let is_stale = head
            .and_then(|tag| self.sessions.get(tag))
            .is_none_or(|slot| {
                slot.session.awaits_reply()
                    && now.saturating_sub(slot.begun_at) > UNANSWERED_SESSION_LIFETIME
            });
        if head.is_some()
            && is_stale
            && let Some(channel) = self.channels.edit(device)
        {
            channel.head = None;
        }
    }

    pub(crate) fn on_stored(&mut self, message_id: MessageId, turn: &mut Turn<'_>) {
        self.sending.in_flight.remove(&message_id);
        let Some((id, device)) = self.outbox.envelope(message_id) else {
            return;
        };
        self.release(device);
        if !id.is_text() {
            self.outbox.remove(id);
            return;
        }
        self.outbox.set_state(id, device, PartState::Stored);
        self.outbox.drop_refused(id);
        self.show_text(id, turn);
        self.outbox.drop_surplus();
        let stream = self.channels.stream(device, id.conversation);
        let conversation = self.conversations.get(id.conversation);
        let is_open = stream.zip(conversation).is_some_and(|(stream, it)| {
            !stream.known.contains(id.number) && !it.all_arrived(stream)
        });
        if is_open
            && let Some(repair) = self.channels.repair(device)
            && repair.wait_for_receipt(turn.now)
        {
            self.trouble(device);
        }
    }

    /// A device has a text: its part leaves the outbox.
    pub(crate) fn settle(&mut self, id: EntryId, device: DeviceAddress) {
        let part = self.outbox.part(id, device);
        if let Some(part) = part.filter(|part| part.may_have_left()) {
            if let PartState::Sealed { message_id, .. } = &part.state {
                self.sending.in_flight.remove(message_id);
            }
            self.outbox.settle(id, device);
        }
        // Nobody is asked whether a text that arrived is to be tried again: it is sent to the others
        // when they say that they lack it.
        self.outbox.drop_refused(id);
    }

    /// How far a text has come is shown.
    pub(crate) fn show_text(&self, id: EntryId, turn: &mut Turn<'_>) {
        if let Some(entry) = self.outbox.get(id).filter(|_| id.is_text()) {
            let status = self.status(id.conversation, id.number);
            turn.show_status(id.conversation, entry.position, status);
        }
    }

    pub(crate) fn on_refused(
        &mut self,
        message_id: MessageId,
        cause: SubmitRefusal,
        retry_after_ms: u64,
        turn: &mut Turn<'_>,
    ) {
        self.sending.in_flight.remove(&message_id);
        let Some((id, device)) = self.outbox.envelope(message_id) else {
            return;
        };
        let contact = self.contacts.in_conversation(id.conversation);
        match (cause, contact) {
            (SubmitRefusal::UnknownRecipient, Some(contact)) => {
                return self.refresh_because_of(device, contact);
            }
            (SubmitRefusal::TooLarge, _) => {
                self.refuse_part(id, device, turn);
                return;
            }
            _ => (),
        }
        self.sending.hold(device, retry_after_ms, turn.now);
        if cause == SubmitRefusal::MailboxFull
            && self.sending.tells(device)
            && let Some(username) = contact.and_then(|contact| self.contacts.username(contact))
        {
            turn.alert(AlertCode::MailboxFull { username });
        }
    }

    /// Nothing to this person can go out by itself.
    pub(crate) fn fail_all(&mut self, contact: ContactId, turn: &mut Turn<'_>) {
        let Some(known) = self.contacts.get(contact) else {
            return;
        };
        let any = known.all_devices();
        for device in known.devices().into_iter().chain([any]) {
            self.fail_device(device, turn);
        }
    }

    /// Nothing to this device can go out by itself: the user decides when to try again. What it is owed
    /// besides that is made anew when there is a reason to try. What is under way has its own answer.
    pub(crate) fn fail_device(&mut self, device: DeviceAddress, turn: &mut Turn<'_>) {
        self.sending.given_up.insert(device);
        for id in self.outbox.signals_to(device) {
            self.outbox.remove(id);
            self.channels.set_receipt_due(device, true);
        }
        let mut from = EntryId::FIRST;
        while let Some(id) = self.outbox.next_pending(device, from) {
            from = id.next();
            let part = self.outbox.part(id, device);
            let is_under_way = match part.map(|part| &part.state) {
                Some(PartState::Sealed { message_id, .. }) => {
                    self.sending.in_flight.contains(message_id)
                }
                _ => false,
            };
            if !is_under_way {
                self.refuse_part(id, device, turn);
            }
        }
    }

    /// This one cannot go out by itself. A text waits for the user to try again; anything else, what
    /// was sent before, and what another of their devices has or gets, is dropped.
    fn refuse_part(&mut self, id: EntryId, device: DeviceAddress, turn: &mut Turn<'_>) {
        let part = self.outbox.part(id, device);
        if let Some(PartState::Sealed { message_id, .. }) = part.map(|part| &part.state) {
            self.sending.in_flight.remove(message_id);
        }
        let is_sent = self.outbox.get(id).is_some_and(Entry::is_stored) || self.has_arrived(id);
        if is_sent || !id.is_text() {
            self.outbox.drop_part(id, device);
        } else {
            self.outbox.set_state(id, device, PartState::Refused);
            self.show_text(id, turn);
        }
    }

    /// Sessions that the other cannot read, as it says inside one that works: nothing more is written
    /// on them, and what was sealed on them and waits is sealed anew.
    pub(crate) fn write_elsewhere(&mut self, device: DeviceAddress, unreadable: &[SessionTag]) {
        let head = self.channels.get(device).and_then(|channel| channel.head);
        let mut tags = self.sessions.of_device(device);
        tags.retain(|tag| unreadable.contains(tag) && head != Some(*tag));
        if tags.is_empty() {
            return;
        }
        self.sessions.retire(&tags);
        self.unseal(device, |envelope| {
            let envelope = Envelope::decode(envelope);
            envelope.is_ok_and(|envelope| !tags.contains(&envelope.tag()))
        });
    }

    /// Forgets envelopes for a device that it cannot read; their contents stay, to be sealed anew.
    pub(crate) fn unseal(&mut self, device: DeviceAddress, is_readable: impl Fn(&[u8]) -> bool) {
        let mut from = EntryId::FIRST;
        while let Some(id) = self.outbox.next_pending(device, from) {
            from = id.next();
            let part = self.outbox.part(id, device);
            if let Some(PartState::Sealed {
                message_id,
                envelope,
            }) = part.map(|part| &part.state)
                && !is_readable(envelope)
            {
                self.sending.in_flight.remove(message_id);
                self.outbox.set_state(id, device, PartState::Wanted);
            }
        }
        self.wake(device);
    }

    /// How far an own text has come. Never goes back, but from "not sent" on a retry.
    pub(crate) fn status(&self, conversation: ConversationId, number: u64) -> MessageStatus {
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
}
