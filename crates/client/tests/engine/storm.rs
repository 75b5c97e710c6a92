//! No storms: clients that can read nothing of each other, stores that go back over and over, and garbage
//! without end cost few sessions, few messages and few lines, and all of it ends when its cause does.
//! The numbers are those of docs/PROTOCOL.md, "Mending".

use std::cell::Cell;
use std::rc::Rc;

use crate::support::stranger::Stranger;
use crate::support::{Disk, World};
use pawl_client::{Input, NoticeCause, Table};
use pawl_wire::{MessageId, RelayFrame};

const ALICE: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 2] = ["alice", "bob"];
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Sessions on the first day of a storm: at once, and after 1, 2, 4, … 512 minutes.
const SESSIONS_FIRST_DAY: usize = 11;
/// Questions in the mailbox of somebody who is away for a month.
const QUESTIONS_IN_A_MONTH: usize = 8;
/// Texts sent again to one person in a day.
const RESENDS_PER_DAY: usize = 1_000;

/// Sessions that somebody has begun with a person so far, by the bundles that were claimed.
fn begun_with(world: &World, name: &str) -> usize {
    world.relay.store.boxes[&world.address(name)].claims.len()
}

/// Envelopes for a person so far.
fn sent_to(world: &World, name: &str) -> usize {
    let device = world.address(name);
    let submitted = world.relay.submitted.iter();
    submitted.filter(|it| it.recipient == device).count()
}

fn notices(world: &World, who: usize) -> usize {
    let lines = world.history(who, NAMES[1 - who]).into_iter();
    // What had arrived and is sent again is told, too; how often is said where it is asked for.
    let lost = |it: &NoticeCause| *it != NoticeCause::SentAgain;
    lines.filter_map(|line| line.notice).filter(lost).count()
}

/// The last and the first envelope that went to a person, with one bit wrong in the sealed body: one is of a
/// known session, the other is a handshake of a known person.
fn garbage_for(world: &World, who: usize) -> [Vec<u8>; 2] {
    let device = world.address(NAMES[who]);
    let mut envelopes = world.relay.submitted.iter();
    let mut envelopes = envelopes
        .by_ref()
        .filter(|it| it.recipient == device)
        .map(|it| it.envelope.clone());
    let first = envelopes.next().expect("written to");
    let last = envelopes.last().expect("written to");
    [first, last].map(|mut envelope| {
        *envelope.last_mut().expect("long") ^= 1;
        envelope
    })
}

fn put(world: &mut World, who: usize, envelope: &[u8]) {
    let name = u128::from_str_radix(&world.next_id(), 16).expect("a number");
    let device = world.address(NAMES[who]);
    let mailbox = world
        .relay
        .store
        .boxes
        .get_mut(&device)
        .expect("registered");
    mailbox.store(MessageId(name.to_be_bytes()), envelope.to_vec());
}

/// Time passes, most of it without anything but what is due at its end: pings are many.
fn pass(world: &mut World, time: u64) {
    world.now += time.saturating_sub(2 * MINUTE);
    world.run_for(time.min(2 * MINUTE));
}

/// Bob's mailbox gets garbage every half hour for a day, and a lot of it at once every day.
fn a_day_of_garbage(world: &mut World, garbage: &[Vec<u8>; 2]) {
    for i in 0..48 {
        let many = if i == 0 { 40 } else { 1 };
        for _ in 0..many {
            garbage.iter().for_each(|it| put(world, BOB, it));
        }
        pass(world, DAY / 48);
    }
}

/// Nothing is missing or wrong, both can write, and then nothing goes to and fro any more.
fn assert_over(world: &mut World, what: &str) {
    // What came last may be asked about a day later.
    for _ in 0..2 * 24 {
        pass(world, HOUR);
    }
    for who in [ALICE, BOB] {
        let id = world.next_id();
        world.send_as(who, &id, NAMES[1 - who], "all well?");
    }
    world.run_for(HOUR);
    for who in [ALICE, BOB] {
        let received = world.received(1 - who, NAMES[who]);
        let lines = world.history(who, NAMES[1 - who]).into_iter();
        let written: Vec<_> = lines.filter(|it| it.mine).map(|it| it.text).collect();
        for line in world.history(who, NAMES[1 - who]) {
            if line.mine {
                let times = |of: &[String]| of.iter().filter(|text| **text == line.text).count();
                assert_eq!(
                    times(&received),
                    times(&written),
                    "{what}: {:?} {:?}",
                    line.text,
                    line.status
                );
            }
        }
    }
    let before = world.relay.submitted.len();
    for _ in 0..3 * 24 {
        pass(world, HOUR);
    }
    assert_eq!(world.relay.submitted.len(), before, "{what}: goes on");
}

