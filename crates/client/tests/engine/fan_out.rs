//! Somebody with several devices: every text reaches each of them once, each says by itself what it has,
//! and what a person sees is of the person.

use crate::support::World;
use pawl_client::{Command, Event, MessageStatus, NoticeCause, Table};
use pawl_protocol::{AccountRecord, DeviceId, DeviceKeyPair, LocalDevice};
use pawl_sim::{OwnAccount, Point};
use pawl_wire::{AccountId, DeviceAddress, RelayFrame, SubmitRefusal};

use crate::devices::own;

pub(crate) const ALICE: usize = 0;
/// Bob's devices, by their numbers: clients 1, 2 and 3.
pub(crate) const BOB: [usize; 3] = [1, 2, 3];
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Gives a client's own account another record.
fn rewrite(world: &mut World, client: usize, account: &OwnAccount) {
    account.write(&mut world.clients[client].disk);
    world.break_connection(client, None);
    world.crash(client);
}

/// The version of the newest list of an account that one of its devices has.
fn version(account: &OwnAccount) -> u64 {
    let record = AccountRecord::decode(&account.record).expect("a record");
    record.verify().expect("signed").version()
}

/// Makes clients the devices of the first one's account, as its record lists them from now on.
pub(crate) fn list_devices(world: &mut World, clients: &[usize]) {
    let first = own(world, clients[0]);
    let keys = first.keys();
    let number = |i: usize| u32::try_from(i + 1).expect("few");
    let certify = |(i, client): (usize, &usize)| {
        let pair = DeviceKeyPair::from_bytes(&own(world, *client).device_keys).expect("a key");
        let id = DeviceId::new(number(i)).expect("not zero");
        LocalDevice::certify(&keys, id, pair).certificate().clone()
    };
    let certificates: Vec<_> = clients.iter().enumerate().map(certify).collect();
    let version = version(&first) + 1;
    let list = AccountRecord::sign(&keys, &first.username, version, certificates.clone());
    let list = list.expect("valid").record().encode();
    for (client, certificate) in clients.iter().zip(&certificates) {
        let mut mine = own(world, *client);
        let is_new = mine.account_keys != first.account_keys;
        mine.record.clone_from(&list);
        mine.certificate = certificate.encode().to_vec();
        mine.username.clone_from(&first.username);
        mine.account_keys.clone_from(&first.account_keys);
        mine.registering = is_new;
        mine.command = world.next_id();
        rewrite(world, *client, &mine);
    }
    let account = AccountId(*keys.public().as_bytes());
    world.relay.store.records.insert(account, list);
    world.settle();
}

/// Of an account's devices only these clients stay, under their numbers.
pub(crate) fn list_only(world: &mut World, clients: &[usize]) {
    let mut all: Vec<_> = clients.iter().map(|it| own(world, *it)).collect();
    let certificates: Vec<_> = all.iter().map(OwnAccount::certificate).collect();
    let (keys, version) = (all[0].keys(), version(&all[0]) + 1);
    let list = AccountRecord::sign(&keys, &all[0].username, version, certificates);
    let list = list.expect("valid").record().encode();
    for (client, mine) in clients.iter().zip(&mut all) {
        mine.record.clone_from(&list);
        rewrite(world, *client, mine);
    }
    let account = AccountId(*keys.public().as_bytes());
    world.relay.store.records.insert(account, list);
    world.settle();
}

/// Alice, who has begun a conversation with Bob, who has three devices.
pub(crate) fn world(seed: u64) -> World {
    let mut world = World::with(seed, &["alice", "bob", "second", "third"]);
    list_devices(&mut world, &BOB);
    assert_eq!(world.start(ALICE, "bob"), None);
    world
}

pub(crate) fn device(world: &World, number: u32) -> DeviceAddress {
    let device = world.address("bob");
    DeviceAddress {
        device: number,
        ..device
    }
}

fn assert_all_have(world: &World, texts: &[&str]) {
    for (i, client) in BOB.iter().enumerate() {
        assert_eq!(world.received(*client, "alice"), texts, "device {}", i + 1);
    }
}

pub(crate) fn outbox(world: &World, client: usize) -> usize {
    let keys = world.clients[client].disk.keys();
    keys.filter(|(table, _)| *table == Table::Outbox).count()
}

/// How often an envelope came for each of Bob's devices.
pub(crate) fn envelopes(world: &World) -> [usize; 3] {
    [1, 2, 3].map(|number| {
        let to = device(world, number);
        let submitted = world.relay.submitted.iter();
        submitted.filter(|it| it.recipient == to).count()
    })
}

