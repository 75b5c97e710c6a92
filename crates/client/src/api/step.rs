//! One step of the engine: what goes in, and what comes out to be committed, sent and shown.

use pawl_derive::FromFields;

use crate::api::command::{Command, CommandId};
use crate::api::event::Event;
use crate::limits::RECEIVE_WINDOW;
use crate::storage::store::{Change, Key, Records};

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
    /// Binary messages came on the socket, in this order: what came together is one step and one
    /// transaction. [`FrameBatch`] has the bound.
    Frames(Vec<Vec<u8>>),
    /// The socket could not be opened, or was closed.
    SocketClosed {
        /// The WebSocket close code, where there was one.
        code: Option<u16>,
    },
    /// The records that `Effects::reads` asked for, in that order.
    Lines(Records),
    /// The time in `Effects::wake_at` has come (also right after loading, to begin).
    Tick,
    /// Something outside bears on the connection.
    Hint(Hint),
}

/// What a machine or a person says that bears on the connection. None is believed further than it can be
/// checked, and none is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromFields)]
pub enum Hint {
    /// The machine says that it has a network again: try now rather than at the next attempt.
    NetworkUp,
    /// The machine says that it has no network.
    NetworkDown,
    /// Somebody can see a page. Said again every 15 seconds while that is so.
    Watched,
    /// A person is there: a key was pressed, or the page has the focus.
    Nudged,
    /// A person asks for an attempt now.
    TryNow,
}

/// Frames that came together, as many as one step takes: a window of deliveries or [`Self::MAX_BYTES`],
/// so that one transaction stays small enough for a slow disk.
#[derive(Default)]
pub struct FrameBatch {
    frames: Vec<Vec<u8>>,
    bytes: usize,
}

impl FrameBatch {
    /// Frames in one step at most: the window that the relay is given.
    pub const MAX_FRAMES: usize = RECEIVE_WINDOW as usize;
    /// Bytes after which no further frame is taken; one frame may go past them.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// Takes one more frame.
    pub fn push(&mut self, frame: Vec<u8>) {
        self.bytes += frame.len();
        self.frames.push(frame);
    }

    /// Whether there is nothing for a step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether the next frame belongs to the next step.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.frames.len() >= Self::MAX_FRAMES || self.bytes >= Self::MAX_BYTES
    }

    /// The step's input.
    #[must_use]
    pub fn into_input(self) -> Input {
        Input::Frames(self.frames)
    }
}

/// What the driver does about its one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketRequest {
    /// Open one; answered by `SocketOpened` or `SocketClosed`.
    Open,
    /// Close it; answered by `SocketClosed`.
    Close,
}

/// What comes out of one call of [`crate::Engine::handle`]. What it sends and shows can be had when what it changes has
/// been taken, to be committed:
///
/// ```
/// # fn commit(_: Vec<pawl_client::Change>) -> Result<(), ()> { Ok(()) }
/// # fn send(_: Vec<u8>) {}
/// fn carry_out(step: pawl_client::Step) -> Result<(), ()> {
///     let (changes, uncommitted) = step.into_changes();
///     commit(changes)?;
///     uncommitted.committed().frames.into_iter().for_each(send);
///     Ok(())
/// }
/// ```
///
/// A step itself has nothing to send:
///
/// ```compile_fail,E0609
/// # fn commit(_: Vec<pawl_client::Change>) -> Result<(), ()> { Ok(()) }
/// # fn send(_: Vec<u8>) {}
/// fn carry_out(step: pawl_client::Step) -> Result<(), ()> {
///     step.frames.into_iter().for_each(send);
///     Ok(())
/// }
/// ```
///
/// Nor has what is not committed:
///
/// ```compile_fail,E0616
/// # fn commit(_: Vec<pawl_client::Change>) -> Result<(), ()> { Ok(()) }
/// # fn send(_: Vec<u8>) {}
/// fn carry_out(step: pawl_client::Step) -> Result<(), ()> {
///     let (changes, uncommitted) = step.into_changes();
///     uncommitted.effects.frames.into_iter().for_each(send);
///     commit(changes)
/// }
/// ```
#[must_use = "a step that is not carried out leaves the engine ahead of its store"]
pub struct Step {
    changes: Vec<Change>,
    effects: Effects,
}

impl Step {
    pub(crate) fn new(changes: Vec<Change>, effects: Effects) -> Self {
        Self { changes, effects }
    }

    /// What is to be committed.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// First: all of these in one transaction, durable before anything else is done. The rest is in the other part.
    pub fn into_changes(self) -> (Vec<Change>, Uncommitted) {
        let effects = self.effects;
        (self.changes, Uncommitted { effects })
    }
}

/// What a step does when its changes are committed.
#[must_use = "what is committed must be sent and shown"]
pub struct Uncommitted {
    effects: Effects,
}

impl Uncommitted {
    /// Says that the changes are durable, or that there were none.
    #[must_use]
    pub fn committed(self) -> Effects {
        self.effects
    }
}

/// What a step does outside, in the order in which `pawl-driver` carries it out.
#[derive(Default)]
pub struct Effects {
    /// First: encoded frames for the open socket, in order.
    pub frames: Vec<Vec<u8>>,
    /// Second: what to do about the socket (a `Close` after the frames).
    pub socket: Option<SocketRequest>,
    /// Third: when to call with `Input::Tick` at the latest, milliseconds since 1970; replaces the one
    /// before.
    pub wake_at: Option<u64>,
    /// Fourth.
    pub events: Vec<Event>,
    /// Last: keys in [`crate::Table::Messages`] to be read, and answered with one `Input::Lines`;
    /// where the driver fails before that, the engine that is loaded asks again.
    pub reads: Vec<Key>,
}
