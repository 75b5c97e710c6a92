//! Sessions mend themselves: whatever became of one side's keys, both end in a working conversation, and
//! every text that its sender still has arrives once, without the user doing anything.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::support::World;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use pawl_client::{Command, MessageStatus, NoticeCause, Table};
use pawl_wire::{BundleRefusal, MessageId, RelayFrame};

const ALICE: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 2] = ["alice", "bob"];
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Every own text in either history is in the other's once, delivered; no line says that anything could not
/// be read; and both can still write.
fn assert_mended(world: &mut World, what: &str) {
    for (i, other) in [(ALICE, "bob"), (BOB, "alice")] {
        let id = world.next_id();
        world.send_as(i, &id, other, &format!("still there, {other}?"));
    }
    world.run_for(20 * MINUTE);
    for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
        let received = world.received(to, NAMES[from]);
        let distinct: BTreeSet<_> = received.iter().collect();
        assert_eq!(
            distinct.len(),
            received.len(),
            "{what}: shown twice, {received:?}"
        );
        for line in world.history(from, NAMES[to]) {
            let is_wrong = line.notice.is_some_and(|it| it != NoticeCause::SentAgain);
            assert!(!is_wrong, "{what}: a line {:?}", line.notice);
            if line.mine {
                assert!(
                    received.contains(&line.text),
                    "{what}: {} is lost",
                    line.text
                );
                let arrived = [MessageStatus::Delivered, MessageStatus::Read];
                assert!(
                    line.status.is_some_and(|status| arrived.contains(&status)),
                    "{what}: {} is {:?}",
                    line.text,
                    line.status
                );
            }
        }
    }
}

/// Deliveries get lost, come twice, and come under other names, by this chance in ten each.
fn unreliable(seed: u64, chance: u32) -> pawl_sim::relay::Bend {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut names = 0_u128;
    Box::new(move |_, frame| {
        let RelayFrame::Deliver { seq, envelope, .. } = &frame else {
            return vec![frame];
        };
        names += 1;
        let renamed = RelayFrame::Deliver {
            seq: *seq,
            message_id: MessageId((names << 64).to_be_bytes()),
            envelope: envelope.clone(),
        };
        match rng.next_u32() % 10 {
            roll if roll < chance => Vec::new(),
            roll if roll < 2 * chance => vec![frame.clone(), frame],
            roll if roll < 3 * chance => vec![renamed, frame],
            _ => vec![frame],
        }
    })
}

#[test]
fn both_begin_at_once_while_messages_get_lost_and_repeated() {
    for seed in 1_000..1_012 {
        let mut world = World::with(seed, &NAMES);
        world.relay.bend = Some(unreliable(seed, 3));
        for (i, other) in [(ALICE, "bob"), (BOB, "alice")] {
            world.start(i, other);
            for text in 0..4 {
                let id = world.next_id();
                world.send_as(i, &id, other, &format!("{text}"));
            }
        }
        world.run_for(MINUTE);
        world.relay.bend = None;
        world.run_for(DAY);
        assert_mended(&mut world, &format!("seed {seed}"));
    }
}

#[test]
fn a_device_that_lost_its_sessions_and_prekeys_talks_again_and_gets_what_it_missed() {
    for (seed, loser) in [(1_020, ALICE), (1_021, BOB)] {
        let mut world = World::talking(seed, 3);
        world.set_network(loser, false);
        world.send(1 - loser, NAMES[loser], "while away");
        world.lose(loser, |table, _| {
            matches!(table, Table::Sessions | Table::Prekeys)
        });
        world.set_network(loser, true);
        world.settle();
        assert!(
            world
                .received(loser, NAMES[1 - loser])
                .contains(&"while away".to_owned())
        );
        assert_mended(&mut world, NAMES[loser]);
    }
}

#[test]
fn both_devices_may_have_lost_their_sessions() {
    let mut world = World::talking(1_025, 3);
    for (i, other) in [(ALICE, "bob"), (BOB, "alice")] {
        world.set_network(i, false);
        world.send(i, other, &format!("unsent by {i}"));
    }
    for i in [ALICE, BOB] {
        world.lose(i, |table, _| table == Table::Sessions);
        world.set_network(i, true);
    }
    assert_mended(&mut world, "both");
}

