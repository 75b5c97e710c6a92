//! Which commands succeeded of late: one that is asked again is only answered again.

use crate::api::command::CommandId;
use crate::api::error::CommandError;
use crate::limits::RECENT_COMMANDS;
use crate::storage::records::RecordError;
use crate::storage::rings::Ring;
use crate::storage::room::Room;
use crate::storage::store::{Change, Key, Table};
use crate::turn::Turn;

/// Ids in one block of the ring.
const PER_BLOCK: u64 = 64;

/// The ids of the last commands that succeeded.
pub(crate) struct RecentCommands {
    ring: Ring,
}

impl RecentCommands {
    pub(crate) fn new() -> Self {
        let blocks = RECENT_COMMANDS / PER_BLOCK + 1;
        Self {
            ring: Ring::new("command", blocks, PER_BLOCK),
        }
    }

    /// Whether a command has succeeded already.
    pub(crate) fn is_done(&self, id: &CommandId) -> bool {
        ring_id(id).is_some_and(|id| self.ring.contains(&id))
    }

    /// Answers a command, and remembers that it is done.
    pub(crate) fn done(
        &mut self,
        id: CommandId,
        result: Result<(), CommandError>,
        turn: &mut Turn<'_>,
    ) {
        if let (Ok(()), Some(id)) = (&result, ring_id(&id)) {
            self.ring.push(id);
        }
        turn.done.push((id, result.err()));
    }
}

impl Room for RecentCommands {
    fn takes(&self, table: Table, key: &Key) -> bool {
        self.ring.takes(table, key)
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        self.ring.load(key, value)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.ring.flush(changes);
    }
}

/// A command's id as it is remembered; one that is not 32 hexadecimal digits is not remembered.
fn ring_id(id: &str) -> Option<[u8; 16]> {
    let is_hex = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_hex.then(|| u128::from_str_radix(id, 16).ok())?;
    number.map(u128::to_be_bytes)
}
