//! What an operator asks of accounts: who is there, how much waits for them, and that it is erased.
//!
//! Works beside the running relay's other jobs, or on a command's own connection. Erasing goes in slices, so that
//! others are served in between and the log of the store stays short. Knows no socket and no command.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{DeviceId, StoreError, erased, mail};

/// Messages that are erased in one commit.
pub(super) const SLICE: u64 = 500;

/// Bytes of envelopes that are erased in one commit, rounded up to the last message.
const SLICE_BYTES: u64 = 8 * 1024 * 1024;

/// Accounts that are read at once.
pub(crate) const PAGE: usize = 500;

/// One account, as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountRow {
    /// Its row: the list goes on behind it.
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) devices: u64,
    pub(crate) waiting_messages: u64,
    pub(crate) waiting_bytes: u64,
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Erased {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Erased {
    pub(super) fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }
}

/// Erases a slice of an account; true when it is gone.
pub(super) fn end(conn: &Connection, account: i64) -> Result<bool, StoreError> {
    let is_there = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM account WHERE id = ?1)")?
        .query_row([account], |row| row.get::<_, bool>(0))?;
    if !is_there {
        return Ok(true);
    }
    erased::erase(conn, account)
}

/// The name of each of these devices' accounts that is still there.
pub(super) fn names(
    conn: &Connection,
    devices: &[DeviceId],
) -> Result<HashMap<DeviceId, String>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT a.username FROM device d JOIN account a ON a.id = d.account WHERE d.id = ?1",
    )?;
    let mut names = HashMap::new();
    for device in devices {
        let name = select.query_row([device], |row| row.get(0)).optional()?;
        names.extend(name.map(|name| (*device, name)));
    }
    Ok(names)
}

/// The accounts for which most bytes wait.
pub(super) fn fullest(conn: &Connection, most: usize) -> Result<Vec<AccountRow>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT a.id, a.username, 1, m.messages, m.bytes
         FROM (SELECT device, messages, bytes FROM mailbox WHERE messages > 0
               ORDER BY bytes DESC, device LIMIT ?1) m
         JOIN device d ON d.id = m.device JOIN account a ON a.id = d.account
         ORDER BY m.bytes DESC, m.device",
    )?;
    let rows = select.query_map([mail::to_sql(most as u64)], row_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many accounts there are.
pub(super) fn count(conn: &Connection) -> Result<u64, StoreError> {
    let count: i64 = conn
        .prepare_cached("SELECT count(*) FROM account")?
        .query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// The accounts behind this row, a page of them at most.
pub(super) fn list(conn: &Connection, after: i64) -> Result<Vec<AccountRow>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT a.id, a.username, count(d.id), coalesce(sum(m.messages), 0), coalesce(sum(m.bytes), 0)
         FROM (SELECT id, username FROM account WHERE id > ?1 ORDER BY id LIMIT ?2) a
         LEFT JOIN device d ON d.account = a.id LEFT JOIN mailbox m ON m.device = d.id
         GROUP BY a.id ORDER BY a.id",
    )?;
    let rows = select.query_map(params![after, mail::to_sql(PAGE as u64)], row_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(AccountRow {
        id: row.get(0)?,
        name: row.get(1)?,
        devices: count(2)?,
        waiting_messages: count(3)?,
        waiting_bytes: count(4)?,
    })
}

/// The row of the account with this name, if there is one.
pub(super) fn account(conn: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    let account = conn
        .prepare_cached("SELECT id FROM account WHERE username = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(account)
}

/// Its devices.
pub(super) fn devices(conn: &Connection, name: &str) -> Result<Option<Vec<DeviceId>>, StoreError> {
    let Some(account) = account(conn, name)? else {
        return Ok(None);
    };
    let mut select = conn.prepare_cached("SELECT id FROM device WHERE account = ?1 ORDER BY id")?;
    let devices = select.query_map([account], |row| row.get(0))?;
    Ok(Some(devices.collect::<Result<_, _>>()?))
}

/// The number of the last message of a mailbox; 0 where there is none any more.
pub(super) fn last_seq(conn: &Connection, device: DeviceId) -> Result<u64, StoreError> {
    let last: Option<i64> = conn
        .prepare_cached("SELECT last_seq FROM mailbox WHERE device = ?1")?
        .query_row([device], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or_default().unsigned_abs())
}

/// Erases the oldest slice of what waits for a device, up to a number. Nothing is erased when nothing is left.
pub(super) fn erase_slice(
    conn: &Connection,
    device: DeviceId,
    through: u64,
) -> Result<(Erased, u64), StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT seq, length(envelope) FROM mail WHERE device = ?1 AND seq <= ?2
         ORDER BY seq LIMIT ?3",
    )?;
    let mut rows = select.query(params![device, mail::to_sql(through), mail::to_sql(SLICE)])?;
    let (mut erased, mut last) = (Erased::default(), 0);
    while erased.bytes < SLICE_BYTES
        && let Some(row) = rows.next()?
    {
        last = row.get::<_, i64>(0)?;
        erased.add(Erased {
            messages: 1,
            bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        });
    }
    if erased.messages > 0 {
        mail::erase(conn, device, last)?;
    }
    Ok((erased, last.unsigned_abs()))
}
