//! From the outbox to the relay: seal in order, send, wait for the relay's answer, try again. An entry
//! is sealed once; its envelope is sent byte for byte until it is stored. Envelopes of one conversation
//! go out in order, several at once; only where the relay refuses one of them may a later one pass it.

use pawl_protocol::{Envelope, SessionTag};
use pawl_wire::{ClientFrame, MessageId, Submit, SubmitRefusal};
use zeroize::Zeroizing;

use crate::account::wire_address;
use crate::contacts::PeerId;
use crate::content::Content;
use crate::engine::Engine;
use crate::error::AlertCode;
use crate::event::MessageStatus;
use crate::limits::{
    MAX_IN_FLIGHT, RESUBMIT_FIRST, RESUBMIT_LAST, UNANSWERED_SESSION_LIFETIME, backoff,
};
use crate::outbox::{Entry, EntryId, Sealed};
use crate::sorted::{SortedMap, SortedSet};
use crate::turn::Turn;

/// What this connection has sent, and who is to be left alone for a while.
#[derive(Default)]
pub(crate) struct Sending {
    in_flight: SortedSet<MessageId>,
    held: SortedMap<PeerId, Hold>,
    /// People to whom nothing goes out by itself: no receipts, until they or the user give a reason.
    given_up: SortedSet<PeerId>,
}

/// After refusals: nothing is sent to this person until then.
#[derive(Default)]
struct Hold {
    until: u64,
    refusals: u32,
    alerted: bool,
}

impl Sending {
    pub(crate) fn forget_connection(&mut self) {
        self.in_flight.clear();
        self.given_up.clear();
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.in_flight.len() == 0
    }

    pub(crate) fn is_given_up(&self, peer: PeerId) -> bool {
        self.given_up.contains(&peer)
    }

    /// When somebody who is left alone may be tried again.
    pub(crate) fn due(&self) -> Option<u64> {
        self.held
            .values()
            .map(|hold| hold.until)
            .filter(|until| *until > 0)
            .min()
    }

    /// The clock went back by so much: nobody is left alone for longer.
    pub(crate) fn turn_back(&mut self, by: u64) {
        for hold in self.held.values_mut() {
            hold.until = hold.until.saturating_sub(by);
        }
    }

    /// Waits before the next attempt, at least as long as the relay says.
    pub(crate) fn hold(&mut self, peer: PeerId, retry_after_ms: u64, now: u64) {
        let hold = self.held.get_or_default(peer);
        let wait = backoff(RESUBMIT_FIRST, RESUBMIT_LAST, hold.refusals);
        hold.until = now + wait.max(retry_after_ms.min(RESUBMIT_LAST));
        hold.refusals = hold.refusals.saturating_add(1);
    }

    /// Tries at once.
    pub(crate) fn release(&mut self, peer: PeerId) {
        self.held.remove(&peer);
        self.given_up.remove(&peer);
    }

    pub(crate) fn is_held(&self, peer: PeerId, now: u64) -> bool {
        self.held.get(&peer).is_some_and(|hold| hold.until > now)
    }

    /// Waits that are over are no longer due.
    fn end_holds(&mut self, now: u64) {
        for hold in self.held.values_mut().filter(|hold| hold.until <= now) {
            hold.until = 0;
        }
    }
}

impl Engine {
    /// Puts something into the outbox; `number` and `position` are 0 for what is not a text, `again` is
    /// for a text that was sent before.
    pub(crate) fn enqueue(
        &mut self,
        peer: PeerId,
        number: u64,
        position: u64,
        again: bool,
        content: &Content,
    ) {
        let order = self.counters.edit().next_outbox();
        let entry = Entry {
            position,
            content: content.encode(None),
            sealed: None,
            failed: false,
            again,
        };
        self.outbox.insert(
            EntryId {
                order,
                peer,
                number,
            },
            entry,
        );
    }

