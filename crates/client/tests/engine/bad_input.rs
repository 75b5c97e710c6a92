//! Bad input, full stores, unfriendly relays: each gets its own clear answer, and nothing else is lost.

use crate::support::World;
use pawl_client::{
    AlertCode, Command, CommandError, Connection, Event, Input, MAX_TEXT, MessageStatus, Phase,
};
use pawl_sim::relay::MAX_SEQ;
use pawl_wire::{ConnectionError, MessageId, Registration, RelayFrame};

const ALICE: usize = 0;
const BOB: usize = 1;

fn username_cases() -> Vec<(String, CommandError)> {
    let character = |c: &str, look_alike| CommandError::UsernameCharacter {
        character: c.into(),
        look_alike,
    };
    vec![
        ("".into(), CommandError::UsernameEmpty),
        ("   ".into(), CommandError::UsernameEmpty),
        ("a".repeat(33), CommandError::UsernameTooLong { limit: 32 }),
        ("a\u{7}".into(), CommandError::UsernameControlCharacter),
        ("p\u{430}ul".into(), character("\u{430}", true)),
        ("a/b".into(), character("/", false)),
        ("-ab".into(), CommandError::UsernameStart),
    ]
}

#[test]
fn every_wrong_username_has_its_own_answer() {
    let mut world = World::new(700, 1);
    world.settle();
    for (name, error) in username_cases() {
        assert_eq!(world.create(ALICE, &name), Some(error), "{name:?}");
    }
    assert!(world.clients[ALICE].disk.is_empty());
    assert_eq!(world.create(ALICE, "Alice"), None);
    for (name, error) in username_cases() {
        assert_eq!(world.start(ALICE, &name), Some(error), "{name:?}");
    }
    assert_eq!(
        world.start(ALICE, "nobody"),
        Some(CommandError::UnknownRecipient)
    );
    assert_eq!(world.start(ALICE, "ALICE"), Some(CommandError::OwnUsername));
    assert_eq!(
        world.create(ALICE, "alice2"),
        Some(CommandError::AccountExists)
    );
}

#[test]
fn a_refused_registration_leaves_nothing_behind_and_another_succeeds() {
    let mut world = World::with(701, &["alice"]);
    world.clients.extend(World::new(702, 1).clients);
    world.settle();
    assert_eq!(world.create(1, "alice"), Some(CommandError::UsernameTaken));
    world.relay.registration = Registration::Closed;
    assert_eq!(
        world.create(1, "bob"),
        Some(CommandError::RegistrationClosed)
    );
    world.relay.registration = Registration::Invite;
    assert_eq!(world.create(1, "bob"), Some(CommandError::InviteNeeded));
    let secrets = |world: &World| {
        world.clients[1]
            .disk
            .keys()
            .filter(|(table, _)| *table == pawl_client::Table::Prekeys)
            .count()
    };
    assert_eq!(secrets(&world), 0);
    assert!(matches!(
        world.clients[1].engine.snapshot().phase,
        Phase::NoAccount { .. }
    ));
    let invite = Some("welcome".to_owned());
    assert_eq!(
        world.ask(
            1,
            Command::CreateAccount {
                username: "bob".into(),
                invite
            }
        ),
        None
    );
    assert!(
        world.clients[1].engine.snapshot().phase
            == Phase::Ready {
                username: "bob".into()
            }
    );
}

#[test]
fn without_a_network_an_account_is_not_half_made() {
    let mut world = World::new(703, 1);
    world.set_network(ALICE, false);
    world.settle();
    assert_eq!(world.create(ALICE, "alice"), Some(CommandError::Offline));
    assert!(matches!(
        world.clients[ALICE].engine.snapshot().phase,
        Phase::NoAccount { .. }
    ));
    world.set_network(ALICE, true);
    world.settle();
    assert_eq!(world.create(ALICE, "alice"), None);
}

#[test]
fn texts_out_of_bounds_are_refused() {
    let mut world = World::with(704, &["alice", "bob"]);
    world.start(ALICE, "bob");
    let unseen = " \n\t|\u{feff}|\u{a0}\u{3000}|\u{200b}|\u{2800}|\u{ad}|\u{200e}|\u{3164}|\u{2060}|\u{e0020}|\u{fe0f}\u{0}|\u{2028}\u{115f}";
    for text in unseen.split('|') {
        let refused = Some(CommandError::MessageEmpty);
        assert_eq!(world.send(ALICE, "bob", text), refused, "{text:?}");
    }
    for text in ["\u{200b}.", "\u{2764}\u{fe0f}", "\u{301}", "\u{600}"] {
        assert_eq!(world.send(ALICE, "bob", text), None, "{text:?}");
    }
    let shown = world.received(BOB, "alice").len();
    let (limit, length) = (MAX_TEXT as u32, MAX_TEXT as u32 + 1);
    let long = "x".repeat(MAX_TEXT + 1);
    let too_long = CommandError::MessageTooLong { limit, length };
    assert_eq!(world.send(ALICE, "bob", &long), Some(too_long));
    assert_eq!(
        world.send(ALICE, "carol", "hi"),
        Some(CommandError::UnknownConversation)
    );
    assert_eq!(world.send(ALICE, "bob", &long[1..]), None);
    assert_eq!(world.received(BOB, "alice")[shown..], [&long[1..]]);
}

