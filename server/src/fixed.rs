//! The limits that are not settings, as docs/OPERATIONS.md has them: a test compares.
//!
//! Each number is the constant that is used, so that the manual cannot fall behind.

use pawl_wire::limits::{
    AUTH_TIMEOUT_MS, IDLE_TIMEOUT_MS, MAX_ACCOUNT_RECORD, MAX_FRAME, MAX_KEYS_PER_PUBLISH,
    MAX_RECEIVE_WINDOW, MAX_UNAUTHENTICATED_FRAME, WORK_TIMEOUT_MS,
};

use crate::config::Limits;
use crate::http::listen;
use crate::limits::buckets;
use crate::routing::delivery;
use crate::{connection, control, routes, store};

const KIB: usize = 1_024;

/// Name and value of each, in the manual's words.
#[must_use]
pub fn fixed_limits() -> Vec<(&'static str, String)> {
    let own = [
        (
            "frame",
            format!(
                "{} KiB, {} KiB before authentication",
                MAX_FRAME / KIB,
                MAX_UNAUTHENTICATED_FRAME / KIB
            ),
        ),
        (
            "time to authenticate",
            format!(
                "{} s, {} s with a proof of work; one frame",
                AUTH_TIMEOUT_MS / 1_000,
                WORK_TIMEOUT_MS / 1_000
            ),
        ),
        (
            "frames before authentication",
            format!("{}, pings included", connection::MAX_FIRST_FRAMES),
        ),
        (
            "idle time",
            format!("{} s without a frame", IDLE_TIMEOUT_MS / 1_000),
        ),
        (
            "one-time keys in one upload",
            format!("{MAX_KEYS_PER_PUBLISH} of a kind"),
        ),
        (
            "account record",
            format!("{} KiB", MAX_ACCOUNT_RECORD / KIB),
        ),
    ];
    let others = store::fixed_limits().into_iter();
    own.into_iter()
        .chain(of_sockets())
        .chain(others)
        .chain(elsewhere())
        .collect()
}

fn elsewhere() -> [(&'static str, String); 3] {
    let [asked, heaviest] = control::fixed_limits();
    let followed = format!(
        "{} per limit; newcomers beyond share {}",
        grouped(buckets::MAX_FOLLOWED as u64),
        grouped(buckets::SHARED as u64)
    );
    [
        ("networks, accounts and pairs that are followed", followed),
        asked,
        heaviest,
    ]
}

fn of_sockets() -> [(&'static str, String); 7] {
    [
        (
            "time to take a frame",
            format!(
                "{} s, and {} s without a byte taken",
                connection::SEND_TIMEOUT.as_secs(),
                Limits::UNSENT_TIMEOUT.as_secs()
            ),
        ),
        (
            "frames that wait for a socket",
            format!(
                "{} KiB and one frame; nothing is read above {} KiB",
                connection::MAX_WAITING / KIB,
                connection::MAX_UNTAKEN / KIB
            ),
        ),
        (
            "unacknowledged mail on a connection",
            format!(
                "{MAX_RECEIVE_WINDOW} messages and {} KiB",
                delivery::WINDOW_BYTES / KIB
            ),
        ),
        (
            "the system's buffers of a socket",
            format!("{} KiB in each direction", listen::SOCKET_BUFFER / KIB),
        ),
        (
            "sockets of one network address",
            format!(
                "`--connections-per-address` and {} more",
                routes::FILE_CONNECTIONS_PER_ADDRESS
            ),
        ),
        (
            "fragments of one message",
            connection::MAX_FRAGMENTS.to_string(),
        ),
        (
            "unanswered requests on a connection",
            connection::MAX_UNANSWERED.to_string(),
        ),
    ]
}

/// With commas, as people read numbers.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