#[test]
fn a_store_that_went_back_in_time_loses_only_its_own_later_lines() {
    for (seed, who, texts) in [
        (1_030, ALICE, 1),
        (1_031, BOB, 1),
        (1_032, ALICE, 5),
        (1_033, BOB, 5),
    ] {
        let mut world = World::talking(seed, 3);
        let old = world.clients[who].disk.clone();
        let other = 1 - who;
        for round in 0..texts {
            world.send(who, NAMES[other], &format!("forgotten {round}"));
            world.send(other, NAMES[who], &format!("again {round}"));
        }
        let read = Command::MarkRead {
            conversation: world.conversation(who, NAMES[other]),
            through: u64::MAX / 2,
        };
        world.ask(who, read);
        world.roll_back(who, old);
        world.settle();
        world.send(who, NAMES[other], "new life");
        world.run_for(10 * MINUTE);
        let received = world.received(other, NAMES[who]);
        assert!(
            received.contains(&"new life".to_owned()),
            "{who}: {received:?}"
        );
        assert!(received.contains(&"forgotten 0".to_owned()), "they keep it");
        let received = world.received(who, NAMES[other]);
        for round in 0..texts {
            assert!(
                received.contains(&format!("again {round}")),
                "{who}: {received:?}"
            );
        }
        assert_mended(&mut world, &format!("{who} {texts}"));
    }
}

#[test]
fn a_store_that_went_back_before_it_knew_the_other_meets_them_again() {
    let mut world = World::with(1_036, &NAMES);
    let old = world.clients[BOB].disk.clone();
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "hello");
    world.send(BOB, "alice", "forgotten");
    world.roll_back(BOB, old);
    world.settle();
    world.send(ALICE, "bob", "are you there?");
    world.run_for(DAY);
    assert_eq!(world.received(BOB, "alice"), ["hello", "are you there?"]);
    assert_mended(&mut world, "met again");
}

#[test]
fn a_session_that_is_missing_on_one_side_is_replaced() {
    for (seed, who) in [(1_040, ALICE), (1_041, BOB)] {
        let mut world = World::talking(seed, 3);
        world.lose(who, |table, _| table == Table::Sessions);
        world.send(1 - who, NAMES[who], "to nobody");
        world.run_for(MINUTE);
        assert!(
            world
                .received(who, NAMES[1 - who])
                .contains(&"to nobody".to_owned())
        );
        assert_mended(&mut world, NAMES[who]);
    }
}

/// Flips bits in a stored session so that it still decodes, at places all over the ratchet.
#[test]
fn a_session_that_decodes_but_cannot_open_is_replaced() {
    let mut decoded = 0;
    for (i, from_end) in [40, 75, 110, 145, 180, 215, 250].into_iter().enumerate() {
        for who in [ALICE, BOB] {
            let mut world = World::talking(1_050 + i as u64, 3);
            let sessions = world.clients[who].disk.iter_mut();
            for ((table, _), value) in sessions {
                let length = value.len();
                if *table == Table::Sessions {
                    value[length - from_end] ^= 0x10;
                }
            }
            world.break_connection(who, None);
            world.crash(who);
            world.settle();
            if !world.alerts(who).is_empty() {
                continue;
            }
            decoded += 1;
            for text in 0..2 {
                world.send(who, NAMES[1 - who], &format!("from {who} {text}"));
                world.send(1 - who, NAMES[who], &format!("to {who} {text}"));
            }
            assert_mended(&mut world, &format!("{who}, {from_end} from the end"));
        }
    }
    assert!(decoded >= 6, "only {decoded} decoded");
}

/// Account and device number of the other, as they stand in a session's record.
#[test]
fn a_session_that_says_to_be_with_somebody_else_is_replaced() {
    for (seed, place) in [(1_064, 0), (1_065, 35)] {
        let mut world = World::talking(seed, 3);
        let bob = world.address("bob").account.0;
        let mut altered = 0;
        for ((table, _), value) in &mut world.clients[ALICE].disk {
            let at = value.windows(32).position(|bytes| *bytes == bob);
            if let (Table::Sessions, Some(at)) = (table, at) {
                value[at + place] ^= 4;
                altered += 1;
            }
        }
        assert!(altered > 0);
        world.break_connection(ALICE, None);
        world.crash(ALICE);
        world.send(ALICE, "bob", "for you");
        assert_mended(&mut world, &format!("byte {place}"));
    }
}