#[test]
fn a_full_outbox_says_so_and_empties_by_itself() {
    let mut world = World::with(705, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.set_network(ALICE, false);
    world.settle();
    for i in 0..1_000 {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", &format!("{i}"));
        assert_eq!(world.answer(ALICE, &id), Some(None));
        world.clients[ALICE].events.clear();
    }
    assert_eq!(
        world.send(ALICE, "bob", "one more"),
        Some(CommandError::OutboxFull)
    );
    world.set_network(ALICE, true);
    world.run_for(10_000);
    assert_eq!(world.received(BOB, "alice").len(), 1_000);
    assert_eq!(world.send(ALICE, "bob", "one more"), None);
    assert_eq!(
        world.received(BOB, "alice").last().map(String::as_str),
        Some("one more")
    );
}

#[test]
fn what_a_relay_finds_too_large_is_not_sent_and_says_so() {
    let mut world = World::with(716, &["alice", "bob"]);
    world.start(ALICE, "bob");
    assert_eq!(world.send(ALICE, "bob", "short"), None);
    world.settle();
    world.relay.mood.short = Some(4_096);
    let before = world.relay.submitted.len();
    assert_eq!(world.send(ALICE, "bob", &"long ".repeat(2_000)), None);
    world.run_for(30 * 60 * 1_000);
    let statuses = world.statuses(ALICE, "bob");
    assert_eq!(statuses.last(), Some(&MessageStatus::NotSent));
    assert!(world.relay.submitted.len() - before < 5);
    assert_eq!(world.send(ALICE, "bob", "short again"), None);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["short", "short again"]);
}

