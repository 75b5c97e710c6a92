//! Erases what is past its time, oldest first, in slices that do not hold up the writer.

use std::time::Duration;

use rusqlite::{Connection, params};

use crate::clock::DAY_MS;

use super::{DeviceId, StoreError, invites, mail};

/// A claim is repeatable this long: a client retries one within minutes, or after days offline.
pub(super) const CLAIM_LIFETIME_MS: u64 = 7 * DAY_MS;

/// An acknowledged message id is known this long: its sender may come back for its `Stored`.
pub(super) const DELIVERED_LIFETIME_MS: u64 = 2 * DAY_MS;

/// Claims kept in all, about 2 KB each: a bound on what many claims can cost the disk.
pub(super) const MAX_CLAIMS: i64 = 100_000;

/// Acknowledged ids kept in all, about 60 bytes each with their index.
pub(super) const MAX_DELIVERED: i64 = 5_000_000;

/// Rows of one table in one slice: a few milliseconds of the writer's time.
const SLICE: i64 = 500;

/// One slice; true when there may be more.
pub(super) fn sweep(
    conn: &Connection,
    now: u64,
    mail_lifetime: Duration,
) -> Result<bool, StoreError> {
    let mail_lifetime = u64::try_from(mail_lifetime.as_millis()).unwrap_or(u64::MAX);
    let mail = sweep_mail(conn, before(now, mail_lifetime))?;
    let claims = trim(
        conn,
        "claim",
        "made_at",
        MAX_CLAIMS,
        before(now, CLAIM_LIFETIME_MS),
    )?;
    let delivered = trim(
        conn,
        "delivered",
        "acked_at",
        MAX_DELIVERED,
        before(now, DELIVERED_LIFETIME_MS),
    )?;
    invites::forget_expired(conn, now)?;
    Ok(mail || claims || delivered)
}

fn before(now: u64, lifetime: u64) -> i64 {
    mail::to_sql(now.saturating_sub(lifetime))
}

/// Rows stand in the order of their time, so that the oldest slice is enough to look at.
fn trim(
    conn: &Connection,
    table: &str,
    time: &str,
    most: i64,
    cutoff: i64,
) -> Result<bool, StoreError> {
    let erased = conn
        .prepare_cached(&format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT ?1)
                 AND ({time} < ?2 OR id <= (SELECT max(id) FROM {table}) - ?3)"
        ))?
        .execute(params![SLICE, cutoff, most])?;
    Ok(as_count(erased) == SLICE)
}

fn sweep_mail(conn: &Connection, cutoff: i64) -> Result<bool, StoreError> {
    let expired: Vec<(DeviceId, i64)> = conn
        .prepare_cached(
            "SELECT device, max(seq) FROM (SELECT * FROM mail ORDER BY id LIMIT ?1)
             WHERE stored_at < ?2 GROUP BY device",
        )?
        .query_map(params![SLICE, cutoff], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (device, through) in &expired {
        mail::erase(conn, *device, *through)?;
    }
    Ok(!expired.is_empty())
}

fn as_count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