/// Replays what Alice sent, under other names, after Bob lost the session, too.
#[test]
fn first_messages_that_are_replayed_are_shown_once() {
    for (seed, one_time) in [(1_070, true), (1_071, false)] {
        let mut world = World::with(seed, &NAMES);
        if !one_time {
            world.relay.store.boxes.values_mut().for_each(|mailbox| {
                mailbox.one_time.clear();
                mailbox.kems.clear();
            });
        }
        world.start(ALICE, "bob");
        world.send(ALICE, "bob", "one");
        let initial = world.relay.submitted[0].clone();
        for (name, lose) in [(1_u8, false), (2, true), (3, false)] {
            if lose {
                world.lose(BOB, |table, _| table == Table::Sessions);
            }
            let mailbox = world
                .relay
                .store
                .boxes
                .get_mut(&initial.recipient)
                .expect("bob's");
            mailbox.store(MessageId([name; 16]), initial.envelope.clone());
            world.run_for(MINUTE);
            assert_eq!(
                world.received(BOB, "alice"),
                ["one"],
                "one-time keys: {one_time}"
            );
        }
        assert_mended(&mut world, "replayed");
    }
}

#[test]
fn last_resort_keys_serve_several_handshakes_and_several_mendings() {
    let names = ["alice", "bob", "carol", "dave"];
    let mut world = World::with(1_080, &names);
    let no_keys: pawl_sim::relay::Bend = Box::new(|_, frame| match frame {
        RelayFrame::Bundle { claim, mut bundle } => {
            bundle.one_time_prekey = None;
            vec![RelayFrame::Bundle { claim, bundle }]
        }
        frame => vec![frame],
    });
    world.relay.bend = Some(no_keys);
    for mailbox in world.relay.store.boxes.values_mut() {
        mailbox.kems.clear();
    }
    for i in [ALICE, 2, 3] {
        world.start(i, "bob");
        world.send(i, "bob", "hello");
    }
    for round in 0..3 {
        world.lose(ALICE, |table, _| table == Table::Sessions);
        for mailbox in world.relay.store.boxes.values_mut() {
            mailbox.kems.clear();
        }
        world.run_for(10 * MINUTE);
        world.send(BOB, "alice", &format!("round {round}"));
        world.run_for(10 * MINUTE);
    }
    assert_mended(&mut world, "last resort");
    for i in [2, 3] {
        assert_eq!(world.received(BOB, names[i]), ["hello"]);
        assert_eq!(world.send(BOB, names[i], "hello to you"), None);
        assert_eq!(world.received(i, "bob"), ["hello to you"]);
    }
}

/// What the relay lost after it confirmed it is noticed by what came after it.
#[test]
fn a_hole_in_what_arrived_is_filled_from_the_senders_history() {
    let mut world = World::talking(1_090, 3);
    let dropped = Rc::new(RefCell::new(0));
    let drops = dropped.clone();
    world.relay.bend = Some(Box::new(move |client, frame| match frame {
        RelayFrame::Deliver { .. } if client == BOB && *drops.borrow() < 3 => {
            *drops.borrow_mut() += 1;
            Vec::new()
        }
        frame => vec![frame],
    }));
    for i in 0..5 {
        world.send(ALICE, "bob", &format!("text {i}"));
    }
    assert_eq!(*dropped.borrow(), 3);
    world.run_for(2 * MINUTE);
    let received = world.received(BOB, "alice");
    let last = ["text 3", "text 4", "text 0", "text 1", "text 2"];
    assert_eq!(received[3..], last);
    assert_mended(&mut world, "a hole");
}

