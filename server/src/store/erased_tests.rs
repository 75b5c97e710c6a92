//! What an erased account leaves.

use pawl_wire::{AccountId, Register, Registration};

use super::super::caps::Caps;
use super::super::one_device::{ADDRESS, register, store};
use super::super::{Registered, StoreError, accounts, mail, unused};
use super::*;

fn open() -> accounts::Admission {
    accounts::Admission {
        registration: Registration::Open,
        now: 0,
        most_keys: 100,
        today: None,
        has_room: true,
        caps: Caps::default(),
    }
}

fn join(conn: &Connection, key: [u8; 32], number: u32) -> Result<Registered, StoreError> {
    let mut device = ADDRESS;
    device.account = AccountId(key);
    device.device = number;
    let register = Register {
        device,
        ..register()
    };
    accounts::register(conn, &register, open())
}

fn put_mail(conn: &Connection, device: DeviceId, messages: u64) {
    for seq in 1..=messages {
        let mut message_id = [0; 16];
        message_id[..8].copy_from_slice(&seq.to_be_bytes());
        let submit = pawl_wire::Submit {
            message_id: pawl_wire::MessageId(message_id),
            recipient: ADDRESS,
            envelope: vec![1; 10],
        };
        mail::insert(conn, device, seq, &submit, 0).expect("it writes");
    }
}

fn erase_all(conn: &Connection) -> usize {
    let account = conn
        .query_row("SELECT id FROM account", [], |row| row.get(0))
        .expect("an account");
    let mut slices = 1;
    while !erase(conn, account).expect("it writes") {
        slices += 1;
    }
    slices
}

#[test]
fn nothing_of_an_erased_account_is_left_but_two_hashes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, device) = store(folder.path());
    put_mail(&conn, device, 1_200);
    mail::acknowledge(&conn, device, 100, 0).expect("it writes");
    assert_eq!(erase_all(&conn), 3);
    for table in [
        "account",
        "device",
        "mailbox",
        "mail",
        "delivered",
        "one_time_key",
        "claim",
    ] {
        let rows: i64 = conn
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .expect("a number");
        assert_eq!(rows, 0, "{table}");
    }
    let lengths = conn.query_row(
        "SELECT length(name_hash), length(key_hash) FROM erased",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    );
    assert_eq!(lengths.expect("a row"), (32, 32));
}

#[test]
fn only_the_same_key_gets_the_name_of_an_erased_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, device) = store(folder.path());
    erase_all(&conn);
    let other = join(&conn, [9; 32], 1).expect("it writes");
    assert_eq!(other, Registered::UsernameTaken);
    let Registered::Done(again) = join(&conn, ADDRESS.account.0, 1).expect("it writes") else {
        panic!("the owner is not let in");
    };
    assert_ne!(again, device, "a row of another device");
    // It is an account like any now.
    let rows: i64 = conn
        .query_row("SELECT count(*) FROM erased", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(rows, 0);
    let other = join(&conn, [9; 32], 1).expect("it writes");
    assert_eq!(other, Registered::UsernameTaken);
}

#[test]
fn days_are_kept_only_while_they_are_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, device) = store(folder.path());
    let last_day = || -> Option<i64> {
        conn.query_row("SELECT last_day FROM account", [], |row| row.get(0))
            .expect("a row")
    };
    unused::note(&conn, device, 7).expect("it writes");
    assert_eq!(last_day(), None);
    unused::begin(&conn, Some(7)).expect("it writes");
    unused::note(&conn, device, 9).expect("it writes");
    unused::begin(&conn, Some(11)).expect("it writes");
    assert_eq!(last_day(), Some(9));
    assert!(!unused::sweep(&conn, 9).expect("it reads"));
    unused::begin(&conn, None).expect("it writes");
    assert_eq!(last_day(), None);
    assert!(!unused::sweep(&conn, i64::MAX).expect("it reads"));
    unused::begin(&conn, Some(9)).expect("it writes");
    assert!(unused::sweep(&conn, 10).expect("it writes"));
    assert!(!unused::sweep(&conn, 10).expect("it reads"));
}

/// Who shows their key while their account is being erased hears what became of it, and nothing of the store.
#[test]
fn a_device_that_is_erased_after_it_was_found_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, _) = store(folder.path());
    let found = accounts::find_device(&conn, ADDRESS).expect("it is read");
    let found = found.expect("it is there");
    erase_all(&conn);
    let opened = accounts::open_mailbox(&conn, found.id, 0, 0);
    assert!(opened.expect("no fault").is_none());
}
