//! `Ping`: whether the relay is there. A browser cannot send the WebSocket's own.

use pawl_wire::RelayFrame;

use super::answer::{Answer, at_once};

pub(super) fn ping(token: u64) -> Answer {
    at_once(RelayFrame::Pong { token })
}
