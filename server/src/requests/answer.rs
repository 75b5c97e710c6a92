//! What a request is answered: a frame that comes when what it says is so.

use std::future::Future;
use std::pin::Pin;

use pawl_wire::RelayFrame;

use super::rejected::Rejected;

/// An answer on its way.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<RelayFrame, Rejected>>>>;

/// An answer that waits for nothing.
pub(super) fn at_once(frame: RelayFrame) -> Answer {
    Box::pin(std::future::ready(Ok(frame)))
}
