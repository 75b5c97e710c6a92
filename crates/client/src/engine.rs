//! The engine: one state, one `handle`. Thin: everything that it does stands in the module of its noun.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::error::{CommandError, StoreError};
use crate::event::{Connection, MessageView, NoticeCause, Phase, SafetyNumberView, Snapshot};
use crate::step::{Input, Step};
use crate::store::{Key, Table};

/// What the engine must be told about where it runs.
#[derive(Clone)]
pub struct Config {
    /// `host[:port]` of the relay, in lower case, as in the Host header of the connection.
    pub authority: String,
}

/// A record as the driver read it from its store.
pub struct LoadedRecord {
    /// Where it stands.
    pub table: Table,
    /// Under which key.
    pub key: Key,
    /// Its value; nothing where the driver could not unseal it.
    pub value: Option<Zeroizing<Vec<u8>>>,
}

/// Pawl's client without I/O.
pub struct Engine {
    #[expect(dead_code, reason = "skeleton")]
    config: Config,
}

impl Engine {
    /// Takes everything that the store holds but its messages (see [`Table::is_loaded`]), in any order.
    ///
    /// # Errors
    /// [`StoreError`] where a Meta record is damaged or the store is newer than this code. Any other
    /// damaged record is set aside, with an alert: the rest works.
    pub fn load(config: Config, records: Vec<LoadedRecord>) -> Result<Self, StoreError> {
        drop(records);
        Ok(Self { config })
    }

    /// One step: what happened goes in; changes, frames and events come out (see [`Step`]). `now` is
    /// in milliseconds since 1970.
    pub fn handle(&mut self, input: Input, now: u64, rng: &mut impl CryptoRng) -> Step {
        let _ = (input, now, rng.next_u32());
        Step::default()
    }

    /// Everything a page needs to draw itself.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            phase: Phase::NoAccount { registration: None },
            connection: Connection::Offline,
            conversations: Vec::new(),
        }
    }

    /// The safety number with the other of a conversation.
    ///
    /// # Errors
    /// [`CommandError::NoAccount`], [`CommandError::UnknownConversation`].
    pub fn safety_number(&self, _conversation: &str) -> Result<SafetyNumberView, CommandError> {
        Err(CommandError::NoAccount)
    }

    /// Bounds of a conversation's keys in [`Table::Messages`]: the driver reads `[lower, upper)`, newest
    /// first, as many as were asked for.
    ///
    /// # Errors
    /// [`CommandError::UnknownConversation`].
    pub fn history_range(
        &self,
        _conversation: &str,
        _before: Option<u64>,
    ) -> Result<(Key, Key), CommandError> {
        Err(CommandError::UnknownConversation)
    }

    /// A message as a page shows it. A record that is missing or damaged is a line that says so.
    #[must_use]
    pub fn message_view(&self, _key: &Key, _record: Option<&[u8]>) -> MessageView {
        MessageView {
            position: 0,
            mine: false,
            text: String::new(),
            at: 0,
            status: None,
            notice: Some(NoticeCause::Damaged),
        }
    }
}
