//! What all parts of the engine's state have in common, so that whoever adds one names it once, in
//! `engine/mod.rs`: how it is loaded and written, when it has something to do, and what a connection's end
//! or a clock that is put back means to it. What several of them do together is no part of this.

use crate::numbers::Millis;
use crate::storage::records::RecordError;
use crate::storage::store::{Change, Key, Table};

/// A part of the engine's state. Where nothing else is said it stands in memory only and wants nothing.
pub(crate) trait Room {
    /// Whether a record is this room's, by its place alone.
    fn takes(&self, _table: Table, _key: &Key) -> bool {
        false
    }

    /// Takes a record as it was read from the store: not a change.
    ///
    /// # Errors
    /// [`RecordError`], where the record or its key is not what this room writes.
    fn load(&mut self, _key: &Key, _value: &[u8]) -> Result<(), RecordError> {
        Err(RecordError::Damaged)
    }

    /// All records are loaded: makes what they are looked up by.
    fn index_loaded(&mut self) {}

    /// Erases a damaged record, which is not in memory, from the store; false where its key is none of this
    /// room's.
    fn erase(&mut self, _key: &Key) -> bool {
        false
    }

    /// What changed since the last step.
    fn flush(&mut self, _changes: &mut Vec<Change>) {}

    /// When something is to be done without anything happening outside.
    fn due(&self, _is_online: bool) -> Option<Millis> {
        None
    }

    /// The clock went back by so many milliseconds: what is waited for comes as much earlier.
    fn clock_went_back(&mut self, _by: u64) {}

    /// Forgets what was worth the connection that has ended.
    fn connection_lost(&mut self) {}

    /// Whether nothing is under way with the relay.
    fn is_idle(&self) -> bool {
        true
    }

    /// Erases what no key can open any more. `now` is a time that the clock has said for hours.
    fn drop_expired(&mut self, _now: Millis) {}
}
