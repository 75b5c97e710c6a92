//! What a copy costs: memory that does not grow with the store.

use std::path::Path;
use std::process::Command;

use crate::support::{Relay, command, ended};

/// Ids of acknowledged messages: the longest index that there is.
const IDS: i64 = 1_000_000;

/// Address space of a command, beyond what the same has for a store with nothing in it. Half of what the index needs
/// when it is sorted in memory.
const MORE_KIB: u64 = 48 * 1_024;

fn fill(data: &Path) {
    let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
    let index: String = conn
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'delivered_by_message'",
            [],
            |row| row.get(0),
        )
        .expect("an index");
    conn.execute_batch(&format!(
        "DROP INDEX delivered_by_message;
         WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {IDS})
             INSERT INTO delivered SELECT value, 1, randomblob(16), 0 FROM n;
         {index}"
    ))
    .expect("rows");
}

/// Whether a copy of this store can be made within so much address space.
fn is_made_within(data: &Path, to: &Path, kib: u64) -> bool {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -v $1; shift; exec \"$@\"", "sh"])
        .arg(kib.to_string())
        .arg(env!("CARGO_BIN_EXE_pawl-server"))
        .arg("backup")
        .arg(to)
        .arg("--data")
        .arg(data);
    ended(&mut limited).status.success()
}

/// No clock is asked and no size is looked at in between: with too little memory the command fails.
#[cfg(target_os = "linux")]
#[test]
fn a_copy_of_a_large_store_needs_no_more_memory_than_one_of_a_small_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    drop(Relay::start_in(&data, |_| ()));
    let mut needed = 8 * 1_024;
    while !is_made_within(&data, &folder.path().join("small"), needed) {
        needed += 8 * 1_024;
    }
    fill(&data);
    let large = folder.path().join("large");
    assert!(is_made_within(&data, &large, needed + MORE_KIB), "{needed} KiB");
    let there: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(there.len(), 3, "nothing is left beside it: {there:?}");
    let restored = folder.path().join("restored");
    let output = command(&restored, &["restore", large.to_str().expect("a path")]);
    assert!(output.status.success(), "{output:?}");
    let conn = rusqlite::Connection::open(restored.join("relay.db")).expect("a store");
    let ids = conn.query_row("SELECT count(*) FROM delivered", [], |row| row.get(0));
    assert_eq!(ids, Ok(IDS));
}
