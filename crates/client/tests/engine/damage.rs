//! Damaged records: one that is damaged is set aside and said to be so, and everything else works.

use crate::support::stranger::Stranger;
use crate::support::{World, try_load};
use pawl_client::{
    AlertCode, Command, CommandError, Key, MessageStatus, NoticeCause, StoreError, Table,
};

const ALICE: usize = 0;
const BOB: usize = 1;

fn talking(seed: u64) -> World {
    let mut world = World::with(seed, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.send(BOB, "alice", "two");
    world
}

/// Flips a bit in every record of a table, cuts it, or both.
fn damage(world: &mut World, table: Table, keep: impl Fn(usize) -> usize) {
    let records = world.clients[ALICE].disk.iter_mut();
    for (_, value) in records.filter(|((t, _), _)| *t == table) {
        value.truncate(keep(value.len()));
    }
    world.crash(ALICE);
    world.settle();
}

fn notices(world: &World) -> Vec<NoticeCause> {
    world
        .history(ALICE, "bob")
        .iter()
        .filter_map(|line| line.notice)
        .collect()
}

fn corrupted(name: Option<&str>) -> AlertCode {
    AlertCode::RecordCorrupted {
        username: name.map(str::to_owned),
    }
}

/// They still talk, in both directions.
fn assert_talking(world: &mut World) {
    assert_eq!(world.send(ALICE, "bob", "three"), None);
    assert_eq!(
        world.received(BOB, "alice").last().map(String::as_str),
        Some("three")
    );
    assert_eq!(world.send(BOB, "alice", "four"), None);
    assert_eq!(world.received(ALICE, "bob"), ["two", "four"]);
    assert_eq!(
        world.statuses(ALICE, "bob").last(),
        Some(&MessageStatus::Delivered)
    );
    // It is told once, not at every start.
    world.clients[ALICE].events.clear();
    world.crash(ALICE);
    world.settle();
    assert!(world.alerts(ALICE).is_empty());
}

#[test]
fn a_damaged_session_is_replaced_and_the_other_moves_to_the_new_one() {
    let mut world = talking(800);
    damage(&mut world, Table::Sessions, |length| length - 1);
    assert_eq!(world.alerts(ALICE), [corrupted(Some("bob"))]);
    assert_eq!(notices(&world), [NoticeCause::Damaged]);
    assert_talking(&mut world);
}

/// What was received is unknown until the person themselves write: nobody else says that for them.
#[test]
fn after_damage_an_impostor_does_not_make_all_come_again() {
    let mut world = talking(809);
    damage(&mut world, Table::Conversations, |length| length - 1);
    let username = pawl_wire::Username::parse("bob").expect("a username");
    let owner = world.relay.store.names[&username];
    let mut thief = Stranger::registered("bob", 79, &mut world);
    let alice = world.address("alice");
    thief.write(&mut world, alice, "trust me", true);
    world.settle();
    world.relay.store.names.insert(username, owner);
    world.break_connection(ALICE, None);
    world.settle();
    world.send(ALICE, "bob", "is it you?");
    world.run_for(600_000);
    world.send(BOB, "alice", "it is");
    world.run_for(600_000);
    assert_eq!(world.received(ALICE, "bob"), ["two", "it is"]);
}

#[test]
fn what_was_written_to_a_damaged_session_comes_again_on_another() {
    let mut world = talking(801);
    world.set_network(ALICE, false);
    world.send(BOB, "alice", "not lost");
    damage(&mut world, Table::Sessions, |_| 0);
    world.set_network(ALICE, true);
    world.settle();
    assert_eq!(notices(&world), [NoticeCause::Damaged]);
    assert_eq!(world.received(ALICE, "bob"), ["two", "not lost"]);
    assert_eq!(world.statuses(BOB, "alice"), [MessageStatus::Delivered; 2]);
}

#[test]
fn a_damaged_conversation_keeps_its_lines() {
    let mut world = talking(802);
    damage(&mut world, Table::Conversations, |length| length / 2);
    assert_eq!(world.alerts(ALICE), [corrupted(Some("bob"))]);
    assert_eq!(world.history(ALICE, "bob").len(), 3);
    assert_talking(&mut world);
}

#[test]
fn a_damaged_contact_keeps_its_pin() {
    let mut world = talking(803);
    let number = |world: &World| {
        let number = world.safety_number(ALICE, "bob");
        number.groups
    };
    let before = number(&world);
    damage(&mut world, Table::Contacts, |length| length / 2);
    assert_eq!(world.alerts(ALICE), [corrupted(Some("bob"))]);
    assert_talking(&mut world);
    assert_eq!(number(&world), before);
}

#[test]
fn damaged_prekeys_are_made_anew() {
    let mut world = World::with(804, &["alice", "bob"]);
    damage(&mut world, Table::Prekeys, |length| length - 1);
    assert!(
        world
            .alerts(ALICE)
            .iter()
            .all(|alert| *alert == corrupted(None))
    );
    world.relay.store.boxes.values_mut().for_each(|mailbox| {
        mailbox.one_time.clear();
        mailbox.kems.clear();
    });
    world.start(BOB, "alice");
    world.send(BOB, "alice", "hi");
    assert_eq!(world.received(ALICE, "bob"), ["hi"]);
}

#[test]
fn a_damaged_outbox_record_is_a_message_not_sent() {
    let mut world = talking(805);
    world.set_network(ALICE, false);
    world.send(ALICE, "bob", "three");
    damage(&mut world, Table::Outbox, |length| length - 1);
    assert_eq!(
        world.statuses(ALICE, "bob"),
        [MessageStatus::Delivered, MessageStatus::NotSent]
    );
    world.set_network(ALICE, true);
    world.settle();
    assert_talking(&mut world);
    // Its line is whole, so that it can be tried again.
    let lost = world.history(ALICE, "bob");
    let lost = lost.iter().find(|line| line.text == "three");
    let retry = Command::RetryMessage {
        conversation: world.conversation(ALICE, "bob"),
        position: lost.expect("a line").position,
    };
    assert_eq!(world.ask(ALICE, retry.clone()), None);
    world.settle();
    assert!(world.received(BOB, "alice").contains(&"three".to_owned()));
    let delivered = |status| status == &MessageStatus::Delivered;
    assert!(world.statuses(ALICE, "bob").iter().all(delivered));
    assert_eq!(
        world.ask(ALICE, retry),
        Some(pawl_client::CommandError::UnknownMessage)
    );
}

#[test]
fn a_damaged_message_is_a_line_that_says_so() {
    let mut world = talking(806);
    damage(&mut world, Table::Messages, |length| length - 1);
    assert_eq!(notices(&world), [NoticeCause::Damaged; 2]);
    assert_eq!(world.send(ALICE, "bob", "three"), None);
    let positions: Vec<_> = world
        .history(ALICE, "bob")
        .iter()
        .map(|l| l.position)
        .collect();
    assert_eq!(positions, [1, 2, 3]);
}

#[test]
fn a_damaged_account_is_no_engine_and_a_newer_store_says_so() {
    let world = talking(807);
    let metas = world.clients[ALICE]
        .disk
        .iter()
        .filter(|((table, _), _)| *table == Table::Meta);
    for (key, value) in metas {
        for keep in 0..value.len() {
            let mut disk = world.clients[ALICE].disk.clone();
            disk.insert(key.clone(), value[..keep].to_vec());
            let error = try_load(&disk).err();
            assert_eq!(
                error,
                Some(StoreError::Corrupted(Table::Meta)),
                "{keep} bytes"
            );
        }
        let mut disk = world.clients[ALICE].disk.clone();
        disk.get_mut(key).expect("it is there")[0] = 200;
        assert_eq!(try_load(&disk).err(), Some(StoreError::Newer));
    }
    let mut disk = world.clients[ALICE].disk.clone();
    disk.retain(|(table, key), _| *table != Table::Meta || key.0 != b"counters");
    assert_eq!(
        try_load(&disk).err(),
        Some(StoreError::Corrupted(Table::Meta))
    );
}

#[test]
fn a_store_of_an_older_version_is_recognised_by_its_number() {
    let world = talking(812);
    let disk = &world.clients[ALICE].disk;
    for (key, value) in disk {
        let mut disk = disk.clone();
        assert_eq!(value[0], 2, "the version of every record");
        disk.get_mut(key).expect("it is there")[0] = 1;
        let expected = (key.0 == Table::Meta).then_some(StoreError::Older);
        assert_eq!(try_load(&disk).err(), expected, "{key:?}");
    }
}

#[test]
fn every_truncation_of_every_record_is_noticed() {
    let mut world = talking(808);
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "three");
    world.set_network(ALICE, false);
    world.send(ALICE, "bob", "four");
    let disk = world.clients[ALICE].disk.clone();
    let loaded = disk.iter().filter(|((table, key), _)| {
        let is_first_of_many = *table != Table::Prekeys || key.0.ends_with(&[1]);
        table.is_loaded() && *table != Table::Meta && is_first_of_many
    });
    for (key, value) in loaded {
        for keep in [0, 1, 4, 5, value.len() / 2, value.len() - 1] {
            world.clients[ALICE].disk.clone_from(&disk);
            world.clients[ALICE]
                .disk
                .insert(key.clone(), value[..keep].to_vec());
            world.clients[ALICE].events.clear();
            world.crash(ALICE);
            world.input(ALICE, pawl_client::Input::Tick);
            let alerts = world.alerts(ALICE);
            let is_told = alerts
                .iter()
                .any(|a| matches!(a, AlertCode::RecordCorrupted { .. }));
            assert!(is_told, "{:?} cut to {keep}", key.0);
            assert_ne!(
                world.send(ALICE, "bob", "five"),
                Some(CommandError::NoAccount)
            );
        }
    }
}

