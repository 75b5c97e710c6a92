//! The real binary dies by SIGKILL under load, and goes down in order on SIGTERM.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pawl_wire::{ConnectionError, MessageId, RelayFrame, close_code};

use crate::support::{Child, Client, Device, End, Relay, envelope, message_id, random};

const SENDERS: usize = 4;

/// Envelopes of one sender that may be unanswered, so that commits group.
const IN_FLIGHT: usize = 16;

/// Envelopes of one sender in a round: all of them together fit into Bob's mailbox, however fast the machine is.
const MOST: u32 = 1_000;

/// What one sender knows at the moment of the crash.
#[derive(Default)]
struct Sent {
    /// In the order of sending: its mark, and whether it was Stored.
    all: Vec<(MessageId, u32, bool)>,
}

impl Sent {
    fn stored(&mut self, id: MessageId) {
        let sent = self.all.iter_mut().find(|(known, ..)| *known == id);
        sent.expect("it was sent").2 = true;
    }
}

async fn send_until_it_dies(
    mut from: Client,
    to: Device,
    first_mark: u32,
    progress: Arc<AtomicUsize>,
) -> Sent {
    let mut sent = Sent::default();
    let mut mark = first_mark;
    let mut open = 0;
    loop {
        while open < IN_FLIGHT && mark < first_mark + MOST {
            let id = message_id();
            sent.all.push((id, mark, false));
            from.submit(to.address(), id, envelope(mark)).await;
            mark += 1;
            open += 1;
        }
        match from.try_next().await {
            Ok(RelayFrame::Stored { message_id, .. }) => {
                sent.stored(message_id);
                open -= 1;
                progress.fetch_add(1, Ordering::Relaxed);
            }
            Ok(RelayFrame::QueueEmpty { .. }) => (),
            Ok(other) => panic!("{other:?}"),
            Err(_) => return sent,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_sigkill_everything_stored_is_there_exactly_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let bob = Device::new("bob");
    let senders: Vec<Device> = (0..SENDERS)
        .map(|number| Device::new(&format!("sender{number}")))
        .collect();
    let mut relay = Child::start(folder.path(), &[]);
    Client::register(relay.address, &bob).await.leave().await;
    for sender in &senders {
        Client::register(relay.address, sender).await.leave().await;
    }
    let mut acknowledged = 0;
    for round in 0..4u32 {
        let mut sending = tokio::task::JoinSet::new();
        let mut senders_ended = Vec::new();
        let progress = Arc::new(AtomicUsize::new(0));
        for (sender, number) in senders.iter().zip(0u32..) {
            let from = Client::auth(relay.address, sender, 0).await;
            let first = (round * 10 + number) * 100_000;
            let progress = Arc::clone(&progress);
            let sender = send_until_it_dies(from, bob.clone(), first, progress);
            senders_ended.push(sending.spawn(sender));
        }
        // By how far the load has come, not by a clock: on a fast machine as on a slow one it dies in the midst of it.
        let [some] = random();
        while progress.load(Ordering::Relaxed) < 50 + 3 * usize::from(some)
            && !senders_ended.iter().any(|sender| sender.is_finished())
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        relay.kill();
        let sent = sending.join_all().await;
        relay = Child::start(folder.path(), &[]);
        acknowledged = check(&relay, &bob, &senders[0], sent, acknowledged).await;
    }
}

/// Compares the mailbox with what the senders know; gives the last sequence number.
async fn check(
    relay: &Child,
    bob: &Device,
    sender: &Device,
    sent: Vec<Sent>,
    acknowledged: u64,
) -> u64 {
    // As a client does: what was not answered is sent again under its id.
    let mut again = Client::auth(relay.address, sender, 0).await;
    for (id, mark, _) in sent.iter().flat_map(|one| &one.all).filter(|one| !one.2) {
        again.store(bob.address(), *id, envelope(*mark)).await;
    }
    again.leave().await;
    let mut to = Client::auth(relay.address, bob, acknowledged).await;
    let mut there: BTreeMap<MessageId, Vec<u8>> = BTreeMap::new();
    let mut next = acknowledged + 1;
    for (seq, id, envelope) in to.waiting().await {
        assert_eq!(seq, next, "a number is missing or there twice");
        next += 1;
        assert!(
            there.insert(id, envelope).is_none(),
            "{id:?} is there twice"
        );
    }
    to.settle().await;
    to.leave().await;
    let stored = sent
        .iter()
        .flat_map(|one| &one.all)
        .filter(|one| one.2)
        .count();
    assert!(stored > 0, "the load never got anywhere");
    for (id, mark, stored) in sent.iter().flat_map(|one| &one.all) {
        let found = there.remove(id);
        assert_eq!(found, Some(envelope(*mark)), "stored: {stored}");
    }
    assert!(there.is_empty(), "{} that nobody sent", there.len());
    next - 1
}

#[tokio::test]
async fn sigterm_answers_what_was_asked_and_says_goodbye() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut relay = Child::start(folder.path(), &[]);
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    client
        .store(alice.address(), message_id(), envelope(1))
        .await;
    let ended = tokio::task::spawn_blocking(move || (relay.terminate(), relay));
    let mut drained = false;
    let code = loop {
        match client.try_next().await {
            Ok(RelayFrame::Drain { reconnect_after_ms }) => {
                assert!((1..10_000).contains(&reconnect_after_ms));
                drained = true;
            }
            Ok(RelayFrame::Deliver { .. } | RelayFrame::QueueEmpty { .. }) => (),
            Ok(other) => panic!("{other:?}"),
            Err(code) => break code,
        }
    };
    assert!(drained);
    assert_eq!(code, Some(close_code::RESTART));
    assert_eq!(ended.await.expect("it waits").0, Some(0));
    // The log was written back: one file is the whole store.
    let wal = folder.path().join("relay.db-wal");
    assert_eq!(std::fs::metadata(wal).map_or(0, |file| file.len()), 0);
    let relay = Relay::start_in(folder.path(), |_| ());
    let mut again = Client::auth(relay.address, &alice, 0).await;
    assert_eq!(again.waiting().await.len(), 1);
}

#[tokio::test]
async fn a_draining_relay_takes_nobody_in() {
    let mut relay = Relay::start();
    let mut waiting = Client::connect(relay.address).await;
    relay.begin_stop();
    let gone = End {
        error: None,
        code: Some(close_code::RESTART),
    };
    assert_eq!(waiting.end().await, gone);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_ends_the_connection_and_stores_nothing() {
    let relay = Relay::start();
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    client.settle().await;
    let blocker = rusqlite::Connection::open(relay.folder().join("relay.db")).expect("a store");
    blocker
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the only writer");
    let id = message_id();
    client.submit(alice.address(), id, envelope(1)).await;
    // What comes behind it, in a commit of its own, must not overtake it when the store is well again.
    tokio::time::sleep(Duration::from_millis(300)).await;
    client
        .submit(alice.address(), message_id(), envelope(2))
        .await;
    let unavailable = End {
        error: Some(ConnectionError::Unavailable),
        code: Some(close_code::of(ConnectionError::Unavailable)),
    };
    assert_eq!(client.end().await, unavailable);
    blocker.execute_batch("ROLLBACK").expect("it lets go");
    let mut again = Client::auth(relay.address, &alice, 0).await;
    assert!(!again.store(alice.address(), id, envelope(1)).await);
    again.leave().await;
    let mut again = Client::auth(relay.address, &alice, 0).await;
    assert_eq!(again.waiting().await, [(1, id, envelope(1))]);
}
