//! First messages of people whom a device does not know: nobody else's mail waits for them, they are
//! looked up at a pace, they survive a crash, and there is an end to how many may wait.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{AlertCode, Table};
use pawl_sim::Point;
use pawl_wire::RelayFrame;

const ALICE: usize = 0;
const BOB: usize = 1;

/// Alice and Bob know each other; Bob is offline now.
fn friends(seed: u64) -> World {
    let mut world = World::with(seed, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.send(BOB, "alice", "two");
    world.set_network(BOB, false);
    world.settle();
    world
}

/// Keeps what the relay says about names from Bob, and counts it.
fn silence(world: &mut World) -> Rc<RefCell<usize>> {
    let asked = Rc::new(RefCell::new(0));
    let count = Rc::clone(&asked);
    world.relay.bend = Some(Box::new(move |client, frame| match frame {
        RelayFrame::Account { .. } if client == BOB => {
            *count.borrow_mut() += 1;
            Vec::new()
        }
        frame => vec![frame],
    }));
    asked
}

fn waiting(world: &World) -> usize {
    let keys = world.clients[BOB].disk.keys();
    keys.filter(|(table, key)| *table == Table::Prekeys && key.0[0] == 5)
        .count()
}

#[test]
fn a_contacts_mail_does_not_wait_behind_strangers_whose_names_the_relay_never_confirms() {
    let mut world = friends(1_000);
    let bob = world.address("bob");
    let mut eve = Stranger::registered("eve", 1, &mut world);
    for text in ["a", "b", "c"] {
        eve.write(&mut world, bob, text, true);
    }
    for i in 0..100 {
        Stranger::new(&format!("nobody-{i}"), 10 + i).write(&mut world, bob, "hi", false);
    }
    world.send(ALICE, "bob", "three");
    let _asked = silence(&mut world);
    world.set_network(BOB, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["one", "three"]);
    assert!(
        world.relay.store.boxes[&bob].mail.is_empty(),
        "all is acknowledged"
    );
    assert_eq!(waiting(&world), 103);
    assert!(world.received(BOB, "eve").is_empty());
    // Once the relay says whose the name is, what waited is shown in its order, and once.
    world.relay.bend = None;
    world.break_connection(BOB, None);
    world.run_for(90_000);
    assert_eq!(world.received(BOB, "eve"), ["a", "b", "c"]);
    assert_eq!(waiting(&world), 0);
    assert_eq!(world.clients[BOB].engine.snapshot().conversations.len(), 2);
    let impostors = world.alerts(BOB).len();
    assert!(
        (1..=3).contains(&impostors),
        "told, and not a hundred times: {impostors}"
    );
}

#[test]
fn a_crash_at_any_step_loses_and_repeats_nothing_of_a_stranger() {
    for crash in [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending] {
        for at in 0..10 {
            let mut world = friends(1_010);
            let bob = world.address("bob");
            let mut eve = Stranger::registered("eve", 1, &mut world);
            for text in ["a", "b", "c"] {
                eve.write(&mut world, bob, text, false);
            }
            world.crash_in = Some((at, crash));
            world.set_network(BOB, true);
            world.settle();
            world.settle();
            assert_eq!(world.crashes, 1, "{crash:?} at {at}");
            assert_eq!(
                world.received(BOB, "eve"),
                ["a", "b", "c"],
                "{crash:?} at {at}"
            );
            assert_eq!(waiting(&world), 0);
        }
    }
}

#[test]
fn strangers_are_looked_up_at_a_pace_and_each_name_once() {
    let mut world = friends(1_020);
    let bob = world.address("bob");
    for i in 0..20 {
        let mut stranger = Stranger::new(&format!("nobody-{i}"), i);
        stranger.write(&mut world, bob, "hi", false);
        stranger.write(&mut world, bob, "hi again", false);
    }
    let asked = silence(&mut world);
    world.set_network(BOB, true);
    world.run_for(1_900);
    let soon = *asked.borrow();
    assert!((1..=4).contains(&soon), "{soon} in two seconds");
    world.run_for(10_000);
    assert_eq!(*asked.borrow(), 20);
    assert_eq!(waiting(&world), 40);
}

#[test]
fn past_the_bound_strangers_are_refused_and_contacts_are_not() {
    let mut world = friends(1_030);
    let bob = world.address("bob");
    for i in 0..300 {
        Stranger::new(&format!("nobody-{i}"), i).write(&mut world, bob, "hi", false);
    }
    world.send(ALICE, "bob", "three");
    let _asked = silence(&mut world);
    world.set_network(BOB, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["one", "three"]);
    assert_eq!(waiting(&world), 256);
    let refused = world.alerts(BOB);
    assert!((1..=3).contains(&refused.len()), "{refused:?}");
    assert!(
        refused
            .iter()
            .all(|alert| *alert == AlertCode::StrangersRefused)
    );
}

#[test]
fn where_there_is_no_room_for_more_bytes_the_queue_waits_and_nothing_is_lost() {
    let mut world = friends(1_040);
    let bob = world.address("bob");
    let mut eve = Stranger::registered("eve", 1, &mut world);
    let text = |i: usize| format!("{i}").repeat(60_000 / format!("{i}").len());
    for i in 0..60 {
        eve.write(&mut world, bob, &text(i), false);
    }
    world.send(ALICE, "bob", "three");
    let _asked = silence(&mut world);
    world.set_network(BOB, true);
    world.settle();
    assert!(!world.relay.store.boxes[&bob].mail.is_empty());
    assert!(waiting(&world) < 52, "4 MiB hold no more");
    world.relay.bend = None;
    world.break_connection(BOB, None);
    world.settle();
    let texts: Vec<_> = (0..60).map(text).collect();
    assert!(world.received(BOB, "eve") == texts);
    assert_eq!(world.received(BOB, "alice"), ["one", "three"]);
}

#[test]
fn a_strangers_message_goes_when_the_prekeys_it_needs_go() {
    let mut world = friends(1_050);
    let bob = world.address("bob");
    Stranger::new("nobody", 1).write(&mut world, bob, "hi", false);
    let _asked = silence(&mut world);
    world.set_network(BOB, true);
    world.settle();
    let day = 24 * 60 * 60 * 1_000;
    for _ in 0..29 {
        world.now += day;
        world.settle();
    }
    assert_eq!(waiting(&world), 1);
    for _ in 0..3 {
        world.now += day;
        world.settle();
    }
    assert_eq!(waiting(&world), 0);
}
