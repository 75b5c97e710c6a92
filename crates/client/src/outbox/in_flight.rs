//! What this connection has sent and the relay has not answered, what can be sent next, and which device is
//! to be left alone for a while. Knows nothing of sessions (`engine/flows/sending.rs`).

use pawl_wire::{DeviceAddress, MessageId};

use super::{EntryId, Outbox, Part, PartState};
use crate::ids::ConversationId;
use crate::limits::{MAX_IN_FLIGHT, RESUBMIT_FIRST, RESUBMIT_LAST, backoff};
use crate::numbers::{Millis, Number};
use crate::storage::room::Room;
use crate::storage::sorted::{SortedMap, SortedSet};

/// What this connection has sent, what can be sent next, and who is to be left alone for a while.
#[derive(Default)]
pub(super) struct InFlight {
    is_online: bool,
    sent: SortedSet<MessageId>,
    /// Devices that something can be sent to, by the order of what is first.
    ready: SortedSet<(EntryId, DeviceAddress)>,
    held: SortedMap<DeviceAddress, Hold>,
    /// When each of them may be tried again, the soonest first.
    held_until: SortedSet<(Millis, DeviceAddress)>,
    /// Devices to which nothing goes out by itself: no receipts, until they or the user give a reason.
    given_up: SortedSet<DeviceAddress>,
}

/// After refusals: nothing is sent to this device until then.
#[derive(Default)]
struct Hold {
    until: Millis,
    refusals: u32,
    alerted: bool,
}

impl Room for InFlight {
    fn due(&self, is_online: bool) -> Option<Millis> {
        let (until, _) = self.held_until.first().filter(|_| is_online)?;
        Some(*until)
    }

    fn clock_went_back(&mut self, by: u64) {
        let earlier = |until: Millis| until.earlier_by(by);
        for hold in self.held.values_mut() {
            hold.until = earlier(hold.until);
        }
        let held = std::mem::take(&mut self.held_until).into_iter();
        self.held_until = held
            .map(|(until, device)| (earlier(until), device))
            .collect();
    }

    fn connection_lost(&mut self) {
        self.is_online = false;
        self.sent.clear();
        self.ready.clear();
        self.given_up.clear();
    }

    fn is_idle(&self) -> bool {
        self.sent.len() == 0
    }
}

impl Outbox {
    /// Something may be sent to a device that could not be before.
    pub(crate) fn wake(&mut self, device: DeviceAddress) {
        if self.in_flight.is_online
            && let Some(next) = self.next_pending(device, EntryId::FIRST)
        {
            self.in_flight.ready.insert((next, device));
        }
    }

    /// The connection has just begun: something may be sent to everybody.
    pub(crate) fn come_online(&mut self) {
        self.in_flight.is_online = true;
        for device in self.pending_devices() {
            self.wake(device);
        }
    }

    /// What is to be sent next, and to whom, while no more is under way than may be. The place is the caller's,
    /// who says with [`Self::go_on`] where it goes on.
    pub(crate) fn take_ready(&mut self) -> Option<(EntryId, DeviceAddress)> {
        while self.in_flight.sent.len() < MAX_IN_FLIGHT
            && let Some((from, device)) = self.in_flight.ready.pop_first()
        {
            if let Some(id) = self.next_pending(device, from) {
                return Some((id, device));
            }
        }
        None
    }

    /// What a device is sent next is the first that waits from here on.
    pub(crate) fn go_on(&mut self, from: EntryId, device: DeviceAddress) {
        if let Some(next) = self.next_pending(device, from) {
            self.in_flight.ready.insert((next, device));
        }
    }

    /// Whether an envelope is not under way yet; it is from now on.
    pub(crate) fn submit(&mut self, message_id: MessageId) -> bool {
        self.in_flight.sent.insert(message_id)
    }

    /// The relay has answered. Gives what the envelope was sealed for, where that is still known.
    pub(crate) fn take_answered(
        &mut self,
        message_id: MessageId,
    ) -> Option<(EntryId, DeviceAddress)> {
        self.in_flight.sent.remove(&message_id);
        self.index.envelopes.get(&message_id).copied()
    }

    /// A part's envelope is waited for no longer.
    pub(crate) fn forget_submitted(&mut self, id: EntryId, device: DeviceAddress) {
        if let Some(message_id) = self.message_id(id, device) {
            self.in_flight.sent.remove(&message_id);
        }
    }

