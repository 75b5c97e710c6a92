//! Mail for a device that is connected and has everything goes past the disk, and `Stored` still never lies.

use std::path::Path;
use std::time::Duration;

use pawl_wire::limits::MAX_RECEIVE_WINDOW;
use pawl_wire::{ClientFrame, MessageId, RelayFrame};

use crate::support::{Child, Client, Device, Relay, envelope, message_id};

/// Waits until a connection has everything and the relay knows it: a job is answered that was queued behind that.
async fn catch_up(client: &mut Client) {
    client.waiting().await;
    client.settle().await;
    let nobody = Device::new("nobody").address();
    client.submit(nobody, message_id(), envelope(0)).await;
    let answer = client.answer().await;
    assert!(
        matches!(answer, RelayFrame::Refused { .. }),
        "nobody is there: {answer:?}"
    );
}

async fn here(address: std::net::SocketAddr, device: &Device, last_seq: u64) -> Client {
    let mut client = Client::auth(address, device, last_seq).await;
    catch_up(&mut client).await;
    client
}

/// Alice, who writes, and Bob, who has everything: their devices, then their connections.
async fn two(address: std::net::SocketAddr) -> (Device, Device, Client, Client) {
    two_with(address, Device::new("bob")).await
}

async fn two_with(address: std::net::SocketAddr, bob: Device) -> (Device, Device, Client, Client) {
    let alice = Device::new("alice");
    let from = Client::register(address, &alice).await;
    let mut to = Client::register(address, &bob).await;
    catch_up(&mut to).await;
    (alice, bob, from, to)
}

/// From here on the relay can write nothing; numbers for Bob, which are reserved on disk, it has. Gives the last of them
/// that he got.
async fn block_writes(
    relay: &Relay,
    bob: &Device,
    from: &mut Client,
    to: &mut Client,
) -> (rusqlite::Connection, u64) {
    let first = message_id();
    from.submit(bob.address(), first, envelope(0)).await;
    let (seq, ..) = to.delivery().await;
    to.send(&ClientFrame::Ack { through: seq }).await;
    stored(from, first).await;
    let blocker = rusqlite::Connection::open(relay.folder().join("relay.db")).expect("a store");
    blocker
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the only writer");
    (blocker, seq)
}

/// Rows of a table, as the file has them now.
fn rows(folder: &Path, table: &str) -> i64 {
    let conn = rusqlite::Connection::open(folder.join("relay.db")).expect("a store");
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })
    .expect("a number")
}

async fn stored(client: &mut Client, id: MessageId) -> bool {
    match client.answer().await {
        RelayFrame::Stored {
            message_id,
            duplicate,
        } if message_id == id => duplicate,
        other => panic!("not stored but {other:?}"),
    }
}

#[tokio::test]
async fn what_is_acknowledged_at_once_is_never_written() {
    // On a slow machine the acknowledgement takes longer than it may elsewhere.
    let relay = Relay::start_with(|config| config.limits.live_grace = Duration::from_secs(60));
    let (_, bob, mut from, mut to) = two(relay.address).await;
    let (blocker, seq) = block_writes(&relay, &bob, &mut from, &mut to).await;
    for number in 1..=50 {
        let id = message_id();
        from.submit(bob.address(), id, envelope(number)).await;
        let (next, delivered, bytes) = to.delivery().await;
        assert_eq!(
            (next, delivered, bytes),
            (seq + u64::from(number), id, envelope(number))
        );
        to.send(&ClientFrame::Ack { through: next }).await;
        assert!(!stored(&mut from, id).await);
        // Its sender did not hear that, and asks again.
        from.submit(bob.address(), id, envelope(number)).await;
        assert!(stored(&mut from, id).await);
    }
    blocker.execute_batch("ROLLBACK").expect("it lets go");
    assert_eq!(rows(relay.folder(), "mail"), 0);
}

