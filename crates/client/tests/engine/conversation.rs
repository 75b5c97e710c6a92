//! Two people talk: the ordinary road, in the order and with the statuses that the page promises.

use crate::support::World;
use pawl_client::{
    Command, CommandError, Connection, ConversationId, Event, IdentityState, Input, MessageStatus,
    Phase, RegistrationPolicy,
};

const ALICE: usize = 0;
const BOB: usize = 1;

#[test]
fn without_an_account_the_relay_says_who_may_register_and_nothing_is_stored() {
    let mut world = World::new(1, 1);
    world.settle();
    let phase = world.clients[ALICE].engine.snapshot().phase;
    let registration = Some(RegistrationPolicy::Open);
    assert!(phase == Phase::NoAccount { registration });
    assert!(world.clients[ALICE].disk.is_empty());
    assert_eq!(
        world.send(ALICE, "bob", "hi"),
        Some(CommandError::NoAccount)
    );
    assert_eq!(world.start(ALICE, "bob"), Some(CommandError::NoAccount));
}

#[test]
fn alice_writes_to_bob_who_is_online_and_sees_that_he_read_it() {
    let mut world = World::with(2, &["alice", "bob"]);
    assert_eq!(world.start(ALICE, "Bob "), None);
    assert_eq!(world.send(ALICE, "bob", "hello"), None);
    assert_eq!(world.received(BOB, "alice"), ["hello"]);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered]);
    let view = &world.clients[BOB].engine.snapshot().conversations[0];
    assert_eq!((view.unread, view.preview.as_str()), (1, "hello"));
    assert_eq!(view.identity, IdentityState::Unverified);

    let read = Command::MarkRead {
        conversation: world.conversation(BOB, "alice"),
        through: 1,
    };
    assert_eq!(world.ask(BOB, read), None);
    assert_eq!(
        world.clients[BOB].engine.snapshot().conversations[0].unread,
        0
    );
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Read]);
    assert_eq!(world.send(BOB, "alice", "hi yourself"), None);
    assert_eq!(world.received(ALICE, "bob"), ["hi yourself"]);
}

/// Alice writes to Bob, who reads it. Her events begin with her message.
fn hello_is_read(world: &mut World) {
    world.start(ALICE, "bob");
    world.clients[ALICE].events.clear();
    world.send(ALICE, "bob", "hello");
    let read = Command::MarkRead {
        conversation: world.conversation(BOB, "alice"),
        through: 1,
    };
    world.ask(BOB, read);
}

#[test]
fn statuses_only_rise_and_are_told_one_by_one() {
    let mut world = World::with(3, &["alice", "bob"]);
    hello_is_read(&mut world);
    let mut told = Vec::new();
    for event in &world.clients[ALICE].events {
        match event {
            Event::MessagesChanged { messages, .. } => {
                told.extend(messages.iter().filter_map(|line| line.status));
            }
            Event::StatusChanged { changes, .. } => {
                told.extend(changes.iter().map(|(position, status)| {
                    assert_eq!(*position, 1);
                    *status
                }));
            }
            _ => {}
        }
    }
    use MessageStatus::{Delivered, Read, Sending, Sent};
    assert_eq!(told, [Sending, Sent, Delivered, Read]);
}

/// What the list says of the conversation with Bob, told one by one, each once.
fn told_of_newest(world: &World) -> Vec<Option<MessageStatus>> {
    let events = world.clients[ALICE].events.iter();
    let mut told: Vec<_> = events
        .filter_map(|event| match event {
            Event::ConversationChanged { conversation } => Some(conversation.preview_status),
            _ => None,
        })
        .collect();
    told.dedup();
    told
}

#[test]
fn the_list_says_how_far_the_newest_message_has_come_where_it_is_an_own_one() {
    use MessageStatus::{Delivered, Read, Sending, Sent};
    let mut world = World::with(14, &["alice", "bob"]);
    hello_is_read(&mut world);
    let all = [Sending, Sent, Delivered, Read].map(Some);
    assert_eq!(told_of_newest(&world), all);
    // A message from the other stands there instead, whatever becomes of the own one.
    world.send(BOB, "alice", "hi yourself");
    assert_eq!(told_of_newest(&world).last(), Some(&None));
    // A restart changes nothing of it.
    let newest = |world: &World| {
        let all = world.clients[ALICE].engine.snapshot().conversations;
        (all[0].preview.clone(), all[0].preview_status)
    };
    world.crash(ALICE);
    assert_eq!(newest(&world), ("hi yourself".into(), None));
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "still there?");
    world.crash(ALICE);
    assert_eq!(newest(&world), ("still there?".into(), Some(Sent)));
}

