//! A copy of the store for later, made while the relay serves; and a store made of such a copy.
//!
//! The rows of a copy come from the relay that runs, or from the store itself where none runs. They become an SQLite
//! file, or a stream for a pipe (`streams`).
//! A copy is older than what clients know. So it is no store: its header says that it is a copy, and only
//! `restore` makes one of it, with a new epoch and without what may have been given out since (one-time keys,
//! invites).

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use pawl_wire::Epoch;
use rusqlite::Connection;

use super::OpenError;
use super::copying::{GivenUp, LogWatch};
use super::examine::one_line;
use super::folder::{folder_of, lock, make_folder, make_private, missing, rename_new};
use super::rows::{self, Filling, RowsError};
use super::schema::{self, APPLICATION_ID, COPY_ID, SCHEMA_VERSION};
use super::streams::{HEAD, Incoming, Outgoing};
use crate::clock;

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
    /// Which nobody restores.
    #[error(
        "{0} is not a copy that `pawl-server backup` made but a store; `pawl-server doctor` looks at those"
    )]
    AStore(PathBuf),
    /// It cannot be looked into at several places.
    #[error("{0} brings a copy that is a file: give the file's name")]
    NotAStream(PathBuf),
    /// A folder is neither.
    #[error("{0} is a folder; a copy is a file")]
    AFolder(PathBuf),
    /// Of a later version of this program.
    #[error(
        "the copy {0} is of version {1}, and this pawl-server knows versions up to {2}: take a newer one"
    )]
    Newer(PathBuf, i64, i32),
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
pub(super) fn at(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    move |error| BackupError::Io(verb, path.to_owned(), error)
}

/// Takes the pieces of a copy.
pub(crate) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), BackupError>;

/// Looks whether there is a store of this version or an older one.
///
/// # Errors
/// [`BackupError`].
pub(crate) fn look(folder: &Path) -> Result<(), BackupError> {
    let store = folder.join("relay.db");
    if !store.try_exists().map_err(at("read", &store))? {
        return Err(BackupError::NoStore(folder.to_owned()));
    }
    let conn = schema::open_reader(&store);
    conn.and_then(|conn| schema::check_owner(&conn))
        .map_err(|why| BackupError::Open(folder.to_owned(), why))
}

/// Reads the store itself, for where no relay can be asked. It gives up when the log has grown as far as a relay lets it.
///
/// # Errors
/// [`BackupError`], or what `take` says.
pub(crate) fn read(folder: &Path, take: Take<'_>) -> Result<(), BackupError> {
    let store = folder.join("relay.db");
    let unreadable = |why: rusqlite::Error| BackupError::Open(folder.to_owned(), why.into());
    let conn =
        schema::open_reader(&store).map_err(|why| BackupError::Open(folder.to_owned(), why))?;
    let log = LogWatch::of_growth(folder, &conn).map_err(unreadable)?;
    rows::walk(&conn, |piece| {
        log.check()?;
        Ok(take(&piece)?)
    })
    .map_err(|why: Unread| match why {
        Unread::GivenUp(why) => BackupError::GivenUp(store.clone(), why.to_string()),
        Unread::Sqlite(why) => unreadable(why),
        Unread::NotTaken(why) => why,
    })
}

/// A copy that is made: its place is taken, and it has nothing.
pub(crate) struct Backup {
    store: PathBuf,
    partial: PathBuf,
    to: PathBuf,
}

impl Backup {
    /// Looks whether there is a store and whether the copy's name is free.
    ///
    /// # Errors
    /// [`BackupError`].
    pub(crate) fn new(folder: &Path, to: &Path) -> Result<Self, BackupError> {
        if to.try_exists().map_err(at("write", to))? {
            return Err(BackupError::Exists(to.to_owned()));
        }
        look(folder)?;
        Ok(Self {
            store: folder.join("relay.db"),
            partial: beside(to, ".partial"),
            to: to.to_owned(),
        })
    }

