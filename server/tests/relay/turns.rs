//! Whoever asks for much waits for their own turns, and nobody else does.

use std::time::Duration;

use pawl_wire::RelayFrame;

use crate::support::{Child, Client, Device, envelope, message_id};

/// Connections of one person, with as much on its way as the relay takes of each.
const CROWD: usize = 40;
const EACH: u32 = 64;

/// A commit that had begun, and a network's part of the next one.
const BEFORE: i64 = 256 + 32;

async fn join(relay: &Child, name: &str, from: &str) -> Client {
    let mut client = Client::connect_from(relay.address, from).await;
    let register = Device::new(name).register(&client.challenge);
    assert_eq!(client.join(register).await, None);
    client.settle().await;
    client
}

#[tokio::test]
async fn a_request_waits_for_its_own_turn_and_not_for_all_of_another_persons() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = [
        "--trusted-proxy=127.0.0.0/8",
        "--registrations-per-minute=1000",
    ];
    let relay = Child::start(folder.path(), &flags);
    let bob = Device::new("bob");
    Client::register(relay.address, &bob).await.leave().await;
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        crowd.push(join(&relay, &format!("crowd{number}"), "203.0.113.7").await);
    }
    let mut carol = join(&relay, "carol", "198.51.100.7").await;
    // Nothing is committed until all is asked for. What is not there by then is behind less.
    let store = rusqlite::Connection::open(folder.path().join("relay.db")).expect("the store");
    store.execute_batch("BEGIN IMMEDIATE").expect("it is held");
    for member in &mut crowd {
        for number in 0..EACH {
            let envelope = envelope(number);
            member.submit(bob.address(), message_id(), envelope).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let hers = message_id();
    carol.submit(bob.address(), hers, envelope(99)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    store.execute_batch("ROLLBACK").expect("it is let go");
    assert!(matches!(carol.answer().await, RelayFrame::Stored { .. }));
    let before: i64 = store
        .query_row(
            "SELECT count(*) FROM mail WHERE id < (SELECT id FROM mail WHERE message_id = ?1)",
            [hers.0],
            |row| row.get(0),
        )
        .expect("a count");
    assert!(before <= BEFORE, "{before} of another's came first");
    // And all of theirs is served.
    for member in &mut crowd {
        for _ in 0..EACH {
            assert!(matches!(member.answer().await, RelayFrame::Stored { .. }));
        }
    }
}
