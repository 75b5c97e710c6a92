//! Looks through a copy without changing it, or anything beside it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::backup::{BackupError, at, check_copy, check_version, next};
use super::rows::Contents;
use super::streams::{HEAD, Incoming};

/// What an SQLite file begins with, and the length of its head.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";
const SQLITE_HEAD: usize = 100;

/// A copy that is whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub(crate) version: i64,
    pub(crate) accounts: u64,
    pub(crate) devices: u64,
    pub(crate) waiting_messages: u64,
    pub(crate) invites: u64,
    pub(crate) bans: u64,
}

impl Inspected {
    /// A copy of an old version does not have all tables.
    fn new(version: i64, tables: &[(String, u64)]) -> Self {
        let rows = |table: &str| {
            let found = tables.iter().find(|(name, _)| name == table);
            found.map_or(0, |(_, rows)| *rows)
        };
        Self {
            version,
            accounts: rows("account"),
            devices: rows("device"),
            waiting_messages: rows("mail"),
            invites: rows("invite"),
            bans: rows("ban"),
        }
    }
}

/// Looks through a file, whichever kind of copy it is.
///
/// # Errors
/// [`BackupError`] where it could not be restored.
pub(crate) fn inspect(from: &Path) -> Result<Inspected, BackupError> {
    let about = std::fs::metadata(from).map_err(at("read", from))?;
    if about.is_dir() {
        return Err(BackupError::AFolder(from.to_owned()));
    }
    let mut file = File::open(from).map_err(at("read", from))?;
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD.len() as u64)
        .read_to_end(&mut head)
        .map_err(at("read", from))?;
    if head == HEAD {
        return of_stream(from, file);
    }
    if head != SQLITE {
        return Err(BackupError::NotACopy(from.to_owned()));
    }
    file.take((SQLITE_HEAD - SQLITE.len()) as u64)
        .read_to_end(&mut head)
        .map_err(at("read", from))?;
    check_length(from, about.len(), &head)?;
    of_file(from)
}

/// The same of what comes through a pipe, whose name is `from`.
///
/// # Errors
/// As above.
pub(crate) fn inspect_pipe(from: &Path, mut source: impl Read) -> Result<Inspected, BackupError> {
    let mut head = Vec::new();
    source
        .by_ref()
        .take(HEAD.len() as u64)
        .read_to_end(&mut head)
        .map_err(at("read", from))?;
    match &head {
        head if head == HEAD => of_stream(from, source),
        head if head == SQLITE => Err(BackupError::NotAStream(from.to_owned())),
        _ => Err(BackupError::NotACopy(from.to_owned())),
    }
}

fn of_stream(from: &Path, source: impl Read) -> Result<Inspected, BackupError> {
    let mut incoming = Incoming::new(source);
    let mut contents = Contents::default();
    while let Some(piece) = next(from, &mut incoming)? {
        contents
            .take(&piece)
            .map_err(|why| BackupError::Damaged(from.to_owned(), why.to_string()))?;
    }
    check_version(from, contents.version)?;
    Ok(Inspected::new(contents.version, &contents.tables))
}

/// SQLite says little of a file that was cut.
fn check_length(from: &Path, length: u64, head: &[u8]) -> Result<(), BackupError> {
    let (Some(size), Some(count)) = (head.get(16..18), head.get(28..32)) else {
        let why = format!("it ends after {length} bytes");
        return Err(BackupError::Damaged(from.to_owned(), why));
    };
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let size = match number(size) {
        1 => 65_536,
        size => size,
    };
    let whole = size * number(count);
    if length < whole {
        let why = format!("it has {length} of {whole} bytes");
        return Err(BackupError::Damaged(from.to_owned(), why));
    }
    Ok(())
}

fn of_file(from: &Path) -> Result<Inspected, BackupError> {
    let damaged = |why: rusqlite::Error| BackupError::Damaged(from.to_owned(), why.to_string());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(unchanged(from), flags).map_err(damaged)?;
    let version = check_copy(from, &conn)?;
    let tables = tables(&conn).map_err(damaged)?;
    Ok(Inspected::new(version, &tables))
}

fn tables(conn: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names = names.query_map([], |row| row.get::<_, String>(0))?;
    names
        .map(|name| {
            let name = name?;
            let count = format!("SELECT count(*) FROM \"{name}\"");
            let rows = conn.query_row(&count, [], |row| row.get::<_, i64>(0))?;
            Ok((name, rows.unsigned_abs()))
        })
        .collect()
}

/// The file's address for SQLite, which then takes no lock, makes no file beside it and looks at none.
fn unchanged(file: &Path) -> OsString {
    let mut address = "file:".to_owned();
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                address.push(char::from(*byte));
            }
            // Writing into a string does not fail.
            byte => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    address.push_str("?immutable=1");
    address.into()
}
