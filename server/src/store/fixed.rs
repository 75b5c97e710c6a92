//! The store's limits that are not settings, in the manual's words.

use super::{bans, invites, readers, sweep, time, writer};
use crate::clock;
use crate::fixed::grouped;

pub(crate) fn fixed_limits() -> [(&'static str, String); 7] {
    let days = |milliseconds: u64| milliseconds / clock::DAY_MS;
    let number = |number: i64| grouped(number.unsigned_abs());
    [
        (
            "store queue",
            format!(
                "{} writes and {} reads per reader",
                writer::QUEUE,
                readers::QUEUE
            ),
        ),
        ("commit", format!("{} requests at most", writer::GROUP)),
        ("open invites", number(invites::MOST)),
        ("bans", number(bans::MOST)),
        (
            "life of a claim",
            format!(
                "{} days, {} in all",
                days(sweep::CLAIM_LIFETIME_MS),
                number(sweep::MAX_CLAIMS)
            ),
        ),
        (
            "life of an acknowledged message's id",
            format!(
                "{} days, {} in all",
                days(sweep::DELIVERED_LIFETIME_MS),
                number(sweep::MAX_DELIVERED)
            ),
        ),
        (
            "time that is made up for",
            format!(
                "{} days of one absence, at twice the pace",
                days(time::MOST_OWED_MS)
            ),
        ),
    ]
}
