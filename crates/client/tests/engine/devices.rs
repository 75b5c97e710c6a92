//! The signed list of somebody's devices: it never goes back, and a device that it no longer names is
//! heard no more.

use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{AlertCode, MessageStatus, Table};
use pawl_protocol::{AccountRecord, DeviceCertificate, DeviceId, DeviceKeyPair, LocalDevice};
use pawl_sim::OwnAccount;
use pawl_wire::DeviceAddress;

const ALICE: usize = 0;
const NAME: &str = "carol";

/// Alice, and Carol who has written to her from her first device.
fn acquainted(seed: u64) -> (World, DeviceAddress, Stranger) {
    let mut world = World::with(seed, &["alice"]);
    let alice = world.address("alice");
    let mut first = Stranger::registered(NAME, seed, &mut world);
    first.write(&mut world, alice, "first", true);
    world.settle();
    assert_eq!(world.received(ALICE, NAME), ["first"]);
    (world, alice, first)
}

fn sessions(world: &World) -> usize {
    let tables = world.clients[ALICE].disk.keys();
    tables
        .filter(|(table, _)| *table == Table::Sessions)
        .count()
}

#[test]
fn a_device_that_a_newer_list_adds_is_heard_and_the_list_is_kept() {
    let (mut world, alice, mut first) = acquainted(1_100);
    let mut second = first.another(2);
    second.write(&mut world, alice, "on no list", true);
    world.settle();
    assert_eq!(world.received(ALICE, NAME), ["first"]);
    let both = first.list(NAME, 2, &[&first, &second]);
    second.record.clone_from(&both);
    second.write(&mut world, alice, "second", true);
    // An older list, late on its way, takes nothing back: both are still on the newest.
    first.write(&mut world, alice, "late", true);
    world.settle();
    second.record.clone_from(&first.record);
    second.write(&mut world, alice, "by the old list", true);
    world.settle();
    world.crash(ALICE);
    second.go_on(&mut world, alice, "and on");
    first.go_on(&mut world, alice, "first, too");
    world.settle();
    assert_eq!(
        world.received(ALICE, NAME),
        [
            "first",
            "second",
            "late",
            "by the old list",
            "and on",
            "first, too"
        ]
    );
}

#[test]
fn a_device_that_a_newer_list_drops_is_heard_no_more() {
    let (mut world, alice, mut first) = acquainted(1_101);
    first.write(&mut world, alice, "twice", true);
    world.settle();
    assert_eq!(sessions(&world), 2);
    let mut second = first.another(2);
    second.record = first.list(NAME, 2, &[&second]);
    second.write(&mut world, alice, "second", true);
    world.settle();
    assert_eq!(sessions(&world), 1, "those with the first device are gone");
    for _ in 0..2 {
        first.go_on(&mut world, alice, "on the old session");
        // The list that has it is signed, too, but older.
        first.write(&mut world, alice, "by the old list", true);
        world.settle();
        world.crash(ALICE);
    }
    second.go_on(&mut world, alice, "and on");
    world.settle();
    let texts = ["first", "twice", "second", "and on"];
    assert_eq!(world.received(ALICE, NAME), texts);
    assert_eq!(sessions(&world), 1);
}

#[test]
fn a_device_with_new_keys_under_an_old_number_takes_its_place() {
    let (mut world, alice, mut first) = acquainted(1_102);
    let mut again = first.another(1);
    again.record = first.list(NAME, 2, &[&again]);
    again.write(&mut world, alice, "reinstalled", true);
    first.go_on(&mut world, alice, "on the old session");
    world.settle();
    assert_eq!(world.received(ALICE, NAME), ["first", "reinstalled"]);
    assert_eq!(sessions(&world), 1);
}

#[test]
fn a_list_of_the_known_version_with_other_contents_counts_for_nothing() {
    let (mut world, alice, mut first) = acquainted(1_103);
    let mut second = first.another(2);
    second.record = first.list(NAME, 1, &[&second]);
    second.write(&mut world, alice, "by a fork", true);
    let mut third = first.another(3);
    third.record = first.list("dave", 2, &[&third]);
    third.write(&mut world, alice, "by a list of another name", true);
    first.go_on(&mut world, alice, "and on");
    world.settle();
    assert_eq!(world.received(ALICE, NAME), ["first", "and on"]);
}

