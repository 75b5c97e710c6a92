//! What is taken, and what is not.

use super::*;

const KIB: u64 = 1_024;

fn store(folder: &Path) -> Connection {
    let conn = Connection::open(folder.join("relay.db")).expect("a store");
    conn.execute_batch("CREATE TABLE bytes (bytes BLOB)")
        .expect("it writes");
    conn
}

fn room(folder: &Path, store_bytes: Option<u64>, free_bytes: Option<u64>) -> Room {
    let limits = Limits {
        store_bytes,
        free_bytes,
        ..Limits::default()
    };
    Room::new(folder, &limits)
}

fn insert(conn: &Connection, bytes: u64) {
    conn.execute(
        "INSERT INTO bytes VALUES (zeroblob(?1))",
        [bytes.cast_signed()],
    )
    .expect("it writes");
}

#[test]
fn a_store_ends_at_its_bound_and_goes_on_when_something_is_erased() {
    let folder = tempfile::tempdir().expect("a folder");
    let conn = store(folder.path());
    let room = room(folder.path(), Some(600 * KIB), Some(0));
    room.look(&conn).expect("it reads");
    // Between two looks what is added counts.
    assert!(room.take(100 * KIB) && room.take(100 * KIB));
    assert!(!room.take(100 * KIB));
    insert(&conn, 200 * KIB);
    room.look(&conn).expect("it reads");
    assert!(room.take(100 * KIB));
    insert(&conn, 500 * KIB);
    room.look(&conn).expect("it reads");
    assert!(!room.take(1));
    conn.execute_batch("DELETE FROM bytes").expect("it writes");
    room.look(&conn).expect("it reads");
    assert!(
        room.take(100 * KIB),
        "pages that are free again count as free"
    );
}

#[test]
fn a_disk_keeps_what_is_to_stay_free_and_a_full_one_takes_nothing_until_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let conn = store(folder.path());
    let all = room(folder.path(), None, Some(u64::MAX));
    all.look(&conn).expect("it reads");
    assert!(!all.take(1));
    assert!(!folder.path().join("relay.reserve").exists());
    let room = room(folder.path(), None, Some(0));
    room.look(&conn).expect("it reads");
    assert!(room.take(1));
    let reserve = folder.path().join("relay.reserve");
    assert_eq!(std::fs::metadata(&reserve).expect("a file").len(), RESERVE);
    // It said so, and has room.
    room.meet_full_disk();
    assert!(reserve.exists() && room.take(1));
    room.give_up();
    assert!(!reserve.exists() && !room.take(1));
    room.look(&conn).expect("it reads");
    assert!(room.take(1));
}
