//! A copy of the store for later, made while the relay serves; and a store made of such a copy.
//!
//! The rows of a copy come from the relay that runs, or from the store itself where none runs.
//! A copy is older than what clients know. So it is no store: its header says that it is a copy, and only
//! `restore` makes one of it, with a new epoch and without what may have been given out since (one-time keys,
//! invites).

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pawl_wire::Epoch;
use rusqlite::Connection;

use super::copying::{GivenUp, LogWatch};
use super::rows::{self, Filling, RowsError};
use super::schema::{self, APPLICATION_ID};
use super::{OpenError, folder_of, lock, make_folder, make_private, missing, rename_new};
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
    #[error("the copy {0} is damaged: {1}")]
    Damaged(PathBuf, String),
    /// The folder or its store.
    #[error("cannot use the data folder {0}: {1}")]
    Open(PathBuf, OpenError),
    /// The disk, with what was tried and where.
    #[error("cannot {0} {1}: {2}")]
    Io(&'static str, PathBuf, std::io::Error),
    /// The system gives no randomness for the epoch.
    #[error("the system gives no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// The relay does not give it, or ends it in the middle.
    #[error("the relay gives no copy of {0}: {1}")]
    Relay(PathBuf, String),
    /// It was given up, and another try may go better.
    #[error("the copy of {0} was given up: {1}")]
    GivenUp(PathBuf, String),
    /// Anything else, with what became of which.
    #[error("cannot copy {0} to {1}: SQLite says: {2}")]
    Sqlite(PathBuf, PathBuf, rusqlite::Error),
}

/// For `map_err`: what was tried, and with which file.
fn at(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    move |error| BackupError::Io(verb, path.to_owned(), error)
}

/// A copy that is made: its place is taken, and it has nothing.
pub(crate) struct Backup {
    folder: PathBuf,
    partial: PathBuf,
    to: PathBuf,
}

impl Backup {
    /// Looks whether there is a store and whether the copy's name is free.
    ///
    /// # Errors
    /// [`BackupError`].
    pub(crate) fn new(folder: &Path, to: &Path) -> Result<Self, BackupError> {
        let store = folder.join("relay.db");
        if !store.try_exists().map_err(at("read", &store))? {
            return Err(BackupError::NoStore(folder.to_owned()));
        }
        if to.try_exists().map_err(at("write", to))? {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let conn = schema::open_reader(&store);
        conn.and_then(|conn| schema::check_owner(&conn))
            .map_err(|why| BackupError::Open(folder.to_owned(), why))?;
        Ok(Self {
            folder: folder.to_owned(),
            partial: beside(to, ".partial"),
            to: to.to_owned(),
        })
    }

    /// Makes it of the pieces that `next` gives until there are no more. The copy is whole or not there.
    ///
    /// # Errors
    /// [`BackupError`].
    pub(crate) fn fill(
        &self,
        mut next: impl FnMut() -> Result<Option<Vec<u8>>, BackupError>,
    ) -> Result<(), BackupError> {
        self.make(|filling| {
            while let Some(piece) = next()? {
                filling.take(&piece).map_err(|why| self.unfit(why))?;
            }
            Ok(())
        })
    }

    /// Reads the store itself, for where no relay can be asked. It gives up when the log has grown as far as a relay
    /// lets it.
    ///
    /// # Errors
    /// [`BackupError`].
    pub(crate) fn read(&self) -> Result<(), BackupError> {
        let unusable = |why| BackupError::Open(self.folder.clone(), why);
        self.make(|filling| {
            let conn = schema::open_reader(&self.store()).map_err(unusable)?;
            let log = LogWatch::of_growth(&self.folder, &conn).map_err(|why| self.failed(why))?;
            rows::walk(&conn, |piece| {
                log.check()?;
                Ok(filling.take(&piece)?)
            })
            .map_err(|why: Unread| match why {
                Unread::GivenUp(why) => BackupError::GivenUp(self.store(), why.to_string()),
                Unread::Rows(why) => self.unfit(why),
            })
        })
    }

    fn store(&self) -> PathBuf {
        self.folder.join("relay.db")
    }

    fn unfit(&self, why: RowsError) -> BackupError {
        match why {
            RowsError::Sqlite(why) => self.failed(why),
            RowsError::Malformed => BackupError::Relay(self.store(), why.to_string()),
        }
    }

    fn failed(&self, why: rusqlite::Error) -> BackupError {
        BackupError::Sqlite(self.store(), self.partial.clone(), why)
    }

    /// Into a file that only its owner can read: usernames and envelopes are in it.
    fn make(
        &self,
        fill: impl FnOnce(&mut Filling) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        remove(&self.partial)?;
        let made = || {
            make_private(&self.partial).map_err(at("write", &self.partial))?;
            let mut filling = Filling::begin(&self.partial).map_err(|why| self.failed(why))?;
            fill(&mut filling)?;
            filling.finish(COPY_ID).map_err(|why| self.failed(why))?;
            flush(&self.partial)
        };
        finish(made(), &self.partial, &self.to)
    }
}

/// Why the store could not be read into a copy.
enum Unread {
    GivenUp(GivenUp),
    Rows(RowsError),
}

impl From<GivenUp> for Unread {
    fn from(why: GivenUp) -> Self {
        Self::GivenUp(why)
    }
}

impl From<RowsError> for Unread {
    fn from(why: RowsError) -> Self {
        Self::Rows(why)
    }
}

impl From<rusqlite::Error> for Unread {
    fn from(why: rusqlite::Error) -> Self {
        Self::Rows(why.into())
    }
}

/// Gives what is whole its name, which is on the disk only when its folder is; of anything else nothing is left.
fn finish(made: Result<(), BackupError>, partial: &Path, to: &Path) -> Result<(), BackupError> {
    let name = |()| match rename_new(partial, to) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(BackupError::Exists(to.to_owned()))
        }
        named => named.map_err(at("write", to)),
    };
    match made.and_then(name) {
        Ok(()) => flush(folder_of(to)),
        Err(error) => {
            // It may never have come to be.
            let _ = remove(partial);
            Err(error)
        }
    }
}

