//! A store's rows as a stream of pieces, and a file made of them.
//!
//! One end walks over all tables in one snapshot, the other writes them into a new file. So the snapshot is held by
//! whoever reads the store, and not by whoever writes the copy, whose disk may be slow or answer no more.
//! A piece is whole records; a record is its kind, the number of its values, and these. Between a relay and a command
//! both ends are of one version, or nearly; what `streams` keeps may be older, so that a record keeps its meaning.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, params_from_iter};

use super::folder::folder_of;

/// Bytes of a piece, and one record more.
const PIECE: usize = 64 * 1_024;

/// Memory for pages of the copy that are not written yet, and as much again for what an index is sorted in.
const CACHE_KIB: i64 = -16 * 1_024;

// Kinds of records.
/// A table's name, what makes it, and how many columns it has. Its rows follow.
const TABLE: u8 = 1;
const ROW: u8 = 2;
/// What makes an index, behind all rows.
const INDEX: u8 = 3;
/// `PRAGMA user_version`.
const VERSION: u8 = 4;

// Kinds of values.
const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;
const BLOB: u8 = 3;
const REAL: u8 = 4;

/// Gives everything that a store holds, as of one moment, in pieces. Ends with the first piece that is not taken.
///
/// # Errors
/// What SQLite says, or `give`.
pub(super) fn walk<E: From<rusqlite::Error>>(
    conn: &Connection,
    mut give: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let snapshot = conn.unchecked_transaction()?;
    let mut piece = Vec::new();
    let version = snapshot.pragma_query_value(None, "user_version", |row| row.get(0))?;
    begin(&mut piece, VERSION, 1);
    put(&mut piece, ValueRef::Integer(version));
    for (name, sql) in parts(&snapshot, "table")? {
        let mut all = snapshot.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let columns = all.column_count();
        begin(&mut piece, TABLE, 3);
        put(&mut piece, ValueRef::Text(name.as_bytes()));
        put(&mut piece, ValueRef::Text(sql.as_bytes()));
        put(&mut piece, ValueRef::Integer(count(columns)?));
        rows(&mut all, columns, &mut piece, &mut give)?;
    }
    for (_, sql) in parts(&snapshot, "index")? {
        begin(&mut piece, INDEX, 1);
        put(&mut piece, ValueRef::Text(sql.as_bytes()));
    }
    give(piece)
}

fn rows<E: From<rusqlite::Error>>(
    all: &mut Statement<'_>,
    columns: usize,
    piece: &mut Vec<u8>,
    give: &mut impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        begin(piece, ROW, columns);
        for column in 0..columns {
            put(piece, row.get_ref(column)?);
        }
        if piece.len() >= PIECE {
            give(std::mem::take(piece))?;
        }
    }
    Ok(())
}

/// Names of tables or indexes, with what makes them; without those that SQLite makes by itself.
fn parts(conn: &Connection, kind: &str) -> rusqlite::Result<Vec<(String, String)>> {
    conn.prepare(
        "SELECT name, sql FROM sqlite_schema
         WHERE type = ?1 AND sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY rowid",
    )?
    .query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

fn count(number: usize) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn begin(piece: &mut Vec<u8>, kind: u8, values: usize) {
    piece.push(kind);
    // No table has as many columns.
    piece.push(u8::try_from(values).unwrap_or(u8::MAX));
}

fn put(piece: &mut Vec<u8>, value: ValueRef<'_>) {
    let (kind, bytes) = match value {
        ValueRef::Null => return piece.push(NULL),
        ValueRef::Integer(number) => {
            piece.push(INTEGER);
            return piece.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            piece.push(REAL);
            return piece.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Text(text) => (TEXT, text),
        ValueRef::Blob(bytes) => (BLOB, bytes),
    };
    piece.push(kind);
    piece.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    piece.extend_from_slice(bytes);
}

/// Why a piece does not become part of a copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowsError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The other end is of another version.
    #[error("a piece of the copy is not understood")]
    Malformed,
}

/// A file that is filled.
pub(super) struct Filling {
    conn: Connection,
    insert: String,
}

impl Filling {
    /// In a file that is there and empty. It is worth nothing before [`Self::finish`].
    pub(super) fn begin(path: &Path) -> rusqlite::Result<Self> {
        let conn = Connection::open(path)?;
        conn.pragma_update(None, "journal_mode", "OFF")?;
        conn.pragma_update(None, "synchronous", "OFF")?;
        conn.pragma_update(None, "cache_size", CACHE_KIB)?;
        sort_beside(&conn, path)?;
        // All tables are there in the end, in whichever order.
        conn.pragma_update(None, "foreign_keys", false)?;
        conn.execute_batch("BEGIN")?;
        let insert = String::new();
        Ok(Self { conn, insert })
    }

    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), RowsError> {
        records(piece, |kind, values| self.record(kind, values))
    }

    fn record(&mut self, kind: u8, values: &[ValueRef<'_>]) -> Result<(), RowsError> {
        match (kind, values) {
            (ROW, values) => {
                let values = values.iter().map(|value| ToSqlOutput::Borrowed(*value));
                self.conn
                    .prepare_cached(&self.insert)?
                    .execute(params_from_iter(values))?;
            }
            (
                TABLE,
                [
                    ValueRef::Text(name),
                    ValueRef::Text(sql),
                    ValueRef::Integer(columns),
                ],
            ) => {
                let places = (0..*columns).map(|_| "?").collect::<Vec<_>>().join(", ");
                self.make(text(sql)?)?;
                self.insert = format!("INSERT INTO \"{}\" VALUES ({places})", text(name)?);
            }
            (INDEX, [ValueRef::Text(sql)]) => self.make(text(sql)?)?,
            (VERSION, [ValueRef::Integer(version)]) => {
                self.conn.pragma_update(None, "user_version", version)?;
            }
            _ => return Err(RowsError::Malformed),
        }
        Ok(())
    }

    /// Makes a table or an index, and nothing else that a text from elsewhere may ask for.
    fn make(&self, sql: &str) -> Result<(), RowsError> {
        let known = ["CREATE TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX "];
        if !known.iter().any(|begin| sql.starts_with(begin)) {
            return Err(RowsError::Malformed);
        }
        // One statement.
        self.conn.execute(sql, [])?;
        Ok(())
    }

    /// Everything was taken.
    pub(super) fn finish(self, application_id: i32) -> rusqlite::Result<()> {
        self.conn
            .pragma_update(None, "application_id", application_id)?;
        self.conn.execute_batch("COMMIT")?;
        self.conn.close().map_err(|(_, error)| error)
    }
}

/// What a stream of rows holds, without the rows.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) version: i64,
    /// The rows of each table, in the stream's order.
    pub(super) tables: Vec<(String, u64)>,
}

