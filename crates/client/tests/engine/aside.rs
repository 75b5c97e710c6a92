//! What others write under a pinned person's name: never a line of the conversation, whoever flips the
//! name how often; it waits aside, and goes or stays with what the user decides.

use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{Command, Event, IdentityState, MessageStatus, MessageView, NoticeCause, Table};
use pawl_sim::Point;
use pawl_wire::{AccountId, RelayFrame, Username};

const ALICE: usize = 0;
const BOB: usize = 1;

fn name() -> Username {
    Username::parse("bob").expect("a username")
}

fn identity(world: &World) -> IdentityState {
    let identity = world.identity(ALICE, "bob");
    identity.expect("a conversation")
}

fn number(world: &World) -> Vec<u8> {
    let number = world.safety_number(ALICE, "bob");
    number.qr
}

fn accept(world: &mut World) {
    let number = number(world);
    let accepting = Command::AcceptIdentity {
        conversation: world.conversation(ALICE, "bob"),
        number,
    };
    assert_eq!(world.ask(ALICE, accepting), None);
}

fn mark(world: &mut World, verified: bool) {
    let number = number(world);
    let marking = Command::MarkVerified {
        conversation: world.conversation(ALICE, "bob"),
        verified,
        number,
    };
    assert_eq!(world.ask(ALICE, marking), None);
}

fn notices(world: &World) -> Vec<NoticeCause> {
    let lines = world.history(ALICE, "bob").into_iter();
    lines.filter_map(|line| line.notice).collect()
}

/// The relay says that the name is the first account's again, and Alice hears of it.
fn give_back(world: &mut World, owner: AccountId) {
    world.relay.store.names.insert(name(), owner);
    world.break_connection(ALICE, None);
    world.settle();
}

