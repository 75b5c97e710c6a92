//! The order in which a step of the engine is carried out, once for all that run one: commit, then send, then show
//! (docs/ARCHITECTURE.md "One road"). Knows nothing of stores, sockets and clocks; a [`Host`] has those.
#![forbid(unsafe_code)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pawl_client::{Change, Effects, Event, Input, Key, Records, SocketRequest, Step};

/// What steps are carried out on: a store, a socket, an alarm, and whoever watches. Each call may fail; the step ends
/// there, and nothing that comes later in the order is done.
pub trait Host {
    /// Why a step ended before its end. The engine may be ahead of its store then, and has lost what was not sent and
    /// shown: it must be dropped and loaded again. The same holds where [`carry_out`] or [`drive`] is dropped halfway.
    type Error;

    /// Commits changes, which are at least one, in one transaction that is durable when this returns.
    fn commit(&mut self, changes: Vec<Change>) -> impl Future<Output = Result<(), Self::Error>>;

    /// Hands frames, of which there may be none, to the open socket, in this order. Without an open socket they are
    /// dropped. A socket that fails is no error of a step: the engine hears `Input::SocketClosed` later.
    fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), Self::Error>;

    /// Opens or closes the socket; an `Input::SocketOpened` or `Input::SocketClosed` answers later.
    fn serve(&mut self, request: SocketRequest) -> Result<(), Self::Error>;

    /// Calls with `Input::Tick` at that time at the latest, in milliseconds since 1970; replaces the time before. A host
    /// may tick more often, and after `None` keep the time before.
    fn wake_at(&mut self, at: Option<u64>) -> Result<(), Self::Error>;

    /// Shows events, of which there may be none, in this order.
    fn show(&mut self, events: Vec<Event>) -> Result<(), Self::Error>;
}

/// A host with an engine.
pub trait EngineHost: Host {
    /// Has the engine handle an input, with the host's clock and randomness.
    fn handle(&mut self, input: Input) -> Step;

    /// Reads records of [`pawl_client::Table::Messages`].
    fn read(&mut self, keys: Vec<Key>) -> impl Future<Output = Result<Records, Self::Error>>;
}

/// Carries out the step of an input, and those of the records that it asks for.
///
/// # Errors
/// The host's.
pub async fn drive<H: EngineHost>(host: &mut H, input: Input) -> Result<(), H::Error> {
    let mut step = host.handle(input);
    loop {
        let reads = carry_out(host, step).await?;
        if reads.is_empty() {
            return Ok(());
        }
        let records = host.read(reads).await?;
        step = host.handle(Input::Lines(records));
    }
}

/// Carries out one step; gives the keys that are to be read and answered with one `Input::Lines`.
///
/// # Errors
/// The host's.
pub async fn carry_out<H: Host>(host: &mut H, step: Step) -> Result<Vec<Key>, H::Error> {
    let (changes, uncommitted) = step.into_changes();
    if !changes.is_empty() {
        host.commit(changes).await?;
    }
    finish(host, uncommitted.committed())
}

/// What follows a commit; gives the keys that are to be read.
///
/// # Errors
/// The host's.
pub fn finish<H: Host>(host: &mut H, effects: Effects) -> Result<Vec<Key>, H::Error> {
    host.send(effects.frames)?;
    if let Some(request) = effects.socket {
        host.serve(request)?;
    }
    host.wake_at(effects.wake_at)?;
    host.show(effects.events)?;
    Ok(effects.reads)
}

/// The output of a future that waits for nothing: of a host whose store answers at once.
///
/// # Panics
/// Where the future waits.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a host that answers at once does not wait"),
    }
}