#[test]
fn one_that_is_too_large_fails_alone() {
    let mut world = World::with(717, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.set_network(ALICE, false);
    assert_eq!(world.send(ALICE, "bob", &"long ".repeat(2_000)), None);
    // More than may be under way at once: most of them wait while the first is refused.
    let short: Vec<_> = (0..100).map(|n| format!("short {n}")).collect();
    for text in &short {
        assert_eq!(world.send(ALICE, "bob", text), None);
    }
    world.relay.mood.short = Some(4_096);
    world.set_network(ALICE, true);
    world.run_for(30 * 60 * 1_000);
    assert_eq!(world.received(BOB, "alice"), short);
    let statuses = world.statuses(ALICE, "bob");
    assert_eq!(statuses[0], MessageStatus::NotSent);
    assert!(
        statuses[1..]
            .iter()
            .all(|status| *status == MessageStatus::Delivered)
    );
}

/// How often a client got online.
fn connections(world: &World, client: usize) -> usize {
    let is_online = |event: &&Event| {
        let connection = Connection::Online;
        **event == Event::ConnectionChanged { connection }
    };
    let events = world.clients[client].events.iter();
    events.filter(is_online).count()
}

#[test]
fn a_number_out_of_the_world_locks_nobody_out() {
    for poison in [1 << 33, (1 << 48) + 1, MAX_SEQ, MAX_SEQ + 1, u64::MAX] {
        let mut world = World::with(718, &["alice", "bob"]);
        world.start(ALICE, "bob");
        assert_eq!(world.send(ALICE, "bob", "before"), None);
        let before = connections(&world, BOB);
        // A relay that lies, for one frame.
        world.inject(
            BOB,
            RelayFrame::Deliver {
                seq: poison,
                message_id: MessageId([9; 16]),
                envelope: vec![0; 400],
            },
        );
        assert_eq!(world.send(ALICE, "bob", "after"), None);
        world.run_for(60_000);
        assert_eq!(
            world.received(BOB, "alice"),
            ["before", "after"],
            "{poison}"
        );
        assert_eq!(world.alerts(BOB), [AlertCode::MailMisnumbered], "{poison}");
        assert_eq!(connections(&world, BOB), before + 1, "{poison}");
        assert!(world.clients[BOB].engine.is_idle(), "{poison}");
    }
}

#[test]
fn a_relay_that_goes_on_above_anothers_lie_costs_one_connection() {
    let mut world = World::with(719, &["alice", "bob"]);
    world.start(ALICE, "bob");
    assert_eq!(world.send(ALICE, "bob", "before"), None);
    let bob = world.address("bob");
    world.relay.store.boxes.get_mut(&bob).expect("bob's").seq = 1 << 40;
    let before = connections(&world, BOB);
    for text in ["one", "two"] {
        assert_eq!(world.send(ALICE, "bob", text), None);
        world.run_for(10_000);
    }
    assert_eq!(world.received(BOB, "alice"), ["before", "one", "two"]);
    assert_eq!(world.alerts(BOB), [AlertCode::MailMisnumbered]);
    assert_eq!(connections(&world, BOB), before + 1);
    assert!(world.relay.store.boxes[&bob].mail.is_empty());
}

#[test]
fn a_full_mailbox_is_told_once_and_tried_again() {
    let mut world = World::with(706, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.set_network(BOB, false);
    world.relay.mood.narrow = Some(1);
    for i in 0..5 {
        assert_eq!(world.send(ALICE, "bob", &format!("{i}")), None);
    }
    world.run_for(30 * 60 * 1_000);
    let username = "bob".to_owned();
    assert_eq!(world.alerts(ALICE), [AlertCode::MailboxFull { username }]);
    let statuses = world.statuses(ALICE, "bob");
    assert_eq!(statuses[0], MessageStatus::Sent);
    assert!(
        statuses[1..]
            .iter()
            .all(|status| *status == MessageStatus::Sending)
    );
    assert!(
        world.relay.submitted.len() < 40,
        "{} attempts",
        world.relay.submitted.len()
    );
    world.relay.mood.narrow = Some(100);
    world.set_network(BOB, true);
    world.run_for(10 * 60 * 1_000);
    assert_eq!(world.received(BOB, "alice"), ["0", "1", "2", "3", "4"]);
}

#[test]
fn junk_from_the_relay_ends_the_connection_and_changes_nothing() {
    let mut world = World::with(707, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "hi");
    let disk = world.clients[ALICE].disk.clone();
    let challenge = RelayFrame::QueueEmpty { through: 0 }.encode();
    for junk in [&b"\xff\xff\xff"[..], b"", &challenge[..1], &[0x42; 200_000]] {
        world.input(ALICE, Input::Frames(vec![junk.to_vec()]));
        assert!(world.clients[ALICE].engine.snapshot().connection == Connection::Offline);
        assert!(world.clients[ALICE].disk == disk, "junk changed the store");
        world.settle();
        assert!(world.clients[ALICE].engine.snapshot().connection == Connection::Online);
    }
    let empty = RelayFrame::Deliver {
        seq: 500,
        message_id: pawl_wire::MessageId([1; 16]),
        envelope: vec![1, 2, 3],
    };
    world.inject(ALICE, empty);
    assert_eq!(world.history(ALICE, "bob").len(), 1);
}

/// Attempts to connect within a while after the relay ended the connection so.
fn attempts_after(code: ConnectionError, seed: u64, milliseconds: u64) -> (usize, Vec<AlertCode>) {
    let mut world = World::with(seed, &["alice"]);
    let count = std::rc::Rc::new(std::cell::Cell::new(0));
    let counter = count.clone();
    world.relay.bend = Some(Box::new(move |_, frame| {
        if matches!(frame, RelayFrame::Challenge { .. }) {
            counter.set(counter.get() + 1);
        }
        vec![frame]
    }));
    world.end(ALICE, code);
    world.run_for(milliseconds);
    (count.get(), world.alerts(ALICE))
}

#[test]
fn each_end_of_a_connection_has_its_own_pace_and_alert() {
    let replaced = attempts_after(ConnectionError::Replaced, 710, 29_000);
    assert_eq!(replaced, (0, vec![AlertCode::Replaced]));
    assert_eq!(attempts_after(ConnectionError::Replaced, 711, 61_000).0, 1);
    let unknown = attempts_after(ConnectionError::UnknownDevice, 712, 60_000);
    assert_eq!(unknown, (0, vec![AlertCode::DeviceUnknown]));
    let banned = attempts_after(ConnectionError::Banned, 712, 60_000);
    assert_eq!(banned, (0, vec![AlertCode::DeviceUnknown]));
    let version = attempts_after(ConnectionError::UnsupportedVersion, 713, 60_000);
    assert_eq!(version, (0, vec![AlertCode::VersionMismatch]));
    for code in [ConnectionError::TimedOut, ConnectionError::Unavailable] {
        assert_eq!(attempts_after(code, 714, 1_000), (1, Vec::new()));
    }
    assert_eq!(
        attempts_after(ConnectionError::KeyReused, 715, 1_000),
        (1, Vec::new())
    );
}

#[test]
fn a_relay_of_another_version_is_left_alone() {
    let mut world = World::new(720, 1);
    world.relay.versions = (7, 9);
    world.settle();
    assert_eq!(
        world.create(ALICE, "alice"),
        Some(CommandError::VersionMismatch)
    );
    assert!(world.alerts(ALICE).contains(&AlertCode::VersionMismatch));
    world.relay.versions = (1, 9);
    assert_eq!(world.create(ALICE, "alice"), None);
}

#[test]
fn reconnecting_backs_off_and_a_network_that_comes_back_ends_the_wait() {
    let mut world = World::with(721, &["alice"]);
    world.set_network(ALICE, false);
    world.run_for(10 * 60 * 1_000);
    world.set_network(ALICE, true);
    world.run_for(1);
    assert!(world.clients[ALICE].engine.snapshot().connection == Connection::Online);
}
