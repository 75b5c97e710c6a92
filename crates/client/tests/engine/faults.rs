//! The one law under faults: everything accepted is shown exactly once, in order per sender, and
//! nothing is shown that was not sent. Each run prints its seed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::support::World;
use chacha20::rand_core::Rng;
use pawl_client::{Command, Input, MessageStatus};
use pawl_sim::Point;
use pawl_sim::sending;
use pawl_wire::{MessageId, RelayFrame};

const ALICE: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// A command that its asker repeats, under the same id, until it is answered.
struct Asked {
    client: usize,
    id: String,
    command: Command,
}

fn repeat_unanswered(world: &mut World, asked: &mut Vec<Asked>) {
    asked.retain(|asked| world.answer(asked.client, &asked.id).is_none());
    for asked in asked.iter() {
        world.ask_as(asked.client, &asked.id, asked.command.clone());
    }
}

/// Everybody writes to everybody while processes die and connections break; gives how many died.
fn chaotic_run(seed: u64, chaos: u32) -> u32 {
    let mut world = World::with(seed, &NAMES);
    let mut asked = Vec::new();
    let mut sent: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for (from, name) in NAMES.iter().enumerate() {
        for to in NAMES.iter().filter(|to| *to != name) {
            assert_eq!(world.start(from, to), None);
        }
    }
    world.chaos = chaos;
    for round in 0..30 {
        let from = world.rng.next_u32() as usize % 3;
        let to = (from + 1 + world.rng.next_u32() as usize % 2) % 3;
        let text = format!("{from} to {to}, {round}");
        sent.entry((from, to)).or_default().push(text.clone());
        let id = world.next_id();
        let command = sending(&world.clients[from].engine, NAMES[to], &text);
        world.ask_as(from, &id, command.clone());
        asked.push(Asked {
            client: from,
            id,
            command,
        });
        let pause = u64::from(world.rng.next_u32() % 400);
        world.run_for(pause);
        // A page repeats what was not answered before it asks for anything new.
        while !asked.is_empty() {
            repeat_unanswered(&mut world, &mut asked);
        }
    }
    world.chaos = 0;
    world.run_for(120_000);
    for ((from, to), texts) in &sent {
        assert_eq!(&world.received(*to, NAMES[*from]), texts, "seed {seed}");
        let statuses = world.statuses(*from, NAMES[*to]);
        assert_eq!(statuses.len(), texts.len(), "seed {seed}");
        assert!(
            statuses.iter().all(|s| *s == MessageStatus::Delivered),
            "seed {seed}"
        );
    }
    for (i, _) in NAMES.iter().enumerate() {
        let lines = NAMES.iter().flat_map(|name| world.history(i, name));
        assert!(
            lines.into_iter().all(|line| line.notice.is_none()),
            "seed {seed}"
        );
    }
    world.crashes
}

#[test]
fn everything_accepted_is_shown_exactly_once_under_rare_faults() {
    let crashes: u32 = (100..108).map(|seed| chaotic_run(seed, 20)).sum();
    assert!(crashes > 20, "only {crashes} crashes");
}

#[test]
fn everything_accepted_is_shown_exactly_once_under_frequent_faults() {
    let crashes: u32 = (200..206).map(|seed| chaotic_run(seed, 120)).sum();
    assert!(crashes > 100, "only {crashes} crashes");
}

/// Crashes once, at each step of a conversation in turn, at each point of the step.
#[test]
fn a_crash_between_any_two_steps_loses_and_repeats_nothing() {
    for crash in [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending] {
        for at in 0..14 {
            let mut world = World::with(300 + at, &["alice", "bob"]);
            world.start(ALICE, "bob");
            let id = world.next_id();
            let input = Input::Command {
                id: id.clone(),
                command: sending(&world.clients[ALICE].engine, "bob", "once"),
            };
            crash_at(&mut world, input, at, crash);
            if world.answer(ALICE, &id).is_none() {
                world.send_as(ALICE, &id, "bob", "once");
            }
            world.run_for(60_000);
            assert_eq!(
                world.received(BOB, "alice"),
                ["once"],
                "{crash:?} at step {at}"
            );
            assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered]);
        }
    }
}

