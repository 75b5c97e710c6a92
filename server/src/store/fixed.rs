//! The store's limits that are not settings, in the manual's words.

use super::{bans, copying, invites, message, readers, sweep, time, writer};
use crate::clock;
use crate::fixed::grouped;

pub(crate) fn fixed_limits() -> [(&'static str, String); 8] {
    let days = |milliseconds: u64| milliseconds / clock::DAY_MS;
    let number = |number: i64| grouped(number.unsigned_abs());
    [
        (
            "store queue",
            format!(
                "{} writes and {} reads; beyond that a connection waits until its own are done",
                message::QUEUE,
                readers::QUEUE
            ),
        ),
        (
            "commit",
            format!(
                "{} requests at most, {} of one network while others wait",
                writer::GROUP,
                message::PART
            ),
        ),
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
            "copies",
            format!(
                "one at a time; given up above {} MiB of relay.db-wal, or 1/{} of the store where that is more, or when nobody takes any of it for {} s",
                copying::MOST_LOG >> 20,
                copying::LOG_PART,
                copying::STALL.as_secs()
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