#[test]
fn every_text_reaches_each_device_once_in_one_transaction() {
    let mut world = world(4_000);
    world.send(ALICE, "bob", "one");
    let before = world.clients[ALICE].commits;
    let id = world.next_id();
    world.send_as(ALICE, &id, "bob", "two");
    assert_eq!(world.clients[ALICE].commits, before + 1, "one transaction");
    world.settle();
    assert_all_have(&world, &["one", "two"]);
    let delivered = [MessageStatus::Delivered; 2];
    assert_eq!(world.statuses(ALICE, "bob"), delivered);
    assert_eq!(outbox(&world, ALICE), 0);
    assert_eq!(
        envelopes(&world).iter().sum::<usize>(),
        6,
        "and no receipts"
    );
}

#[test]
fn a_text_is_delivered_with_the_first_device_and_waits_for_the_others() {
    let mut world = world(4_001);
    world.send(ALICE, "bob", "one");
    for client in [BOB[1], BOB[2]] {
        world.set_network(client, false);
    }
    world.send(ALICE, "bob", "two");
    assert_eq!(world.statuses(ALICE, "bob")[1], MessageStatus::Delivered);
    assert_eq!(outbox(&world, ALICE), 1, "until all of them have it");
    world.crash(ALICE);
    world.set_network(BOB[1], true);
    world.settle();
    assert_eq!(outbox(&world, ALICE), 1);
    world.set_network(BOB[2], true);
    world.settle();
    assert_all_have(&world, &["one", "two"]);
    assert_eq!(outbox(&world, ALICE), 0);
}

#[test]
fn each_device_has_numbers_of_its_own_and_is_told_what_was_read_of_it() {
    let mut world = world(4_002);
    for client in BOB {
        assert_eq!(world.start(client, "alice"), None);
    }
    for round in 0..3 {
        for client in BOB {
            world.send(client, "alice", &format!("{round} from {client}"));
        }
    }
    let expected: Vec<_> = (0..3)
        .flat_map(|round| BOB.map(|client| format!("{round} from {client}")))
        .collect();
    assert_eq!(world.received(ALICE, "bob"), expected);
    let view = &world.clients[ALICE].engine.snapshot().conversations[0];
    assert_eq!((view.unread, view.unread_from), (9, Some(1)));
    // The second device's texts of the first round, and those before it.
    let read = |world: &World, through| Command::MarkRead {
        conversation: world.clients[ALICE]
            .engine
            .conversation_with("bob")
            .expect("a conversation"),
        through,
    };
    let first = read(&world, 2);
    assert_eq!(world.ask(ALICE, first), None);
    let statuses = BOB.map(|client| world.statuses(client, "alice")[0]);
    let (read_, delivered) = (MessageStatus::Read, MessageStatus::Delivered);
    assert_eq!(statuses, [read_, read_, delivered]);
    world.crash(ALICE);
    let all = read(&world, u64::MAX / 2);
    assert_eq!(world.ask(ALICE, all), None);
    for client in BOB {
        assert_eq!(world.statuses(client, "alice"), [read_; 3]);
    }
}

#[test]
fn a_device_that_lost_a_text_is_sent_it_again_and_no_other_is() {
    let mut world = world(4_003);
    let lost = device(&world, 2);
    world.send(ALICE, "bob", "one");
    world.relay.bend = Some(Box::new(|client, frame| match frame {
        RelayFrame::Deliver { .. } if client == BOB[1] => Vec::new(),
        frame => vec![frame],
    }));
    world.send(ALICE, "bob", "two");
    world.relay.bend = None;
    let before = envelopes(&world);
    world.send(ALICE, "bob", "three");
    world.run_for(5 * MINUTE);
    for client in [BOB[0], BOB[2]] {
        assert_eq!(world.received(client, "alice"), ["one", "two", "three"]);
    }
    assert_eq!(world.received(BOB[1], "alice"), ["one", "three", "two"]);
    let after = envelopes(&world);
    assert_eq!([after[0] - before[0], after[2] - before[2]], [1, 1]);
    assert!(after[1] > before[1] + 1, "{lost:?}");
    assert_eq!(outbox(&world, ALICE), 0);
    let lines = world.history(ALICE, "bob");
    let again = lines
        .iter()
        .find(|line| line.notice == Some(NoticeCause::SentAgain));
    assert!(again.is_none(), "it had never arrived there");
}