#[test]
fn a_record_whose_key_is_nobodys_is_told_of_once() {
    for table in [Table::Contacts, Table::Conversations] {
        let mut world = talking(813);
        let disk = &mut world.clients[ALICE].disk;
        disk.insert((table, Key(vec![7; 5])), vec![2, 0, 0, 0, 0]);
        world.crash(ALICE);
        world.settle();
        assert_eq!(world.alerts(ALICE), [corrupted(None)], "{table:?}");
        world.clients[ALICE].events.clear();
        world.crash(ALICE);
        world.settle();
        assert_eq!(world.alerts(ALICE), [], "{table:?}");
        assert_talking(&mut world);
    }
}

/// What it wrote before comes again: that it came is lost with the record.
#[test]
fn an_account_that_waits_to_be_accepted_is_heard_after_its_channel_was_damaged() {
    let mut world = talking(814);
    let alice = world.address("alice");
    let mut new = Stranger::registered("bob", 814, &mut world);
    new.write(&mut world, alice, "a new account", true);
    world.settle();
    assert_eq!(world.review(ALICE, "bob"), ["a new account"]);
    let account = new.account().0;
    world.cut(ALICE, |table, key| {
        table == Table::Contacts && key.0.starts_with(&account)
    });
    world.break_connection(ALICE, None);
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.alerts(ALICE), [corrupted(Some("bob"))]);
    new.go_on(&mut world, alice, "still me");
    world.settle();
    assert_eq!(world.review(ALICE, "bob"), ["still me"]);
}