/// What a copy that was ended in the middle left, with SQLite's own files: those would be taken for the next one's.
fn remove(partial: &Path) -> Result<(), BackupError> {
    for suffix in ["-wal", "-shm", "-journal", ""] {
        let file = beside(partial, suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(at("write", &file)(error));
            }
            _ => (),
        }
    }
    Ok(())
}

/// Makes a store of a copy, in a folder without one. What is refused leaves no folder that was not there.
///
/// # Errors
/// [`BackupError`].
pub fn restore(from: &Path, folder: &Path) -> Result<(), BackupError> {
    let fresh = Epoch(crate::random::bytes()?);
    let source = File::open(from).map_err(at("read", from))?;
    let made = missing(folder);
    let result = restore_there(from, source, folder, fresh);
    if let (Err(_), Some(_)) = (&result, made.first()) {
        // Where another program has put something into it meanwhile, it stays.
        let _ = std::fs::remove_file(folder.join("relay.lock"));
        let _ = made.iter().try_for_each(std::fs::remove_dir);
    }
    result
}

fn restore_there(
    from: &Path,
    source: File,
    folder: &Path,
    fresh: Epoch,
) -> Result<(), BackupError> {
    make_folder(folder).map_err(at("make", folder))?;
    let _lock = lock(&folder.join("relay.lock"))
        .map_err(|why| BackupError::Open(folder.to_owned(), why))?;
    let store = folder.join("relay.db");
    if store.exists() || folder.join("relay.db-wal").exists() {
        return Err(BackupError::StoreExists(folder.to_owned()));
    }
    let partial = folder.join("relay.db.partial");
    remove(&partial)?;
    let restored = restore_into(from, source, &partial, fresh);
    finish(restored, &partial, &store)
}

fn restore_into(from: &Path, mut source: File, to: &Path, fresh: Epoch) -> Result<(), BackupError> {
    let sqlite = |error| BackupError::Sqlite(from.to_owned(), to.to_owned(), error);
    let unusable = |why| BackupError::Open(to.to_owned(), why);
    let mut file = make_private(to).map_err(at("write", to))?;
    std::io::copy(&mut source, &mut file).map_err(at("copy", from))?;
    let conn = Connection::open(to).map_err(sqlite)?;
    let owner = conn.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0));
    if !matches!(owner, Ok(COPY_ID)) {
        return Err(BackupError::NotACopy(from.to_owned()));
    }
    let health = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    let health: String =
        health.map_err(|why| BackupError::Damaged(from.to_owned(), why.to_string()))?;
    if health != "ok" {
        return Err(BackupError::Damaged(from.to_owned(), health));
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(sqlite)?;
    schema::check_owner(&conn).map_err(unusable)?;
    conn.close().map_err(|(_, error)| sqlite(error))?;
    // Brings an older copy up to this version, too.
    let (conn, _) = schema::open_writer(to, fresh, clock::wall_ms()).map_err(unusable)?;
    forget_what_was_given(&conn, fresh)
        .and_then(|()| conn.close().map_err(|(_, error)| error))
        .map_err(sqlite)?;
    flush(to)
}

/// What the copy has may have been given to somebody since: it is never given again. The floors stay, below what
/// devices have used by now: they go on from their own numbers.
fn forget_what_was_given(conn: &Connection, fresh: Epoch) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    conn.execute("UPDATE relay SET epoch = ?1", [fresh.0])?;
    conn.execute_batch(
        "DELETE FROM one_time_key;
         UPDATE device SET prekey_digest = 0, kem_digest = 0;
         DELETE FROM invite;
         COMMIT",
    )?;
    conn.pragma_update(None, "wal_checkpoint", "TRUNCATE")?;
    conn.pragma_update(None, "journal_mode", "DELETE")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A file, or a folder with the names in it.
fn flush(file: &Path) -> Result<(), BackupError> {
    File::open(file)
        .and_then(|file| file.sync_all())
        .map_err(at("flush", file))
}
