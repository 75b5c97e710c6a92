//! The laws of the protocol crate, stated at its boundary, in one test binary.

mod codecs;
mod common;
mod failed_open;
mod handshake;
mod identity;
mod known_answers;
mod limits;
mod model;
mod session;
