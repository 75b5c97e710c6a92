//! Strangers for whom there is no place: they never take the places of those whom the person writes to, what
//! they wrote waits or is told of, and it is shown when there is a place again.

use crate::support::World;
use crate::support::stranger::Stranger;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_client::{AlertCode, Command, CommandError, Key, Table};
use pawl_protocol::AccountKeyPair;
use pawl_wire::PublishedKeys;
use prost::Message;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Alice and Bob write to each other; the relay gives out no one-time keys any more.
fn without_one_time_keys(seed: u64) -> World {
    let mut world = World::with(seed, &["alice", "bob", "carol"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.send(BOB, "alice", "two");
    world.settle();
    world.relay.mood.stingy = true;
    world
}

/// A handshake that is remembered.
#[derive(Message)]
struct Fingerprint {
    #[prost(uint32, tag = "1")]
    signed_prekey: u32,
    #[prost(uint32, tag = "2")]
    last_resort: u32,
    #[prost(bytes = "vec", tag = "3")]
    account: Vec<u8>,
}

/// As it stands in the store: version, length, message.
pub(crate) fn record(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).expect("short");
    [&[2][..], &length.to_be_bytes(), &message].concat()
}

fn newest(keys: &PublishedKeys) -> (u32, u32) {
    let id = |key: &Option<pawl_wire::KeyRecord>| key.as_ref().expect("published").id;
    (id(&keys.signed_prekey), id(&keys.last_resort_kem))
}

/// As if so many accounts had begun so many sessions with Bob, each with these prekeys.
fn crowd(world: &mut World, accounts: std::ops::Range<u32>, each: u32, prekeys: (u32, u32)) {
    for account in accounts {
        for number in 0..each {
            let base = [account.to_be_bytes(), number.to_be_bytes()].concat();
            let mut key = vec![4; 33];
            key[1..9].copy_from_slice(&base);
            let mut account = [account.to_be_bytes(); 8].concat();
            account[0] = 0xcc;
            let fingerprint = Fingerprint {
                signed_prekey: prekeys.0,
                last_resort: prekeys.1,
                account,
            };
            let disk = &mut world.clients[BOB].disk;
            disk.insert((Table::Prekeys, Key(key)), record(&fingerprint));
        }
    }
    world.crash(BOB);
    world.settle();
}

/// Alice's sessions are gone; what she writes next begins another one.
fn mends(world: &mut World, text: &str) -> bool {
    world.lose(ALICE, |table, _| table == Table::Sessions);
    world.send(ALICE, "bob", text);
    world.run_for(120_000);
    world.received(BOB, "alice").iter().any(|it| it == text)
}

#[test]
fn nine_hundred_strangers_keep_neither_contacts_nor_other_strangers_out() {
    let mut world = without_one_time_keys(920);
    let bob = world.address("bob");
    let prekeys = newest(&world.relay.store.boxes[&bob].keys);
    // Half of the strangers' places at 64 each, and then at 4 each; the last four come here.
    crowd(&mut world, 0..56, 64, prekeys);
    crowd(&mut world, 56..896, 4, prekeys);
    for i in 0..4 {
        let name = format!("eve-{i}");
        let mut eve = Stranger::registered(&name, 40 + i, &mut world);
        for text in ["a", "b", "c", "d", "e"] {
            eve.write(&mut world, bob, text, false);
            world.settle();
        }
        assert_eq!(world.received(BOB, &name), ["a", "b", "c", "d"]);
    }
    assert!(mends(&mut world, "three"));
    world.start(CAROL, "bob");
    world.send(CAROL, "bob", "hello");
    assert_eq!(world.received(BOB, "carol"), ["hello"]);
    // One hundred more take the rest of it.
    crowd(&mut world, 1_000..1_052, 4, prekeys);
    world.clients[BOB].events.clear();
    let mut dave = Stranger::registered("dave", 60, &mut world);
    dave.write(&mut world, bob, "hello", false);
    world.settle();
    assert!(world.received(BOB, "dave").is_empty());
    assert_eq!(world.alerts(BOB), [AlertCode::StrangersWait]);
    assert!(mends(&mut world, "four"));
    // With a one-time key a stranger is heard as ever.
    dave.write(&mut world, bob, "hello again", true);
    world.settle();
    assert_eq!(world.received(BOB, "dave"), ["hello again"]);
}

#[test]
fn what_waits_for_a_place_is_shown_when_there_is_one_also_after_a_restart() {
    let mut world = without_one_time_keys(930);
    let bob = world.address("bob");
    // Of prekeys that are erased when this device looks next.
    crowd(&mut world, 0..112, 64, (900, 900));
    let mut dave = Stranger::registered("dave", 60, &mut world);
    dave.write(&mut world, bob, "one", false);
    dave.go_on(&mut world, bob, "two");
    world.settle();
    assert!(world.received(BOB, "dave").is_empty());
    assert!(
        world.relay.store.boxes[&bob].mail.is_empty(),
        "on this disk"
    );
    assert_eq!(world.alerts(BOB), [AlertCode::StrangersWait]);
    world.crash(BOB);
    world.now += DAY;
    world.run_for(10_000);
    assert_eq!(world.received(BOB, "dave"), ["one", "two"]);
}

#[test]
fn there_is_an_end_to_what_waits_and_one_account_has_little_of_it() {
    let mut world = without_one_time_keys(940);
    let bob = world.address("bob");
    let prekeys = newest(&world.relay.store.boxes[&bob].keys);
    crowd(&mut world, 0..112, 64, prekeys);
    for i in 0..257 {
        let mut stranger = Stranger::new(&format!("nobody-{i}"), i);
        for _ in 0..if i == 0 { 30 } else { 1 } {
            stranger.write(&mut world, bob, "hi", false);
        }
    }
    world.settle();
    let requests = || {
        let disk = world.clients[BOB].disk.iter();
        disk.filter(|((table, key), _)| *table == Table::Prekeys && key.0[0] == 6)
    };
    let bytes: usize = requests().map(|(_, record)| record.len()).sum();
    assert!(requests().count() > 256 + 5 && bytes < 800_000, "{bytes}");
    let alerts = world.alerts(BOB);
    assert_eq!(alerts[0], AlertCode::StrangersWait);
    let refused = alerts[1..]
        .iter()
        .filter(|it| **it == AlertCode::StrangersRefused);
    assert_eq!(refused.count(), alerts.len() - 1);
    assert!((2..=4).contains(&alerts.len()), "told, and not each time");
    world.now += 31 * DAY;
    world.settle();
    world.now += DAY;
    world.settle();
    let disk = world.clients[BOB].disk.keys();
    let left = disk.filter(|(table, key)| *table == Table::Prekeys && key.0[0] == 6);
    assert_eq!(left.count(), 0);
}

/// As much of a contact as there must be.
#[derive(Message)]
pub(crate) struct Contact {
    #[prost(string, tag = "1")]
    pub(crate) username: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) account: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) conversation: Vec<u8>,
    #[prost(uint32, repeated, tag = "9")]
    pub(crate) devices: Vec<u32>,
}

