//! What is to be sent, in order: one entry for each thing that was said, with one part for each device
//! that is to have it. A part is wanted, then sealed, which is sent byte for byte until the relay has it,
//! then stored. A text stays until each device has said that it has it, so that it can be sent again
//! from here. Sealing and sending is `engine/flows/sending.rs`.

mod entry;
mod in_flight;
mod index;

use pawl_wire::DeviceAddress;

pub(crate) use self::entry::{Entry, EntryId, Part, PartState};
use self::in_flight::InFlight;
use self::index::Index;
use crate::ids::ConversationId;
use crate::limits::{
    KEPT_LIFETIME, MAX_DROPPED_PER_STEP, MAX_KEPT_BYTES, MAX_KEPT_TEXTS, MAX_OUTBOX_TEXTS,
};
use crate::numbers::{Millis, Number, Order};
use crate::storage::records::{Record, RecordError};
use crate::storage::room::Room;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{RecordKey, Tracked};

/// All entries in order.
pub(crate) struct Outbox {
    /// Boxed, since the oldest go first and all others move up.
    entries: Tracked<EntryId, Box<Entry>>,
    index: Index,
    in_flight: InFlight,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            entries: Tracked::new(Table::Outbox),
            index: Index::default(),
            in_flight: InFlight::default(),
        }
    }

    pub(crate) fn insert(&mut self, id: EntryId, entry: Entry) {
        self.index.add(id, &entry);
        self.entries.insert(id, Box::new(entry));
    }

    /// Puts what was said into the outbox, at this place in the order.
    pub(crate) fn add(
        &mut self,
        order: Order,
        conversation: ConversationId,
        number: Number,
        entry: Entry,
    ) {
        let id = EntryId {
            order,
            conversation,
            number,
        };
        self.insert(id, entry);
    }

    pub(crate) fn remove(&mut self, id: EntryId) -> Option<Box<Entry>> {
        let entry = self.entries.remove(id)?;
        self.index.remove(id, &entry);
        Some(entry)
    }

    pub(crate) fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(id).map(|entry| &**entry)
    }

    /// An entry's part for a device.
    pub(crate) fn part(&self, id: EntryId, device: DeviceAddress) -> Option<&Part> {
        self.get(id)?.part(device)
    }

    /// Changes an entry's parts. One that has none left goes.
    pub(crate) fn change(&mut self, id: EntryId, change: impl FnOnce(&mut Vec<Part>)) {
        let Some(entry) = self.entries.edit(id) else {
            return;
        };
        entry.was_stored = entry.is_stored();
        self.index.remove_parts(id, &entry.parts);
        change(&mut entry.parts);
        if entry.parts.is_empty() {
            self.index.remove(id, entry);
            self.entries.erase(id);
        } else {
            self.index.add(id, entry);
        }
    }

    /// Sets how far one part has come.
    pub(crate) fn set_state(&mut self, id: EntryId, device: DeviceAddress, state: PartState) {
        self.change(id, |parts| {
            let mut all = parts.iter_mut();
            if let Some(part) = all.find(|part| part.device == device) {
                part.state = state;
            }
        });
    }

    /// What was refused is not tried again by the user's wish.
    pub(crate) fn drop_refused(&mut self, id: EntryId) {
        let is_refused = |part: &Part| part.state == PartState::Refused;
        let entry = self.entries.get(id);
        if entry.is_some_and(|entry| entry.parts.iter().any(is_refused)) {
            self.change(id, |parts| parts.retain(|part| !is_refused(part)));
        }
    }

    /// A device needs it no longer.
    pub(crate) fn drop_part(&mut self, id: EntryId, device: DeviceAddress) {
        self.change(id, |parts| parts.retain(|part| part.device != device));
    }

    /// A device is to have it as well, or once more.
    pub(crate) fn want_again(&mut self, id: EntryId, device: DeviceAddress) {
        self.change(id, |parts| {
            parts.retain(|part| part.device != device);
            parts.push(Part::wanted(device, true));
        });
    }

    pub(crate) fn text(
        &self,
        conversation: ConversationId,
        number: Number,
    ) -> Option<(EntryId, &Entry)> {
        let id = *self.index.texts.get(&(conversation, number))?;
        Some((id, self.get(id)?))
    }

    /// A conversation's texts from a number up to another.
    pub(crate) fn texts_in(
        &self,
        conversation: ConversationId,
        (first, last): (Number, Number),
    ) -> Vec<EntryId> {
        let all = self.index.texts.from((conversation, first));
        let these = all.take_while(|((of, number), _)| *of == conversation && *number <= last);
        these.map(|(_, id)| *id).collect()
    }

    pub(crate) fn texts_of(&self, conversation: ConversationId) -> Vec<EntryId> {
        self.texts_in(conversation, (Number::ZERO, Number::MAX))
    }

    /// Where a text that comes back stands in the order: before those of its conversation that follow it.
    pub(crate) fn order_before(
        &self,
        conversation: ConversationId,
        number: Number,
    ) -> Option<Order> {
        let ((of, _), id) = self.index.texts.from((conversation, number)).next()?;
        (*of == conversation).then_some(id.order)
    }

    /// The next thing that a device is to be sent, from a place in the order on.
    pub(crate) fn next_pending(&self, device: DeviceAddress, from: EntryId) -> Option<EntryId> {
        let mut all = self.index.pending.from((device, from));
        let (of, id) = all.next()?;
        (*of == device).then_some(*id)
    }

    /// Who is to be sent anything.
    pub(crate) fn pending_devices(&self) -> Vec<DeviceAddress> {
        let mut devices = Vec::new();
        let mut next = self.index.pending.first();
        while let Some((device, _)) = next {
            devices.push(*device);
            let mut rest = self.index.pending.from((*device, EntryId::LAST));
            next = rest.find(|(of, _)| of != device);
        }
        devices
    }

    /// What is on its way to a device besides texts.
    pub(crate) fn signals_to(&self, device: DeviceAddress) -> Vec<EntryId> {
        let all = self.index.signals.from((device, EntryId::FIRST));
        let theirs = all.take_while(|(of, _)| *of == device);
        theirs.map(|(_, id)| *id).collect()
    }

    /// Whether anything but a text is on its way to a device.
    pub(crate) fn has_signal(&self, device: DeviceAddress) -> bool {
        !self.signals_to(device).is_empty()
    }

    /// Whether there is no room for another text.
    pub(crate) fn is_full(&self) -> bool {
        self.index.unsent.len() >= MAX_OUTBOX_TEXTS
    }

    /// Lets go of texts that the relay has for somebody, the oldest first, while they are too many. They
    /// still stand in their conversation.
    pub(crate) fn drop_surplus(&mut self) {
        while let Some(oldest) = self.index.kept.first().copied()
            && (self.index.kept.len() > MAX_KEPT_TEXTS || self.index.kept_bytes > MAX_KEPT_BYTES)
        {
            self.remove(oldest);
        }
    }

    /// The same for those that are too old. False where some are left for another step.
    pub(crate) fn drop_old(&mut self, now: Millis) -> bool {
        for _ in 0..MAX_DROPPED_PER_STEP {
            let oldest = self.index.kept.first().copied();
            let at = oldest.and_then(|id| Some((id, self.entries.get(id)?.at)));
            match at.filter(|(_, at)| now.since(*at) > KEPT_LIFETIME) {
                Some((id, _)) => drop(self.remove(id)),
                None => return true,
            }
        }
        false
    }
}

