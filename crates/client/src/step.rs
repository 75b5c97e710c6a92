//! One step of the engine: what goes in, and what comes out to be committed, sent and shown.

use zeroize::Zeroizing;

use crate::command::{Command, CommandId};
use crate::event::Event;
use crate::store::{Change, Key};

/// What happened outside.
pub enum Input {
    /// A person asks for something.
    Command {
        /// See [`CommandId`].
        id: CommandId,
        /// What.
        command: Command,
    },
    /// The socket that was asked for is open.
    SocketOpened,
    /// A binary message came on the socket.
    Frame(Vec<u8>),
    /// The socket could not be opened, or was closed.
    SocketClosed {
        /// The WebSocket close code, where there was one.
        code: Option<u16>,
    },
    /// The records that `Step::reads` asked for, in that order; nothing where there is none or it is
    /// damaged.
    Lines(Vec<Option<Zeroizing<Vec<u8>>>>),
    /// The time in `Step::wake_at` has come (also right after loading, to begin).
    Tick,
    /// The machine says that it has a network again: try now rather than at the next attempt.
    NetworkUp,
}

/// What the driver does about its one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketRequest {
    /// Open one; answered by `SocketOpened` or `SocketClosed`.
    Open,
    /// Close it; answered by `SocketClosed`.
    Close,
}

/// What comes out, in the order in which it must be carried out.
#[derive(Default)]
pub struct Step {
    /// First: all of these in one transaction, durable before anything else is done.
    pub changes: Vec<Change>,
    /// Second: encoded frames for the open socket, in order.
    pub frames: Vec<Vec<u8>>,
    /// Second, too: what to do about the socket (a `Close` after the frames).
    pub socket: Option<SocketRequest>,
    /// Third.
    pub events: Vec<Event>,
    /// Keys in [`crate::Table::Messages`] to be read when the rest is done, and answered with one
    /// `Input::Lines`; where the driver fails before that, the engine that is loaded asks again.
    pub reads: Vec<Key>,
    /// When to call with `Input::Tick` at the latest, milliseconds since 1970; replaces the one
    /// before.
    pub wake_at: Option<u64>,
}