/// As much of a conversation.
#[derive(Message)]
struct Conversation {
    #[prost(uint64, tag = "1")]
    contact: u64,
    #[prost(string, tag = "2")]
    username: String,
    #[prost(bytes = "vec", tag = "3")]
    account: Vec<u8>,
    #[prost(uint64, tag = "5")]
    next_position: u64,
    #[prost(uint64, tag = "6")]
    next_number: u64,
}

fn is_request((table, key): &(Table, Key)) -> bool {
    *table == Table::Prekeys && key.0[0] == 6
}

/// How much waits on a disk.
fn requests(world: &World, whose: usize) -> usize {
    let disk = world.clients[whose].disk.keys();
    disk.filter(|at| is_request(at)).count()
}

/// Where a contact and the conversation with it stand.
fn places_of_friend(number: u64) -> [(Table, Key); 2] {
    let contact = (1_000_000 + number).to_be_bytes().to_vec();
    let conversation = u128::from(number).to_be_bytes().to_vec();
    [
        (Table::Contacts, Key(contact)),
        (Table::Conversations, Key(conversation)),
    ]
}

/// As if somebody had so many conversations more.
pub(crate) fn friends(world: &mut World, whose: usize, numbers: std::ops::Range<u64>) {
    let mut rng = ChaCha20Rng::seed_from_u64(numbers.end);
    for number in numbers {
        let account = AccountKeyPair::generate(&mut rng).public();
        let username = format!("friend-{number}");
        let contact = Contact {
            username: username.clone(),
            account: account.as_bytes().to_vec(),
            conversation: u128::from(number).to_be_bytes().to_vec(),
            devices: (1..=10).collect(),
        };
        let conversation = Conversation {
            contact: 1_000_000 + number,
            username,
            account: account.as_bytes().to_vec(),
            next_position: 1,
            next_number: 1,
        };
        let disk = &mut world.clients[whose].disk;
        let [first, second] = places_of_friend(number);
        disk.insert(first, record(&contact));
        disk.insert(second, record(&conversation));
    }
    world.break_connection(whose, None);
    world.crash(whose);
    world.settle();
    world.clients[whose].events.clear();
}

#[test]
fn a_stranger_beyond_a_full_list_waits_until_there_is_room() {
    let mut world = World::with(950, &["alice", "bob"]);
    let bob = world.address("bob");
    friends(&mut world, BOB, 0..5_000);
    let mut eve = Stranger::registered("eve", 1, &mut world);
    eve.write(&mut world, bob, "hello", true);
    world.settle();
    let people = |world: &World| world.clients[BOB].engine.snapshot().conversations.len();
    assert_eq!(people(&world), 5_000);
    assert_eq!(world.alerts(BOB), [AlertCode::StrangersWait]);
    for place in places_of_friend(7) {
        world.clients[BOB].disk.remove(&place);
    }
    world.crash(BOB);
    world.now += DAY;
    world.run_for(10_000);
    assert_eq!(people(&world), 5_000);
    assert_eq!(world.received(BOB, "eve"), ["hello"]);
}