#[test]
fn the_last_text_is_asked_after_when_nothing_comes_back() {
    let mut world = World::talking(1_091, 3);
    world.relay.bend = Some(Box::new(|client, frame| match frame {
        RelayFrame::Deliver { .. } if client == BOB => Vec::new(),
        frame => vec![frame],
    }));
    world.send(ALICE, "bob", "the last one");
    world.relay.bend = None;
    assert_eq!(
        world.statuses(ALICE, "bob").last(),
        Some(&MessageStatus::Sent)
    );
    world.run_for(7 * 60 * MINUTE);
    assert_eq!(
        world.statuses(ALICE, "bob").last(),
        Some(&MessageStatus::Delivered)
    );
    assert_mended(&mut world, "silence");
}

#[test]
fn what_five_tries_did_not_bring_is_not_sent_and_can_be_tried_again() {
    let mut world = World::talking(1_094, 3);
    let is_lost = Rc::new(RefCell::new(true));
    let lost = is_lost.clone();
    let bob = world.address("bob");
    // All but the small ones: receipts arrive, a long text does not.
    world.relay.bend = Some(Box::new(move |client, frame| match frame {
        RelayFrame::Deliver { ref envelope, .. } if client == BOB && *lost.borrow() => {
            let is_long = envelope.len() > 4_000;
            if is_long { Vec::new() } else { vec![frame] }
        }
        frame => vec![frame],
    }));
    world.send(ALICE, "bob", &"long ".repeat(1_000));
    world.send(ALICE, "bob", "short");
    world.run_for(DAY);
    let line = |world: &World| {
        let mut lines = world.history(ALICE, "bob").into_iter();
        lines.rfind(|line| line.text.len() > 4_000).expect("a line")
    };
    assert_eq!(line(&world).status, Some(MessageStatus::NotSent));
    let long = |it: &&pawl_wire::Submit| it.recipient == bob && it.envelope.len() > 4_000;
    assert_eq!(world.relay.submitted.iter().filter(long).count(), 6);
    *is_lost.borrow_mut() = false;
    let retry = Command::RetryMessage {
        conversation: world.conversation(ALICE, "bob"),
        position: line(&world).position,
    };
    assert_eq!(world.ask(ALICE, retry), None);
    world.run_for(MINUTE);
    assert_eq!(line(&world).status, Some(MessageStatus::Delivered));
    assert_mended(&mut world, "tried again");
}

/// An envelope of Alice's for Bob, with one bit wrong.
fn spoil(world: &mut World) {
    let bob = world.address("bob");
    let mut to_bob = world.relay.submitted.iter().rev();
    let last = to_bob.find(|it| it.recipient == bob).expect("written to");
    let mut envelope = last.envelope.clone();
    *envelope.last_mut().expect("long") ^= 1;
    let name = MessageId([0xEE; 16]);
    let mailbox = world.relay.store.boxes.get_mut(&bob).expect("registered");
    mailbox.store(name, envelope);
}

#[test]
fn who_could_not_be_asked_on_one_connection_is_asked_on_the_next() {
    let mut world = World::talking(1_092, 3);
    let alice = world.address("alice");
    // The relay says that Alice's device is not there, and that her list is the old one.
    world.relay.bend = Some(Box::new(|_, frame| match frame {
        RelayFrame::Bundle { claim, .. } => vec![RelayFrame::NoBundle {
            claim,
            cause: BundleRefusal::UnknownDevice,
            retry_after_ms: 0,
        }],
        frame => vec![frame],
    }));
    spoil(&mut world);
    world.run_for(10 * MINUTE);
    world.relay.bend = None;
    world.run_for(10 * MINUTE);
    let asked = |world: &World| {
        let submitted = world.relay.submitted.iter();
        submitted.filter(|it| it.recipient == alice).count()
    };
    let before = asked(&world);
    world.break_connection(BOB, None);
    world.run_for(MINUTE);
    assert!(asked(&world) > before);
    assert_mended(&mut world, "the next connection");
}

#[test]
fn no_line_is_written_because_this_device_was_away() {
    let mut world = World::talking(1_093, 3);
    world.set_network(ALICE, false);
    spoil(&mut world);
    world.settle();
    world.set_network(BOB, false);
    world.set_network(ALICE, true);
    // Her answer waits for him.
    world.run_for(2 * DAY);
    world.set_network(BOB, true);
    world.run_for(MINUTE);
    assert_mended(&mut world, "away");
}
