//! `GET /api/ws`: from an HTTP request to a served connection.
//!
//! Owns who may connect (shape of the handshake, origin, number of connections) and the life of a connection; the frames are
//! `pawl_wire`'s, the answers are those of `crate::requests`.

mod authenticate;
mod outgoing;
mod pipe;
mod reader;
mod serve;
mod session;
mod socket;
mod upgrade;

pub(crate) use self::authenticate::MAX_FIRST_FRAMES;
pub(crate) use self::outgoing::SEND_TIMEOUT;
pub(crate) use self::pipe::{MAX_UNTAKEN, MAX_WAITING, PIECE};
pub(crate) use self::reader::MAX_FRAGMENTS;
pub(crate) use self::session::MAX_UNANSWERED;
pub(crate) use self::upgrade::open;
