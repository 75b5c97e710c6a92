//! What mending does where nothing is broken: who is only away keeps their session, and who says to have lost
//! what had arrived is not given everything once more.

use crate::support::World;
use pawl_client::{MessageStatus, NoticeCause};

const ALICE: usize = 0;
const BOB: usize = 1;
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Lines of Alice's that say that texts which had arrived were sent again.
fn sent_again(world: &World) -> usize {
    let lines = world.history(ALICE, "bob").into_iter();
    let told = lines.filter(|line| line.notice == Some(NoticeCause::SentAgain));
    told.count()
}

#[test]
fn what_had_arrived_is_sent_again_for_thirty_days_under_a_line_that_says_so() {
    let mut world = World::talking(1_095, 3);
    for days in [29, 2] {
        let old = world.received(BOB, "alice");
        for _ in 0..days {
            world.now += DAY - MINUTE;
            world.run_for(MINUTE);
        }
        world.send(ALICE, "bob", &format!("after {days}"));
        let lines = sent_again(&world);
        world.forget_received(BOB);
        world.send(ALICE, "bob", &format!("go on {days}"));
        world.run_for(60 * MINUTE);
        let mut again = world.received(BOB, "alice").split_off(old.len());
        again.retain(|text| old.contains(text));
        again.sort();
        let all = ["a0", "a1", "a2"];
        match days {
            29 => assert_eq!(again, all),
            _ => assert!(all.iter().all(|text| !again.contains(&(*text).to_owned()))),
        }
        assert_eq!(sent_again(&world), lines + 1, "after {days} days");
        let statuses = world.statuses(ALICE, "bob");
        assert!(statuses.iter().all(|it| *it == MessageStatus::Delivered));
    }
    let before = world.relay.submitted.len();
    world.run_for(DAY);
    assert_eq!(world.relay.submitted.len(), before, "it ends");
}

/// Sessions that Alice has begun with Bob so far, and whether the last envelope for him is a handshake.
fn sessions_with_bob(world: &World) -> (usize, bool) {
    let bob = world.address("bob");
    let mut to_bob = world.relay.submitted.iter().rev();
    let last = to_bob.find(|it| it.recipient == bob).expect("written to");
    (
        world.relay.store.boxes[&bob].claims.len(),
        last.envelope[1] == 1,
    )
}

#[test]
fn silence_alone_asks_on_the_session_there_is_before_another_is_begun() {
    let mut world = World::talking(1_096, 3);
    let bob = world.address("bob");
    let sent = |world: &World| {
        let submitted = world.relay.submitted.iter();
        submitted.filter(|it| it.recipient == bob).count()
    };
    let (before, begun) = (sent(&world), sessions_with_bob(&world).0);
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "are you there?");
    world.run_for(8 * 60 * MINUTE);
    assert_eq!(sent(&world), before + 2, "the text and a question");
    assert_eq!(sessions_with_bob(&world), (begun, false));
    world.set_network(BOB, true);
    world.run_for(MINUTE);
    let last = world.received(BOB, "alice").pop();
    assert_eq!(last.as_deref(), Some("are you there?"));
    assert_eq!(sessions_with_bob(&world), (begun, false));
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "and now?");
    world.run_for(12 * 60 * MINUTE);
    assert_eq!(sessions_with_bob(&world), (begun + 1, true));
    world.set_network(BOB, true);
    world.run_for(MINUTE);
    let statuses = world.statuses(ALICE, "bob");
    assert!(statuses.iter().all(|it| *it == MessageStatus::Delivered));
    world.send(BOB, "alice", "here again");
    let last = world.received(ALICE, "bob").pop();
    assert_eq!(last.as_deref(), Some("here again"));
}

/// Sent again on the last day, it is lost again.
#[test]
fn what_was_sent_again_gets_no_younger_by_it() {
    let mut world = World::talking(1_098, 1);
    let days = |world: &mut World, days| {
        for _ in 0..days {
            world.now += DAY - MINUTE;
            world.run_for(MINUTE);
        }
    };
    let bob = world.address("bob");
    let sent = |world: &World| {
        let submitted = world.relay.submitted.iter();
        submitted.filter(|it| it.recipient == bob).count()
    };
    days(&mut world, 29);
    world.forget_received(BOB);
    world.send(ALICE, "bob", "after 29");
    world.set_network(BOB, false);
    let before = sent(&world);
    world.run_for(MINUTE);
    assert_eq!(
        sent(&world) - before,
        2,
        "the text, and a receipt that asks"
    );
    let mailbox = world.relay.store.boxes.get_mut(&bob);
    mailbox.expect("registered").mail.clear();
    days(&mut world, 2);
    world.set_network(BOB, true);
    world.send(ALICE, "bob", "after 31");
    world.run_for(60 * MINUTE);
    let received = world.received(BOB, "alice");
    assert_eq!(received, ["a0", "after 29", "after 31"]);
}
