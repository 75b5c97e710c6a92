//! A WebSocket: what comes in and what goes out.

use super::outgoing::Outgoing;
use super::reader::Reader;

pub(super) struct Socket {
    pub(super) reader: Reader,
    pub(super) out: Outgoing,
}
