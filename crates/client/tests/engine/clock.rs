//! A clock that is put back makes nobody wait until it says the old time again: what was due in a moment is due in a
//! moment.

use crate::support::World;
use pawl_client::{Input, MessageStatus};

const ALICE: usize = 0;
const BOB: usize = 1;
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Everybody's clock goes back a day; alarms ring as if it had not.
fn put_back(world: &mut World) {
    world.now -= DAY;
    for who in [ALICE, BOB] {
        world.input(who, Input::Tick);
    }
}

#[test]
fn who_lost_the_connection_is_connected_again_at_once() {
    let mut world = World::talking(9_000, 1);
    world.break_connection(ALICE, None);
    world.run_for(1);
    put_back(&mut world);
    world.send(BOB, "alice", "after");
    assert_eq!(world.received(ALICE, "bob"), ["b0", "after"]);
}

#[test]
fn a_connection_is_given_up_and_pinged_by_the_time_that_passes() {
    let mut world = World::talking(9_010, 1);
    put_back(&mut world);
    let pings = |world: &World| world.clients[ALICE].wake_at.expect("online") - world.now;
    assert!(pings(&world) <= 25_000, "{}", pings(&world));
}

#[test]
fn receipts_and_what_was_refused_for_now_do_not_wait_longer() {
    let mut world = World::talking(9_020, 1);
    world.relay.mood.narrow = Some(0);
    world.send(ALICE, "bob", "refused for now");
    assert_eq!(world.received(BOB, "alice"), ["a0"]);
    world.relay.mood.narrow = None;
    put_back(&mut world);
    world.run_for(60_000);
    assert_eq!(world.received(BOB, "alice"), ["a0", "refused for now"]);
    let id = world.next_id();
    world.send_as(BOB, &id, "alice", "b1");
    while world.received(ALICE, "bob").len() < 2 {
        world.run_for(1);
    }
    put_back(&mut world);
    world.run_for(1_000);
    assert_eq!(world.statuses(BOB, "alice")[1], MessageStatus::Delivered);
}
