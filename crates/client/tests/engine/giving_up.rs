//! Giving up is of one device: what the others of the same person are to have goes on.

use crate::fan_out::{ALICE, BOB, device, envelopes, list_devices, outbox, world};
use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{AlertCode, Command, CommandError, Key, MAX_TEXT, MessageStatus, Table};
use pawl_wire::{DeviceAddress, RelayFrame, SubmitRefusal};

const MINUTE: u64 = 60_000;

use MessageStatus::{Delivered, NotSent, Read, Sending, Sent};

/// The relay never gives Alice this device's keys.
pub(crate) fn withhold(world: &mut World, device: DeviceAddress) {
    let keys = &world.relay.store.boxes[&device].keys;
    let theirs = keys.signed_prekey.clone().expect("published");
    world.relay.bend = Some(Box::new(move |client, frame| match frame {
        RelayFrame::Bundle { ref bundle, .. } if client == ALICE => {
            let is_it = bundle.signed_prekey == theirs;
            if is_it { Vec::new() } else { vec![frame] }
        }
        frame => vec![frame],
    }));
}

/// A device is away, and the relay does not know it any more, though its account lists it.
fn forget(world: &mut World, number: u32) {
    world.set_network(BOB[number as usize - 1], false);
    let device = device(world, number);
    world.relay.store.boxes.remove(&device);
}

fn read(world: &mut World, through: u64) {
    let conversation = world.conversation(ALICE, "bob");
    let read = Command::MarkRead {
        conversation,
        through,
    };
    assert_eq!(world.ask(ALICE, read), None);
}

fn retry(world: &World, position: u64) -> Command {
    Command::RetryMessage {
        conversation: world.conversation(ALICE, "bob"),
        position,
    }
}

#[test]
fn keys_that_are_wrong_for_one_device_hold_up_none_of_the_others() {
    let mut world = world(4_300);
    // The first device's are claimed first.
    world.relay.mood.bad_bundles = 1;
    world.send(ALICE, "bob", "one");
    let username = "bob".to_owned();
    assert_eq!(world.alerts(ALICE), [AlertCode::KeysRefused { username }]);
    assert_eq!(envelopes(&world), [0, 1, 1]);
    for client in &BOB[1..] {
        assert_eq!(world.received(*client, "alice"), ["one"]);
    }
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered]);
}

#[test]
fn a_device_that_the_relay_does_not_know_and_the_list_has_fails_by_itself() {
    let mut world = world(4_301);
    forget(&mut world, 1);
    world.send(ALICE, "bob", "one");
    for client in &BOB[1..] {
        assert_eq!(world.received(*client, "alice"), ["one"]);
    }
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered]);
    assert_eq!(world.alerts(ALICE), []);
    assert_eq!(outbox(&world, ALICE), 0);
}

/// The third device, which the relay did not know, is there again when the second is not.
#[test]
fn that_the_relay_did_not_know_a_device_counts_once() {
    for (seed, is_answered) in [(4_302, true), (4_303, false)] {
        let mut world = world(seed);
        world.start(BOB[2], "alice");
        world.send(BOB[2], "alice", "hi");
        world.send(ALICE, "bob", "one");
        let third = device(&world, 3);
        let mailbox = world.relay.store.boxes[&third].clone();
        forget(&mut world, 3);
        if !is_answered {
            world.relay.bend = Some(Box::new(|client, frame| match frame {
                RelayFrame::Account { .. } if client == ALICE => Vec::new(),
                frame => vec![frame],
            }));
        }
        world.send(ALICE, "bob", "two");
        world.relay.bend = None;
        world.relay.store.boxes.insert(third, mailbox);
        if !is_answered {
            world.break_connection(ALICE, None);
            world.settle();
        }
        forget(&mut world, 2);
        world.send(ALICE, "bob", "three");
        // Whoever is not given up is told what was read.
        let before = envelopes(&world)[2];
        read(&mut world, u64::MAX / 2);
        assert_eq!(envelopes(&world)[2] - before, 1, "answered: {is_answered}");
    }
}

/// All of Bob's devices have written to Alice, and the first is given up.
fn given_up(seed: u64) -> World {
    let mut world = world(seed);
    for client in BOB {
        world.start(client, "alice");
        world.send(client, "alice", &format!("from {client}"));
    }
    let first = device(&world, 1);
    let mailbox = world.relay.store.boxes[&first].clone();
    forget(&mut world, 1);
    read(&mut world, 1);
    world.relay.store.boxes.insert(first, mailbox);
    world
}

