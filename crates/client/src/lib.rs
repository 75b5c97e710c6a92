//! Pawl's client engine: a state machine without I/O, clock or randomness of its own.
//!
//! `Engine::handle(input, now, rng)` returns a [`Step`]: changes, and behind them frames and events.
//! `pawl-driver` commits the changes in one transaction, then sends the frames, then shows the events
//! (docs/ARCHITECTURE.md, "One road"). When a commit fails, whoever drives the engine throws it away
//! and loads it again from the store: memory is never ahead of the disk.
//! Knows `pawl-protocol` and `pawl-wire`; knows no browser, socket, database or page.
#![forbid(unsafe_code)]

mod account;
mod api;
mod channel;
mod content;
mod conversations;
mod directory;
mod engine;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod ids;
mod inbox;
mod limits;
mod numbers;
mod outbox;
mod prekeys;
mod relay;
mod storage;
mod turn;

pub use api::command::{Command, CommandId, Query};
pub use api::decode::{Fields, FromFields, Malformed, whole};
pub use api::error::{AlertCode, CommandError, StoreError};
pub use api::event::{
    Connection, ConversationView, Event, IdentityState, MessageStatus, MessageView, NoticeCause,
    Phase, QueryReply, RegistrationPolicy, SafetyNumberView, Snapshot,
};
pub use api::step::{Effects, FrameBatch, Hint, Input, SocketRequest, Step, Uncommitted};
pub use engine::{Config, Engine, LoadedRecord};
pub use ids::{ConversationId, NotAConversationId};
pub use pawl_protocol::DrawAhead;
pub use storage::seal::{DataKey, Sealer};
pub use storage::store::{Change, Key, Records, Table};

/// How many entries of its maps and sets an engine of this thread has looked at one after the other
/// since the last call: what a step costs besides what it finds by its key.
#[cfg(feature = "counting")]
#[must_use]
pub fn looked_at() -> u64 {
    storage::sorted::counting::take()
}

/// Longest text of a message, in bytes of UTF-8: with its fields it fits the largest padding class.
pub const MAX_TEXT: usize = 64 * 1024;
