//! Pawl's client engine: a state machine without I/O, clock or randomness of its own.
//!
//! `Engine::handle(input, now, rng)` returns a [`Step`]: changes, and behind them frames and events.
//! `pawl-driver` commits the changes in one transaction, then sends the frames, then shows the events
//! (docs/ARCHITECTURE.md, "One road"). When a commit fails, whoever drives the engine throws it away
//! and loads it again from the store: memory is never ahead of the disk.
//! Knows `pawl-protocol` and `pawl-wire`; knows no browser, socket, database or page.
#![forbid(unsafe_code)]

mod account;
mod aside;
mod bundles;
mod channel;
mod command;
mod composing;
mod contacts;
mod content;
#[cfg(test)]
mod content_vectors;
mod conversations;
mod counters;
mod decode;
mod devices;
mod engine;
mod error;
mod event;
mod failing;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
#[cfg(test)]
mod id_vectors;
mod ids;
mod inbox;
mod limits;
mod lines;
mod lookups;
mod meeting;
mod mending;
mod number_map;
mod opening;
mod outbox;
mod prekey_stock;
mod prekeys;
mod publishing;
mod ranges;
mod receipts;
mod recent_commands;
mod records;
mod registration;
mod relay;
mod requests;
mod resending;
mod rings;
mod rooms;
mod seal;
mod sending;
mod sorted;
mod status;
mod step;
mod store;
mod strangers;
mod submitted;
mod timeline;
mod tracked;
mod trust;
mod turn;
mod unread;

pub use command::{Command, CommandId, Query};
pub use decode::{Fields, FromFields, Malformed, whole};
pub use engine::{Config, Engine, LoadedRecord};
pub use error::{AlertCode, CommandError, StoreError};
pub use event::{
    Connection, ConversationView, Event, IdentityState, MessageStatus, MessageView, NoticeCause,
    Phase, QueryReply, RegistrationPolicy, SafetyNumberView, Snapshot,
};
pub use ids::{ConversationId, NotAConversationId};
pub use pawl_protocol::DrawAhead;
pub use seal::{DataKey, Sealer};
pub use step::{Effects, FrameBatch, Hint, Input, SocketRequest, Step, Uncommitted};
pub use store::{Change, Key, Records, Table};

/// How many entries of its maps and sets an engine of this thread has looked at one after the other
/// since the last call: what a step costs besides what it finds by its key.
#[cfg(feature = "counting")]
#[must_use]
pub fn looked_at() -> u64 {
    sorted::counting::take()
}

/// Longest text of a message, in bytes of UTF-8: with its fields it fits the largest padding class.
pub const MAX_TEXT: usize = 64 * 1024;
