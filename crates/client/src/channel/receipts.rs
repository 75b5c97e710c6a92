//! When receipts go out: what arrived and what was seen is gathered into few messages. What they say is
//! `engine/flows/receipts.rs`.

use crate::limits::{RECEIPT_BATCH, RECEIPT_DELAY};
use crate::numbers::Millis;
use crate::storage::room::Room;

/// When receipts go out next.
#[derive(Default)]
pub(crate) struct Receipts {
    due: Option<Millis>,
    gathered: usize,
}

impl Receipts {
    /// One more text to tell of.
    pub(crate) fn gather(&mut self, now: Millis) {
        self.gathered += 1;
        if self.gathered >= RECEIPT_BATCH {
            self.hurry(now);
        } else {
            self.delay(now);
        }
    }

    /// Something to tell of soon.
    pub(crate) fn delay(&mut self, now: Millis) {
        self.wait(now + RECEIPT_DELAY);
    }

    /// Something to tell of at this time, or earlier.
    pub(crate) fn wait(&mut self, until: Millis) {
        self.due = Some(self.due.map_or(until, |due| due.min(until)));
    }

    /// Whether receipts go out now; what was gathered goes with them.
    pub(crate) fn take_due(&mut self, now: Millis) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            *self = Self::default();
        }
        is_due
    }

    /// No more is to be expected right now.
    pub(crate) fn hurry(&mut self, now: Millis) {
        self.due = Some(now);
    }
}

impl Room for Receipts {
    fn due(&self, is_online: bool) -> Option<Millis> {
        self.due.filter(|_| is_online)
    }

    fn clock_went_back(&mut self, by: u64) {
        self.due = self.due.map(|due| due.earlier_by(by));
    }

    fn is_idle(&self) -> bool {
        self.due.is_none()
    }
}