#[test]
fn a_relay_that_goes_back_to_an_older_list_is_refused_and_nothing_is_sent() {
    let (mut world, alice, mut first) = acquainted(1_104);
    let mut second = first.another(2);
    second.record = first.list(NAME, 2, &[&second]);
    second.write(&mut world, alice, "second", true);
    world.settle();
    let before = world.relay.submitted.len();
    // The relay says that the second device is gone, and offers the list with the first one again.
    world.send(ALICE, NAME, "for whom?");
    let username = NAME.to_owned();
    assert!(
        world
            .alerts(ALICE)
            .contains(&AlertCode::DevicesRefused { username })
    );
    assert_eq!(world.statuses(ALICE, NAME), [MessageStatus::NotSent]);
    let sent = &world.relay.submitted[before..];
    assert!(sent.iter().all(|it| it.recipient.device == 2));
    first.go_on(&mut world, alice, "me!");
    world.settle();
    assert_eq!(world.received(ALICE, NAME), ["first", "second"]);
}

/// Whether Alice's store has this list of Carol's.
fn is_kept(world: &World, list: &[u8]) -> bool {
    let mut contacts = world.clients[ALICE].disk.iter();
    contacts.any(|((table, _), value)| {
        *table == Table::Contacts && value.windows(list.len()).any(|bytes| bytes == list)
    })
}

#[test]
fn a_newer_list_on_a_session_that_is_known_counts() {
    let (mut world, alice, mut first) = acquainted(1_108);
    let second = first.another(2);
    let newer = first.list(NAME, 3, &[&first, &second]);
    let old = std::mem::replace(&mut first.record, newer);
    first.go_on(&mut world, alice, "two devices now");
    world.settle();
    assert!(is_kept(&world, &first.record));
    // An older one, and one of another account, do not.
    let newest = std::mem::replace(&mut first.record, old);
    first.go_on(&mut world, alice, "one");
    first.record = Stranger::new(NAME, 77).record;
    first.go_on(&mut world, alice, "another's");
    world.settle();
    assert!(is_kept(&world, &newest));
    // By its own newest list this device is none of theirs.
    first.record = first.list(NAME, 4, &[&second]);
    first.go_on(&mut world, alice, "by nobody");
    world.settle();
    assert!(is_kept(&world, &first.record));
    assert_eq!(sessions(&world), 0);
    let texts = ["first", "two devices now", "one", "another's"];
    assert_eq!(world.received(ALICE, NAME), texts);
}

#[test]
fn a_damaged_contact_does_not_let_the_list_go_back() {
    for (seed, restart) in [(1_109, false), (1_110, true)] {
        let (mut world, alice, mut first) = acquainted(seed);
        let mut second = first.another(2);
        second.record = first.list(NAME, 2, &[&second]);
        second.write(&mut world, alice, "second", true);
        world.settle();
        world.cut(ALICE, |table, _| table == Table::Contacts);
        world.break_connection(ALICE, None);
        world.crash(ALICE);
        world.settle();
        if restart {
            world.crash(ALICE);
        }
        // The relay still has the list with the first device, and so has the first device.
        first.write(&mut world, alice, "by the old list", true);
        world.send(ALICE, NAME, "for whom?");
        assert_eq!(world.received(ALICE, NAME), ["first", "second"]);
        second.write(&mut world, alice, "by the newest", true);
        world.settle();
        let texts = ["first", "second", "by the newest"];
        assert_eq!(world.received(ALICE, NAME), texts);
    }
}

#[test]
fn of_a_strangers_list_and_the_relays_the_newer_one_counts() {
    let mut world = World::with(1_105, &["alice"]);
    let alice = world.address("alice");
    // The relay's is newer, and has the stranger's device no more.
    let mut old = Stranger::new("old", 1);
    let mut new = old.another(2);
    new.record = old.list("old", 2, &[&new]);
    new.register("old", &mut world);
    old.write(&mut world, alice, "from before", true);
    world.settle();
    assert!(world.received(ALICE, "old").is_empty());
    // The stranger's is newer than what the relay has.
    let mut ahead = Stranger::registered("ahead", 2, &mut world);
    let mut second = ahead.another(2);
    second.record = ahead.list("ahead", 2, &[&second]);
    second.write(&mut world, alice, "from after", true);
    ahead.write(&mut world, alice, "from before", true);
    world.settle();
    assert_eq!(world.received(ALICE, "ahead"), ["from after"]);
}

#[test]
fn the_lists_of_an_account_that_is_not_accepted_yet_do_not_go_back_either() {
    let (mut world, alice, _) = acquainted(1_106);
    let mut first = Stranger::registered(NAME, 7, &mut world);
    first.write(&mut world, alice, "new account", true);
    world.settle();
    let mut second = first.another(2);
    second.record = first.list(NAME, 2, &[&second]);
    second.write(&mut world, alice, "its second", true);
    first.go_on(&mut world, alice, "on the old session");
    first.write(&mut world, alice, "by the old list", true);
    world.settle();
    assert_eq!(world.received(ALICE, NAME), ["first"]);
    let texts = ["new account", "its second"];
    assert_eq!(world.review(ALICE, NAME), texts);
}

