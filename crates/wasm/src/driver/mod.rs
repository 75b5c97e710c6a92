//! The driver: an engine with its store and its socket, one step at a time, carried out by `pawl-driver`.
//! Takes what it is to do from a [`Queue`] and says what comes of it to a [`Sink`]; must not know tabs and
//! pages. ARCHITECTURE.md "One road" and "Tabs".

mod engine;
mod full_disk;
mod queue;
mod run;
mod sink;
mod socket;
mod stop;

pub(crate) use self::queue::{DriverInput, Entrance, Queue, Requester};
pub(crate) use self::run::{Ended, lead};
pub(crate) use self::sink::Sink;

/// Where an engine runs.
pub(crate) struct Config {
    /// `host[:port]`, as in the page's address.
    pub(crate) authority: String,
    /// Where the relay's WebSocket is.
    pub(crate) ws_url: String,
    /// The database.
    pub(crate) db_name: String,
}
