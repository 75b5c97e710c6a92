//! What the relay says of an envelope that was sent: it has it, or it refuses it.

use pawl_wire::{DeviceAddress, MessageId, SubmitRefusal};

use crate::api::error::AlertCode;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::RepairQueue;
use crate::channel::{Channel, Channels};
use crate::conversations::Conversations;
use crate::directory::contacts::Contacts;
use crate::directory::lookups::Lookups;
use crate::engine::flows::failing::Failing;
use crate::engine::flows::status::Statuses;
use crate::outbox::{Outbox, PartState};
use crate::turn::Turn;

/// Takes the relay's answers to what was sent.
pub(crate) struct Submitted<'e> {
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) lookups: &'e mut Lookups,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

/// Lends its rooms to the flows that it uses.
impl Submitted<'_> {
    fn statuses(&self) -> Statuses<'_> {
        Statuses {
            contacts: self.contacts,
            conversations: self.conversations,
            outbox: self.outbox,
        }
    }

    fn failing(&mut self) -> Failing<'_> {
        Failing {
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            outbox: self.outbox,
        }
    }
}

impl Submitted<'_> {
    pub(crate) fn on_stored(&mut self, message_id: MessageId, turn: &mut Turn<'_>) {
        let Some((id, device)) = self.outbox.take_answered(message_id) else {
            return;
        };
        self.repairs.release(self.outbox, device);
        if !id.is_text() {
            self.outbox.remove(id);
            return self.write_next_receipt(device, turn);
        }
        self.outbox.set_state(id, device, PartState::Stored);
        self.outbox.drop_refused(id);
        self.statuses().show(id, turn);
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
            self.repairs.trouble(device);
        }
    }

    pub(crate) fn on_refused(
        &mut self,
        message_id: MessageId,
        cause: SubmitRefusal,
        retry_after_ms: u64,
        turn: &mut Turn<'_>,
    ) {
        let Some((id, device)) = self.outbox.take_answered(message_id) else {
            return;
        };
        let contact = self.contacts.in_conversation(id.conversation);
        match (cause, contact) {
            (SubmitRefusal::UnknownRecipient, Some(contact)) => {
                return self.lookups.refresh_because_of(device, contact);
            }
            (SubmitRefusal::TooLarge, _) => {
                self.failing().refuse_part(id, device, turn);
                return self.write_next_receipt(device, turn);
            }
            _ => (),
        }
        self.outbox.hold(device, retry_after_ms, turn.now);
        if cause == SubmitRefusal::MailboxFull
            && self.outbox.tells(device)
            && let Some(username) = contact.and_then(|contact| self.contacts.username(contact))
        {
            turn.alert(AlertCode::MailboxFull { username });
        }
    }

    /// What a device is owed by now was not written while the receipt before was on its way.
    fn write_next_receipt(&mut self, device: DeviceAddress, turn: &Turn<'_>) {
        if self
            .channels
            .get(device)
            .is_some_and(Channel::receipt_is_due)
        {
            self.receipts.delay(turn.now);
        }
    }
}
