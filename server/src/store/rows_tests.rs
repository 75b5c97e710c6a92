//! Rows go through a stream unchanged.

use super::super::one_device;
use super::*;

/// All tables with all rows, and what makes them.
fn dump(conn: &Connection) -> Vec<Vec<u8>> {
    let mut dump = Vec::new();
    walk::<rusqlite::Error>(conn, |piece| {
        dump.push(piece);
        Ok(())
    })
    .expect("it is read");
    dump
}

fn copy_of(pieces: &[Vec<u8>], path: &Path) -> Result<(), RowsError> {
    let mut filling = Filling::begin(path)?;
    for piece in pieces {
        filling.take(piece)?;
    }
    Ok(filling.finish(7)?)
}

#[test]
fn a_copy_has_every_table_index_and_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, _) = one_device::store(folder.path());
    conn.execute_batch(
        "INSERT INTO erased VALUES (x'0102', x'');
         WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 5)
         INSERT INTO mail
             SELECT value, 1, value, CAST(zeroblob(16) || value AS BLOB), randomblob(90000), -value FROM n;
         CREATE TABLE odd (\"a b\" REAL, c TEXT);
         INSERT INTO odd VALUES (0.5, 'ü''\"'), (NULL, NULL), (9e99, '');",
    )
    .expect("rows");
    let pieces = dump(&conn);
    assert!(pieces.len() > 4, "no piece is much larger than {PIECE}");
    let path = folder.path().join("copy");
    copy_of(&pieces, &path).expect("a copy");
    let copy = Connection::open(&path).expect("a file");
    assert_eq!(dump(&copy), pieces);
    let count = |conn: &Connection| {
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
    };
    assert_eq!(count(&copy), count(&conn).map(|count: i64| count));
    let health: String = copy
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it is read");
    assert_eq!(health, "ok");
}

#[test]
fn what_is_cut_or_is_no_piece_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, _) = one_device::store(folder.path());
    let pieces = dump(&conn).concat();
    let wrong: [&[u8]; 5] = [
        &pieces[..pieces.len() - 1],
        &[VERSION],
        &[VERSION, 1, 9],
        &[99, 0],
        &[VERSION, 1, TEXT, 255, 255, 255, 255, 255, 255, 255, 255],
    ];
    for (number, piece) in wrong.into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        let taken = copy_of(&[piece.to_vec()], &path);
        assert!(matches!(taken, Err(RowsError::Malformed)), "{taken:?}");
    }
}