pub(crate) fn own(world: &World, client: usize) -> OwnAccount {
    OwnAccount::on(&world.clients[client].disk)
}

/// A client becomes the second device, and the only one from now on, of another client's account.
fn take_over(world: &mut World, client: usize, of: usize) {
    let keys = own(world, of).keys();
    enlist(world, client, of, Vec::new());
    world.set_network(of, false);
    world
        .relay
        .store
        .boxes
        .retain(|address, _| address.device == 2 || address.account.0 != *keys.public().as_bytes());
    world.settle();
}

/// A client becomes the second device of another client's account, which stays.
fn join(world: &mut World, client: usize, of: usize) {
    let first = own(world, of).certificate();
    enlist(world, client, of, vec![first]);
    world.settle();
}

/// A client begins again as the second device of an account, which lists these besides it.
fn enlist(world: &mut World, client: usize, of: usize, mut devices: Vec<DeviceCertificate>) {
    let mut mine = own(world, client);
    let theirs = own(world, of);
    let keys = theirs.keys();
    let pair = DeviceKeyPair::from_bytes(&mine.device_keys).expect("a key");
    let device = LocalDevice::certify(&keys, DeviceId::new(2).expect("not zero"), pair);
    devices.push(device.certificate().clone());
    let list = AccountRecord::sign(&keys, &theirs.username, 2, devices).expect("valid");
    mine.certificate = device.certificate().encode().to_vec();
    mine.record = list.record().encode();
    mine.username = theirs.username;
    mine.account_keys = theirs.account_keys;
    mine.registering = true;
    mine.command = world.next_id();
    mine.write(&mut world.clients[client].disk);
    world.crash(client);
}

#[test]
fn what_waits_for_a_device_that_is_gone_goes_to_the_one_on_the_newer_list() {
    const BOB: usize = 1;
    const SPARE: usize = 2;
    let mut world = World::with(1_107, &["alice", "bob", "spare"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.send(BOB, "alice", "hi");
    world.set_network(ALICE, false);
    for text in ["two", "three"] {
        world.send(ALICE, "bob", text);
    }
    take_over(&mut world, SPARE, BOB);
    world.set_network(ALICE, true);
    world.settle();
    assert_eq!(world.received(SPARE, "alice"), ["two", "three"]);
    assert_eq!(world.alerts(ALICE), []);
    assert_eq!(
        sessions(&world),
        1,
        "that with the device that is gone went"
    );
    world.send(SPARE, "alice", "here now");
    assert_eq!(world.received(ALICE, "bob"), ["hi", "here now"]);
}

#[test]
fn a_text_refused_for_one_device_and_sent_to_another_is_not_stuck() {
    const BOB: usize = 1;
    const SPARE: usize = 2;
    let mut world = World::with(1_111, &["alice", "bob", "spare"]);
    join(&mut world, SPARE, BOB);
    world.start(BOB, "alice");
    world.send(BOB, "alice", "hi");
    // Of the second device's keys the first that the relay gives are wrong.
    world.relay.mood.bad_bundles = 1;
    world.send(ALICE, "bob", "one");
    assert_eq!(world.received(BOB, "alice"), ["one"]);
    assert!(world.received(SPARE, "alice").is_empty());
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered]);
    world.send(ALICE, "bob", "two");
    world.run_for(60 * 60 * 1_000);
    let mut texts = world.received(SPARE, "alice");
    texts.sort();
    assert_eq!(texts, ["one", "two"]);
    let disk = world.clients[ALICE].disk.keys();
    assert_eq!(disk.filter(|(table, _)| *table == Table::Outbox).count(), 0);
}

/// The list of Bob's devices is lost, and with it the session with the one that he no longer has.
#[test]
fn a_receipt_for_a_device_that_is_gone_makes_a_lost_list_known() {
    const BOB: usize = 1;
    const SPARE: usize = 2;
    let mut world = World::with(1_112, &["alice", "bob", "spare"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.set_network(ALICE, false);
    take_over(&mut world, SPARE, BOB);
    world.cut_contacts(ALICE);
    let disk = &mut world.clients[ALICE].disk;
    disk.retain(|(table, _), _| *table != Table::Sessions);
    world.crash(ALICE);
    world.set_network(ALICE, true);
    world.settle();
    let list = own(&world, SPARE).record;
    assert!(is_kept(&world, &list));
    let waits = |world: &World| {
        let disk = world.clients[ALICE].disk.keys();
        disk.filter(|(table, _)| *table == Table::Outbox).count()
    };
    assert_eq!(waits(&world), 0, "nothing for the one that is gone");
    world.send(ALICE, "bob", "two");
    assert_eq!(world.received(SPARE, "alice"), ["two"]);
}