#[tokio::test]
async fn what_is_not_acknowledged_is_written_before_it_is_stored_and_comes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    let (alice, bob, mut from, mut to) = two(relay.address).await;
    let id = message_id();
    from.submit(bob.address(), id, envelope(1)).await;
    let letter = to.delivery().await;
    assert!(!stored(&mut from, id).await);
    assert_eq!(rows(folder.path(), "mail"), 1);
    // Still on the same connection: it is known by now, and is not delivered again.
    assert!(from.store(bob.address(), id, envelope(1)).await);
    assert_eq!(rows(folder.path(), "mail"), 1);
    relay.kill();
    let relay = Child::start(folder.path(), &[]);
    let mut again = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(again.waiting().await, [letter]);
    let mut from = Client::auth(relay.address, &alice, 0).await;
    assert!(from.store(bob.address(), id, envelope(1)).await);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_stores_nothing_that_is_not_acknowledged() {
    let relay = Relay::start();
    let (_, bob, mut from, mut to) = two(relay.address).await;
    let (blocker, _) = block_writes(&relay, &bob, &mut from, &mut to).await;
    from.submit(bob.address(), message_id(), envelope(1)).await;
    to.delivery().await;
    let end = from.end().await;
    assert_eq!(end.error, Some(pawl_wire::ConnectionError::Unavailable));
    blocker.execute_batch("ROLLBACK").expect("it lets go");
}

#[tokio::test]
async fn after_a_crash_no_number_comes_twice_and_nothing_new_is_taken_for_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    let (alice, bob, mut from, mut to) = two(relay.address).await;
    let mut last = 0;
    for number in 0..5 {
        let id = message_id();
        from.submit(bob.address(), id, envelope(number)).await;
        last = to.delivery().await.0;
        to.send(&ClientFrame::Ack { through: last }).await;
        stored(&mut from, id).await;
    }
    relay.kill();
    let relay = Child::start(folder.path(), &[]);
    let mut from = Client::auth(relay.address, &alice, 0).await;
    let mut sent = Vec::new();
    for number in 10..30 {
        let id = message_id();
        from.store(bob.address(), id, envelope(number)).await;
        sent.push((id, envelope(number)));
    }
    let mut to = Client::auth(relay.address, &bob, last).await;
    let came = to.waiting().await;
    assert!(came.iter().all(|(seq, ..)| *seq > last));
    let came: Vec<_> = came.into_iter().map(|(_, id, bytes)| (id, bytes)).collect();
    assert_eq!(came, sent);
}

#[tokio::test]
async fn a_connection_that_ends_leaves_what_it_did_not_acknowledge_in_the_mailbox() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    let mut acknowledged = 0;
    let mut number = 0;
    for round in 0..10 {
        let mut to = here(relay.address, &bob, acknowledged).await;
        let mut letters = Vec::new();
        for _ in 0..6 {
            number += 1;
            from.submit(bob.address(), message_id(), envelope(number))
                .await;
            letters.push(to.delivery().await);
        }
        let half = letters[2].0;
        if round % 2 == 0 {
            to.send(&ClientFrame::Ack { through: half }).await;
            to.settle().await;
        }
        to.leave().await;
        // In the same round by a second connection that closes the first: the rest and nothing else.
        let mut again = Client::auth(relay.address, &bob, half).await;
        assert_eq!(again.waiting().await, letters[3..]);
        acknowledged = letters[5].0;
        again.settle().await;
        from.settle().await;
        again.leave().await;
    }
}

#[tokio::test]
async fn a_slow_reader_gets_everything_in_order_within_its_window() {
    let relay = Relay::start();
    let mut bob = Device::new("bob");
    bob.window = 4;
    let (alice, bob, mut from, mut to) = two_with(relay.address, bob).await;
    let mut sent = Vec::new();
    for number in 0..60 {
        let id = message_id();
        from.submit(bob.address(), id, envelope(number)).await;
        sent.push((id, envelope(number)));
    }
    let mut came = Vec::new();
    let mut last = 0;
    while came.len() < sent.len() {
        for _ in 0..4.min(sent.len() - came.len()) {
            let (seq, id, bytes) = to.delivery().await;
            assert!(seq > last);
            last = seq;
            came.push((id, bytes));
        }
        // Nothing beyond the window, however long it takes.
        let more = tokio::time::timeout(Duration::from_millis(20), to.next()).await;
        assert!(more.is_err(), "{more:?}");
        to.send(&ClientFrame::Ack { through: last }).await;
    }
    assert_eq!(came, sent);
    to.settle().await;
    // What is answered after the last acknowledgement was taken after it.
    from.settle().await;
    from.store(alice.address(), message_id(), envelope(61))
        .await;
    assert_eq!(rows(relay.folder(), "mail"), 1);
}

