//! What anybody can cause is said once a minute at most, so that nobody fills the log.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

const EVERY: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it may be said now; then not again for a minute.
    pub(crate) fn is_due(&self) -> bool {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_some_and(|next| clock::now() < next) {
            return false;
        }
        *next = Some(clock::deadline(EVERY));
        true
    }
}
