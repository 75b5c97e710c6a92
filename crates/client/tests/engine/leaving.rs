//! Devices and accounts that leave: what they had or were to have is remembered, and goes to others only
//! where nobody had it, and at a pace.

use crate::fan_out::{
    ALICE, BOB, device, envelopes, list_devices, list_only, one_lacks_a_text, outbox,
    read_and_lose_mail, world,
};
use crate::giving_up::withhold;
use crate::identity::{accept, bob_begins_anew};
use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{IdentityState, MessageStatus, Table};
use pawl_wire::{AccountId, RelayFrame, Username};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
/// Texts that are sent again at once.
const AT_ONCE: usize = 32;
const CHANGED: Option<IdentityState> = Some(IdentityState::Changed);

use MessageStatus::{Delivered, Sending, Sent, Waiting};

#[test]
fn what_a_device_that_left_had_not_got_is_sent_to_another_at_a_pace() {
    let mut world = World::with(4_400, &["alice", "bob", "second", "third"]);
    list_devices(&mut world, &BOB[..1]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.set_network(BOB[0], false);
    let texts: Vec<_> = (0..80).map(|i| format!("{i:02}")).collect();
    for text in &texts {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", text);
    }
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob")[1..], [Sent; 80]);
    // Bob's only device is lost with its mailbox, and the one that he has now is off.
    let lost = device(&world, 1);
    list_devices(&mut world, &BOB[..2]);
    world.set_network(BOB[1], false);
    list_only(&mut world, &BOB[1..2]);
    world.relay.store.boxes.remove(&lost);
    world.send(ALICE, "bob", "new");
    world.run_for(2 * MINUTE);
    // One text is new, and receipts ask for the next word.
    let sent = envelopes(&world)[1];
    assert!((AT_ONCE..AT_ONCE + 5).contains(&sent), "{sent}");
    world.set_network(BOB[1], true);
    world.run_for(10 * MINUTE);
    let mut received = world.received(BOB[1], "alice");
    received.sort();
    assert_eq!(received.pop().as_deref(), Some("new"));
    assert_eq!(received, texts);
    assert_eq!(outbox(&world, ALICE), 0);
}

/// The relay has a text for two devices, which then leave; the third has not got it yet.
fn left(seed: u64) -> World {
    let mut world = world(seed);
    let first = device(&world, 1);
    withhold(&mut world, first);
    for client in &BOB[1..] {
        world.set_network(*client, false);
    }
    world.send(ALICE, "bob", "one");
    assert_eq!(world.statuses(ALICE, "bob"), [Sent]);
    list_only(&mut world, &BOB[..1]);
    for number in [2, 3] {
        let gone = device(&world, number);
        world.relay.store.boxes.remove(&gone);
    }
    world.send(ALICE, "bob", "two");
    world
}

#[test]
fn a_text_stays_sent_when_the_device_that_the_relay_had_it_for_leaves() {
    let mut world = left(4_401);
    assert_eq!(world.statuses(ALICE, "bob"), [Sent, Sending]);
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), [Sent, Sending]);
    world.relay.bend = None;
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(world.received(BOB[0], "alice"), ["one", "two"]);
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered; 2]);
}

#[test]
fn what_the_relay_had_for_a_device_that_left_is_not_sent_to_a_new_account() {
    let mut world = left(4_402);
    bob_begins_anew(&mut world);
    world.relay.bend = None;
    world.send(ALICE, "bob", "three");
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(world.identity(ALICE, "bob"), CHANGED);
    accept(&mut world);
    assert_eq!(world.received(BOB[0], "alice"), ["two", "three"]);
    assert_eq!(outbox(&world, ALICE), 0);
}

/// A device says to have a text of which the relay never said that it is stored; then the record of what
/// arrived is lost.
#[test]
fn what_one_device_had_is_not_sent_to_a_new_account_though_a_record_was_lost() {
    let mut world = World::with(4_403, &["alice", "bob", "second", "third"]);
    list_devices(&mut world, &BOB[..2]);
    world.start(ALICE, "bob");
    let first = device(&world, 1);
    withhold(&mut world, first);
    let withheld = world.relay.bend.take();
    let mut withheld = withheld.expect("it bends");
    world.relay.bend = Some(Box::new(move |client, frame| match frame {
        RelayFrame::Stored { .. } if client == ALICE => Vec::new(),
        frame => withheld(client, frame),
    }));
    world.send(ALICE, "bob", "one");
    assert_eq!(world.received(BOB[1], "alice"), ["one"]);
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered]);
    world.cut(ALICE, |table, _| table == Table::Conversations);
    world.break_connection(ALICE, None);
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), [Sent]);
    bob_begins_anew(&mut world);
    world.relay.bend = None;
    world.send(ALICE, "bob", "two");
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(world.identity(ALICE, "bob"), CHANGED);
    accept(&mut world);
    assert_eq!(world.received(BOB[0], "alice"), ["two"]);
}

