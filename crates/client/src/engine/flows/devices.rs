//! The signed device lists of known accounts: a newer one takes the place of an older, never the other
//! way round, and what there is with a device that it no longer lists ends in the same step. Which
//! account is trusted is decided elsewhere (`engine/flows/trust.rs`).

use pawl_protocol::{AccountKey, Envelope, Session, SessionTag, VerifiedAccountRecord};
use pawl_wire::{AccountId, DeviceAddress};

use crate::account::wire_address;
use crate::channel::Channels;
use crate::channel::repair_queue::RepairQueue;
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::directory::contacts::Contacts;
use crate::ids::{ContactId, ConversationId};
use crate::numbers::Number;
use crate::outbox::{EntryId, Outbox, Part, PartState};
use crate::storage::sorted::SortedSet;

/// Whether the other side of a session is on a device list, by its very keys.
pub(crate) fn lists(record: &VerifiedAccountRecord, session: &Session) -> bool {
    record.devices().contains(session.peer().certificate())
}

/// Takes newer device lists of known accounts.
pub(crate) struct DeviceLists<'e> {
    pub(crate) contacts: &'e mut Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e mut Sessions,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) repairs: &'e mut RepairQueue,
}

impl DeviceLists<'_> {
    /// Takes a device list of one of this person's accounts. False where it may not replace the known
    /// one, which then stays: it was rolled back or forked, or says another name.
    pub(crate) fn take_devices(
        &mut self,
        contact: ContactId,
        record: &VerifiedAccountRecord,
    ) -> bool {
        let known = self.contacts.get(contact);
        if known.is_some_and(|it| it.has_record(&record.record().encode())) {
            self.end_unlisted(contact, record);
            return true;
        }
        let is_taken = self
            .contacts
            .edit(contact)
            .is_some_and(|contact| contact.update(record));
        if is_taken {
            // What was claimed by the list before is not wanted any more.
            for device in self.channels.of_account(&record.account()) {
                if self
                    .channels
                    .get(device)
                    .is_some_and(|it| it.claim.is_some())
                    && let Some(channel) = self.channels.edit(device)
                {
                    channel.claim = None;
                }
            }
            if let Some(known) = self.contacts.get(contact) {
                self.conversations.note_version(known);
            }
            self.end_unlisted(contact, record);
        }
        is_taken
    }

    /// Ends what there is with devices that are not on the list, and says whether there was a session.
    /// What waits for them, and what of it nobody has said to have, goes to those that are.
    pub(crate) fn end_unlisted(
        &mut self,
        contact: ContactId,
        record: &VerifiedAccountRecord,
    ) -> bool {
        let account = record.account();
        let listed: SortedSet<DeviceAddress> = (record.devices().iter())
            .map(|certificate| wire_address(certificate.address()))
            .collect();
        let mut had_session = false;
        for device in self.sessions.devices_of(&account) {
            for tag in self.sessions.of_device(device) {
                let slot = self.sessions.get(tag);
                if slot.is_some_and(|slot| !lists(record, &slot.session)) {
                    self.end_session(device, tag);
                    had_session = true;
                }
            }
        }
        for device in self.channels.of_account(&account) {
            if !listed.contains(&device) {
                for id in self.outbox.signals_to(device) {
                    self.outbox.remove(id);
                }
                self.channels.remove(device);
            }
        }
        let known = self.contacts.get(contact);
        if let Some(known) = known.filter(|it| it.account() == account) {
            let conversation = known.conversation();
            self.readdress(conversation, &account, &listed);
        }
        had_session
    }

    /// A session whose other side is none of theirs any more. What was sealed on it is sealed anew.
    fn end_session(&mut self, device: DeviceAddress, tag: SessionTag) {
        self.sessions.remove(tag);
        if let Some(channel) = self.channels.edit(device)
            && channel.head == Some(tag)
        {
            channel.head = None;
            // Another device may not know who this is.
            channel.replied = false;
        }
        self.outbox.unseal(device, |envelope| {
            let envelope = Envelope::decode(envelope);
            envelope.is_ok_and(|envelope| envelope.tag() != tag)
        });
    }

    /// Parts for devices of an account that are not listed go to those that are, unless one of them has
    /// or gets the text anyway.
    fn readdress(
        &mut self,
        conversation: ConversationId,
        account: &AccountKey,
        listed: &SortedSet<DeviceAddress>,
    ) {
        let account = AccountId(*account.as_bytes());
        let is_gone =
            |part: &Part| part.device.account == account && !listed.contains(&part.device);
        for id in self.outbox.texts_of(conversation) {
            let Some(entry) = self.outbox.get(id) else {
                continue;
            };
            if !entry.parts().iter().any(is_gone) {
                continue;
            }
            let is_there = (self.conversations).has_arrived(id.conversation, id.number)
                || entry
                    .parts()
                    .iter()
                    .any(|part| listed.contains(&part.device));
            let was_stored = entry.is_stored();
            let was_refused = entry.is_refused();
            self.outbox.change(id, |parts| {
                parts.retain(|part| !is_gone(part));
                // What was on its way to one that is gone goes on to those that had refused it.
                let is_refused = |part: &Part| part.state == PartState::Refused;
                if !was_refused && parts.iter().all(is_refused) {
                    for part in parts.iter_mut() {
                        part.state = PartState::Wanted;
                    }
                }
                if !is_there && !was_stored {
                    parts.extend(listed.iter().map(|device| Part {
                        state: match was_refused {
                            true => PartState::Refused,
                            false => PartState::Wanted,
                        },
                        ..Part::wanted(*device, false)
                    }));
                }
            });
            if !is_there {
                for device in listed.iter() {
                    self.owe(*device, id, was_stored);
                }
            }
        }
        for device in listed.iter() {
            self.outbox.wake(*device);
        }
    }

    /// A device is owed a text from before it was there, and nothing else from then. One that the relay
    /// had for another is sent again at the pace of all that is.
    fn owe(&mut self, device: DeviceAddress, id: EntryId, is_sent_again: bool) {
        let next = self.conversations.get(id.conversation);
        let next = next.map_or(Number::FIRST, |conversation| conversation.next_number);
        self.channels.ensure(device, id.conversation, next);
        if let Some(channel) = self.channels.edit(device) {
            let stream = channel.stream_mut(id.conversation);
            if id.number < stream.owed_from {
                stream
                    .given_up
                    .insert_range(id.number.next(), stream.owed_from.previous());
                stream.owed_from = id.number;
            }
            stream.given_up.remove(id.number);
            if is_sent_again {
                channel.repair.retry(id.number);
                self.repairs.trouble(device);
            }
        }
    }
}
