//! The laws of the protocol crate, stated at its boundary, in one test binary.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that meets something else than it set up must fail"
)]

mod codecs;
mod common;
mod failed_open;
mod handshake;
mod identity;
mod known_answers;
mod limits;
mod model;
mod session;
