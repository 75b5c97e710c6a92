//! How many accounts there may be, and how many new ones in a day.
//!
//! Of a day only its number and how many accounts it brought are kept, and only where that is limited: no account has
//! the day on which it was made.

use rusqlite::{Connection, params};

use super::{StoreError, mail, people};
use crate::clock;
use crate::config::Limits;

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capped {
    Accounts = 1,
    AccountsPerDay,
}

impl Capped {
    pub(crate) const ALL: [Self; 2] = [Self::Accounts, Self::AccountsPerDay];
}

/// 0 for no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caps {
    accounts: u64,
    per_day: u64,
}

impl From<&Limits> for Caps {
    fn from(limits: &Limits) -> Self {
        Self {
            accounts: limits.accounts,
            per_day: limits.accounts_per_day,
        }
    }
}

/// Which limit keeps the next account out, if any. `now`: the relay's own time.
pub(super) fn reached(
    conn: &Connection,
    caps: Caps,
    now: u64,
) -> Result<Option<Capped>, StoreError> {
    if caps.accounts > 0 && has_accounts(conn, caps.accounts)? {
        return Ok(Some(Capped::Accounts));
    }
    if caps.per_day > 0 && made_today(conn, now)? >= caps.per_day {
        return Ok(Some(Capped::AccountsPerDay));
    }
    Ok(None)
}

/// An account was made.
pub(super) fn note(conn: &Connection, caps: Caps, now: u64) -> Result<(), StoreError> {
    if caps.per_day == 0 {
        return Ok(());
    }
    conn.prepare_cached(
        "UPDATE relay SET made_today = 1 + CASE today WHEN ?1 THEN made_today ELSE 0 END, today = ?1",
    )?
    .execute(params![day(now)])?;
    Ok(())
}

/// Rows are counted only where their numbers, which rise with each, do not say that there are fewer.
fn has_accounts(conn: &Connection, most: u64) -> Result<bool, StoreError> {
    let last: i64 = conn
        .prepare_cached("SELECT coalesce(max(id), 0) FROM account")?
        .query_row([], |row| row.get(0))?;
    if last.unsigned_abs() < most {
        return Ok(false);
    }
    Ok(people::count(conn)? >= most)
}

fn made_today(conn: &Connection, now: u64) -> Result<u64, StoreError> {
    let made: i64 = conn
        .prepare_cached("SELECT CASE today WHEN ?1 THEN made_today ELSE 0 END FROM relay")?
        .query_row([day(now)], |row| row.get(0))?;
    Ok(made.unsigned_abs())
}

fn day(now: u64) -> i64 {
    mail::to_sql(now / clock::DAY_MS)
}
