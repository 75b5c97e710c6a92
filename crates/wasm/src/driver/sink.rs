//! Where the driver says what the engine says.

use pawl_client::{Event, QueryReply};

use super::Requester;

/// Whoever passes on what the engine says to those who see it.
pub(crate) trait Sink {
    /// There is a new engine: everything that is shown is asked for again. `epoch`: of its store.
    fn ready(&self, epoch: f64);

    /// Shows what one step says; there may be nothing.
    fn show(&self, events: &[Event]);

    /// Answers a query.
    fn reply(&self, to: &Requester, reply: &QueryReply);
}