/// Alice knows Bob and has verified him.
fn verified(seed: u64) -> (World, AccountId) {
    let mut world = World::with(seed, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.start(BOB, "alice");
    world.send(BOB, "alice", "I am Bob");
    mark(&mut world, true);
    let owner = world.relay.store.names[&name()];
    (world, owner)
}

#[test]
fn a_relay_that_flips_a_name_puts_no_word_into_a_verified_conversation() {
    let (mut world, owner) = verified(640);
    let alice = world.address("alice");
    // Each night another account, and then for ever the same one.
    let mut thief = Stranger::new("bob", 90);
    for round in 1..=20 {
        if round < 10 {
            thief = Stranger::new("bob", 90 + round);
        }
        thief.register("bob", &mut world);
        thief.write(&mut world, alice, "meet me at nine", false);
        world.settle();
        assert_eq!(identity(&world), IdentityState::Changed, "round {round}");
        assert_eq!(world.received(ALICE, "bob"), ["I am Bob"], "round {round}");
        let last = world.history(ALICE, "bob").pop().and_then(|it| it.notice);
        assert_eq!(last, Some(NoticeCause::IdentityChanged), "round {round}");
        give_back(&mut world, owner);
        assert_eq!(identity(&world), IdentityState::Verified);
        assert_eq!(
            notices(&world).len(),
            3.min(2 * round as usize),
            "few lines"
        );
        world.crash(ALICE);
        world.settle();
        assert_eq!(world.received(ALICE, "bob"), ["I am Bob"], "round {round}");
    }
    world.send(BOB, "alice", "and still am");
    assert_eq!(world.received(ALICE, "bob"), ["I am Bob", "and still am"]);
    world.send(ALICE, "bob", "I know");
    assert_eq!(world.received(BOB, "alice"), ["I know"]);
}

/// Neither garbage nor what a newer version says is told in the conversation.
#[test]
fn what_does_not_open_from_an_account_that_is_not_pinned_is_no_line_either() {
    let (mut world, owner) = verified(641);
    let alice = world.address("alice");
    let mut thief = Stranger::registered("bob", 91, &mut world);
    thief.write(&mut world, alice, "one", false);
    world.settle();
    let mut altered = thief.hello(&mut world, alice, "two", false);
    *altered.last_mut().expect("not empty") ^= 1;
    Stranger::post(&mut world, alice, altered);
    world.run_for(24 * 3_600_000);
    give_back(&mut world, owner);
    world.run_for(24 * 3_600_000);
    let told = notices(&world);
    assert_eq!(told[0], NoticeCause::IdentityChanged);
    assert!(!told.contains(&NoticeCause::Unreadable), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

/// The number that is shown is the new account's: to doubt that one says nothing about the pinned one.
#[test]
fn doubting_the_new_key_leaves_the_pinned_one_verified() {
    let (mut world, owner) = verified(642);
    let alice = world.address("alice");
    let mut thief = Stranger::registered("bob", 92, &mut world);
    thief.write(&mut world, alice, "it is me", false);
    world.settle();
    mark(&mut world, false);
    assert_eq!(identity(&world), IdentityState::Changed);
    give_back(&mut world, owner);
    assert_eq!(identity(&world), IdentityState::Verified);
}

#[test]
fn what_waited_is_appended_under_the_notice_once_it_is_accepted_and_nobody_is_verified() {
    let (mut world, _) = verified(643);
    let alice = world.address("alice");
    let mut other = Stranger::registered("bob", 93, &mut world);
    other.write(&mut world, alice, "my disk broke", true);
    other.go_on(&mut world, alice, "so I began anew");
    world.settle();
    world.send(ALICE, "bob", "is it you?");
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.received(ALICE, "bob"), ["I am Bob"]);
    accept(&mut world);
    assert_eq!(identity(&world), IdentityState::Unverified);
    let lines = world.history(ALICE, "bob");
    let tail: Vec<_> = lines.iter().rev().take(3).rev().collect();
    let words = |line: &MessageView| (line.notice, line.text.clone());
    assert_eq!(
        words(tail[0]),
        (Some(NoticeCause::IdentityChanged), String::new())
    );
    assert_eq!(words(tail[1]), (None, "my disk broke".into()));
    assert_eq!(words(tail[2]), (None, "so I began anew".into()));
    // What came is not shown again, and what comes is a line at once.
    other.go_on(&mut world, alice, "thank you");
    world.settle();
    world.crash(ALICE);
    world.settle();
    let all = ["I am Bob", "my disk broke", "so I began anew", "thank you"];
    assert_eq!(world.received(ALICE, "bob"), all);
}

/// Bob's name goes to a new account with a client of its own.
fn bob_begins_anew(world: &mut World) {
    let account = world.relay.store.names.remove(&name()).expect("registered");
    world.relay.store.records.remove(&account);
    let boxes = &mut world.relay.store.boxes;
    boxes.retain(|address, _| address.account != account);
    world.clients[BOB].disk.clear();
    world.break_connection(BOB, None);
    world.crash(BOB);
    world.settle();
    assert_eq!(world.create(BOB, "bob"), None);
    assert_eq!(world.start(BOB, "alice"), None);
}

#[test]
fn what_there_is_no_room_for_comes_once_the_account_is_accepted() {
    let (mut world, _) = verified(644);
    bob_begins_anew(&mut world);
    let texts: Vec<_> = (0..70).map(|i| format!("text {i}")).collect();
    for text in &texts {
        assert_eq!(world.send(BOB, "alice", text), None);
    }
    assert_eq!(world.review(ALICE, "bob"), texts[..64]);
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.review(ALICE, "bob"), texts[..64]);
    accept(&mut world);
    world.run_for(24 * 3_600_000);
    assert_eq!(world.received(ALICE, "bob")[1..], texts);
    assert_eq!(world.statuses(BOB, "alice"), [MessageStatus::Delivered; 70]);
}

/// Of one name the accounts go first that had it first; of many, the name under which most waits.
#[test]
fn whoever_fills_the_room_loses_what_they_wrote_and_others_keep_theirs() {
    let (mut world, _) = verified(645);
    let alice = world.address("alice");
    let long = "x".repeat(60 * 1024);
    for (seed, name) in [(1, "carol"), (2, "dave")] {
        Stranger::registered(name, seed, &mut world);
        assert_eq!(world.start(ALICE, name), None);
    }
    let mut other = Stranger::registered("dave", 3, &mut world);
    other.write(&mut world, alice, "a new telephone", true);
    world.settle();
    let mut floods = Vec::new();
    for (name, seeds) in [("bob", 100..110), ("carol", 200..210)] {
        for seed in seeds {
            let mut flood = Stranger::registered(name, seed, &mut world);
            flood.write(&mut world, alice, &long, false);
            for _ in 0..5 {
                flood.go_on(&mut world, alice, &long);
            }
            world.settle();
            assert_eq!(world.review(ALICE, name).len(), 4, "{name} {seed}");
            floods.push(flood);
        }
    }
    let records = |world: &World| {
        let disk = world.clients[ALICE].disk.iter();
        let aside =
            disk.filter(|((table, key), _)| *table == Table::Conversations && key.0.len() == 24);
        aside.map(|(_, record)| record.len()).collect::<Vec<_>>()
    };
    let bytes: usize = records(&world).iter().sum();
    assert!(bytes <= 4 * 1024 * 1024, "{bytes}");
    assert!(records(&world).len() >= 60, "and no more than must go");
    assert_eq!(world.review(ALICE, "dave"), ["a new telephone"]);
    // Accepting or giving back leaves nothing over.
    accept(&mut world);
    assert_eq!(world.received(ALICE, "bob").len(), 1 + 4);
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.review(ALICE, "carol").len(), 4);
    assert!(world.review(ALICE, "bob").is_empty());
}

