//! By what entries of the outbox are looked up. Where an entry changes, its parts are taken out and put
//! back; what is known of it as a text stays where it stands, since the oldest stand first, and to take one
//! out there moves all others.

use pawl_wire::{DeviceAddress, MessageId};

use super::entry::{Entry, EntryId, Part, PartState};
use crate::ids::ConversationId;
use crate::numbers::Number;
use crate::storage::sorted::{SortedMap, SortedSet};

/// See the fields.
#[derive(Default)]
pub(super) struct Index {
    pub(super) texts: SortedMap<(ConversationId, Number), EntryId>,
    pub(super) envelopes: SortedMap<MessageId, (EntryId, DeviceAddress)>,
    /// Parts that have to get to the relay, for each device in order.
    pub(super) pending: SortedSet<(DeviceAddress, EntryId)>,
    /// What is no text, by the device that it is for.
    pub(super) signals: SortedSet<(DeviceAddress, EntryId)>,
    /// Texts that the relay has for nobody.
    pub(super) unsent: SortedSet<EntryId>,
    /// Texts that it has for somebody.
    pub(super) kept: SortedSet<EntryId>,
    /// Their bytes.
    pub(super) kept_bytes: usize,
}

impl Index {
    /// An entry as it is now. What is known of it already stays; its parts are new, and what is stored is
    /// never unsent again.
    pub(super) fn add(&mut self, id: EntryId, entry: &Entry) {
        for part in &entry.parts {
            if part.is_pending() {
                self.pending.insert((part.device, id));
            }
            if let PartState::Sealed { message_id, .. } = part.state {
                self.envelopes.insert(message_id, (id, part.device));
            }
            if !id.is_text() {
                self.signals.insert((part.device, id));
            }
        }
        if !id.is_text() {
            return;
        }
        self.texts.insert((id.conversation, id.number), id);
        if !entry.is_stored() {
            self.unsent.insert(id);
        } else if self.kept.insert(id) {
            self.unsent.remove(&id);
            self.kept_bytes += entry.size();
        }
    }

    /// Parts that are about to change.
    pub(super) fn remove_parts(&mut self, id: EntryId, parts: &[Part]) {
        for part in parts {
            self.pending.remove(&(part.device, id));
            self.signals.remove(&(part.device, id));
            if let PartState::Sealed { message_id, .. } = &part.state {
                self.envelopes.remove(message_id);
            }
        }
    }

    /// An entry that goes.
    pub(super) fn remove(&mut self, id: EntryId, entry: &Entry) {
        self.remove_parts(id, &entry.parts);
        self.texts.remove(&(id.conversation, id.number));
        self.unsent.remove(&id);
        if self.kept.remove(&id) {
            self.kept_bytes -= entry.size();
        }
    }
}
