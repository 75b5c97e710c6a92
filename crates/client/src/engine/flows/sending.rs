//! From the outbox to the relay: seal in order, send, wait for the relay's answer, try again. A part is
//! sealed once, when it is about to leave; its envelope is sent byte for byte until it is stored. What
//! goes to one device goes out in order, several at once; only where the relay refuses one of them may a
//! later one pass it.

use pawl_wire::{ClaimId, ClientFrame, DeviceAddress, MessageId, Submit};

use crate::account::OwnAccount;
use crate::channel::Channels;
use crate::channel::sessions::Sessions;
use crate::directory::contacts::Contacts;
use crate::directory::lookups::Lookups;
use crate::limits::UNANSWERED_SESSION_LIFETIME;
use crate::numbers::Millis;
use crate::outbox::{EntryId, Outbox, PartState};
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

/// Seals and sends what waits.
pub(crate) struct Sending<'e> {
    pub(crate) own: &'e OwnAccount,
    pub(crate) contacts: &'e Contacts,
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e mut Sessions,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) lookups: &'e mut Lookups,
}

impl Sending<'_> {
    /// Sends what may be sent, in order, until so much is under way that answers come first.
    pub(crate) fn send_waiting(&mut self, turn: &mut Turn<'_>) {
        self.outbox.end_holds(turn.now);
        while let Some((id, device)) = self.outbox.take_ready() {
            match self.send_part(id, device, turn) {
                Attempt::Sent => self.outbox.go_on(id.next(), device),
                Attempt::Blocked => {}
                Attempt::Later => return self.outbox.go_on(id, device),
            }
        }
    }

    fn send_part(&mut self, id: EntryId, device: DeviceAddress, turn: &mut Turn<'_>) -> Attempt {
        let Some(contact) = self.contacts.in_conversation(id.conversation) else {
            return Attempt::Blocked;
        };
        let is_trusted = (self.contacts.get(contact))
            .is_some_and(|it| !it.is_changed() && it.account().as_bytes() == &device.account.0);
        if !is_trusted || self.outbox.is_held(device, turn.now) {
            return Attempt::Blocked;
        }
        if self.lookups.is_refreshing(contact) {
            return Attempt::Blocked;
        }
        if device.device == 0 {
            // The device list was lost to damage; the relay's must be of the pinned account.
            self.lookups.refresh(contact);
            return Attempt::Blocked;
        }
        let part = self.outbox.part(id, device);
        if part.is_some_and(|part| part.state == PartState::Wanted) {
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
        if self.outbox.submit(message_id) {
            turn.send(&ClientFrame::Submit(Submit {
                message_id,
                recipient: device,
                envelope,
            }));
        }
        Attempt::Sent
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
        let introduction = (!is_known).then(|| self.own.record.record().encode());
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
    fn retire_unanswered(&mut self, device: DeviceAddress, now: Millis) {
        let head = self.channels.get(device).and_then(|channel| channel.head);
        let is_stale = head
            .and_then(|tag| self.sessions.get(tag))
            .is_none_or(|slot| {
                slot.session.awaits_reply()
                    && now.since(slot.begun_at) > UNANSWERED_SESSION_LIFETIME
            });
        if head.is_some()
            && is_stale
            && let Some(channel) = self.channels.edit(device)
        {
            channel.head = None;
        }
    }

    /// Claims a bundle of a device that is to be written to and has no session; false where so many are
    /// asked for that answers come first.
    fn claim_bundle(&mut self, device: DeviceAddress, turn: &mut Turn<'_>) -> bool {
        if self.lookups.is_claiming(device) {
            return true;
        }
        if !self.lookups.has_room_to_claim() {
            return false;
        }
        let Some(channel) = self.channels.get(device) else {
            return true;
        };
        let known = channel.claim;
        let claim = known.unwrap_or_else(|| ClaimId(turn.random()));
        if known.is_none()
            && let Some(channel) = self.channels.edit(device)
        {
            channel.claim = Some(claim);
        }
        self.lookups.claim(claim, device);
        turn.send(&ClientFrame::FetchBundle { claim, device });
        true
    }
}
