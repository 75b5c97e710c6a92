//! Accounts that nobody uses, where the operator wants them erased.

use std::path::Path;
use std::time::Duration;

use pawl_wire::ConnectionError;

use crate::support::{Child, Client, Device, End};

const FLAG: &str = "--account-days=30";

fn change(folder: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(folder.join("relay.db")).expect("a store");
    conn.execute_batch(sql).expect("it writes");
}

fn count(folder: &Path, what: &str) -> i64 {
    let conn = rusqlite::Connection::open(folder.join("relay.db")).expect("a store");
    let sql = format!("SELECT count({what}) FROM account");
    conn.query_row(&sql, [], |row| row.get(0))
        .expect("a number")
}

/// How many accounts have a day.
fn days(folder: &Path) -> i64 {
    count(folder, "last_day")
}

fn accounts(folder: &Path) -> i64 {
    count(folder, "*")
}

async fn join(relay: &Child, device: &Device) -> Option<End> {
    let mut client = Client::connect(relay.address).await;
    let register = device.register(&client.challenge);
    client.join(register).await
}

#[tokio::test]
async fn an_account_that_nobody_used_for_so_long_is_erased_and_its_name_is_nobody_elses() {
    let folder = tempfile::tempdir().expect("a folder");
    let [alice, bob] = ["alice", "bobby"].map(Device::new);
    let mut relay = Child::start(folder.path(), &[FLAG]);
    for device in [&alice, &bob] {
        assert_eq!(join(&relay, device).await, None);
    }
    assert_eq!(relay.terminate(), Some(0));
    assert_eq!(days(folder.path()), 2);
    change(
        folder.path(),
        "UPDATE account SET last_day = last_day - 30;
         UPDATE account SET last_day = last_day - 1 WHERE username = 'bobby'",
    );
    let mut relay = Child::start(folder.path(), &[FLAG]);
    // Whoever came in now would have used it.
    while accounts(folder.path()) == 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let unknown = Client::try_auth(relay.address, &bob, 0).await.err();
    assert_eq!(unknown, Some(Some(ConnectionError::UnknownDevice)));
    Client::auth(relay.address, &alice, 0).await.leave().await;
    let taken = End::refused(ConnectionError::UsernameTaken);
    assert_eq!(join(&relay, &Device::new("bobby")).await, Some(taken));
    assert_eq!(join(&relay, &bob).await, None);
    assert_eq!(relay.terminate(), Some(0));
    // Without the setting no day is kept.
    let mut relay = Child::start(folder.path(), &[]);
    for device in [&alice, &bob] {
        Client::auth(relay.address, device, 0).await.leave().await;
    }
    assert_eq!(relay.terminate(), Some(0));
    assert_eq!(days(folder.path()), 0);
}