#[test]
fn strangers_leave_room_for_conversations_that_one_begins_and_these_have_an_end_too() {
    let mut world = World::with(960, &["alice", "bob", "carol", "dave"]);
    let alice = world.address("alice");
    friends(&mut world, ALICE, 0..5_000);
    let mut eve = Stranger::registered("eve", 60, &mut world);
    eve.write(&mut world, alice, "hello", true);
    world.settle();
    assert_eq!(world.alerts(ALICE), [AlertCode::StrangersWait]);
    assert_eq!(world.start(ALICE, "bob"), None);
    assert_eq!(world.send(ALICE, "bob", "you have a place"), None);
    friends(&mut world, ALICE, 5_000..5_998);
    // Both are asked for at once, and there is one place.
    let starts = ["carol", "dave"].map(|name| {
        let id = world.next_id();
        let username = name.into();
        world.ask_as(ALICE, &id, Command::StartConversation { username });
        id
    });
    world.settle();
    let full = Some(CommandError::ConversationsFull { limit: 6_000 });
    let answers = starts.map(|id| world.answer(ALICE, &id));
    assert!(
        answers == [Some(None), Some(full.clone())] || answers == [Some(full.clone()), Some(None)],
        "{answers:?}"
    );
    let refused = usize::from(answers[0] == Some(None));
    let other = ["carol", "dave"][refused];
    assert_eq!(world.start(ALICE, other), full);
    assert_eq!(world.start(ALICE, "nobody-at-all"), full);
    assert_eq!(world.start(ALICE, "bob"), None, "that one is there");
    let snapshot = world.clients[ALICE].engine.snapshot();
    assert_eq!(snapshot.conversations.len(), 6_000);
}

/// Alice has five thousand conversations; Eve, who is none of them, writes to her, and waits.
fn crowded(seed: u64) -> World {
    let mut world = World::with(seed, &["alice"]);
    let alice = world.address("alice");
    friends(&mut world, ALICE, 0..5_000);
    let mut eve = Stranger::registered("eve", 60, &mut world);
    eve.write(&mut world, alice, "hello", true);
    eve.go_on(&mut world, alice, "are you there?");
    world.settle();
    assert_eq!(world.alerts(ALICE), [AlertCode::StrangersWait]);
    world
}

#[test]
fn beyond_a_full_list_a_stranger_is_heard_as_soon_as_the_person_begins_with_them() {
    let mut world = crowded(970);
    assert_eq!(world.start(ALICE, "eve"), None);
    assert_eq!(world.received(ALICE, "eve"), ["hello", "are you there?"]);
    assert_eq!(requests(&world, ALICE), 0);
}

/// A store of an older version, in which somebody waits to whom the person has written since.
#[test]
fn beyond_a_full_list_whoever_has_a_conversation_is_tried_again() {
    let mut world = crowded(980);
    let waiting: Vec<_> = world.clients[ALICE]
        .disk
        .iter()
        .filter(|(at, _)| is_request(at))
        .map(|(at, value)| (at.clone(), value.clone()))
        .collect();
    assert_eq!(waiting.len(), 2);
    world.clients[ALICE].disk.retain(|at, _| !is_request(at));
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.start(ALICE, "eve"), None);
    assert_eq!(world.send(ALICE, "eve", "it is me"), None);
    world.clients[ALICE].disk.extend(waiting);
    world.crash(ALICE);
    world.now += DAY;
    world.run_for(10_000);
    assert_eq!(world.received(ALICE, "eve"), ["hello", "are you there?"]);
    assert_eq!(requests(&world, ALICE), 0);
}

#[test]
fn whoever_waits_for_the_memory_of_their_handshake_is_heard_when_the_person_writes_to_them() {
    let mut world = without_one_time_keys(990);
    let bob = world.address("bob");
    let prekeys = newest(&world.relay.store.boxes[&bob].keys);
    let mut dave = Stranger::registered("dave", 60, &mut world);
    assert_eq!(world.start(BOB, "dave"), None);
    crowd(&mut world, 0..112, 64, prekeys);
    dave.write(&mut world, bob, "hello", false);
    world.settle();
    assert!(world.received(BOB, "dave").is_empty());
    assert_eq!(requests(&world, BOB), 1);
    assert_eq!(world.send(BOB, "dave", "hello, you"), None);
    assert_eq!(world.received(BOB, "dave"), ["hello"]);
    assert_eq!(requests(&world, BOB), 0);
}
