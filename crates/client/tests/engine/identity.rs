//! A changed account: told at once, written to only after the user looked, and only as what the user
//! looked at. What it writes until then stands in aside.rs, a name that goes to and fro in to_and_fro.rs.

use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{Command, CommandError, IdentityState, MessageStatus, NoticeCause, Table};
use pawl_wire::RelayFrame;

const ALICE: usize = 0;
const BOB: usize = 1;

/// Bob's name goes to a new account, which then writes to Alice.
pub(crate) fn bob_begins_anew(world: &mut World) {
    let username = pawl_wire::Username::parse("bob").expect("a username");
    let account = world
        .relay
        .store
        .names
        .remove(&username)
        .expect("registered");
    world.relay.store.records.remove(&account);
    world
        .relay
        .store
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

/// Lines that say that Bob's identity changed.
fn changes(world: &World) -> usize {
    let lines = world.history(ALICE, "bob").into_iter();
    lines
        .filter(|line| line.notice == Some(NoticeCause::IdentityChanged))
        .count()
}

/// The payload of the number that Alice's page would show now.
fn shown(world: &World) -> Vec<u8> {
    let number = world.safety_number(ALICE, "bob");
    number.qr
}

fn accepting(world: &World, number: Vec<u8>) -> Command {
    Command::AcceptIdentity {
        conversation: world.conversation(ALICE, "bob"),
        number,
    }
}

fn marking(world: &World, number: Vec<u8>, verified: bool) -> Command {
    Command::MarkVerified {
        conversation: world.conversation(ALICE, "bob"),
        verified,
        number,
    }
}

pub(crate) fn accept(world: &mut World) {
    let number = shown(world);
    assert_eq!(world.ask(ALICE, accepting(world, number)), None);
    assert_eq!(identity(world, "bob"), IdentityState::Unverified);
}

fn mark(world: &mut World) {
    let number = shown(world);
    assert_eq!(world.ask(ALICE, marking(world, number, true)), None);
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
    assert_eq!(changes(&world), 1);
    assert_eq!(world.review(ALICE, "bob"), ["my disk broke"]);
    assert!(world.received(ALICE, "bob").is_empty());

    let before = world.relay.submitted.len();
    world.send(ALICE, "bob", "is it you?");
    world.crash(ALICE);
    world.run_for(600_000);
    assert_eq!(
        world.relay.submitted.len(),
        before,
        "nothing goes to an unaccepted identity"
    );
    assert_eq!(world.statuses(ALICE, "bob")[1], MessageStatus::Waiting);
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
fn a_name_that_is_given_back_needs_no_look_and_what_waited_goes_out() {
    let mut world = World::with(618, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    let username = pawl_wire::Username::parse("bob").expect("a username");
    let owner = world.relay.store.names[&username];
    let mut thief = Stranger::registered("bob", 77, &mut world);
    let alice = world.address("alice");
    thief.write(&mut world, alice, "trust me", true);
    world.settle();
    world.send(ALICE, "bob", "two");
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(identity(&world, "bob"), IdentityState::Changed);
    assert_eq!(world.received(BOB, "alice"), ["one"]);
    let looked_at = shown(&world);
    world.relay.store.names.insert(username, owner);
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(identity(&world, "bob"), IdentityState::Unverified);
    assert_eq!(world.received(BOB, "alice"), ["one", "two"]);
    let last = world.history(ALICE, "bob").pop().and_then(|it| it.notice);
    assert_eq!(last, Some(NoticeCause::ReturnedAndDropped));
    // What was looked at before is nobody's number any more, and the other is a stranger again.
    let refusal = Some(CommandError::SafetyNumberDiffers);
    assert_eq!(world.ask(ALICE, accepting(&world, looked_at)), refusal);
    thief.go_on(&mut world, alice, "still me");
    world.settle();
    assert!(world.received(ALICE, "bob").is_empty());
    assert_eq!(identity(&world, "bob"), IdentityState::Unverified);
}

/// A text that the other's device has lost is being read, to be sent again, while its recipient changes.
#[test]
fn what_was_meant_for_the_old_account_is_not_sent_again_to_the_new_one() {
    let mut world = World::with(619, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.send(ALICE, "bob", "for the old account");
    // It has arrived, so that it is in the outbox no more, and his device says that it has not.
    world.forget_received(BOB);
    world.holds_lines = true;
    world.send(ALICE, "bob", "three");
    world.run_for(60_000);
    bob_begins_anew(&mut world);
    world.send(ALICE, "bob", "for the new account");
    assert_eq!(identity(&world, "bob"), IdentityState::Changed);
    accept(&mut world);
    assert_eq!(world.hand_over(ALICE), 1);
    world.holds_lines = false;
    world.run_for(60_000);
    assert_eq!(world.received(BOB, "alice"), ["for the new account"]);
}

/// The relay never says of one text that it is stored, so that it waits while what came after it arrives.
#[test]
fn what_the_old_account_has_is_not_sent_to_the_new_one_though_an_older_text_waits() {
    let mut world = World::with(626, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    let mut waits = None;
    world.relay.bend = Some(Box::new(move |client, frame| match frame {
        RelayFrame::Stored { message_id, .. } if client == ALICE => {
            let is_it = message_id == *waits.get_or_insert(message_id);
            if is_it { Vec::new() } else { vec![frame] }
        }
        RelayFrame::Deliver { message_id, .. } if Some(message_id) == waits => Vec::new(),
        frame => vec![frame],
    }));
    for text in ["waits", "three", "four", "five"] {
        world.send(ALICE, "bob", text);
    }
    let before = [MessageStatus::Delivered; 3];
    assert_eq!(world.statuses(ALICE, "bob")[2..], before);
    bob_begins_anew(&mut world);
    world.send(ALICE, "bob", "for the new account");
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(identity(&world, "bob"), IdentityState::Changed);
    accept(&mut world);
    world.relay.bend = None;
    world.run_for(24 * 3_600_000);
    // What the relay has not confirmed is nobody's yet.
    let received = world.received(BOB, "alice");
    assert_eq!(received, ["waits", "for the new account"]);
    assert_eq!(world.statuses(ALICE, "bob")[2..5], before);
}

#[test]
fn a_new_account_is_not_believed_about_texts_to_the_one_before() {
    let mut world = World::with(629, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "arrived");
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "on its way");
    let mut thief = Stranger::registered("bob", 80, &mut world);
    thief.open_mailbox(&mut world);
    let alice = world.address("alice");
    thief.write(&mut world, alice, "trust me", true);
    world.settle();
    world.send(ALICE, "bob", "waits for the new account");
    accept(&mut world);
    world.send(ALICE, "bob", "for the new account");
    use MessageStatus::{Delivered, Read, Sent};
    let before = [Delivered, Sent, Sent, Sent];
    assert_eq!(world.statuses(ALICE, "bob"), before);
    thief.claim_all(&mut world, alice);
    world.settle();
    let after = [Delivered, Sent, Read, Read];
    assert_eq!(world.statuses(ALICE, "bob"), after);
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), after);
    // Nor is the next one about the texts of both.
    let mut other = Stranger::registered("bob", 81, &mut world);
    other.open_mailbox(&mut world);
    other.write(&mut world, alice, "I am new", true);
    world.settle();
    accept(&mut world);
    other.claim_all(&mut world, alice);
    world.settle();
    assert_eq!(world.statuses(ALICE, "bob"), after);
}

#[test]
fn what_did_not_reach_the_old_account_cannot_be_tried_again_with_the_new_one() {
    let mut world = World::with(627, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.relay.bend = Some(Box::new(|client, frame| match frame {
        RelayFrame::Deliver { ref envelope, .. } if client == BOB => {
            let is_long = envelope.len() > 4_000;
            if is_long { Vec::new() } else { vec![frame] }
        }
        frame => vec![frame],
    }));
    world.send(ALICE, "bob", &"long ".repeat(1_000));
    world.send(ALICE, "bob", "three");
    world.run_for(24 * 3_600_000);
    let not_sent = MessageStatus::NotSent;
    assert_eq!(world.statuses(ALICE, "bob")[1], not_sent);
    world.relay.bend = None;
    bob_begins_anew(&mut world);
    world.send(ALICE, "bob", "for the new account");
    accept(&mut world);
    let retry = Command::RetryMessage {
        conversation: world.conversation(ALICE, "bob"),
        position: 2,
    };
    let refusal = Some(CommandError::UnknownMessage);
    assert_eq!(world.ask(ALICE, retry), refusal);
    world.run_for(60_000);
    assert_eq!(world.received(BOB, "alice"), ["for the new account"]);
    assert_eq!(world.statuses(ALICE, "bob")[1], not_sent);
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
            accepting(&world, stale.clone()),
            marking(&world, stale.clone(), true),
            marking(&world, stale.clone(), false),
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
        world.ask(ALICE, marking(&world, looked_at, true)),
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
        assert_eq!(world.ask(ALICE, marking(&world, number, true)), Some(error));
        assert_eq!(identity(&world, "bob"), IdentityState::Unverified);
    }
    let elsewhere = Command::AcceptIdentity {
        conversation: world.conversation(ALICE, "carol"),
        number: shown(&world),
    };
    let refusal = Some(CommandError::UnknownConversation);
    assert_eq!(world.ask(ALICE, elsewhere), refusal);
}

#[test]
fn every_change_is_a_line_also_right_after_one_that_was_accepted() {
    let mut world = World::with(623, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    bob_begins_anew(&mut world);
    world.send(ALICE, "bob", "held");
    for count in 1..4 {
        assert_eq!(changes(&world), count);
        assert_eq!(identity(&world, "bob"), IdentityState::Changed);
        // What she accepts is gone already, as the relay says once the message is to go out.
        let number = shown(&world);
        bob_begins_anew(&mut world);
        assert_eq!(world.ask(ALICE, accepting(&world, number)), None);
        world.crash(ALICE);
    }
    accept(&mut world);
    assert_eq!(changes(&world), 4);
    assert_eq!(world.received(BOB, "alice"), ["held"]);
}

/// Accounts that take over Bob's name one after the other, and write to Alice.
fn claimants(world: &mut World, seeds: std::ops::Range<u64>) -> Vec<Stranger> {
    let alice = world.address("alice");
    let claim = |seed| {
        let mut bob = Stranger::registered("bob", seed, world);
        bob.write(world, alice, &format!("{seed}"), false);
        world.settle();
        bob
    };
    seeds.map(claim).collect()
}

#[test]
fn a_relay_with_ever_new_accounts_writes_one_line_until_the_user_has_looked() {
    let mut world = World::with(624, &["alice", "bob"]);
    let alice = world.address("alice");
    world.start(ALICE, "bob");
    let mut bobs = claimants(&mut world, 0..20);
    assert_eq!(changes(&world), 1);
    // Going back and forth between known ones adds nothing, and what each writes is its own.
    for round in 0..3 {
        for bob in &mut bobs[18..] {
            bob.register("bob", &mut world);
            bob.go_on(&mut world, alice, &format!("again {round}"));
            bob.write(&mut world, alice, &format!("anew {round}"), false);
        }
        world.settle();
        world.crash(ALICE);
    }
    assert_eq!(changes(&world), 1);
    assert!(world.received(ALICE, "bob").is_empty());
    let theirs: Vec<_> = (0..3)
        .map(|i| [format!("again {i}"), format!("anew {i}")])
        .collect();
    assert_eq!(
        world.review(ALICE, "bob"),
        [&["19".into()], theirs.as_flattened()].concat()
    );
    assert_eq!(identity(&world, "bob"), IdentityState::Changed);
    // Whoever looks and accepts hears of the next one again, and keeps no session with the others.
    accept(&mut world);
    let sessions = |world: &World| {
        let keys = world.clients[ALICE].disk.keys();
        keys.filter(|(table, _)| *table == Table::Sessions).count()
    };
    assert_eq!(sessions(&world), 4, "the accepted one's");
    let last = world.history(ALICE, "bob").pop().and_then(|it| it.notice);
    assert_eq!(last, Some(NoticeCause::OthersDropped));
    assert_eq!(world.received(ALICE, "bob").len(), 7);
    claimants(&mut world, 30..31);
    assert_eq!(changes(&world), 2);
}

#[test]
fn what_one_wrote_is_none_of_anothers_who_has_taken_the_name_since() {
    let mut world = World::with(625, &["alice", "bob"]);
    let alice = world.address("alice");
    world.start(ALICE, "bob");
    let mut bobs = claimants(&mut world, 0..3);
    let number = shown(&world);
    bobs[0].go_on(&mut world, alice, "late");
    world.settle();
    assert_eq!(world.review(ALICE, "bob"), ["2"]);
    assert_eq!(changes(&world), 1);
    assert_eq!(shown(&world), number, "the last one has the name");
    // Whoever has the name again finds what they wrote.
    bobs[0].register("bob", &mut world);
    world.break_connection(ALICE, None);
    world.settle();
    assert_eq!(world.review(ALICE, "bob"), ["0", "late"]);
    assert_eq!(changes(&world), 1);
}

#[test]
fn a_conversation_keeps_its_id_when_a_new_identity_is_accepted() {
    let mut world = World::talking(521, 1);
    let id = world.conversation(ALICE, "bob");
    bob_begins_anew(&mut world);
    world.start(BOB, "alice");
    world.send(BOB, "alice", "new here");
    accept(&mut world);
    assert_eq!(world.conversation(ALICE, "bob"), id);
    assert_ne!(world.conversation(BOB, "alice"), id, "he has another key");
    world.crash(ALICE);
    assert_eq!(world.conversation(ALICE, "bob"), id);
    assert_eq!(world.received(ALICE, "bob"), ["b0", "new here"]);
}