#[test]
fn garbage_costs_eleven_sessions_on_the_first_day_then_one_a_day_and_no_line_while_the_other_answers()
 {
    let mut world = World::talking(2_000, 2);
    let garbage = garbage_for(&world, BOB);
    let (begun, to_alice, to_bob) = (
        begun_with(&world, "alice"),
        sent_to(&world, "alice"),
        sent_to(&world, "bob"),
    );
    a_day_of_garbage(&mut world, &garbage);
    let first_day = begun_with(&world, "alice") - begun;
    assert!(
        (2..=SESSIONS_FIRST_DAY).contains(&first_day),
        "{first_day} sessions"
    );
    for _ in 0..5 {
        let before = begun_with(&world, "alice");
        a_day_of_garbage(&mut world, &garbage);
        assert!(begun_with(&world, "alice") - before <= 1);
    }
    // A question, an answer that asks, an answer.
    let sessions = begun_with(&world, "alice") - begun;
    assert!(sent_to(&world, "alice") - to_alice <= 2 * sessions);
    assert!(sent_to(&world, "bob") - to_bob <= 2 * sessions);
    assert_eq!((notices(&world, ALICE), notices(&world, BOB)), (0, 0));
    assert_over(&mut world, "garbage");
}

#[test]
fn garbage_while_the_other_is_away_is_one_line_however_much_and_long() {
    let mut world = World::talking(2_010, 2);
    let garbage = garbage_for(&world, BOB);
    for absences in 1..=2 {
        world.set_network(ALICE, false);
        let begun = begun_with(&world, "alice");
        for day in 0..5 {
            world.send(BOB, "alice", "where are you?");
            a_day_of_garbage(&mut world, &garbage);
            assert!(notices(&world, BOB) <= absences, "day {day}");
        }
        assert!(begun_with(&world, "alice") - begun <= SESSIONS_FIRST_DAY + 4);
        assert_eq!(notices(&world, BOB), absences, "one line per incident");
        world.set_network(ALICE, true);
        world.run_for(3 * DAY);
    }
    assert_eq!(notices(&world, ALICE), 0);
    assert_over(&mut world, "away");
}

#[test]
fn somebody_who_is_away_for_a_month_finds_few_questions() {
    let mut world = World::talking(2_020, 2);
    world.set_network(ALICE, false);
    world.send(BOB, "alice", "come back");
    let before = sent_to(&world, "alice");
    for _ in 0..29 * 24 * 4 {
        pass(&mut world, HOUR / 4);
    }
    let questions = sent_to(&world, "alice") - before;
    assert!(
        (2..=QUESTIONS_IN_A_MONTH).contains(&questions),
        "{questions} questions"
    );
    world.set_network(ALICE, true);
    world.run_for(MINUTE);
    assert_eq!(
        world.received(ALICE, "bob").last().map(String::as_str),
        Some("come back")
    );
    assert_eq!((notices(&world, ALICE), notices(&world, BOB)), (0, 0));
    assert_over(&mut world, "a month");
}

/// Neither can open anything of the other's, whatever session it is on, for twelve days.
#[test]
fn two_clients_that_can_open_nothing_of_each_other_stay_calm_and_recover() {
    let mut world = World::talking(2_030, 2);
    let broken = Rc::new(Cell::new(true));
    let is_broken = broken.clone();
    world.relay.bend = Some(Box::new(move |_, mut frame| {
        if let (RelayFrame::Deliver { envelope, .. }, true) = (&mut frame, is_broken.get()) {
            *envelope.last_mut().expect("long") ^= 1;
        }
        vec![frame]
    }));
    for day in 0..12_usize {
        let (begun, sent) = (
            NAMES.map(|name| begun_with(&world, name)),
            NAMES.map(|name| sent_to(&world, name)),
        );
        for who in [ALICE, BOB] {
            world.send(who, NAMES[1 - who], &format!("day {day}"));
        }
        world.run_for(HOUR - 6_000);
        for _ in 0..23 * 4 {
            pass(&mut world, HOUR / 4);
        }
        for who in [ALICE, BOB] {
            let sessions = begun_with(&world, NAMES[who]) - begun[who];
            let most = if day == 0 { SESSIONS_FIRST_DAY } else { 1 };
            assert!(sessions <= most, "day {day}: {sessions} sessions");
            // The text, and a question for each session.
            let envelopes = sent_to(&world, NAMES[who]) - sent[who];
            assert!(envelopes <= 1 + most, "day {day}: {envelopes} envelopes");
            assert!(notices(&world, who) <= 1, "day {day}");
        }
    }
    assert_eq!((notices(&world, ALICE), notices(&world, BOB)), (1, 1));
    broken.set(false);
    world.run_for(2 * DAY);
    for who in [ALICE, BOB] {
        assert_eq!(notices(&world, who), 1, "nothing more to tell");
    }
    assert_over(&mut world, "broken");
}