#[test]
fn a_device_that_is_given_up_holds_up_no_receipt_to_another() {
    let mut world = given_up(4_304);
    read(&mut world, u64::MAX / 2);
    for client in &BOB[1..] {
        assert_eq!(world.statuses(*client, "alice"), [Read]);
    }
}

#[test]
fn a_device_that_is_given_up_is_tried_again_when_it_writes_and_not_when_another_does() {
    let mut world = given_up(4_305);
    let before = envelopes(&world)[0];
    world.send(BOB[1], "alice", "from another");
    world.run_for(MINUTE);
    assert_eq!(envelopes(&world)[0], before);
    world.set_network(BOB[0], true);
    world.send(BOB[0], "alice", "from itself");
    assert_eq!(envelopes(&world)[0], before + 1);
    assert_eq!(world.statuses(BOB[0], "alice"), [Read, Delivered]);
}

#[test]
fn a_text_refused_for_one_device_reaches_it_though_the_one_it_was_sent_to_is_away() {
    let mut world = World::with(4_306, &["alice", "bob", "second", "third"]);
    list_devices(&mut world, &BOB[..2]);
    world.start(ALICE, "bob");
    world.set_network(BOB[1], false);
    world.relay.mood.bad_bundles = 1;
    world.send(ALICE, "bob", "one");
    assert_eq!(envelopes(&world), [0, 1, 0]);
    assert_eq!(world.statuses(ALICE, "bob"), [Sent]);
    // Nobody is asked whether to send once more what was sent.
    let again = retry(&world, 1);
    assert_eq!(world.ask(ALICE, again), Some(CommandError::UnknownMessage));
    world.send(ALICE, "bob", "two");
    world.run_for(MINUTE);
    assert_eq!(world.received(BOB[0], "alice"), ["two", "one"]);
}

/// The relay says of the first text that it does not know whom it is for, and of the second nothing.
#[test]
fn what_is_under_way_does_not_fail_with_what_was_refused() {
    let mut world = World::with(4_307, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.set_network(BOB[0], false);
    let mut refused = None;
    world.relay.bend = Some(Box::new(move |_, frame| match frame {
        RelayFrame::Stored { message_id, .. }
            if *refused.get_or_insert(message_id) == message_id =>
        {
            vec![RelayFrame::Refused {
                message_id,
                cause: SubmitRefusal::UnknownRecipient,
                retry_after_ms: 0,
            }]
        }
        RelayFrame::Stored { .. } => Vec::new(),
        frame => vec![frame],
    }));
    for text in ["two", "three"] {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", text);
    }
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered, NotSent, Sending]);
    world.relay.bend = None;
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered, NotSent, Sent]);
}

/// The list of Bob's devices is lost, and the relay does not have it either for a while.
#[test]
fn what_waits_for_an_unknown_list_fails_with_its_person_and_can_be_tried_again() {
    let mut world = World::with(4_308, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    let (name, account) = {
        let names = world.relay.store.names.iter();
        let mut names = names.filter(|(name, _)| name.as_str() == "bob");
        let (name, account) = names.next().expect("registered");
        (name.clone(), *account)
    };
    world.relay.store.names.remove(&name);
    world.cut_contacts(ALICE);
    world.break_connection(ALICE, None);
    world.crash(ALICE);
    world.settle();
    world.send(ALICE, "bob", "two");
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered, NotSent]);
    world.relay.store.names.insert(name, account);
    let lines = world.history(ALICE, "bob");
    let position = lines.iter().find(|line| line.text == "two");
    let again = retry(&world, position.expect("a line").position);
    assert_eq!(world.ask(ALICE, again), None);
    assert_eq!(world.received(BOB[0], "alice"), ["one", "two"]);
    assert_eq!(world.statuses(ALICE, "bob"), [Delivered; 2]);
}

/// Alice and Bob, of whose two devices one is away and the other's keys do not come.
fn withheld(seed: u64) -> World {
    let mut world = World::with(seed, &["alice", "bob", "second", "third"]);
    list_devices(&mut world, &BOB[..2]);
    world.start(ALICE, "bob");
    world.set_network(BOB[1], false);
    let first = device(&world, 1);
    withhold(&mut world, first);
    world
}

