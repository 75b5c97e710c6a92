//! A name that a relay flips between two accounts: the newest line says each time who has it, and however
//! often that happens it fills neither the conversation nor the disk.

use std::collections::BTreeMap;

use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{Command, Event, IdentityState, MessageView, NoticeCause, Table};
use pawl_sim::Point;
use pawl_wire::{AccountId, RelayFrame, Username};

const ALICE: usize = 0;
const BOB: usize = 1;

use NoticeCause::{IdentityChanged, ReturnedAndDropped};

/// Alice, who has verified Bob, a thief, and whose the name is.
fn verified(seed: u64) -> (World, Stranger, AccountId) {
    let mut world = World::with(seed, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.start(BOB, "alice");
    let number = world.safety_number(ALICE, "bob");
    let marking = Command::MarkVerified {
        conversation: world.conversation(ALICE, "bob"),
        verified: true,
        number: number.qr,
    };
    assert_eq!(world.ask(ALICE, marking), None);
    let owner = world.address("bob").account;
    (world, Stranger::new("bob", seed), owner)
}

fn identity(world: &World) -> Option<IdentityState> {
    world.identity(ALICE, "bob")
}

fn newest(world: &World) -> Option<NoticeCause> {
    world.history(ALICE, "bob").pop().and_then(|it| it.notice)
}

/// The name goes to the thief, who writes.
fn go(world: &mut World, thief: &mut Stranger) {
    let alice = world.address("alice");
    thief.register("bob", world);
    thief.write(world, alice, "trust me", true);
    world.settle();
    assert_eq!(identity(world), Some(IdentityState::Changed));
    assert_eq!(newest(world), Some(IdentityChanged));
}

/// The name comes back.
fn come(world: &mut World, owner: AccountId) {
    let username = Username::parse("bob").expect("a username");
    world.relay.store.names.insert(username, owner);
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(identity(world), Some(IdentityState::Verified));
    assert_eq!(newest(world), Some(ReturnedAndDropped));
}

fn to_and_fro(world: &mut World, thief: &mut Stranger, owner: AccountId, rounds: usize) {
    for _ in 0..rounds {
        go(world, thief);
        come(world, owner);
    }
}

/// The lines as a page has them that heard every event.
fn lines_of_a_page(world: &World) -> Vec<MessageView> {
    let mut lines = BTreeMap::new();
    for event in &world.clients[ALICE].events {
        if let Event::MessagesChanged { messages, .. } = event {
            lines.extend(messages.iter().map(|it| (it.position, it.clone())));
        }
    }
    lines.into_values().collect()
}

/// Bytes on Alice's disk, but for the stock of prekeys and the ring of what came, which have their own bounds.
fn size(world: &World) -> usize {
    let disk = world.clients[ALICE].disk.iter();
    let counted = disk.filter(|((table, _), _)| !matches!(table, Table::Prekeys | Table::Meta));
    counted
        .map(|((_, key), value)| key.0.len() + value.len())
        .sum()
}

#[test]
fn a_thousand_flips_are_three_lines_and_the_newest_one_is_right() {
    let (mut world, mut thief, owner) = verified(680);
    to_and_fro(&mut world, &mut thief, owner, 20);
    let before = size(&world);
    to_and_fro(&mut world, &mut thief, owner, 480);
    let history = world.history(ALICE, "bob");
    let told: Vec<_> = history.iter().map(|it| (it.notice, it.times)).collect();
    assert_eq!(told.len(), 3, "lines");
    assert_eq!(told[0], (Some(IdentityChanged), 0));
    assert_eq!(told[1], (Some(ReturnedAndDropped), 0));
    assert_eq!(told[2], (Some(ReturnedAndDropped), 1_000));
    assert!(lines_of_a_page(&world) == history, "what a page heard");
    // A count takes a byte or two.
    assert!(size(&world) < before + 10, "{before} {}", size(&world));
}

/// What the lines say, and how often in a row the name had changed hands.
fn told(world: &World) -> Vec<(Option<NoticeCause>, u32)> {
    let lines = world.history(ALICE, "bob").into_iter();
    lines.map(|it| (it.notice, it.times)).collect()
}

#[test]
fn what_a_person_writes_stands_between_and_the_next_change_is_a_line_below_it() {
    let (mut world, mut thief, owner) = verified(681);
    to_and_fro(&mut world, &mut thief, owner, 5);
    world.send(BOB, "alice", "it was the relay");
    go(&mut world, &mut thief);
    world.send(ALICE, "bob", "who are you?");
    come(&mut world, owner);
    let returned = (Some(ReturnedAndDropped), 0);
    let expected = [
        (Some(IdentityChanged), 0),
        returned,
        (Some(ReturnedAndDropped), 10),
        (None, 0),
        (Some(IdentityChanged), 0),
        (None, 0),
        returned,
    ];
    assert_eq!(told(&world), expected);
    to_and_fro(&mut world, &mut thief, owner, 5);
    assert_eq!(told(&world)[..7], expected);
    let rest = [(Some(IdentityChanged), 0), (Some(ReturnedAndDropped), 11)];
    assert_eq!(told(&world)[7..], rest);
}

/// The line that said that something was dropped may be gone when somebody is accepted.
#[test]
fn whoever_accepts_the_other_after_many_flips_learns_what_was_dropped_and_hears_of_the_next_one() {
    let (mut world, mut thief, owner) = verified(682);
    to_and_fro(&mut world, &mut thief, owner, 5);
    thief.register("bob", &mut world);
    go(&mut world, &mut thief);
    let number = world.safety_number(ALICE, "bob");
    let accepting = Command::AcceptIdentity {
        conversation: world.conversation(ALICE, "bob"),
        number: number.qr,
    };
    assert_eq!(world.ask(ALICE, accepting), None);
    assert_eq!(world.received(ALICE, "bob"), ["trust me"]);
    let before = [
        (Some(IdentityChanged), 0),
        (Some(ReturnedAndDropped), 0),
        (Some(IdentityChanged), 11),
        (None, 0),
        (Some(NoticeCause::OthersDropped), 0),
    ];
    assert_eq!(told(&world), before);
    let mut next = Stranger::new("bob", 683);
    go(&mut world, &mut next);
    assert_eq!(told(&world)[5..], [(Some(IdentityChanged), 0)]);
}

/// What the relay alters is told once it was not answered for a day; the first flip after it is a line more.
#[test]
fn a_line_of_another_kind_between_costs_one_line_more_and_the_count_goes_on() {
    let (mut world, mut thief, owner) = verified(686);
    world.send(BOB, "alice", "it is me");
    to_and_fro(&mut world, &mut thief, owner, 5);
    world.relay.bend = Some(Box::new(|client, frame| match frame {
        RelayFrame::Deliver {
            mut envelope,
            message_id,
            seq,
        } if client == ALICE => {
            *envelope.last_mut().expect("not empty") ^= 1;
            vec![RelayFrame::Deliver {
                envelope,
                message_id,
                seq,
            }]
        }
        frame => vec![frame],
    }));
    world.send(BOB, "alice", "once more");
    world.set_network(BOB, false);
    world.relay.bend = None;
    world.run_for(48 * 3_600_000);
    assert_eq!(newest(&world), Some(NoticeCause::Unreadable));
    let before = told(&world);
    to_and_fro(&mut world, &mut thief, owner, 5);
    let now = told(&world);
    assert_eq!(now[..before.len()], before);
    assert_eq!(now[before.len()..], [(Some(ReturnedAndDropped), 20)]);
}

/// A process that dies anywhere counts each change of hands once.
#[test]
fn a_crash_at_any_point_leaves_the_line_as_right_as_it_was() {
    let (mut world, mut thief, owner) = verified(684);
    to_and_fro(&mut world, &mut thief, owner, 3);
    for round in 0..12 {
        let crashes = [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending];
        world.crash_in = Some((round / 3, crashes[round as usize % 3]));
        to_and_fro(&mut world, &mut thief, owner, 1);
        world.crash(ALICE);
        let line = world.history(ALICE, "bob").pop();
        assert_eq!(line.map(|it| it.times), Some(8 + 2 * round as u32));
        assert_eq!(world.history(ALICE, "bob").len(), 3);
    }
}
