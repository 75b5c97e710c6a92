//! The file: which tables there are, as an append-only list of numbered migrations, and what tells a store
//! from a backup and from any other file. What is in a record has versions of its own, which are the engine's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pawl_client::Table;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::{failed, not_a_store};
use crate::failure::{Code, Failure};

/// The table of what this program keeps for itself.
pub(super) const TERMINAL: &str = "terminal";

/// What a file of ours is for; stands in SQLite's application id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To live in.
    Store = 0x5061_776c,
    /// To be restored from.
    Backup = 0x5061_7742,
}

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Ours(Kind),
    Nothing,
}

/// What each version added. A version once released is never changed; a new one is appended.
fn migrations() -> [String; 1] {
    let records = Table::ALL.map(Table::name).into_iter().chain([TERMINAL]);
    let tables = records.map(|name| {
        format!("CREATE TABLE {name} (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;")
    });
    let first = [
        "CREATE TABLE keys (id INTEGER PRIMARY KEY CHECK (id = 1), kind INTEGER NOT NULL, memory INTEGER NOT NULL,
            passes INTEGER NOT NULL, salt BLOB NOT NULL, wrapped BLOB NOT NULL);"
            .to_owned(),
        "CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL);
            INSERT INTO fence VALUES (1, 0);"
            .to_owned(),
    ];
    [first.into_iter().chain(tables).collect()]
}

fn version() -> i64 {
    i64::try_from(migrations().len()).unwrap_or(i64::MAX)
}

/// Opens a file that is there.
pub(super) fn connect(path: &Path, to_write: bool) -> Result<Connection, Failure> {
    let access = match to_write {
        true => OpenFlags::SQLITE_OPEN_READ_WRITE,
        false => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(&error))?;
    let settings =
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;
        PRAGMA trusted_schema = OFF;";
    connection
        .execute_batch(settings)
        .map_err(|error| failed(&error))?;
    Ok(connection)
}

/// Whether a file says in its head that it is a store, which SQLite would have to write to before it can be read.
pub(super) fn is_a_store(path: &Path) -> bool {
    const HEAD: usize = 72;
    let mut head = [0; HEAD];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.ends_with(&(Kind::Store as u32).to_be_bytes())
}

/// Looks what a file is, and changes nothing.
pub(super) fn look(connection: &Connection) -> Result<Found, Failure> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = || {
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = connection.query_row(tables, [], |row| row.get(0))?;
        Ok((tables, pragma("application_id")?, pragma("user_version")?))
    };
    let (tables, id, found) = read().map_err(|error| failed(&error))?;
    if (tables, id, found) == (0, 0, 0) {
        return Ok(Found::Nothing);
    }
    let kinds = [Kind::Store, Kind::Backup];
    let Some(kind) = kinds.into_iter().find(|kind| *kind as i64 == id) else {
        return Err(not_a_store("it is a database of some other program"));
    };
    if found > version() {
        let line = "the store was written by a newer version of Pawl; use that one";
        return Err(Failure::new(Code::Newer, line));
    }
    Ok(Found::Ours(kind))
}

/// Makes an empty file a store, and writes in the same transaction what makes it complete.
pub(super) fn create(
    connection: &mut Connection,
    kind: Kind,
    complete: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<(), Failure> {
    let make = || {
        journal(connection, kind)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for step in migrations() {
            transaction.execute_batch(&step)?;
        }
        transaction.pragma_update(None, "application_id", kind as i64)?;
        transaction.pragma_update(None, "user_version", version())?;
        complete(&transaction)?;
        transaction.commit()
    };
    make().map_err(|error| failed(&error))
}

/// How commits become durable. A backup is one file, whatever happens.
pub(super) fn journal(connection: &Connection, kind: Kind) -> rusqlite::Result<()> {
    let mode = match kind {
        Kind::Store => "WAL",
        Kind::Backup => "DELETE",
    };
    connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")
}