    /// Seals what can be sealed and sends what may be sent, in order.
    pub(crate) fn send_waiting(&mut self, turn: &mut Turn<'_>) {
        if self.account.get().ready().is_none() {
            return;
        }
        self.sending.end_holds(turn.now);
        let mut blocked = SortedSet::new();
        for id in self.outbox.ids().collect::<Vec<_>>() {
            if !blocked.contains(&id.peer) && !self.send_entry(id, turn) {
                blocked.insert(id.peer);
            }
        }
    }

    /// False where what comes after it must wait, too.
    fn send_entry(&mut self, id: EntryId, turn: &mut Turn<'_>) -> bool {
        let is_held =
            self.sending.is_held(id.peer, turn.now) || self.lookups.is_refreshing(id.peer);
        let is_trusted = self
            .contacts
            .get(id.peer)
            .is_some_and(|c| c.changed.is_empty());
        let Some(entry) = self.outbox.get(id) else {
            return true;
        };
        if entry.failed {
            return true;
        }
        if !is_trusted || (entry.sealed.is_none() && !self.seal(id, turn)) {
            return false;
        }
        let Some(sealed) = self.outbox.get(id).and_then(|entry| entry.sealed.clone()) else {
            return true;
        };
        let has_room = self.sending.in_flight.len() < MAX_IN_FLIGHT;
        if self.relay.is_online()
            && !self.sending.in_flight.contains(&sealed.message_id)
            && (is_held || !has_room)
        {
            return false;
        }
        if self.relay.is_online() && self.sending.in_flight.insert(sealed.message_id) {
            turn.send(&ClientFrame::Submit(Submit {
                message_id: sealed.message_id,
                recipient: sealed.recipient,
                envelope: sealed.envelope,
            }));
        }
        true
    }

    /// Seals an entry on the active session; false where there is none.
    fn seal(&mut self, id: EntryId, turn: &mut Turn<'_>) -> bool {
        self.retire_unanswered(id.peer, turn.now);
        let contact = self.contacts.get(id.peer);
        let active = contact.and_then(|contact| contact.active);
        // Who answers on a session knows who this is; after a failure they may know nothing any more.
        let is_known = contact.is_some_and(|contact| contact.replied)
            && active
                .and_then(|tag| self.sessions.get(tag))
                .is_some_and(|slot| !slot.session.awaits_reply());
        let own = self.account.get().ready().filter(|_| !is_known);
        let introduction = own.map(|own| own.record.record().encode());
        let Some((entry, slot)) = self
            .outbox
            .get(id)
            .zip(active.and_then(|tag| self.sessions.edit(tag)))
        else {
            return false;
        };
        let plaintext = introduce(&entry.content, introduction.as_deref());
        let recipient = wire_address(slot.session.peer().address());
        let Ok(envelope) = slot.session.seal(&plaintext, turn.rng) else {
            // The chain is exhausted: only another session helps.
            if let Some(contact) = self.contacts.edit(id.peer) {
                contact.active = None;
            }
            return false;
        };
        let message_id = MessageId(turn.random());
        self.outbox.set_sealed(
            id,
            Some(Sealed {
                message_id,
                recipient,
                envelope,
            }),
        );
        true
    }

    /// Stops writing on a session that has not been answered for so long that its prekeys may be gone.
    fn retire_unanswered(&mut self, peer: PeerId, now: u64) {
        let active = self.contacts.get(peer).and_then(|contact| contact.active);
        let is_stale = active
            .and_then(|tag| self.sessions.get(tag))
            .is_none_or(|slot| {
                slot.session.awaits_reply()
                    && now.saturating_sub(slot.begun_at) > UNANSWERED_SESSION_LIFETIME
            });
        if active.is_some()
            && is_stale
            && let Some(contact) = self.contacts.edit(peer)
        {
            contact.active = None;
        }
    }

    pub(crate) fn on_stored(&mut self, message_id: MessageId, turn: &mut Turn<'_>) {
        self.sending.in_flight.remove(&message_id);
        if let Some(id) = self.outbox.envelope(message_id) {
            self.sending.release(id.peer);
            self.settle(id, turn);
        }
    }

