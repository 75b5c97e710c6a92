//! The relay's one clock: every reading of time is here, so that the rest takes time as a value.
//!
//! Monotonic time decides timeouts and, by way of the store's own time (`store::time`), what expires. The machine's clock,
//! milliseconds since 1970, may jump: nothing follows it at once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// 2026: no relay of this kind ran before. A machine whose clock says so does not know the time, as one without a battery
/// after its start.
pub(crate) const EARLIEST_MS: u64 = 1_767_225_600_000;

/// Milliseconds since 1970; 0 on a machine whose clock stands before that.
#[expect(
    clippy::disallowed_methods,
    reason = "the relay's one reading of the wall clock"
)]
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Now, as monotonic time.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A point of monotonic time, `after` from now.
pub(crate) fn deadline(after: Duration) -> Instant {
    Instant::now() + after
}