/// Runs, and lets both crash at the step of this number.
fn crash_at(world: &mut World, input: Input, at: u64, crash: Point) {
    world.crash_in = Some((at, crash));
    world.input(ALICE, input);
    world.settle();
    world.crash_in = None;
}

#[test]
fn an_account_is_made_once_however_often_its_making_is_interrupted() {
    for crash in [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending] {
        for at in 0..5 {
            let mut world = World::new(400 + at, 1);
            world.settle();
            let id = world.next_id();
            let create = || Command::CreateAccount {
                username: "alice".into(),
                invite: None,
            };
            crash_at(
                &mut world,
                Input::Command {
                    id: id.clone(),
                    command: create(),
                },
                at,
                crash,
            );
            if world.answer(ALICE, &id).is_none() {
                world.ask_as(ALICE, &id, create());
            }
            world.run_for(60_000);
            assert_eq!(
                world.answer(ALICE, &id),
                Some(None),
                "{crash:?} at step {at}"
            );
            assert_eq!(world.relay.store.boxes.len(), 1, "{crash:?} at step {at}");
        }
    }
}

#[test]
fn a_lost_answer_makes_the_same_bytes_go_out_again() {
    let mut world = World::with(500, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.relay.bend = Some(Box::new(|client, frame| match frame {
        RelayFrame::Stored { .. } if client == ALICE => Vec::new(),
        frame => vec![frame],
    }));
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "hello");
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Sending]);
    world.relay.bend = None;
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Sent]);
    let submitted = &world.relay.submitted;
    assert!(submitted.len() == 2 && submitted[0] == submitted[1]);
    world.set_network(BOB, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["hello"]);
}

