//! A model of the relay, and two worlds of engines around it, each in one thread: one in which a test
//! says what happens (`scripted`), and the simulator, in which one seed decides it.
//! Knows the client as a driver knows it, and the wire as a relay does; changes nothing of either.
//! What a run of the simulator consists of is written down first (`plan`), happens (`world`, `act`,
//! `driver`), and is judged (`law`).
#![forbid(unsafe_code)]

mod act;
mod conversation;
pub mod disk;
mod driver;
mod fault;
mod host;
mod hostile;
mod impostor;
mod law;
mod lists;
mod nursery;
mod own_account;
mod people;
mod plan;
mod record;
pub mod relay;
mod run;
pub mod scripted;
mod search;
mod shrink;
mod trace;
mod world;

pub use conversation::{conversation_with, other_in, sending};
pub use fault::Fault;
pub use host::Point;
pub use law::{Failure, Law};
pub use own_account::OwnAccount;
pub use plan::{Kind, Plan, Size};
pub use run::{Report, run};
pub use search::{Found, search};
pub use shrink::shrink;
