//! Somebody who is not there costs an asker what anybody costs: the statements are compared, not the clock.

use std::path::Path;

use std::cell::RefCell;

use pawl_wire::{ClaimId, DeviceAddress, MessageId, Submit, Username};
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::one_device::{ADDRESS, store};
use super::*;

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn see(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(_, sql) = event {
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        SEEN.with_borrow_mut(|seen| seen.push(sql));
    }
}

/// Device 1 is registered and device 2 is not.
fn address(device: u32) -> DeviceAddress {
    DeviceAddress { device, ..ADDRESS }
}

/// What one job does: its statements, and by how much the log of the store grows.
fn cost(conn: &mut Connection, wal: &Path, job: impl FnOnce(&Connection)) -> (Vec<String>, bool) {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("a checkpoint");
    SEEN.with_borrow_mut(Vec::clear);
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(see))
        .expect("a trace");
    conn.execute_batch("BEGIN IMMEDIATE; SAVEPOINT job")
        .expect("it begins");
    job(conn);
    conn.execute_batch("RELEASE job; COMMIT")
        .expect("it commits");
    conn.trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>)
        .expect("no trace");
    let written = std::fs::metadata(wal).expect("the log").len() > 0;
    (SEEN.take(), written)
}

/// The statements for somebody who is there, and what is done besides for somebody who is not.
fn compare(job: impl Fn(&Connection, DeviceAddress)) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut conn, _) = store(folder.path());
    let wal = folder.path().join("relay.db-wal");
    let (known, known_flushed) = cost(&mut conn, &wal, |conn| job(conn, address(1)));
    let (mut unknown, unknown_flushed) = cost(&mut conn, &wal, |conn| job(conn, address(2)));
    assert!(known_flushed && unknown_flushed, "both write to the disk");
    for statement in &known {
        let at = unknown.iter().position(|other| other == statement);
        let at = at.unwrap_or_else(|| panic!("only for somebody who is there: {statement}"));
        unknown.remove(at);
    }
    let left: i64 = conn
        .query_row(
            "SELECT (SELECT count(*) FROM mail WHERE device = 0)
                 + (SELECT count(*) FROM claim WHERE device = 0)",
            [],
            |row| row.get(0),
        )
        .expect("a count");
    assert_eq!(left, 0, "nothing is kept about nobody");
    unknown
}

#[test]
fn a_submit_costs_the_same_whether_there_is_a_recipient_or_not() {
    let more = compare(|conn, recipient| {
        let submit = Submit {
            message_id: MessageId([9; 16]),
            recipient,
            envelope: vec![4; 300],
        };
        let submitted = mail::append(conn, &submit, |_, _| true, 1).expect("it can write");
        let is_known = matches!(submitted.0, Submitted::Stored(_));
        assert_eq!(is_known, recipient == address(1));
    });
    assert_eq!(more, ["DELETE FROM mail WHERE device = ?1"]);
}

#[test]
fn a_claim_costs_the_same_whether_there_is_a_device_or_not() {
    let more = compare(|conn, target| {
        let claimed = claims::claim(conn, ClaimId([5; 16]), target, 1).expect("it can write");
        let is_known = matches!(claimed, Claimed::Bundle { .. });
        assert_eq!(is_known, target == address(1));
    });
    let expected = ["PRAGMA", "DELETE FROM claim WHERE device = ?1"];
    assert_eq!(more.len(), expected.len(), "{more:?}");
    assert!(
        more.iter()
            .zip(expected)
            .all(|(is, begins)| is.starts_with(begins)),
        "{more:?}"
    );
}

#[test]
fn a_look_up_is_one_question_whether_there_is_an_account_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut conn, _) = store(folder.path());
    let wal = folder.path().join("relay.db-wal");
    let mut ask = |name: &str| {
        let name = Username::parse(name).expect("a username");
        let job = |conn: &Connection| drop(accounts::look_up(conn, &name).expect("it can read"));
        cost(&mut conn, &wal, job).0
    };
    assert_eq!(ask("alice"), ask("nobody"));
}