impl Room for Outbox {
    fn takes(&self, table: Table, _: &Key) -> bool {
        table == Table::Outbox
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        let id = EntryId::from_key(key).ok_or(RecordError::Damaged)?;
        let entry = Entry::decode(value)?;
        self.index.add(id, &entry);
        self.entries.load(id, Box::new(entry));
        Ok(())
    }

    fn erase(&mut self, key: &Key) -> bool {
        self.entries.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.entries.flush(changes);
    }

    fn due(&self, is_online: bool) -> Option<Millis> {
        self.in_flight.due(is_online)
    }

    fn clock_went_back(&mut self, by: u64) {
        self.in_flight.clock_went_back(by);
    }

    fn connection_lost(&mut self) {
        self.in_flight.connection_lost();
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_idle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Content, Text};
    use crate::numbers::Position;
    use pawl_wire::{AccountId, MessageId};

    const DEVICE: DeviceAddress = DeviceAddress {
        account: AccountId([1; 32]),
        device: 1,
    };
    const OTHER: DeviceAddress = DeviceAddress {
        account: AccountId([1; 32]),
        device: 2,
    };

    fn id(number: u64) -> EntryId {
        EntryId {
            order: Order(number),
            conversation: ConversationId::from_bytes([7; ConversationId::LEN]),
            number: Number(number),
        }
    }

    fn text(number: u64, length: usize) -> Content {
        Content::Text(Text {
            number: Number(number),
            after: Number(number).previous(),
            id: [0; 16],
            text: "x".repeat(length),
            sent_at: Millis::ZERO,
        })
    }

    fn entry(number: u64, length: usize) -> Entry {
        let parts = [DEVICE, OTHER].map(|device| Part::wanted(device, false));
        Entry::new(
            Position(number),
            Millis::ZERO,
            text(number, length),
            parts.to_vec(),
        )
    }

