//! What a group that fails says of it.

use super::*;

#[test]
fn a_disk_that_is_full_in_the_midst_of_a_group_is_what_the_group_fails_of() {
    let mut group: Vec<Box<dyn Job>> = Vec::new();
    for bytes in [1, 1_000_000, 1] {
        let op = move |conn: &Connection| {
            conn.execute("INSERT INTO seen VALUES (zeroblob(?1))", [bytes])?;
            Ok(())
        };
        group.push(job(op, |_| ()).0);
    }
    let conn = Connection::open_in_memory().expect("a store");
    conn.execute_batch("CREATE TABLE seen (bytes BLOB); PRAGMA max_page_count = 20")
        .expect("a table");
    let failed = commit(&conn, &mut group).expect_err("there is no room");
    assert!(
        failed.to_string().contains("database or disk is full"),
        "{failed}"
    );
    assert!(failed.is_full);
    undo(&conn);
    let rows = conn.query_row("SELECT count(*) FROM seen", [], |row| row.get::<_, i64>(0));
    assert_eq!(rows.expect("a number"), 0);
}
