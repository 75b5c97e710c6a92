//! Waiting mail is taken by the window: what came together is one transaction, one acknowledgement, and still
//! commit, then send, then show.

use crate::support::World;
use pawl_client::{FrameBatch, Table};
use pawl_sim::Point;

const ALICE: usize = 0;
const FRIENDS: [&str; 4] = ["bob", "carol", "dave", "erin"];
/// Texts of each friend that wait.
const EACH: usize = 160;
const WAITING: usize = EACH * FRIENDS.len();

/// Alice is away, and her friends have written to her.
fn mail_waits(seed: u64) -> World {
    let names: Vec<_> = ["alice"].into_iter().chain(FRIENDS).collect();
    let mut world = World::with(seed, &names);
    for (i, friend) in FRIENDS.iter().enumerate() {
        world.start(ALICE, friend);
        world.send(ALICE, friend, "hello");
        world.send(i + 1, "alice", "hello");
    }
    world.set_network(ALICE, false);
    world.settle();
    for n in 0..EACH {
        for i in 0..FRIENDS.len() {
            assert_eq!(world.send(i + 1, "alice", &text(i, n)), None);
        }
    }
    world.whole_windows = true;
    world
}

fn text(friend: usize, n: usize) -> String {
    format!("{} {n}", FRIENDS[friend])
}

fn assert_all_there(world: &World) {
    for (i, friend) in FRIENDS.iter().enumerate() {
        let wanted = std::iter::once("hello".to_owned()).chain((0..EACH).map(|n| text(i, n)));
        assert_eq!(world.received(ALICE, friend), wanted.collect::<Vec<_>>());
    }
}

#[test]
fn a_window_of_waiting_mail_is_one_transaction_and_two_puts_a_message() {
    let mut world = mail_waits(9_100);
    let client = &mut world.clients[ALICE];
    (client.commits, client.changes) = (0, 0);
    world.set_network(ALICE, true);
    while world.received(ALICE, "erin").len() <= EACH {
        world.run_for(10);
    }
    assert_all_there(&world);
    let client = &world.clients[ALICE];
    let windows = WAITING.div_ceil(FrameBatch::MAX_FRAMES);
    // A few steps greet the relay, end the backlog and write receipts.
    assert!(
        client.commits <= windows + 6,
        "{} transactions for {windows} windows",
        client.commits
    );
    assert!(
        client.changes <= 2 * WAITING,
        "{} puts for {WAITING} messages",
        client.changes
    );
}

#[test]
fn a_crash_at_any_point_of_a_window_loses_and_repeats_nothing() {
    for crash in [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending] {
        for after in [2, 4, 7, 11] {
            let mut world = mail_waits(9_200 + after);
            world.crash_in = Some((after, crash));
            world.set_network(ALICE, true);
            world.settle();
            world.run_for(120_000);
            assert_eq!(world.crashes, 1, "{crash:?} after {after}");
            assert_all_there(&world);
        }
    }
}

#[test]
fn one_acknowledgement_covers_a_window() {
    let mut world = mail_waits(9_300);
    let alice = world.address("alice");
    let before = world.relay.acknowledgements[&alice];
    world.set_network(ALICE, true);
    world.settle();
    let sent = world.relay.acknowledgements[&alice] - before;
    assert_all_there(&world);
    let windows = WAITING.div_ceil(FrameBatch::MAX_FRAMES);
    assert!(sent <= windows + 6, "{sent} acknowledgements");
    let outbox = world.clients[ALICE].disk.keys();
    let left = outbox.filter(|(table, _)| *table == Table::Outbox).count();
    assert_eq!(left, 0, "receipts left");
}