#[test]
fn bob_who_was_offline_gets_all_of_it_in_order() {
    let mut world = World::with(4, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.set_network(BOB, false);
    let texts: Vec<String> = (0..150).map(|i| format!("message {i}")).collect();
    for text in &texts {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", text);
    }
    world.settle();
    assert!(
        world
            .statuses(ALICE, "bob")
            .iter()
            .all(|s| *s == MessageStatus::Sent)
    );
    assert!(world.received(BOB, "alice").is_empty());
    world.set_network(BOB, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), texts);
    assert!(
        world
            .statuses(ALICE, "bob")
            .iter()
            .all(|s| *s == MessageStatus::Delivered)
    );
}

#[test]
fn what_alice_writes_offline_goes_out_when_she_is_back() {
    let mut world = World::with(5, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.set_network(ALICE, false);
    world.settle();
    assert!(world.clients[ALICE].engine.snapshot().connection == Connection::Offline);
    assert_eq!(world.send(ALICE, "bob", "one"), None);
    assert_eq!(world.start(ALICE, "carol"), Some(CommandError::Offline));
    world.crash(ALICE);
    assert_eq!(world.send(ALICE, "bob", "two"), None);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Sending; 2]);
    world.set_network(ALICE, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["one", "two"]);
}

#[test]
fn both_write_first_at_once_and_end_on_one_session() {
    let mut world = World::with(6, &["alice", "bob"]);
    for (i, other) in [(ALICE, "bob"), (BOB, "alice")] {
        world.start(i, other);
        let id = world.next_id();
        world.send_as(i, &id, other, "first");
    }
    world.settle();
    for round in 0..4 {
        let text = format!("round {round}");
        assert_eq!(world.send(ALICE, "bob", &text), None);
        assert_eq!(world.send(BOB, "alice", &text), None);
    }
    let all = ["first", "round 0", "round 1", "round 2", "round 3"];
    assert_eq!(world.received(ALICE, "bob"), all);
    assert_eq!(world.received(BOB, "alice"), all);
    let tag = |submit: &pawl_wire::Submit| {
        *pawl_protocol::Envelope::decode(&submit.envelope)
            .expect("an envelope")
            .tag()
            .as_bytes()
    };
    let last: Vec<_> = world
        .relay
        .submitted
        .iter()
        .rev()
        .take(4)
        .map(tag)
        .collect();
    assert!(
        last.windows(2).all(|pair| pair[0] == pair[1]),
        "they write on different sessions"
    );
}

#[test]
fn a_draft_survives_a_reload_and_goes_with_the_message() {
    let mut world = World::with(7, &["alice", "bob"]);
    world.start(ALICE, "bob");
    let draft = Command::SaveDraft {
        conversation: world.conversation(ALICE, "bob"),
        text: "dear B".into(),
    };
    assert_eq!(world.ask(ALICE, draft), None);
    world.crash(ALICE);
    assert_eq!(
        world.clients[ALICE].engine.snapshot().conversations[0].draft,
        "dear B"
    );
    world.send(ALICE, "bob", "dear Bob");
    assert_eq!(
        world.clients[ALICE].engine.snapshot().conversations[0].draft,
        ""
    );
}

