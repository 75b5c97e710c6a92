//! Looks at a store without changing it, also beside a relay that uses it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{OpenError, schema, time};

/// What is found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) version: i32,
    /// What SQLite finds wrong, if anything.
    pub(crate) damage: Option<String>,
    /// The relay's own time, and how far it followed the machine's clock.
    pub(crate) times_ms: Option<(u64, u64)>,
}

/// None where there is no store; a folder that cannot be looked into may have one.
pub(crate) fn examine(folder: &Path) -> Result<Option<Health>, OpenError> {
    let path = folder.join("relay.db");
    if !path.try_exists().map_err(OpenError::Unreadable)? {
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
    // One that is damaged, or of an older version, may not tell.
    let times = time::read(&conn).ok();
    Ok(Some(Health {
        version,
        damage,
        times_ms: times.map(|times| (times.own, times.followed)),
    }))
}