    /// Makes it of the pieces that `give` gives. The copy is whole or not there. Into a file that only its owner can read:
    /// usernames and envelopes are in it.
    ///
    /// # Errors
    /// [`BackupError`].
    pub(crate) fn fill(
        &self,
        give: impl FnOnce(Take<'_>) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        remove(&self.partial)?;
        let made = || {
            make_private(&self.partial).map_err(at("write", &self.partial))?;
            let mut filling = Filling::begin(&self.partial).map_err(|why| self.failed(why))?;
            give(&mut |piece| filling.take(piece).map_err(|why| self.unfit(why)))?;
            filling.finish(COPY_ID).map_err(|why| self.failed(why))?;
            flush(&self.partial)
        };
        finish(made(), &self.partial, &self.to)
    }

    fn unfit(&self, why: RowsError) -> BackupError {
        match why {
            RowsError::Sqlite(why) => self.failed(why),
            RowsError::Malformed => BackupError::Relay(self.store.clone(), why.to_string()),
        }
    }

    fn failed(&self, why: rusqlite::Error) -> BackupError {
        BackupError::Sqlite(self.store.clone(), self.partial.clone(), why)
    }
}

/// The same as a stream. What was written of one that is not whole is known as that.
///
/// # Errors
/// [`BackupError`].
pub(crate) fn pour<W: Write>(
    out: &mut Outgoing<W>,
    give: impl FnOnce(Take<'_>) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let unwritable = at("write to", Path::new("standard output"));
    give(&mut |piece| {
        out.piece(piece)
            .map_err(at("write to", Path::new("standard output")))
    })?;
    out.finish().map_err(unwritable)
}

/// Why the store could not be read into a copy.
enum Unread {
    GivenUp(GivenUp),
    Sqlite(rusqlite::Error),
    NotTaken(BackupError),
}

impl From<GivenUp> for Unread {
    fn from(why: GivenUp) -> Self {
        Self::GivenUp(why)
    }
}

impl From<BackupError> for Unread {
    fn from(why: BackupError) -> Self {
        Self::NotTaken(why)
    }
}

impl From<rusqlite::Error> for Unread {
    fn from(why: rusqlite::Error) -> Self {
        Self::Sqlite(why)
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
    let source = File::open(from).map_err(at("read", from))?;
    restore_from(from, source, folder)
}

/// The same of what comes through a pipe; `from` is its name.
///
/// # Errors
/// [`BackupError`].
pub(crate) fn restore_from(
    from: &Path,
    source: impl Read,
    folder: &Path,
) -> Result<(), BackupError> {
    let fresh = Epoch(crate::random::bytes()?);
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
    source: impl Read,
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

fn restore_into(
    from: &Path,
    source: impl Read,
    to: &Path,
    fresh: Epoch,
) -> Result<(), BackupError> {
    let sqlite = |error| BackupError::Sqlite(from.to_owned(), to.to_owned(), error);
    let unusable = |why| BackupError::Open(to.to_owned(), why);
    take_over(from, source, to)?;
    let conn = Connection::open(to).map_err(sqlite)?;
    check_copy(from, &conn)?;
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

/// Makes an SQLite file of what comes, whichever kind of copy it is.
fn take_over(from: &Path, mut source: impl Read, to: &Path) -> Result<(), BackupError> {
    let mut file = make_private(to).map_err(at("write", to))?;
    let mut head = Vec::new();
    source
        .by_ref()
        .take(HEAD.len() as u64)
        .read_to_end(&mut head)
        .map_err(at("copy", from))?;
    if head != HEAD {
        file.write_all(&head).map_err(at("write", to))?;
        std::io::copy(&mut source, &mut file).map_err(at("copy", from))?;
        return Ok(());
    }
    let sqlite = |error| BackupError::Sqlite(from.to_owned(), to.to_owned(), error);
    let mut filling = Filling::begin(to).map_err(sqlite)?;
    let mut incoming = Incoming::new(source);
    while let Some(piece) = next(from, &mut incoming)? {
        filling.take(&piece).map_err(|why| match why {
            RowsError::Sqlite(why) => sqlite(why),
            RowsError::Malformed => BackupError::Damaged(from.to_owned(), why.to_string()),
        })?;
    }
    filling.finish(COPY_ID).map_err(sqlite)
}

/// The next piece of a stream that should be a whole copy.
pub(super) fn next<R: Read>(
    from: &Path,
    incoming: &mut Incoming<R>,
) -> Result<Option<Vec<u8>>, BackupError> {
    incoming
        .next()
        .map_err(|why| BackupError::Damaged(from.to_owned(), why.to_string()))
}

/// Whether an SQLite file is a copy, of a version that is known, and whole; gives its version.
pub(super) fn check_copy(from: &Path, conn: &Connection) -> Result<i64, BackupError> {
    let damaged = |why: String| BackupError::Damaged(from.to_owned(), why);
    let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    match pragma("application_id") {
        Ok(id) if id == i64::from(COPY_ID) => (),
        Ok(id) if id == i64::from(APPLICATION_ID) => {
            return Err(BackupError::AStore(from.to_owned()));
        }
        _ => return Err(BackupError::NotACopy(from.to_owned())),
    }
    let version = pragma("user_version").map_err(|why| damaged(why.to_string()))?;
    check_version(from, version)?;
    let health = conn.query_row("PRAGMA integrity_check(1)", [], |row| {
        row.get::<_, String>(0)
    });
    match health.map_err(|why| damaged(why.to_string()))? {
        health if health == "ok" => Ok(version),
        health => Err(damaged(one_line(&health))),
    }
}

/// Whether this program knows what that version has.
pub(super) fn check_version(from: &Path, version: i64) -> Result<(), BackupError> {
    match version {
        1.. if version <= i64::from(SCHEMA_VERSION) => Ok(()),
        1.. => Err(BackupError::Newer(from.to_owned(), version, SCHEMA_VERSION)),
        _ => Err(BackupError::Damaged(
            from.to_owned(),
            format!("it says that it is of version {version}"),
        )),
    }
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