#[test]
fn a_message_delivered_twice_is_shown_once() {
    let mut world = World::with(501, &["alice", "bob"]);
    world.start(ALICE, "bob");
    let (seen, last) = (
        Rc::new(RefCell::new(BTreeSet::new())),
        Rc::new(RefCell::new(0)),
    );
    // Every delivery comes again under the next number, as after a relay forgot that it had it.
    world.relay.bend = Some(Box::new(move |_, frame| match frame {
        RelayFrame::Deliver {
            seq,
            message_id,
            envelope,
        } if seen.borrow_mut().insert(message_id) => {
            *last.borrow_mut() = seq;
            let again = RelayFrame::Deliver {
                seq,
                message_id,
                envelope: envelope.clone(),
            };
            let renamed = RelayFrame::Deliver {
                seq,
                message_id: MessageId([seq as u8; 16]),
                envelope,
            };
            vec![again.clone(), again, renamed]
        }
        frame => vec![frame],
    }));
    for i in 0..5 {
        assert_eq!(world.send(ALICE, "bob", &format!("{i}")), None);
    }
    assert_eq!(world.received(BOB, "alice"), ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_stored_envelope_replayed_under_new_names_is_shown_once() {
    let mut world = World::with(502, &["alice", "bob"]);
    world.start(ALICE, "bob");
    for i in 0..3 {
        world.send(ALICE, "bob", &format!("{i}"));
    }
    let replayed: Vec<_> = world.relay.submitted.clone();
    for (n, submit) in replayed.into_iter().enumerate() {
        if let Some(mailbox) = world.relay.store.boxes.get_mut(&submit.recipient) {
            mailbox.store(MessageId([n as u8; 16]), submit.envelope);
        }
    }
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["0", "1", "2"]);
    assert_eq!(world.history(BOB, "alice").len(), 3);
    assert_eq!(world.history(ALICE, "bob").len(), 3);
}

/// The relay holds one text back; it is missed and sent again, sealed anew and under another name, and then
/// the first one comes, too. Only its number tells.
#[test]
fn a_text_that_comes_late_after_it_was_sent_again_is_shown_once() {
    let mut world = World::talking(506, 3);
    let held = Rc::new(RefCell::new(None));
    let holds = held.clone();
    world.relay.bend = Some(Box::new(move |client, frame| match frame {
        RelayFrame::Deliver {
            message_id,
            envelope,
            ..
        } if client == BOB && holds.borrow().is_none() => {
            *holds.borrow_mut() = Some((message_id, envelope));
            Vec::new()
        }
        frame => vec![frame],
    }));
    world.send(ALICE, "bob", "held back");
    world.send(ALICE, "bob", "the next");
    world.run_for(120_000);
    let all = ["a0", "a1", "a2", "the next", "held back"];
    assert_eq!(world.received(BOB, "alice"), all);
    world.relay.bend = None;
    let (message_id, envelope) = held.borrow_mut().take().expect("held");
    let bob = world.address("bob");
    let mailbox = world.relay.store.boxes.get_mut(&bob).expect("registered");
    mailbox.store(message_id, envelope);
    world.run_for(120_000);
    assert_eq!(world.received(BOB, "alice"), all);
    assert_eq!(world.history(BOB, "alice").len(), 8);
    world.send(ALICE, "bob", "go on");
    let last = world.received(BOB, "alice").pop();
    assert_eq!(last.as_deref(), Some("go on"));
}

#[test]
fn a_command_asked_twice_is_done_once() {
    let mut world = World::with(503, &["alice", "bob"]);
    world.start(ALICE, "bob");
    let id = world.next_id();
    for _ in 0..3 {
        world.send_as(ALICE, &id, "bob", "once");
        world.crash(ALICE);
    }
    world.settle();
    world.clients[ALICE].events.clear();
    world.send_as(ALICE, &id, "bob", "once");
    assert_eq!(world.answer(ALICE, &id), Some(None));
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["once"]);
    assert_eq!(world.history(ALICE, "bob").len(), 1);
}

#[test]
fn a_restored_relay_is_given_keys_and_what_it_had_not_confirmed() {
    let mut world = World::with(504, &["alice", "bob", "carol"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "before");
    world.set_network(ALICE, false);
    world.send(ALICE, "bob", "while away");
    world.relay.store.restore();
    world.break_connection(BOB, None);
    world.break_connection(2, None);
    world.settle();
    assert!(
        world
            .relay
            .store
            .boxes
            .values()
            .filter(|mailbox| mailbox.one_time.len() == 100)
            .count()
            >= 2
    );
    world.set_network(ALICE, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["before", "while away"]);
    world.start(2, "bob");
    world.send(2, "bob", "hello from carol");
    assert_eq!(world.received(BOB, "carol"), ["hello from carol"]);
}

#[test]
fn handshakes_without_one_time_keys_work_and_cannot_be_replayed() {
    let mut world = World::with(505, &["alice", "bob"]);
    for mailbox in world.relay.store.boxes.values_mut() {
        mailbox.one_time.clear();
        mailbox.kems.clear();
    }
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "hello");
    assert_eq!(world.received(BOB, "alice"), ["hello"]);
    let initial = world.relay.submitted[0].clone();
    // Even without the session that it began.
    let sessions: Vec<_> = world.clients[BOB].disk.keys().cloned().collect();
    for (table, key) in sessions
        .into_iter()
        .filter(|(t, _)| *t == pawl_client::Table::Sessions)
    {
        world.clients[BOB].disk.remove(&(table, key));
    }
    world.crash(BOB);
    let mailbox = world
        .relay
        .store
        .boxes
        .get_mut(&initial.recipient)
        .expect("bob's");
    mailbox.store(MessageId([9; 16]), initial.envelope);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["hello"]);
}