#[test]
fn a_device_that_is_added_is_owed_nothing_from_before() {
    let mut world = World::with(4_004, &["alice", "bob", "second", "third"]);
    list_devices(&mut world, &BOB[..1]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "before");
    world.set_network(BOB[0], false);
    world.send(ALICE, "bob", "under way");
    list_devices(&mut world, &BOB[..2]);
    // Nobody has told Alice yet; then Bob's new device does.
    world.start(BOB[1], "alice");
    world.send(BOB[1], "alice", "hi");
    world.send(ALICE, "bob", "after");
    world.run_for(DAY);
    assert_eq!(world.received(BOB[1], "alice"), ["after"]);
    world.set_network(BOB[0], true);
    world.run_for(5 * MINUTE);
    let all = ["before", "under way", "after"];
    assert_eq!(world.received(BOB[0], "alice"), all);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered; 3]);
    assert_eq!(outbox(&world, ALICE), 0);
}

#[test]
fn a_device_that_is_removed_is_not_waited_for_and_what_only_it_was_to_have_is_not_lost() {
    let mut world = world(4_005);
    world.send(ALICE, "bob", "one");
    world.set_network(BOB[2], false);
    world.send(ALICE, "bob", "two");
    assert_eq!(outbox(&world, ALICE), 1);
    // The relay takes nothing for it any more, so that Alice asks for the list.
    list_devices(&mut world, &BOB[..2]);
    let removed = device(&world, 3);
    world.relay.store.boxes.remove(&removed);
    world.send(ALICE, "bob", "three");
    assert_eq!(outbox(&world, ALICE), 0, "the others have all of it");
    let before = envelopes(&world);
    world.send(ALICE, "bob", "four");
    for client in &BOB[..2] {
        let texts = ["one", "two", "three", "four"];
        assert_eq!(world.received(*client, "alice"), texts);
    }
    assert_eq!(envelopes(&world)[2], before[2]);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered; 4]);
    assert_eq!(world.alerts(ALICE), []);
}

#[test]
fn what_only_a_removed_device_was_to_have_goes_to_those_that_are_added() {
    let mut world = World::with(4_009, &["alice", "bob", "second", "third"]);
    list_devices(&mut world, &BOB[..1]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.set_network(BOB[0], false);
    world.send(ALICE, "bob", "two");
    assert_eq!(world.statuses(ALICE, "bob")[1], MessageStatus::Sent);
    // Bob's only device is lost for good, with what waits in its mailbox; he has two others now.
    let lost = device(&world, 1);
    list_devices(&mut world, &BOB);
    world.relay.store.boxes.remove(&lost);
    list_only(&mut world, &BOB[1..]);
    world.send(ALICE, "bob", "three");
    world.run_for(5 * MINUTE);
    for client in &BOB[1..] {
        assert_eq!(world.received(*client, "alice"), ["two", "three"]);
    }
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered; 3]);
    assert_eq!(outbox(&world, ALICE), 0);
}

#[test]
fn one_devices_full_mailbox_holds_up_nothing_of_the_others() {
    let mut world = world(4_006);
    world.send(ALICE, "bob", "one");
    let full = device(&world, 3);
    let is_full = std::rc::Rc::new(std::cell::Cell::new(true));
    let still = std::rc::Rc::clone(&is_full);
    let of_third = move |world: &World| {
        let submitted = world.relay.submitted.iter();
        submitted.filter(|it| it.recipient == full).count()
    };
    let refused = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let noted = std::rc::Rc::clone(&refused);
    world.relay.mood.narrow = None;
    world.set_network(BOB[2], false);
    world.relay.bend = Some(Box::new(move |client, frame| match frame {
        RelayFrame::Stored { message_id, .. }
            if client == ALICE && still.get() && noted.borrow().contains(&message_id) =>
        {
            vec![RelayFrame::Refused {
                message_id,
                cause: SubmitRefusal::MailboxFull,
                retry_after_ms: 1_000,
            }]
        }
        frame => vec![frame],
    }));
    let before = of_third(&world);
    for text in ["two", "three"] {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", text);
    }
    let sent = world.relay.submitted.iter().rev();
    refused.borrow_mut().extend(sent.map(|it| it.message_id));
    world.settle();
    assert_eq!(world.received(BOB[0], "alice"), ["one", "two", "three"]);
    assert_eq!(world.received(BOB[1], "alice"), ["one", "two", "three"]);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered; 3]);
    is_full.set(false);
    world.set_network(BOB[2], true);
    world.run_for(DAY);
    assert!(of_third(&world) >= before);
    assert_all_have(&world, &["one", "two", "three"]);
    assert_eq!(outbox(&world, ALICE), 0);
}