    /// The relay or the other's device has it: it leaves the outbox.
    pub(crate) fn settle(&mut self, id: EntryId, turn: &mut Turn<'_>) {
        let Some(entry) = self.outbox.remove(id) else {
            return;
        };
        let Some(conversation) = self.conversations.get(id.peer).filter(|_| id.number > 0) else {
            return;
        };
        let status = conversation.status_of_sent(id.number);
        if status == MessageStatus::Sent && conversation.mending.silent_since == 0 {
            if let Some(conversation) = self.conversations.edit(id.peer) {
                conversation.mending.silent_since = turn.now;
            }
            self.trouble(id.peer);
        }
        if !entry.again {
            turn.show_status(id.peer, entry.position, status);
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
        let Some(id) = self.outbox.envelope(message_id) else {
            return;
        };
        let peer = id.peer;
        match cause {
            SubmitRefusal::UnknownRecipient => return self.refresh(peer),
            SubmitRefusal::TooLarge => {
                self.fail(id, turn);
                return;
            }
            _ => (),
        }
        self.sending.hold(peer, retry_after_ms, turn.now);
        let hold = self.sending.held.get_or_default(peer);
        if cause == SubmitRefusal::MailboxFull
            && !std::mem::replace(&mut hold.alerted, true)
            && let Some(username) = self.username_of(peer)
        {
            turn.alert(AlertCode::MailboxFull { username });
        }
    }

    /// Nothing to this person can go out by itself: the user decides when to try again. What their device
    /// is owed beside that is made anew when there is a reason to try.
    pub(crate) fn fail_all(&mut self, peer: PeerId, turn: &mut Turn<'_>) {
        self.sending.given_up.insert(peer);
        for id in self.outbox.ids_of(peer) {
            if !self.fail(id, turn)
                && let Some(conversation) = self.conversations.edit(peer)
            {
                conversation.owes = true;
            }
        }
    }

    /// This one cannot go out by itself. A text waits for the user to try again; anything else is dropped. Whether it was
    /// a text.
    fn fail(&mut self, id: EntryId, turn: &mut Turn<'_>) -> bool {
        let entry = self.outbox.get(id);
        let is_text = entry.is_some_and(|entry| id.number > 0 && !entry.again);
        if !is_text {
            self.outbox.remove(id);
        } else if self.outbox.set_failed(id, true)
            && let Some(entry) = self.outbox.get(id)
        {
            turn.show_status(id.peer, entry.position, MessageStatus::NotSent);
        }
        is_text
    }

    /// Sessions that the other cannot read, as they say inside one that works: nothing more is written on
    /// them, and what was sealed on them and waits is sealed anew.
    pub(crate) fn write_elsewhere(&mut self, peer: PeerId, unreadable: &[SessionTag]) {
        let Some(contact) = self.contacts.get(peer) else {
            return;
        };
        let mut tags = self.sessions.of_account(&contact.account);
        tags.retain(|tag| unreadable.contains(tag) && contact.active != Some(*tag));
        if tags.is_empty() {
            return;
        }
        self.sessions.retire(&tags);
        let is_readable = |sealed: &Sealed| {
            let envelope = Envelope::decode(&sealed.envelope);
            envelope.is_ok_and(|envelope| !tags.contains(&envelope.tag()))
        };
        self.unseal_foreign(peer, is_readable);
    }

    /// Forgets envelopes for devices that are no longer these people's; their contents stay.
    pub(crate) fn unseal_foreign(&mut self, peer: PeerId, is_theirs: impl Fn(&Sealed) -> bool) {
        for id in self.outbox.ids_of(peer) {
            let sealed = self.outbox.get(id).and_then(|entry| entry.sealed.as_ref());
            if let Some(sealed) = sealed.filter(|sealed| !is_theirs(sealed)) {
                self.sending.in_flight.remove(&sealed.message_id);
                self.outbox.set_sealed(id, None);
            }
        }
    }
}

/// Content as it is kept, with an introduction where one is needed.
fn introduce(content: &Zeroizing<Vec<u8>>, introduction: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
    match Content::decode(content) {
        (_, Ok(content)) if introduction.is_some() => content.encode(introduction),
        _ => content.clone(),
    }
}
