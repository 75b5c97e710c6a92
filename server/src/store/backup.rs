//! A copy of the store for later, made while the relay serves; and a store made of such a copy.
//!
//! A copy is older than what clients know. So it is no store: its header says that it is a copy, and only
//! `restore` makes one of it, with a new epoch and without what may have been given out since (one-time keys,
//! invites). Design, section 6.

use std::fs::File;
use std::path::{Path, PathBuf};

use pawl_wire::Epoch;
use rusqlite::{Connection, OpenFlags};

use super::schema::{self, APPLICATION_ID};
use super::{OpenError, lock, make_folder, private};
use crate::clock;

/// "PawB" in the header of a copy, where a store has "Pawl".
pub(super) const COPY_ID: i32 = 0x5061_7742;

/// Why a copy is not made or not taken. Each text is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The copy's name is taken.
    #[error("{0} is there already; a copy takes nobody's place")]
    Exists(PathBuf),
    /// Nothing to copy.
    #[error("there is no store in {0}")]
    NoStore(PathBuf),
    /// Nothing to make.
    #[error("there is a store in {0} already: move its relay.db and relay.db-wal away first")]
    StoreExists(PathBuf),
    /// Another file.
    #[error("{0} is not a copy that `pawl-server backup` made")]
    NotACopy(PathBuf),
    /// By what SQLite says of it.
    #[error("the copy is damaged: {0}")]
    Damaged(String),
    /// The folder or its store.
    #[error("cannot use the data folder: {0}")]
    Open(#[from] OpenError),
    /// The disk.
    #[error("cannot write: {0}")]
    Io(#[from] std::io::Error),
    /// The system gives no randomness for the epoch.
    #[error("the system gives no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// Anything else.
    #[error("SQLite says: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Copies the store of a folder, whether a relay uses it or not. The copy is whole or not there.
///
/// # Errors
/// [`BackupError`].
pub fn backup(folder: &Path, to: &Path) -> Result<(), BackupError> {
    let store = folder.join("relay.db");
    if !store.exists() {
        return Err(BackupError::NoStore(folder.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let conn = Connection::open_with_flags(&store, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::check_owner(&conn)?;
    let partial = beside(to, ".partial");
    let result = copy(&conn, &partial).and_then(|()| Ok(std::fs::rename(&partial, to)?));
    match result {
        Ok(()) => flush_folder(to),
        Err(error) => {
            // It may never have come to be.
            let _ = std::fs::remove_file(&partial);
            Err(error)
        }
    }
}

/// Into a file that only its owner can read: usernames and envelopes are in it.
fn copy(conn: &Connection, to: &Path) -> Result<(), BackupError> {
    private().truncate(true).open(to)?;
    let name = to.to_string_lossy();
    conn.execute("VACUUM INTO ?1", [name.as_ref()])?;
    let copy = Connection::open(to)?;
    copy.pragma_update(None, "application_id", COPY_ID)?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(File::open(to)?.sync_all()?)
}

/// Makes a store of a copy, in a folder without one.
///
/// # Errors
/// [`BackupError`].
pub fn restore(from: &Path, folder: &Path) -> Result<(), BackupError> {
    let fresh = Epoch(crate::random::bytes()?);
    make_folder(folder)?;
    let _lock = lock(&folder.join("relay.lock"))?;
    let store = folder.join("relay.db");
    if store.exists() || folder.join("relay.db-wal").exists() {
        return Err(BackupError::StoreExists(folder.to_owned()));
    }
    let partial = folder.join("relay.db.partial");
    let result =
        restore_into(from, &partial, fresh).and_then(|()| Ok(std::fs::rename(&partial, &store)?));
    match result {
        Ok(()) => flush_folder(&store),
        Err(error) => {
            // It may never have come to be.
            let _ = std::fs::remove_file(&partial);
            Err(error)
        }
    }
}

fn restore_into(from: &Path, to: &Path, fresh: Epoch) -> Result<(), BackupError> {
    let mut source = File::open(from)?;
    std::io::copy(&mut source, &mut private().truncate(true).open(to)?)?;
    let conn = Connection::open(to)?;
    let owner = conn.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0));
    if !matches!(owner, Ok(COPY_ID)) {
        return Err(BackupError::NotACopy(from.to_owned()));
    }
    let health: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if health != "ok" {
        return Err(BackupError::Damaged(health));
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    schema::check_owner(&conn)?;
    conn.close().map_err(|(_, error)| error)?;
    // Brings an older copy up to this version, too.
    let (conn, _) = schema::open_writer(to, fresh, clock::wall_ms())?;
    forget_what_was_given(&conn, fresh)?;
    conn.pragma_update(None, "wal_checkpoint", "TRUNCATE")?;
    conn.pragma_update(None, "journal_mode", "DELETE")?;
    conn.close().map_err(|(_, error)| error)?;
    Ok(File::open(to)?.sync_all()?)
}

/// What the copy has may have been given to somebody since: it is never given again. The floors stay, below what
/// devices have used by now: they go on from their own numbers.
fn forget_what_was_given(conn: &Connection, fresh: Epoch) -> Result<(), BackupError> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    conn.execute("UPDATE relay SET epoch = ?1", [fresh.0])?;
    conn.execute_batch(
        "DELETE FROM one_time_key;
         UPDATE device SET prekey_digest = 0, kem_digest = 0;
         DELETE FROM invite;
         COMMIT",
    )?;
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A new name is on the disk only when its folder is.
fn flush_folder(file: &Path) -> Result<(), BackupError> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    Ok(File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
}