#[test]
fn statuses_of_a_person_with_several_devices_only_rise() {
    let mut world = world(4_007);
    world.send(ALICE, "bob", "one");
    world.clients[ALICE].events.clear();
    world.set_network(BOB[1], false);
    world.send(ALICE, "bob", "two");
    let id = world.clients[BOB[0]].engine.conversation_with("alice");
    let read = Command::MarkRead {
        conversation: id.expect("a conversation"),
        through: u64::MAX / 2,
    };
    world.ask(BOB[0], read);
    world.set_network(BOB[1], true);
    world.run_for(5 * MINUTE);
    let mut told = Vec::new();
    for event in &world.clients[ALICE].events {
        match event {
            Event::MessagesChanged { messages, .. } => {
                let second = messages.iter().filter(|line| line.position == 2);
                told.extend(second.filter_map(|line| line.status));
            }
            Event::StatusChanged { changes, .. } => {
                let second = changes.iter().filter(|(position, _)| *position == 2);
                told.extend(second.map(|(_, status)| *status));
            }
            _ => {}
        }
    }
    told.dedup();
    use MessageStatus::{Delivered, Read, Sending, Sent};
    assert_eq!(told, [Sending, Sent, Delivered, Read]);
}

#[test]
fn a_crash_at_any_point_leaves_no_device_without_a_text_and_none_with_two() {
    for crash in [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending] {
        for at in 0..12 {
            let mut world = world(4_100 + at);
            world.send(ALICE, "bob", "one");
            world.crash_in = Some((at, crash));
            let id = world.next_id();
            world.send_as(ALICE, &id, "bob", "two");
            if world.answer(ALICE, &id).is_none() {
                world.send_as(ALICE, &id, "bob", "two");
            }
            world.run_for(5 * MINUTE);
            world.crash_in = None;
            assert_all_have(&world, &["one", "two"]);
            assert_eq!(outbox(&world, ALICE), 0, "{crash:?} {at}");
        }
    }
}

#[test]
fn whatever_breaks_all_devices_have_all_texts_in_the_end() {
    for seed in 4_200..4_206 {
        let mut world = world(seed);
        world.chaos = 20;
        let texts: Vec<_> = (0..25).map(|i| format!("text {i}")).collect();
        for text in &texts {
            let id = world.next_id();
            world.send_as(ALICE, &id, "bob", text);
            for _ in 0..20 {
                if world.answer(ALICE, &id).is_some() {
                    break;
                }
                world.run_for(500);
                world.send_as(ALICE, &id, "bob", text);
            }
            world.run_for(200);
        }
        world.chaos = 0;
        world.run_for(DAY);
        for client in BOB {
            let mut received = world.received(client, "alice");
            received.sort_by_key(|text| text[5..].parse::<u32>().ok());
            assert_eq!(received, texts, "seed {seed}, client {client}");
        }
        assert_eq!(outbox(&world, ALICE), 0, "seed {seed}");
    }
}

#[test]
fn texts_stay_in_the_outbox_for_thirty_days_and_then_stand_in_the_conversation_alone() {
    let mut world = world(4_008);
    world.send(ALICE, "bob", "one");
    world.set_network(BOB[2], false);
    world.send(ALICE, "bob", "two");
    for _ in 0..29 {
        world.now += DAY - MINUTE;
        world.run_for(MINUTE);
    }
    assert_eq!(outbox(&world, ALICE), 1);
    for _ in 0..3 {
        world.now += DAY - MINUTE;
        world.run_for(MINUTE);
    }
    assert_eq!(outbox(&world, ALICE), 0);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered; 2]);
}

/// Bob's second device is away when a text comes. The first device answers in turn, so that each text after it
/// is a run of positions of its own.
pub(crate) fn one_lacks_a_text(seed: u64) -> World {
    let mut world = world(seed);
    world.start(BOB[0], "alice");
    world.send(ALICE, "bob", "one");
    world.set_network(BOB[1], false);
    world.send(ALICE, "bob", "lost");
    for round in 0..70 {
        world.send(BOB[0], "alice", &format!("answer {round}"));
        world.send(ALICE, "bob", &format!("{round}"));
    }
    world
}

/// The first device reads all, the relay loses the text, and the second device is back.
pub(crate) fn read_and_lose_mail(world: &mut World) {
    let read = Command::MarkRead {
        conversation: world.conversation(BOB[0], "alice"),
        through: u64::MAX / 2,
    };
    assert_eq!(world.ask(BOB[0], read), None);
    let second = device(world, 2);
    let mailbox = world.relay.store.boxes.get_mut(&second);
    mailbox.expect("registered").mail.pop_front();
    world.set_network(BOB[1], true);
}

#[test]
fn what_one_device_has_read_is_sent_again_to_another_that_lacks_it() {
    let mut world = one_lacks_a_text(4_010);
    read_and_lose_mail(&mut world);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Read; 72]);
    world.run_for(2 * MINUTE);
    let received = world.received(BOB[1], "alice");
    assert_eq!(received.len(), 72);
    assert_eq!(received.last().map(String::as_str), Some("lost"));
    assert_eq!(outbox(&world, ALICE), 0);
}