/// What waits is acknowledged once it is on disk: a process that dies anywhere loses none and doubles none.
#[test]
fn a_process_that_dies_at_any_point_neither_loses_nor_doubles_what_waits() {
    for point in [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending] {
        for steps in 0..8 {
            let (mut world, owner) = verified(646 + steps);
            let alice = world.address("alice");
            let mut thief = Stranger::registered("bob", 94, &mut world);
            world.crash_in = Some((steps, point));
            thief.write(&mut world, alice, "one", true);
            thief.go_on(&mut world, alice, "two");
            world.settle();
            assert_eq!(
                world.review(ALICE, "bob"),
                ["one", "two"],
                "{point:?} {steps}"
            );
            world.crash_in = Some((steps, point));
            world.relay.store.names.insert(name(), owner);
            world.break_connection(ALICE, None);
            world.settle();
            assert!(world.review(ALICE, "bob").is_empty());
            assert_eq!(world.received(ALICE, "bob"), ["I am Bob"]);
            assert_eq!(identity(&world), IdentityState::Verified);
            let told = [
                NoticeCause::IdentityChanged,
                NoticeCause::ReturnedAndDropped,
            ];
            assert_eq!(notices(&world), told, "{point:?} {steps}");
        }
    }
}

#[test]
fn own_texts_wait_for_the_user_for_as_long_as_the_name_points_elsewhere() {
    let (mut world, owner) = verified(660);
    let alice = world.address("alice");
    world.set_network(BOB, false);
    world.relay.bend = Some(Box::new(|client, frame| match frame {
        RelayFrame::Stored { .. } if client == ALICE => Vec::new(),
        frame => vec![frame],
    }));
    world.send(ALICE, "bob", "one");
    assert_eq!(last_statuses(&world), [MessageStatus::Sending]);
    let mut thief = Stranger::registered("bob", 95, &mut world);
    thief.write(&mut world, alice, "it is me", true);
    world.settle();
    assert_eq!(last_statuses(&world), [MessageStatus::Waiting]);
    world.send(ALICE, "bob", "two");
    assert_eq!(last_statuses(&world), [MessageStatus::Waiting; 2]);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Waiting; 2]);
    let view = world.clients[ALICE]
        .engine
        .snapshot()
        .conversations
        .remove(0);
    assert_eq!(
        (view.set_aside, view.was_verified, view.unread),
        (1, true, 1)
    );
    world.relay.bend = None;
    world.set_network(BOB, true);
    give_back(&mut world, owner);
    assert_eq!(world.received(BOB, "alice"), ["one", "two"]);
    assert_eq!(last_statuses(&world), [MessageStatus::Delivered; 2]);
    let view = world.clients[ALICE]
        .engine
        .snapshot()
        .conversations
        .remove(0);
    assert_eq!((view.set_aside, view.was_verified), (0, false));
}

/// As a page has them that was told of every change.
fn last_statuses(world: &World) -> Vec<MessageStatus> {
    let mut statuses = std::collections::BTreeMap::new();
    for event in &world.clients[ALICE].events {
        match event {
            Event::MessagesChanged { messages, .. } => {
                let own = messages
                    .iter()
                    .filter_map(|it| Some((it.position, it.status?)));
                statuses.extend(own);
            }
            Event::StatusChanged { changes, .. } => statuses.extend(changes.iter().copied()),
            _ => {}
        }
    }
    statuses.into_values().collect()
}

#[test]
fn a_damaged_text_that_waits_is_told_and_the_others_wait_on() {
    let (mut world, _) = verified(662);
    let alice = world.address("alice");
    let mut other = Stranger::registered("bob", 97, &mut world);
    other.write(&mut world, alice, "one", true);
    other.go_on(&mut world, alice, "two");
    world.settle();
    let disk = &mut world.clients[ALICE].disk;
    let mut aside = disk.iter_mut().filter(|((_, key), _)| key.0.len() == 24);
    let of_table = aside.find(|((table, _), _)| *table == Table::Conversations);
    of_table.expect("it waits").1.pop();
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.alerts(ALICE).len(), 1);
    assert_eq!(notices(&world).last(), Some(&NoticeCause::Damaged));
    assert_eq!(world.review(ALICE, "bob"), ["two"]);
    accept(&mut world);
    assert_eq!(world.received(ALICE, "bob"), ["I am Bob", "two"]);
}