/// Whose the name is now, as Alice learns on her next connection.
fn give_name(world: &mut World, account: AccountId) {
    let username = Username::parse("bob").expect("a username");
    world.relay.store.names.insert(username, account);
    world.break_connection(ALICE, None);
    world.settle();
}

/// A text that waited for keys waits for the user when a thief takes the name. It goes to Bob when he has
/// the name again, and Alice's store then goes back to when it waited.
#[test]
fn what_the_account_before_says_to_have_is_not_sent_to_the_new_one() {
    let mut world = World::with(4_404, &["alice", "bob"]);
    let (alice, bob) = (world.address("alice"), world.address("bob"));
    world.start(ALICE, "bob");
    withhold(&mut world, bob);
    world.send(ALICE, "bob", "one");
    let mut thief = Stranger::registered("bob", 4_404, &mut world);
    let thiefs = thief.open_mailbox(&mut world);
    thief.write(&mut world, alice, "trust me", true);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), [Waiting]);
    let old = world.clients[ALICE].disk.clone();
    world.relay.bend = None;
    give_name(&mut world, bob.account);
    assert_eq!(world.received(BOB[0], "alice"), ["one"]);
    thief.register("bob", &mut world);
    world.roll_back(ALICE, old);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), [Waiting]);
    // Bob asks when he hears nothing of what he writes, and says what he has.
    world.send(BOB[0], "alice", "are you there?");
    world.run_for(DAY);
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered]);
    assert_eq!(world.identity(ALICE, "bob"), CHANGED);
    let mail = |world: &World| world.relay.store.boxes[&thiefs].mail.len();
    accept(&mut world);
    world.run_for(MINUTE);
    assert_eq!(mail(&world), 0, "nothing for the one that is accepted");
    world.send(ALICE, "bob", "for the new account");
    assert_eq!(mail(&world), 1);
}

/// Whoever has the old keys, after the person began anew, says to have read all.
#[test]
fn what_waits_for_a_new_account_is_not_lost_by_the_word_of_the_one_before() {
    let mut world = World::with(4_500, &["alice"]);
    let alice = world.address("alice");
    let mut old = Stranger::registered("bob", 1, &mut world);
    old.open_mailbox(&mut world);
    old.write(&mut world, alice, "hi", true);
    world.settle();
    let mut new = Stranger::registered("bob", 2, &mut world);
    let news = new.open_mailbox(&mut world);
    new.write(&mut world, alice, "my telephone was stolen", true);
    world.settle();
    world.send(ALICE, "bob", "for the new account");
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Waiting]);
    old.claim_all(&mut world, alice);
    world.settle();
    accept(&mut world);
    assert_eq!(world.relay.store.boxes[&news].mail.len(), 1);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Sent]);
}

/// The record that says that the name changed hands is lost, and the name is Bob's again.
#[test]
fn a_change_that_is_forgotten_does_not_make_receipts_be_doubted_for_ever() {
    let mut world = World::with(4_506, &["alice"]);
    let alice = world.address("alice");
    let mut bob = Stranger::registered("bob", 1, &mut world);
    bob.open_mailbox(&mut world);
    bob.write(&mut world, alice, "hi", true);
    world.settle();
    let mut other = Stranger::registered("bob", 2, &mut world);
    other.open_mailbox(&mut world);
    other.write(&mut world, alice, "it is me", true);
    world.settle();
    world.cut_contacts(ALICE);
    world.crash(ALICE);
    bob.register("bob", &mut world);
    world.settle();
    world.send(ALICE, "bob", "to the old account");
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Sent]);
    bob.claim_all(&mut world, alice);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Read]);
}

/// As in fan_out.rs, but that the list of Bob's devices is lost when the first one says what it has
/// read.
#[test]
fn what_one_device_has_read_is_not_forgotten_while_the_list_is_lost() {
    let mut world = one_lacks_a_text(4_501);
    world.cut_contacts(ALICE);
    world.break_connection(ALICE, None);
    world.crash(ALICE);
    world.settle();
    read_and_lose_mail(&mut world);
    world.send(ALICE, "bob", "last");
    world.run_for(10 * MINUTE);
    let received = world.received(BOB[1], "alice");
    assert!(received.contains(&"lost".to_owned()));
}

/// The first device's keys were wrong, and the second, whose keys did not come, leaves.
#[test]
fn that_a_text_is_not_sent_is_shown_when_the_last_device_that_it_waits_for_leaves() {
    let mut world = World::with(4_505, &["alice", "bob", "second", "third"]);
    list_devices(&mut world, &BOB[..2]);
    world.start(ALICE, "bob");
    let second = device(&world, 2);
    withhold(&mut world, second);
    world.relay.mood.bad_bundles = 1;
    world.send(ALICE, "bob", "one");
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Sending]);
    world.set_network(BOB[1], false);
    world.relay.store.boxes.remove(&second);
    list_only(&mut world, &BOB[..1]);
    world.break_connection(ALICE, None);
    world.settle();
}
