//! What is past its time goes, what is not stays, and the counters of a mailbox stay true.

use pawl_wire::limits::MAIL_LIFETIME_MS;
use pawl_wire::{ClaimId, MessageId, Submit};

use super::*;
use crate::store::claims;
use crate::store::one_device::{ADDRESS, store};

fn submit(conn: &Connection, id: u8, now: u64) {
    let submit = Submit {
        message_id: MessageId([id; 16]),
        recipient: ADDRESS,
        envelope: vec![id; 10],
    };
    mail::append(conn, &submit, |_, _| true, now).expect("it can write");
}

fn count(conn: &Connection, table: &str) -> i64 {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })
    .expect("a count")
}

fn sweep_all(conn: &Connection, now: u64) {
    while sweep(conn, now, Duration::from_millis(MAIL_LIFETIME_MS)).expect("it can write") {}
}

#[test]
fn mail_goes_after_thirty_days_and_gives_its_room_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, device) = store(folder.path());
    submit(&conn, 1, 0);
    submit(&conn, 2, 1_000);
    sweep_all(&conn, MAIL_LIFETIME_MS);
    assert_eq!(count(&conn, "mail"), 2);
    sweep_all(&conn, MAIL_LIFETIME_MS + 1);
    let left = mail::read_after(&conn, device, 0, 10, 1_000).expect("a read");
    assert_eq!(left.letters.iter().map(|l| l.seq).collect::<Vec<_>>(), [2]);
    let held: (i64, i64) = conn
        .query_row("SELECT messages, bytes FROM mailbox", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("a mailbox");
    assert_eq!(held, (1, 10));
}

#[test]
fn an_acknowledged_id_is_known_for_two_days() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, device) = store(folder.path());
    submit(&conn, 1, 0);
    mail::acknowledge(&conn, device, 1, 0).expect("it can write");
    sweep_all(&conn, DELIVERED_LIFETIME_MS);
    submit(&conn, 1, DELIVERED_LIFETIME_MS);
    assert_eq!((count(&conn, "mail"), count(&conn, "delivered")), (0, 1));
    sweep_all(&conn, DELIVERED_LIFETIME_MS + 1);
    assert_eq!(count(&conn, "delivered"), 0);
}

#[test]
fn a_claim_is_repeatable_for_a_week() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, _) = store(folder.path());
    claims::claim(&conn, ClaimId([1; 16]), ADDRESS, 0).expect("it can write");
    sweep_all(&conn, CLAIM_LIFETIME_MS);
    assert_eq!(count(&conn, "claim"), 1);
    sweep_all(&conn, CLAIM_LIFETIME_MS + 1);
    assert_eq!(count(&conn, "claim"), 0);
}

#[test]
fn many_rows_go_in_slices_oldest_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, _) = store(folder.path());
    for id in 0..=255 {
        submit(&conn, id, 0);
    }
    let erased = trim(&conn, "mail", "stored_at", 100, 0).expect("it can write");
    assert!(!erased);
    let least: i64 = conn
        .query_row("SELECT min(seq) FROM mail", [], |row| row.get(0))
        .expect("a number");
    assert_eq!((count(&conn, "mail"), least), (100, 157));
}
