//! The driver: one loop, one step of the engine at a time, with the store and the socket.

mod queue;
mod run;
mod socket;

pub(crate) use self::queue::Work;
pub(crate) use self::run::{Ended, lead};