#[test]
fn two_stores_that_go_back_every_day_stay_calm_and_recover() {
    let mut world = World::talking(2_040, 2);
    let old: [Disk; 2] = [ALICE, BOB].map(|who| world.clients[who].disk.clone());
    for day in 0..8 {
        let before = world.relay.submitted.len();
        for who in [ALICE, BOB] {
            let disk = old[who].clone();
            world.roll_back(who, disk);
            world.send(who, NAMES[1 - who], &format!("day {day}"));
        }
        world.run_for(DAY);
        let envelopes = world.relay.submitted.len() - before;
        assert!(
            envelopes <= 8 * SESSIONS_FIRST_DAY,
            "day {day}: {envelopes}"
        );
    }
    assert_eq!((notices(&world, ALICE), notices(&world, BOB)), (0, 0));
    assert_over(&mut world, "went back");
}

/// Bob's device says every hour that nothing has arrived, on a session that works.
#[test]
fn somebody_who_says_over_and_over_that_nothing_arrived_gets_a_thousand_texts_a_day_and_no_more() {
    let mut world = World::talking(2_050, 2);
    let texts = 1_200;
    for text in 0..texts {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", &format!("{text}"));
        if text % 400 == 0 {
            world.settle();
        }
    }
    world.settle();
    let sessions = NAMES.map(|name| begun_with(&world, name));
    for day in 0..2 {
        let before = world.received(BOB, "alice").len();
        for hour in 0..24 {
            world.forget_received(BOB);
            world.send(ALICE, "bob", &format!("{day} {hour}"));
            world.run_for(20 * MINUTE);
            pass(&mut world, 40 * MINUTE - 3_000);
        }
        let again = world.received(BOB, "alice").len() - before - 24;
        assert_eq!(again, RESENDS_PER_DAY, "day {day}");
    }
    assert_eq!(NAMES.map(|name| begun_with(&world, name)), sessions);
    assert_eq!(notices(&world, ALICE), 0);
    let before = world.relay.submitted.len();
    world.run_for(3 * DAY);
    let after = world.relay.submitted.len() - before;
    assert!(after <= 2 * texts, "{after} more");
    let before = world.relay.submitted.len();
    world.run_for(3 * DAY);
    assert_eq!(world.relay.submitted.len(), before, "it ends");
}

#[test]
fn who_asks_over_and_over_is_answered_32_times_and_then_once_a_minute() {
    let mut world = World::with(2_070, &["alice"]);
    let alice = world.address("alice");
    let mut eve = Stranger::registered("eve", 70, &mut world);
    let address = eve.open_mailbox(&mut world);
    eve.write(&mut world, alice, "hello", true);
    world.settle();
    let answers = |world: &World| world.relay.store.boxes[&address].mail.len();
    let before = answers(&world);
    for _ in 0..50 {
        eve.ask(&mut world, alice);
        world.run_for(1_000);
    }
    assert_eq!(answers(&world) - before, 32);
    for _ in 0..600 {
        eve.ask(&mut world, alice);
        world.run_for(1_000);
    }
    let more = answers(&world) - before - 32;
    assert!((9..=11).contains(&more), "{more} in ten minutes");
    // The last one is answered, too, and after that nothing more is said.
    world.run_for(MINUTE);
    let all = answers(&world);
    assert!(all - before - 32 > more);
    world.run_for(HOUR);
    assert_eq!(answers(&world), all);
}

/// What a device that lost every session does is bounded in each step.
#[test]
fn a_device_that_lost_all_its_sessions_asks_eight_people_at_a_time() {
    let names: Vec<String> = (0..20).map(|i| format!("friend{i}")).collect();
    let mut all = vec!["alice"];
    all.extend(names.iter().map(String::as_str));
    let mut world = World::with(2_060, &all);
    for name in &names {
        world.start(ALICE, name);
        world.send(ALICE, name, "hello");
    }
    let begun = |world: &World| -> usize { names.iter().map(|it| begun_with(world, it)).sum() };
    let before = begun(&world);
    world.lose(ALICE, |table, _| table == Table::Sessions);
    world.run_for(500);
    assert_eq!(begun(&world) - before, 8);
    world.run_for(1_000);
    assert_eq!(begun(&world) - before, 16);
    world.run_for(MINUTE);
    assert_eq!(begun(&world) - before, 20);
    world.input(ALICE, Input::Tick);
    for (i, name) in (1..).zip(&names) {
        world.send(i, "alice", "hello to you");
        assert_eq!(world.received(ALICE, name), ["hello to you"]);
    }
    world.run_for(10 * MINUTE);
    assert_eq!(begun(&world) - before, 20, "once each");
}
