//! Time: the one place of this program that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::{Duration, Instant};

/// Milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this module owns the program's clock"
)]
pub(crate) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// So many seconds from now, on a clock that nobody sets.
pub(crate) fn deadline(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// `2026-11-26 07:12:09Z`.
pub(crate) fn written(milliseconds: u64) -> String {
    let (date, time) = date_and_time(milliseconds);
    format!("{date} {time}Z")
}

/// `2026-11-26T07:12:09.123Z`, as RFC 3339 has it; years end with 9999 there.
pub(crate) fn exact(milliseconds: u64) -> String {
    let milliseconds = milliseconds.min(253_402_300_799_999);
    let (date, time) = date_and_time(milliseconds);
    format!("{date}T{time}.{:03}Z", milliseconds % 1_000)
}

fn date_and_time(milliseconds: u64) -> (String, String) {
    let seconds = milliseconds / 1_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let date = format!("{year:04}-{month:02}-{day:02}");
    (date, format!("{hour:02}:{minute:02}:{second:02}"))
}

/// Year, month and day of a day since 1970. Years begin in March here, so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        let cases = [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399_999, "2000-02-28 23:59:59Z"),
            (951_782_400_000, "2000-02-29 00:00:00Z"),
            (1_790_000_000_000, "2026-09-21 14:13:20Z"),
            (4_107_542_400_000, "2100-03-01 00:00:00Z"),
        ];
        for (time, text) in cases {
            assert_eq!(written(time), text);
        }
        assert_eq!(exact(951_782_399_007), "2000-02-28T23:59:59.007Z");
        assert_eq!(exact(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
