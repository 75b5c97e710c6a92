//! What becomes of what cannot go out by itself: texts wait for the user, who decides when to try again.

use pawl_wire::DeviceAddress;

use crate::channel::Channels;
use crate::conversations::Conversations;
use crate::directory::contacts::Contacts;
use crate::engine::flows::status::Statuses;
use crate::ids::ContactId;
use crate::outbox::{Entry, EntryId, Outbox, PartState};
use crate::turn::Turn;

/// Gives up sending to a device or a person.
pub(crate) struct Failing<'e> {
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) outbox: &'e mut Outbox,
}

/// Lends its rooms to the flows that it uses.
impl Failing<'_> {
    fn statuses(&self) -> Statuses<'_> {
        Statuses {
            contacts: self.contacts,
            conversations: self.conversations,
            outbox: self.outbox,
        }
    }
}

impl Failing<'_> {
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
        self.outbox.give_up(device);
        for id in self.outbox.signals_to(device) {
            self.outbox.remove(id);
            self.channels.set_receipt_due(device, true);
        }
        let mut from = EntryId::FIRST;
        while let Some(id) = self.outbox.next_pending(device, from) {
            from = id.next();
            if !self.outbox.is_under_way(id, device) {
                self.refuse_part(id, device, turn);
            }
        }
    }

    /// The keys are not signed by this person, or are by an old list of their devices: say so, send
    /// nothing.
    pub(crate) fn refuse_keys(&mut self, contact: ContactId, is_old: bool, turn: &mut Turn<'_>) {
        self.contacts.tell_refused(contact, is_old, turn);
        self.fail_all(contact, turn);
    }

    /// This one cannot go out by itself. A text waits for the user to try again; anything else, what
    /// was sent before, and what another of their devices has or gets, is dropped.
    pub(crate) fn refuse_part(&mut self, id: EntryId, device: DeviceAddress, turn: &mut Turn<'_>) {
        self.outbox.forget_submitted(id, device);
        let is_sent = self.outbox.get(id).is_some_and(Entry::is_stored)
            || (self.conversations).has_arrived(id.conversation, id.number);
        if is_sent || !id.is_text() {
            self.outbox.drop_part(id, device);
        } else {
            self.outbox.set_state(id, device, PartState::Refused);
            self.statuses().show(id, turn);
        }
    }
}