    fn store_all(outbox: &mut Outbox, id: EntryId) {
        for device in [DEVICE, OTHER] {
            outbox.set_state(id, device, PartState::Stored);
        }
    }

    #[test]
    fn an_entry_is_kept_when_a_part_is_stored_and_goes_with_the_last_part() {
        let mut outbox = Outbox::new();
        outbox.insert(id(1), entry(1, 5));
        assert_eq!((outbox.index.unsent.len(), outbox.index.kept.len()), (1, 0));
        outbox.set_state(id(1), DEVICE, PartState::Stored);
        assert_eq!((outbox.index.unsent.len(), outbox.index.kept.len()), (0, 1));
        assert_eq!(outbox.next_pending(DEVICE, EntryId::FIRST), None);
        assert_eq!(outbox.next_pending(OTHER, EntryId::FIRST), Some(id(1)));
        store_all(&mut outbox, id(1));
        assert_eq!((outbox.index.unsent.len(), outbox.index.kept.len()), (0, 1));
        outbox.drop_part(id(1), DEVICE);
        assert!(outbox.get(id(1)).is_some());
        outbox.drop_part(id(1), OTHER);
        assert!(outbox.get(id(1)).is_none());
        assert_eq!((outbox.index.kept.len(), outbox.index.kept_bytes), (0, 0));
        assert!(outbox.pending_devices().is_empty());
    }

    #[test]
    fn devices_of_the_highest_number_end_the_list_of_those_who_wait() {
        let highest = DeviceAddress {
            device: u32::MAX,
            ..DEVICE
        };
        let next = DeviceAddress {
            account: AccountId([2; 32]),
            device: 1,
        };
        let mut outbox = Outbox::new();
        for number in 1..=3 {
            let parts = [DEVICE, highest, next].map(|device| Part::wanted(device, false));
            let entry = Entry::new(
                Position(number),
                Millis::ZERO,
                text(number, 5),
                parts.to_vec(),
            );
            outbox.insert(id(number), entry);
        }
        assert_eq!(outbox.pending_devices(), [DEVICE, highest, next]);
    }

    #[test]
    fn what_the_relay_had_it_had_though_the_part_is_gone() {
        let mut outbox = Outbox::new();
        outbox.insert(id(1), entry(1, 5));
        outbox.set_state(id(1), DEVICE, PartState::Stored);
        outbox.drop_part(id(1), DEVICE);
        let left = outbox.get(id(1)).expect("for the other device");
        assert!(left.is_stored() && !left.is_refused());
        let again = Entry::decode(&left.encode()).expect("a record");
        assert!(again.is_stored());
    }

    #[test]
    fn what_was_sealed_may_have_arrived_though_it_waits_to_be_sealed_anew() {
        let mut outbox = Outbox::new();
        outbox.insert(id(1), entry(1, 5));
        outbox.settle(id(1), DEVICE);
        assert!(outbox.part(id(1), DEVICE).is_some(), "it was never sealed");
        let sealed = PartState::Sealed {
            message_id: MessageId([1; 16]),
            envelope: vec![2; 9],
        };
        outbox.set_state(id(1), DEVICE, sealed);
        outbox.unseal(DEVICE, |_| false);
        let left = outbox.get(id(1)).expect("for both");
        let again = Entry::decode(&left.encode()).expect("a record");
        assert!(again.parts() == left.parts() && !left.is_stored());
        outbox.settle(id(1), DEVICE);
        assert!(outbox.part(id(1), DEVICE).is_none());
        assert!(outbox.part(id(1), OTHER).is_some());
    }

    #[test]
    fn what_is_kept_has_a_number_a_size_and_an_end() {
        let mut outbox = Outbox::new();
        let most = MAX_KEPT_TEXTS as u64;
        for number in 1..=most + 5 {
            outbox.insert(id(number), entry(number, 5));
            store_all(&mut outbox, id(number));
            outbox.drop_surplus();
        }
        assert_eq!(outbox.index.kept.len(), MAX_KEPT_TEXTS);
        assert_eq!(outbox.index.kept.first(), Some(&id(6)));
        for number in most + 6..=most + 105 {
            outbox.insert(id(number), entry(number, crate::MAX_TEXT));
            store_all(&mut outbox, id(number));
            outbox.drop_surplus();
        }
        assert!(outbox.index.kept_bytes <= MAX_KEPT_BYTES && outbox.index.kept.len() > 60);
        assert!(outbox.drop_old(Millis(KEPT_LIFETIME)));
        assert!(outbox.index.kept.len() > 60, "not a moment too early");
        assert!(outbox.drop_old(Millis(KEPT_LIFETIME + 1)));
        assert_eq!((outbox.index.kept.len(), outbox.index.kept_bytes), (0, 0));
    }
}