#[test]
fn texts_that_only_one_device_does_not_take_do_not_fill_the_outbox() {
    let mut world = withheld(4_309);
    world.send(ALICE, "bob", "one");
    assert_eq!(world.statuses(ALICE, "bob"), [Sent]);
    // As if as many had been sent since as may wait.
    let disk = &mut world.clients[ALICE].disk;
    let mut texts = disk
        .iter()
        .filter(|((table, _), _)| *table == Table::Outbox);
    let ((_, key), record) = texts.next().expect("it waits");
    let (key, record) = (key.clone(), record.clone());
    for i in 0_u64..1_000 {
        let middle = &key.0[8..key.0.len() - 8];
        let (order, number) = ((1_000 + i).to_be_bytes(), (1_000 + i).to_be_bytes());
        let key = Key([&order[..], middle, &number].concat());
        disk.insert((Table::Outbox, key), record.clone());
    }
    world.crash(ALICE);
    assert_eq!(outbox(&world, ALICE), 1_001);
    assert_eq!(world.send(ALICE, "bob", "two"), None);
    assert_eq!(world.statuses(ALICE, "bob"), [Sent; 2]);
}

/// A few of the longest texts more than are kept for those who are to have them.
#[test]
fn what_is_kept_for_one_device_has_a_bound_and_it_gets_what_went_beyond() {
    let mut world = withheld(4_310);
    let long = "long".repeat(MAX_TEXT / 4 - 1);
    let texts: Vec<_> = (0..68).map(|i| format!("{i:04}{long}")).collect();
    for text in &texts {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", text);
    }
    world.settle();
    let kept = outbox(&world, ALICE);
    assert!((60..=64).contains(&kept), "{kept}");
    assert_eq!(world.statuses(ALICE, "bob"), [Sent; 68]);
    world.relay.bend = None;
    world.break_connection(ALICE, None);
    world.run_for(2 * MINUTE);
    let mut received = world.received(BOB[0], "alice");
    received.sort();
    assert!(received == texts, "{} of them", received.len());
}

/// As many as a step writes receipts for have full mailboxes, and come before the last one.
#[test]
fn receipts_that_cannot_go_out_hold_up_no_others() {
    let mut world = World::with(4_311, &["alice"]);
    let alice = world.address("alice");
    let mut strangers = Vec::new();
    for seed in 0..257 {
        let name = format!("stranger{seed}");
        let mut stranger = Stranger::registered(&name, 5_000 + seed, &mut world);
        let address = stranger.open_mailbox(&mut world);
        stranger.write(&mut world, alice, "hello", false);
        strangers.push((address, stranger));
        if seed % 64 == 0 {
            world.run_for(MINUTE);
        }
    }
    world.run_for(2 * MINUTE);
    strangers.sort_by_key(|(address, _)| *address);
    let (last, mut other) = strangers.pop().expect("one");
    let mail = |world: &World, of| world.relay.store.boxes[&of].mail.len();
    assert!(strangers.iter().all(|(of, _)| mail(&world, *of) == 1));
    world.relay.mood.narrow = Some(1);
    // The first receipt waits for room, and the next one for the first.
    for text in ["one", "two"] {
        for (_, stranger) in &mut strangers {
            stranger.go_on(&mut world, alice, text);
        }
        world.settle();
    }
    let mailbox = world.relay.store.boxes.get_mut(&last);
    mailbox.expect("open").mail.clear();
    other.go_on(&mut world, alice, "hello again");
    world.settle();
    assert_eq!(mail(&world, last), 1);
}

/// Eve's mailbox is full of the receipt before.
#[test]
fn a_receipt_that_waits_for_another_does_not_keep_the_engine_awake() {
    let mut world = World::with(4_504, &["alice"]);
    let alice = world.address("alice");
    let mut eve = Stranger::registered("eve", 1, &mut world);
    eve.open_mailbox(&mut world);
    eve.write(&mut world, alice, "hello", true);
    world.settle();
    world.relay.mood.narrow = Some(1);
    for text in ["one", "two"] {
        eve.go_on(&mut world, alice, text);
        world.settle();
    }
    let end = world.now + 10 * MINUTE;
    let mut wakes = 0;
    while world.now < end {
        let at = world.clients[ALICE].wake_at.expect("pings");
        world.run_for(at.saturating_sub(world.now).max(1));
        wakes += 1;
    }
    assert!(wakes < 200, "{wakes}");
}
