//! A step is one transaction: what piles up is dealt with in several, and nothing that is owed gets lost.

use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{Command, Input, MessageStatus, Table};
use pawl_wire::RelayFrame;

const ALICE: usize = 0;
const BOB: usize = 1;
const DAY: u64 = 24 * 60 * 60 * 1_000;
/// Sessions dropped in one step.
const MAX_DROPPED_PER_STEP: usize = 256;
/// Envelopes that the relay has not answered.
const MAX_IN_FLIGHT: usize = 32;
/// Receipts written in one step.
const MAX_RECEIPTS_PER_STEP: usize = 256;

fn sessions(world: &World) -> usize {
    let keys = world.clients[ALICE].disk.keys();
    keys.filter(|(table, _)| *table == Table::Sessions).count()
}

/// Alice, and people who have begun so many sessions with her each.
fn acquainted(seed: u64, people: usize, each: usize) -> (World, Vec<String>) {
    let mut world = World::with(seed, &["alice"]);
    let alice = world.address("alice");
    let names: Vec<_> = (0..people).map(|i| format!("friend{i}")).collect();
    for (i, name) in names.iter().enumerate() {
        let mut friend = Stranger::registered(name, seed + i as u64, &mut world);
        for _ in 0..each {
            friend.write(&mut world, alice, "hello", false);
        }
        world.run_for(600);
    }
    world.settle();
    (world, names)
}

#[test]
fn what_expired_in_a_month_away_is_dropped_in_several_steps() {
    let (mut world, names) = acquainted(3_000, 40, 9);
    assert_eq!(sessions(&world), 9 * names.len());
    world.set_network(ALICE, false);
    world.now += 31 * DAY;
    let client = &mut world.clients[ALICE];
    client.largest_step = 0;
    // The clock is believed at the second look.
    for _ in 0..2 {
        world.now += DAY;
        world.run_for(DAY / 2);
    }
    let largest = world.clients[ALICE].largest_step;
    assert!(
        (MAX_DROPPED_PER_STEP..=MAX_DROPPED_PER_STEP + 64).contains(&largest),
        "{largest} changes in a step"
    );
    assert_eq!(sessions(&world), names.len(), "those to write on stay");
}

#[test]
fn receipts_for_hundreds_of_people_are_written_in_several_steps() {
    let (mut world, names) = acquainted(3_100, 300, 1);
    // The relay takes mail for people who never come for it.
    world.relay.bend = Some(Box::new(|_, frame| match frame {
        RelayFrame::Refused { message_id, .. } => vec![RelayFrame::Stored {
            message_id,
            duplicate: false,
        }],
        frame => vec![frame],
    }));
    world.break_connection(ALICE, None);
    world.settle();
    let before = world.relay.submitted.len();
    world.clients[ALICE].largest_step = 0;
    for name in &names {
        let id = world.next_id();
        let read = Command::MarkRead {
            conversation: world.conversation(ALICE, name),
            through: u64::MAX / 2,
        };
        world.ask_as(ALICE, &id, read);
    }
    world.run_for(400);
    // Each changes outbox and channel, and a session where it is on its way at once.
    let largest = world.clients[ALICE].largest_step;
    let least = 2 * MAX_RECEIPTS_PER_STEP + MAX_IN_FLIGHT;
    assert!(
        (least..=least + 8).contains(&largest),
        "{largest} changes in a step"
    );
    world.settle();
    assert!(world.relay.submitted.len() >= before + names.len());
}

#[test]
fn a_receipt_that_could_not_go_out_goes_out_on_the_next_connection() {
    let mut world = World::with(3_200, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.send(BOB, "alice", "two");
    world.set_network(ALICE, false);
    world.send(BOB, "alice", "three");
    assert_eq!(world.statuses(BOB, "alice")[1], MessageStatus::Sent);
    world.set_network(BOB, false);
    world.settle();
    // For a while the relay says that there is no such person and no such device.
    let bob = world.address("bob");
    let mailbox = world.relay.store.boxes.remove(&bob).expect("registered");
    let name = pawl_wire::Username::parse("bob").expect("a username");
    let account = world.relay.store.names.remove(&name).expect("registered");
    world.set_network(ALICE, true);
    world.settle();
    assert_eq!(world.received(ALICE, "bob"), ["two", "three"]);
    let outbox = world.clients[ALICE].disk.keys();
    assert_eq!(outbox.filter(|it| it.0 == Table::Outbox).count(), 0);
    world.relay.store.boxes.insert(bob, mailbox);
    world.relay.store.names.insert(name, account);
    world.set_network(BOB, true);
    world.input(ALICE, Input::Tick);
    world.settle();
    assert_eq!(world.statuses(BOB, "alice")[1], MessageStatus::Sent);
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(world.statuses(BOB, "alice")[1], MessageStatus::Delivered);
}
