//! Looks at a store without changing it, also beside a relay that uses it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{OpenError, schema};

/// What is found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) version: i32,
    /// What SQLite finds wrong, if anything.
    pub(crate) damage: Option<String>,
    /// The latest time that a row has.
    pub(crate) newest_ms: u64,
}

/// None where there is no store.
pub(crate) fn examine(folder: &Path) -> Result<Option<Health>, OpenError> {
    let path = folder.join("relay.db");
    if !path.exists() {
        return Ok(None);
    }
    let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check_owner(&conn)?;
    let version = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let said: Result<String, _> = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    let damage = match said {
        Ok(said) if said == "ok" => None,
        Ok(said) => Some(said),
        Err(error) => Some(error.to_string()),
    };
    // A store that is damaged may not even tell this.
    let newest = |sql| {
        conn.query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap_or_default()
    };
    let newest_ms = newest("SELECT coalesce(max(stored_at), 0) FROM (SELECT stored_at FROM mail ORDER BY id DESC LIMIT 100)")
        .max(newest("SELECT coalesce(max(made_at), 0) FROM (SELECT made_at FROM claim ORDER BY id DESC LIMIT 100)"));
    Ok(Some(Health {
        version,
        damage,
        newest_ms: newest_ms.unsigned_abs(),
    }))
}