#[test]
fn a_reload_keeps_everything() {
    let mut world = World::with(8, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.send(BOB, "alice", "two");
    let before = world.clients[ALICE].engine.snapshot();
    let lines = world.history(ALICE, "bob");
    world.crash(ALICE);
    let after = world.clients[ALICE].engine.snapshot();
    assert!(before.phase == after.phase && before.conversations == after.conversations);
    assert!(lines == world.history(ALICE, "bob") && lines.len() == 2);
    world.settle();
    world.send(ALICE, "bob", "three");
    assert_eq!(world.received(BOB, "alice"), ["one", "three"]);
}

#[test]
fn both_see_the_same_safety_number_and_can_mark_it() {
    let mut world = World::with(9, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "hi");
    let number = |world: &World, i: usize, other| world.safety_number(i, other);
    let (alices, bobs) = (number(&world, ALICE, "bob"), number(&world, BOB, "alice"));
    assert!(alices.groups == bobs.groups && alices.qr == bobs.qr);
    assert_eq!(alices.groups.len(), 12);
    assert!(alices.groups.iter().all(|group| group.len() == 5));
    let mark = Command::MarkVerified {
        conversation: world.conversation(ALICE, "bob"),
        verified: true,
        number: bobs.qr,
    };
    assert_eq!(world.ask(ALICE, mark), None);
    world.crash(ALICE);
    assert_eq!(
        number(&world, ALICE, "bob").identity,
        IdentityState::Verified
    );
}

#[test]
fn receipts_are_gathered_and_cause_none() {
    let mut world = World::with(10, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "hi");
    world.relay.submitted.clear();
    for i in 0..20 {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", &format!("{i}"));
    }
    world.run_for(60 * 60 * 1_000);
    let receipts = world.relay.submitted.len() - 20;
    assert!(
        (1..=3).contains(&receipts),
        "{receipts} receipts for 20 messages"
    );
}

#[test]
fn a_quiet_connection_is_kept_by_pings_and_a_dead_one_is_given_up() {
    let mut world = World::with(11, &["alice"]);
    world.run_for(10 * 60 * 1_000);
    assert!(world.clients[ALICE].engine.snapshot().connection == Connection::Online);
    world.relay.bend = Some(Box::new(|_, _| Vec::new()));
    world.run_for(100_000);
    assert!(world.clients[ALICE].engine.snapshot().connection != Connection::Online);
    world.relay.bend = None;
    world.run_for(60_000);
    assert!(world.clients[ALICE].engine.snapshot().connection == Connection::Online);
}

#[test]
fn many_ticks_at_one_moment_change_nothing() {
    let mut world = World::with(12, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "hi");
    let changes = world.clients[ALICE].changes;
    (0..10).for_each(|_| world.input(ALICE, Input::Tick));
    assert_eq!(world.clients[ALICE].changes, changes);
}

#[test]
fn what_waited_says_when_it_was_sent_and_when_it_came_and_never_the_one_after_the_other() {
    let mut world = World::talking(90, 1);
    world.set_network(BOB, false);
    let written = world.now;
    world.send(ALICE, "bob", "on Tuesday");
    world.now += 3 * 24 * 60 * 60 * 1_000;
    world.set_network(BOB, true);
    world.settle();
    let line = world.history(BOB, "alice").pop().expect("it came");
    assert_eq!((line.text.as_str(), line.sent_at), ("on Tuesday", written));
    assert!(line.at >= written + 3 * 24 * 60 * 60 * 1_000);

    // Alice's clock is a day ahead of Bob's.
    world.set_network(BOB, false);
    world.now += 24 * 60 * 60 * 1_000;
    world.send(ALICE, "bob", "tomorrow");
    world.now -= 24 * 60 * 60 * 1_000;
    world.input(BOB, Input::Tick);
    world.set_network(BOB, true);
    world.settle();
    let line = world.history(BOB, "alice").pop().expect("it came");
    assert_eq!((line.text.as_str(), line.sent_at), ("tomorrow", line.at));
}

#[test]
fn both_sides_and_all_that_names_it_have_one_id_for_a_conversation() {
    let mut world = World::with(19, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.clients[ALICE].events.clear();
    world.send(ALICE, "bob", "hello");
    let id = world.conversation(ALICE, "bob");
    assert_eq!(world.conversation(BOB, "alice"), id);
    let engine = &world.clients[ALICE].engine;
    assert_eq!(engine.snapshot().conversations[0].id, id);
    assert_eq!(engine.username(id).as_deref(), Some("bob"));
    let named = world.clients[ALICE].events.iter().map(|event| match event {
        Event::MessagesChanged { conversation, .. } | Event::StatusChanged { conversation, .. } => {
            Some(*conversation)
        }
        Event::ConversationChanged { conversation } => Some(conversation.id),
        _ => None,
    });
    let named: Vec<_> = named.flatten().collect();
    assert!(named.len() > 2 && named.iter().all(|it| *it == id));
    let other = ConversationId::from_bytes([7; ConversationId::LEN]);
    let text = "x".to_owned();
    let sending = Command::SendText {
        conversation: other,
        text,
    };
    assert_eq!(
        world.ask(ALICE, sending),
        Some(CommandError::UnknownConversation)
    );
}