impl Contents {
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), RowsError> {
        records(piece, |kind, values| {
            match (kind, values) {
                (ROW, _) => {
                    let last = self.tables.last_mut().ok_or(RowsError::Malformed)?;
                    last.1 += 1;
                }
                (TABLE, [ValueRef::Text(name), ..]) => {
                    self.tables.push((text(name)?.to_owned(), 0));
                }
                (VERSION, [ValueRef::Integer(version)]) => self.version = *version,
                (INDEX, [ValueRef::Text(_)]) => (),
                _ => return Err(RowsError::Malformed),
            }
            Ok(())
        })
    }
}

/// Each record of a piece: its kind and its values.
fn records(
    mut piece: &[u8],
    mut each: impl FnMut(u8, &[ValueRef<'_>]) -> Result<(), RowsError>,
) -> Result<(), RowsError> {
    while let [kind, values, rest @ ..] = piece {
        piece = rest;
        let values = (0..*values)
            .map(|_| value(&mut piece))
            .collect::<Result<Vec<_>, _>>()?;
        each(*kind, &values)?;
    }
    match piece {
        [] => Ok(()),
        _ => Err(RowsError::Malformed),
    }
}

/// Indexes are sorted in files without a name, in the folder of the copy: in memory they would need as much as they are
/// long. This is for the whole process; the relay itself uses no such files.
fn sort_beside(conn: &Connection, path: &Path) -> rusqlite::Result<()> {
    // SQLite takes no other name for a folder here. It then takes the system's own.
    if let Some(folder) = folder_of(path).to_str() {
        conn.pragma_update(None, "temp_store_directory", folder)?;
    }
    conn.pragma_update(None, "temp_store", "FILE")
}

fn text(bytes: &[u8]) -> Result<&str, RowsError> {
    std::str::from_utf8(bytes).map_err(|_| RowsError::Malformed)
}

fn value<'a>(piece: &mut &'a [u8]) -> Result<ValueRef<'a>, RowsError> {
    let [kind] = array(piece)?;
    Ok(match kind {
        NULL => ValueRef::Null,
        INTEGER => ValueRef::Integer(i64::from_le_bytes(array(piece)?)),
        REAL => ValueRef::Real(f64::from_le_bytes(array(piece)?)),
        TEXT => ValueRef::Text(bytes(piece)?),
        BLOB => ValueRef::Blob(bytes(piece)?),
        _ => return Err(RowsError::Malformed),
    })
}

fn array<const N: usize>(piece: &mut &[u8]) -> Result<[u8; N], RowsError> {
    let (array, rest) = piece.split_first_chunk().ok_or(RowsError::Malformed)?;
    *piece = rest;
    Ok(*array)
}

fn bytes<'a>(piece: &mut &'a [u8]) -> Result<&'a [u8], RowsError> {
    let length = u64::from_le_bytes(array(piece)?);
    let length = usize::try_from(length).map_err(|_| RowsError::Malformed)?;
    let (bytes, rest) = piece.split_at_checked(length).ok_or(RowsError::Malformed)?;
    *piece = rest;
    Ok(bytes)
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
