//! Accounts that nobody uses: the day of an account's last use, which is kept only while `--account-days` is set.
//!
//! Days are the relay's own, so that no clock that jumps makes an account look unused.

use rusqlite::{Connection, OptionalExtension, params};

use super::{DeviceId, StoreError, erased};
use crate::clock::DAY_MS;

/// The day of a time, as the store has it.
pub(super) fn day(now: u64) -> i64 {
    i64::try_from(now / DAY_MS).unwrap_or(i64::MAX)
}

/// Begins with the setting: who has no day yet was used today, and without the setting nobody has one.
pub(super) fn begin(conn: &Connection, today: Option<i64>) -> Result<(), StoreError> {
    match today {
        Some(today) => conn.execute(
            "UPDATE account SET last_day = ?1 WHERE last_day IS NULL",
            [today],
        )?,
        None => conn.execute(
            "UPDATE account SET last_day = NULL WHERE last_day IS NOT NULL",
            [],
        )?,
    };
    Ok(())
}

/// The account of this device is used today. Written once a day.
pub(super) fn note(conn: &Connection, device: DeviceId, today: i64) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE account SET last_day = ?2
         WHERE id = (SELECT account FROM device WHERE id = ?1) AND last_day < ?2",
    )?
    .execute(params![device, today])?;
    Ok(())
}

/// Erases a slice of one account that was last used before this day; true when there may be more.
pub(super) fn sweep(conn: &Connection, before: i64) -> Result<bool, StoreError> {
    let unused = conn
        .prepare_cached("SELECT id FROM account WHERE last_day < ?1 ORDER BY last_day LIMIT 1")?
        .query_row([before], |row| row.get(0))
        .optional()?;
    let Some(account) = unused else {
        return Ok(false);
    };
    erased::erase(conn, account)?;
    Ok(true)
}