    /// The envelope that a part is sealed in.
    fn message_id(&self, id: EntryId, device: DeviceAddress) -> Option<MessageId> {
        match self.part(id, device)?.state {
            PartState::Sealed { message_id, .. } => Some(message_id),
            _ => None,
        }
    }

    /// Whether a part was sent on this connection and is not answered.
    pub(crate) fn is_under_way(&self, id: EntryId, device: DeviceAddress) -> bool {
        let message_id = self.message_id(id, device);
        message_id.is_some_and(|message_id| self.in_flight.sent.contains(&message_id))
    }

    /// Forgets envelopes for a device that it cannot read; their contents stay, to be sealed anew.
    pub(crate) fn unseal(&mut self, device: DeviceAddress, is_readable: impl Fn(&[u8]) -> bool) {
        let mut from = EntryId::FIRST;
        while let Some(id) = self.next_pending(device, from) {
            from = id.next();
            let part = self.part(id, device);
            if let Some(PartState::Sealed { envelope, .. }) = part.map(|part| &part.state)
                && !is_readable(envelope)
            {
                self.forget_submitted(id, device);
                self.change(id, |parts| {
                    for part in parts.iter_mut().filter(|part| part.device == device) {
                        part.state = PartState::Wanted;
                        part.was_sealed = true;
                    }
                });
            }
        }
        self.wake(device);
    }

    /// A device has a text: its part leaves the outbox.
    pub(crate) fn settle(&mut self, id: EntryId, device: DeviceAddress) {
        let part = self.part(id, device);
        if part.is_some_and(Part::may_have_left) {
            self.forget_submitted(id, device);
            self.change(id, |parts| {
                parts.retain(|part| part.device != device);
                // Whoever has it has it by the relay.
                parts.iter_mut().for_each(|part| part.again = true);
            });
        }
        // Nobody is asked whether a text that arrived is to be tried again: it is sent to the others
        // when they say that they lack it.
        self.drop_refused(id);
    }

    /// Whether a text is on its way to a device already, or waits for the user.
    pub(crate) fn is_pending(
        &self,
        device: DeviceAddress,
        id: ConversationId,
        number: Number,
    ) -> bool {
        let text = self.text(id, number);
        let part = text.and_then(|(_, entry)| entry.part(device));
        part.is_some_and(|part| part.state != PartState::Stored)
    }

    /// Sends nothing to a device for a while, at least as long as the relay says.
    pub(crate) fn hold(&mut self, device: DeviceAddress, retry_after_ms: u64, now: Millis) {
        let InFlight {
            held, held_until, ..
        } = &mut self.in_flight;
        let hold = held.get_or_default(device);
        held_until.remove(&(hold.until, device));
        let wait = backoff(RESUBMIT_FIRST, RESUBMIT_LAST, hold.refusals);
        hold.until = now + wait.max(retry_after_ms.min(RESUBMIT_LAST));
        hold.refusals = hold.refusals.saturating_add(1);
        held_until.insert((hold.until, device));
    }

    pub(crate) fn is_held(&self, device: DeviceAddress, now: Millis) -> bool {
        let hold = self.in_flight.held.get(&device);
        hold.is_some_and(|hold| hold.until > now)
    }

    /// Whether the user has not been told yet why this device is left alone.
    pub(crate) fn tells(&mut self, device: DeviceAddress) -> bool {
        let hold = self.in_flight.held.get_mut(&device);
        hold.is_some_and(|hold| !std::mem::replace(&mut hold.alerted, true))
    }

    /// Those whose wait is over now may be sent to.
    pub(crate) fn end_holds(&mut self, now: Millis) {
        while let Some((until, device)) = self.in_flight.held_until.first().copied()
            && until <= now
        {
            self.in_flight.held_until.pop_first();
            self.wake(device);
        }
    }

    /// Nothing goes out to a device by itself, until it or the user gives a reason.
    pub(crate) fn give_up(&mut self, device: DeviceAddress) {
        self.in_flight.given_up.insert(device);
    }

    pub(crate) fn is_given_up(&self, device: DeviceAddress) -> bool {
        self.in_flight.given_up.contains(&device)
    }

    /// A device is left alone no longer. Says whether nothing went out to it by itself.
    pub(crate) fn release(&mut self, device: DeviceAddress) -> bool {
        if let Some(hold) = self.in_flight.held.remove(&device) {
            self.in_flight.held_until.remove(&(hold.until, device));
        }
        let was_given_up = self.in_flight.given_up.remove(&device);
        self.wake(device);
        was_given_up
    }
}
