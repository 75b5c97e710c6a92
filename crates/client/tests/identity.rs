//! A changed account: shown at once and under a notice, written to only after the user looked, and only
//! as what the user looked at.

mod support;

use pawl_client::{Command, CommandError, IdentityState, MessageStatus, NoticeCause};
use support::World;

const ALICE: usize = 0;
const BOB: usize = 1;

/// Bob's name goes to a new account, which then writes to Alice.
fn bob_begins_anew(world: &mut World) {
    let username = pawl_wire::Username::parse("bob").expect("a username");
    let account = world.relay.names.remove(&username).expect("registered");
    world.relay.records.remove(&account);
    world
        .relay
        .boxes
        .retain(|address, _| address.account != account);
    world.clients[BOB].disk.clear();
    world.break_connection(BOB, None);
    world.crash(BOB);
    world.settle();
    assert_eq!(world.create(BOB, "bob"), None);
    world.settle();
}

fn identity(world: &World, name: &str) -> IdentityState {
    let snapshot = world.clients[ALICE].engine.snapshot();
    let view = snapshot
        .conversations
        .iter()
        .find(|view| view.username == name);
    view.expect("a conversation").identity
}

/// The payload of the number that Alice's page would show now.
fn shown(world: &World) -> Vec<u8> {
    let number = world.clients[ALICE].engine.safety_number("bob");
    number.expect("a conversation").qr
}

fn accepting(number: Vec<u8>) -> Command {
    Command::AcceptIdentity {
        conversation: "bob".into(),
        number,
    }
}

fn marking(number: Vec<u8>, verified: bool) -> Command {
    Command::MarkVerified {
        conversation: "bob".into(),
        verified,
        number,
    }
}

fn accept(world: &mut World) {
    let number = shown(world);
    assert_eq!(world.ask(ALICE, accepting(number)), None);
    assert_eq!(identity(world, "bob"), IdentityState::Unverified);
}

fn mark(world: &mut World) {
    let number = shown(world);
    assert_eq!(world.ask(ALICE, marking(number, true)), None);
    assert_eq!(identity(world, "bob"), IdentityState::Verified);
}

#[test]
fn a_changed_identity_is_shown_and_holds_sending_until_the_user_accepts() {
    let mut world = World::with(613, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "to the old bob");
    mark(&mut world);
    bob_begins_anew(&mut world);
    world.start(BOB, "alice");
    world.send(BOB, "alice", "my disk broke");
    assert_eq!(identity(&world, "bob"), IdentityState::Changed);
    let notices: Vec<_> = world
        .history(ALICE, "bob")
        .iter()
        .filter_map(|l| l.notice)
        .collect();
    assert_eq!(notices, [NoticeCause::IdentityChanged]);
    assert_eq!(world.received(ALICE, "bob"), ["my disk broke"]);

    let before = world.relay.submitted.len();
    world.send(ALICE, "bob", "is it you?");
    world.crash(ALICE);
    world.run_for(600_000);
    assert_eq!(
        world.relay.submitted.len(),
        before,
        "nothing goes to an unaccepted identity"
    );
    assert_eq!(world.statuses(ALICE, "bob")[1], MessageStatus::Sending);
    accept(&mut world);
    assert_eq!(world.received(BOB, "alice"), ["is it you?"]);
    assert_eq!(world.send(BOB, "alice", "yes"), None);
    assert_eq!(world.received(ALICE, "bob"), ["my disk broke", "yes"]);
}

#[test]
fn a_change_is_noticed_when_writing_too() {
    let mut world = World::with(614, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    bob_begins_anew(&mut world);
    world.send(ALICE, "bob", "two");
    assert_eq!(identity(&world, "bob"), IdentityState::Changed);
    assert!(world.received(BOB, "alice").is_empty());
    accept(&mut world);
    assert_eq!(world.received(BOB, "alice"), ["two"]);
    assert_eq!(world.statuses(ALICE, "bob")[1], MessageStatus::Delivered);
}

#[test]
fn a_swap_between_look_and_click_accepts_nothing_and_verifies_nothing() {
    let mut world = World::with(620, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    let trusted = shown(&world);
    bob_begins_anew(&mut world);
    world.send(ALICE, "bob", "two");
    let looked_at = shown(&world);
    // The click comes after another key has taken the place of the one that was looked at.
    bob_begins_anew(&mut world);
    world.start(BOB, "alice");
    world.send(BOB, "alice", "it is me");
    assert_ne!(shown(&world), looked_at);
    let before = world.relay.submitted.len();
    for stale in [&looked_at, &trusted] {
        for command in [
            accepting(stale.clone()),
            marking(stale.clone(), true),
            marking(stale.clone(), false),
        ] {
            let refusal = Some(CommandError::SafetyNumberDiffers);
            assert_eq!(world.ask(ALICE, command), refusal);
            assert_eq!(identity(&world, "bob"), IdentityState::Changed);
        }
    }
    world.crash(ALICE);
    world.run_for(600_000);
    assert_eq!(world.relay.submitted.len(), before, "nothing goes out");
    // Whoever looks again can accept what they see now.
    accept(&mut world);
    assert_eq!(world.received(BOB, "alice"), ["two"]);
}

#[test]
fn a_swap_before_the_first_look_is_not_verified_either() {
    let mut world = World::with(621, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    let looked_at = shown(&world);
    bob_begins_anew(&mut world);
    world.send(ALICE, "bob", "two");
    assert_eq!(
        world.ask(ALICE, marking(looked_at, true)),
        Some(CommandError::SafetyNumberDiffers)
    );
    assert_eq!(identity(&world, "bob"), IdentityState::Changed);
    mark(&mut world);
    assert_eq!(world.received(BOB, "alice"), ["two"]);
}

#[test]
fn what_is_no_safety_number_verifies_nobody_and_says_why() {
    let mut world = World::with(622, &["alice", "bob"]);
    world.start(ALICE, "bob");
    let mut newer = shown(&world);
    newer[0] += 1;
    let mut longer = shown(&world);
    longer.push(0);
    for (number, error) in [
        (Vec::new(), CommandError::NotASafetyNumber),
        (
            b"https://pawl.example".to_vec(),
            CommandError::NotASafetyNumber,
        ),
        (longer, CommandError::NotASafetyNumber),
        (newer, CommandError::SafetyNumberVersion),
    ] {
        assert_eq!(world.ask(ALICE, marking(number, true)), Some(error));
        assert_eq!(identity(&world, "bob"), IdentityState::Unverified);
    }
    let elsewhere = Command::AcceptIdentity {
        conversation: "carol".into(),
        number: shown(&world),
    };
    let refusal = Some(CommandError::UnknownConversation);
    assert_eq!(world.ask(ALICE, elsewhere), refusal);
}
