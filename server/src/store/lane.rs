//! The order of what one connection sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::StoreError;

/// The envelopes of one connection, in their order. Once one fails, those behind it must not be stored
/// either: they would overtake it when it is sent again.
#[derive(Clone, Default)]
pub(crate) struct Lane(Arc<AtomicBool>);

impl Lane {
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::Acquire) {
            return Err(StoreError::BehindFailure);
        }
        Ok(())
    }

    /// Tells lanes apart that are there at a time; a later one may have the number of one that is gone.
    pub(super) fn number(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(super) fn block(&self) {
        self.0.store(true, Ordering::Release);
    }
}
