//! Accounts that are erased: what goes, and what stays so that nobody else gets the name.
//!
//! A hash of the name and one of the account's key stay. Who has that key may register the name again. Row numbers
//! of devices are not given twice: what is remembered of one in memory must not count for another.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{DeviceId, StoreError};

/// Messages that are erased at once: a few milliseconds of the writer's time.
const SLICE: i64 = 500;

/// Erases a slice of an account; true when all of it is gone. Nobody of it may be connected.
pub(super) fn erase(conn: &Connection, account: i64) -> Result<bool, StoreError> {
    let erased = conn
        .prepare_cached(
            "DELETE FROM mail WHERE id IN (SELECT m.id FROM device d JOIN mail m ON m.device = d.id
             WHERE d.account = ?1 LIMIT ?2)",
        )?
        .execute(params![account, SLICE])?;
    if i64::try_from(erased) == Ok(SLICE) {
        return Ok(false);
    }
    let (name, key): (String, [u8; 32]) = conn
        .prepare_cached("SELECT username, public_key FROM account WHERE id = ?1")?
        .query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for table in ["delivered", "one_time_key", "claim", "mailbox"] {
        conn.prepare_cached(&format!(
            "DELETE FROM {table} WHERE device IN (SELECT id FROM device WHERE account = ?1)"
        ))?
        .execute([account])?;
    }
    conn.prepare_cached(
        "UPDATE relay SET last_device =
             max(last_device, coalesce((SELECT max(id) FROM device WHERE account = ?1), 0))",
    )?
    .execute([account])?;
    conn.prepare_cached("DELETE FROM device WHERE account = ?1")?
        .execute([account])?;
    conn.prepare_cached("DELETE FROM account WHERE id = ?1")?
        .execute([account])?;
    conn.prepare_cached("INSERT OR REPLACE INTO erased (name_hash, key_hash) VALUES (?1, ?2)")?
        .execute([hash_name(&name), hash_key(&key)])?;
    Ok(true)
}

/// Whether this name was erased with an account that has another key.
pub(super) fn is_anothers(
    conn: &Connection,
    name: &str,
    key: &[u8; 32],
) -> Result<bool, StoreError> {
    let owner: Option<[u8; 32]> = conn
        .prepare_cached("SELECT key_hash FROM erased WHERE name_hash = ?1")?
        .query_row([hash_name(name)], |row| row.get(0))
        .optional()?;
    Ok(owner.is_some_and(|owner| owner != hash_key(key)))
}

/// The name has an account again.
pub(super) fn give_back(conn: &Connection, name: &str) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM erased WHERE name_hash = ?1")?
        .execute([hash_name(name)])?;
    Ok(())
}

/// The number of the next device.
pub(super) fn next_device(conn: &Connection) -> Result<DeviceId, StoreError> {
    let next = conn
        .prepare_cached(
            "SELECT 1 + max(last_device, coalesce((SELECT max(id) FROM device), 0)) FROM relay",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(next)
}

fn hash_name(name: &str) -> [u8; 32] {
    hash(b"name of an erased account", name.as_bytes())
}

fn hash_key(key: &[u8; 32]) -> [u8; 32] {
    hash(b"key of an erased account", key)
}

fn hash(label: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(label);
    hash.update(bytes);
    hash.finalize().into()
}

#[cfg(test)]
#[path = "erased_tests.rs"]
mod tests;