#[tokio::test]
async fn an_id_that_waits_for_its_acknowledgement_is_stored_once() {
    let relay = Relay::start();
    let (_, bob, mut from, mut to) = two(relay.address).await;
    let id = message_id();
    from.submit(bob.address(), id, envelope(1)).await;
    from.submit(bob.address(), id, envelope(1)).await;
    let letter = to.delivery().await;
    assert!(!stored(&mut from, id).await);
    assert!(stored(&mut from, id).await);
    to.leave().await;
    let mut again = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(again.waiting().await, [letter]);
}

#[tokio::test]
async fn a_connection_that_is_replaced_while_it_is_live_takes_nothing_with_it() {
    let relay = Relay::start();
    let (_, bob, mut from, mut to) = two(relay.address).await;
    let mut last = 0;
    let mut number = 0;
    for _ in 0..20 {
        let mut sent = Vec::new();
        for _ in 0..5 {
            number += 1;
            let id = message_id();
            from.submit(bob.address(), id, envelope(number)).await;
            sent.push((id, envelope(number)));
        }
        // The older one has read two of them, acknowledged one, and never says goodbye.
        let (first, ..) = to.delivery().await;
        to.delivery().await;
        to.send(&ClientFrame::Ack { through: first }).await;
        let mut newer = Client::auth(relay.address, &bob, first).await;
        let mut came = vec![sent[0].clone()];
        while came.len() < sent.len() {
            let (seq, id, bytes) = newer.delivery().await;
            assert!(seq > last);
            last = seq;
            came.push((id, bytes));
            newer.send(&ClientFrame::Ack { through: seq }).await;
        }
        assert_eq!(came, sent);
        to = newer;
    }
    let mut again = Client::auth(relay.address, &bob, last).await;
    assert_eq!(again.waiting().await, []);
}

/// Sends many at once, then reads and acknowledges: all of its own are stored, all of the other's come in order.
async fn converse(client: &mut Client, to: &Device) {
    const MANY: u32 = 200;
    for number in 0..MANY {
        client
            .submit(to.address(), message_id(), envelope(number))
            .await;
    }
    let (mut stored, mut came) = (0, 0);
    while (stored, came) != (MANY, MANY) {
        match client.next().await {
            RelayFrame::Stored { duplicate, .. } => {
                assert!(!duplicate);
                stored += 1;
            }
            RelayFrame::Deliver {
                seq,
                envelope: bytes,
                ..
            } => {
                assert_eq!(bytes, envelope(came));
                came += 1;
                client.send(&ClientFrame::Ack { through: seq }).await;
            }
            other => panic!("neither stored nor delivered: {other:?}"),
        }
    }
}

/// The acknowledgements of each lie behind its own messages, which are not read while too many of them wait. Nothing is
/// written here because it waited long.
#[tokio::test]
async fn two_that_write_much_to_each_other_do_not_wait_for_each_other() {
    let relay = Relay::start_with(|config| config.limits.live_grace = Duration::from_secs(86_400));
    let (mut alice, mut bob) = (Device::new("alice"), Device::new("bob"));
    // As clients have it: as many letters as there may be requests that wait.
    (alice.window, bob.window) = (MAX_RECEIVE_WINDOW, MAX_RECEIVE_WINDOW);
    let mut from = Client::register(relay.address, &alice).await;
    let mut to = Client::register(relay.address, &bob).await;
    catch_up(&mut from).await;
    catch_up(&mut to).await;
    tokio::join!(converse(&mut from, &bob), converse(&mut to, &alice));
}
