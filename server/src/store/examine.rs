//! Looks at a store without changing it, also beside a relay that uses it.
//!
//! A check reads all of the store in one go, and SQLite's log grows meanwhile: it is given up where a copy is.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::copying::LogWatch;
use super::{OpenError, schema, time};

/// Between two looks at the log.
const LOOK: Duration = Duration::from_millis(100);

/// What is found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) version: i32,
    /// What SQLite finds wrong, if anything.
    pub(crate) damage: Option<String>,
    /// The log was so long that this was not looked for to the end.
    pub(crate) is_given_up: bool,
    /// The relay's own time, and how far it followed the machine's clock.
    pub(crate) times_ms: Option<(u64, u64)>,
}

/// None where there is no store; a folder that cannot be looked into may have one. `is_served`: a relay runs on it, which
/// makes its log short again.
pub(crate) fn examine(folder: &Path, is_served: bool) -> Result<Option<Health>, OpenError> {
    let path = folder.join("relay.db");
    if !path.try_exists().map_err(OpenError::Unreadable)? {
        return Ok(None);
    }
    let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check_owner(&conn)?;
    let version = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let (damage, is_given_up) = match check(folder, &conn, is_served) {
        Ok(Some(said)) if said == "ok" => (None, false),
        Ok(Some(said)) => (Some(one_line(&said)), false),
        Ok(None) => (None, true),
        Err(error) => (Some(error.to_string()), false),
    };
    // One that is damaged, or of an older version, may not tell.
    let times = time::read(&conn).ok();
    Ok(Some(Health {
        version,
        damage,
        is_given_up,
        times_ms: times.map(|times| (times.own, times.followed)),
    }))
}

/// SQLite says what is damaged in several.
pub(super) fn one_line(said: &str) -> String {
    said.lines().collect::<Vec<_>>().join(" ")
}

/// What SQLite says of the whole store; none where its log grows too long meanwhile.
fn check(folder: &Path, conn: &Connection, is_served: bool) -> rusqlite::Result<Option<String>> {
    let log = match is_served {
        true => LogWatch::new(folder, conn)?,
        // What a relay that was killed has left stays as long as it is.
        false => LogWatch::of_growth(folder, conn)?,
    };
    if log.check().is_err() {
        return Ok(None);
    }
    let handle = conn.get_interrupt_handle();
    let (done, ended) = mpsc::channel::<()>();
    let said = std::thread::scope(|scope| {
        scope.spawn(move || {
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if log.check().is_err() {
                    handle.interrupt();
                }
            }
        });
        let said = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
        drop(done);
        said
    });
    match said {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(None)
        }
        said => said.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::super::copying::MOST_LOG;
    use super::super::one_device;
    use super::*;

    #[test]
    fn a_check_is_given_up_when_the_log_is_long() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_conn, _) = one_device::store(folder.path());
        let found = |is_served| {
            let health = examine(folder.path(), is_served).expect("it is read");
            let health = health.expect("a store");
            (health.damage, health.is_given_up)
        };
        assert_eq!(found(true), (None, false));
        let log = std::fs::File::options()
            .write(true)
            .open(folder.path().join("relay.db-wal"))
            .expect("the log");
        log.set_len(MOST_LOG + 1).expect("a length");
        assert_eq!(found(true), (None, true));
        // Nobody makes it shorter, and nobody writes.
        assert_eq!(found(false), (None, false));
        log.set_len(MOST_LOG).expect("a length");
        assert_eq!(found(true), (None, false));
    }
}