#[test]
fn a_text_that_was_refused_can_be_tried_again_after_its_conversation_was_damaged() {
    let mut world = talking(815);
    world.relay.mood.short = Some(2_000);
    let long = "long ".repeat(1_000);
    world.send(ALICE, "bob", &long);
    damage(&mut world, Table::Conversations, |length| length / 2);
    world.relay.mood.short = None;
    let line = |world: &World| {
        let mut lines = world.history(ALICE, "bob").into_iter();
        lines.find(|line| line.text == long).expect("a line")
    };
    assert_eq!(line(&world).status, Some(MessageStatus::NotSent));
    let retry = Command::RetryMessage {
        conversation: world.conversation(ALICE, "bob"),
        position: line(&world).position,
    };
    assert_eq!(world.ask(ALICE, retry), None);
    assert_eq!(line(&world).status, Some(MessageStatus::Delivered));
    assert_eq!(world.received(BOB, "alice"), ["one", &long]);
}

/// Contact and conversation are lost; what is left of them is in channels in one case, and in the outbox
/// in the other.
#[test]
fn who_is_met_again_after_all_records_of_them_were_lost_overwrites_no_line() {
    for has_channels in [true, false] {
        let mut world = talking(816);
        if !has_channels {
            world.set_network(ALICE, false);
            world.send(ALICE, "bob", "waits");
        }
        let texts = |world: &World| -> Vec<_> {
            let lines = world.history(ALICE, "bob").into_iter();
            lines.map(|line| line.text).collect()
        };
        let mut all = texts(&world);
        world.lose(ALICE, |table, key| match table {
            Table::Contacts => !has_channels || key.0.len() == 8,
            Table::Conversations => true,
            _ => false,
        });
        world.set_network(ALICE, true);
        world.settle();
        assert_eq!(world.start(ALICE, "bob"), None);
        assert_eq!(world.send(ALICE, "bob", "again"), None);
        all.push("again".to_owned());
        assert_eq!(texts(&world), all, "channels: {has_channels}");
        let received = world.received(BOB, "alice");
        assert!(received.contains(&"again".to_owned()), "{received:?}");
    }
}

#[test]
fn a_record_whose_key_is_nobodys_is_told_of_once_in_every_table() {
    for table in [Table::Sessions, Table::Outbox, Table::Prekeys] {
        let mut world = World::talking(4_502, 1);
        let disk = &mut world.clients[ALICE].disk;
        disk.insert((table, Key(vec![7; 5])), vec![2, 0, 0, 0, 0]);
        world.crash(ALICE);
        world.settle();
        world.clients[ALICE].events.clear();
        world.crash(ALICE);
        world.settle();
        assert_eq!(world.alerts(ALICE), [], "{table:?}");
    }
}

#[test]
fn who_is_met_again_overwrites_no_line_though_nothing_but_sessions_is_left() {
    let mut world = World::talking(4_503, 1);
    world.lose(ALICE, |table, _| {
        matches!(table, Table::Contacts | Table::Conversations)
    });
    world.settle();
    let lines = |world: &World| {
        let disk = world.clients[ALICE].disk.iter();
        let lines = disk.filter(|((table, _), _)| *table == Table::Messages);
        let lines = lines.map(|(place, line)| (place.clone(), line.clone()));
        lines.collect::<Vec<_>>()
    };
    let before = lines(&world);
    assert_eq!(world.start(ALICE, "bob"), None);
    assert_eq!(world.send(ALICE, "bob", "again"), None);
    let after = lines(&world);
    assert!(before.iter().all(|line| after.contains(line)));
}
