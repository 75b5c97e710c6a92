//! Whom a client believes: keys only where the pinned account signed them, names only where the relay
//! agrees with the account. What a changed account does stands in identity.rs.

use crate::support::World;
use crate::support::stranger::Stranger;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_client::{AlertCode, Command, CommandError, IdentityState, MessageStatus};
use pawl_protocol::{AccountKeyPair, AccountRecord, DeviceId, DeviceKeyPair, LocalDevice};
use pawl_wire::{Bundle, RelayFrame};

const ALICE: usize = 0;
const BOB: usize = 1;
const MALLORY: usize = 2;

/// Lets every bundle that the relay gives be changed.
fn bend_bundles(world: &mut World, mut bend: impl FnMut(&mut Bundle) + 'static) {
    world.relay.bend = Some(Box::new(move |_, frame| match frame {
        RelayFrame::Bundle { claim, mut bundle } => {
            bend(&mut bundle);
            vec![RelayFrame::Bundle { claim, bundle }]
        }
        frame => vec![frame],
    }));
}

fn bundle_of(world: &World, name: &str) -> Bundle {
    let account = world
        .relay
        .store
        .names
        .iter()
        .find(|(username, _)| username.as_str() == name);
    let (address, mailbox) = world
        .relay
        .store
        .boxes
        .iter()
        .find(|(address, _)| Some(&address.account) == account.map(|(_, account)| account))
        .expect("registered");
    Bundle {
        account_record: world.relay.store.records[&address.account].clone(),
        signed_prekey: mailbox.keys.signed_prekey.clone().expect("published"),
        kem_prekey: mailbox.kems.front().cloned().expect("published"),
        one_time_prekey: mailbox.one_time.front().cloned(),
    }
}

/// An account of somebody else that says of itself that it has this name.
fn forged_record(name: &str) -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(99);
    let keys = AccountKeyPair::generate(&mut rng);
    let device = LocalDevice::certify(&keys, DeviceId::FIRST, DeviceKeyPair::generate(&mut rng));
    let devices = vec![device.certificate().clone()];
    let record = AccountRecord::sign(&keys, name, 1, devices).expect("valid");
    record.record().encode()
}

#[test]
fn keys_that_bobs_account_did_not_sign_are_refused_and_nothing_is_sent() {
    let swaps: [fn(&mut Bundle, &Bundle); 4] = [
        |bundle, mallorys| *bundle = mallorys.clone(),
        |bundle, mallorys| bundle.signed_prekey = mallorys.signed_prekey.clone(),
        |bundle, mallorys| bundle.kem_prekey = mallorys.kem_prekey.clone(),
        |bundle, _| bundle.account_record = forged_record("bob"),
    ];
    for (i, swap) in swaps.into_iter().enumerate() {
        let mut world = World::with(600 + i as u64, &["alice", "bob", "mallory"]);
        world.start(ALICE, "bob");
        let mallorys = bundle_of(&world, "mallory");
        bend_bundles(&mut world, move |bundle| swap(bundle, &mallorys));
        assert_eq!(world.send(ALICE, "bob", "secret"), None);
        let username = "bob".to_owned();
        assert_eq!(world.alerts(ALICE), [AlertCode::KeysRefused { username }]);
        assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::NotSent]);
        assert!(world.relay.submitted.is_empty());
        // Once the relay is honest, the user's retry goes through.
        world.relay.bend = None;
        let retry = Command::RetryMessage {
            conversation: world.conversation(ALICE, "bob"),
            position: 1,
        };
        assert_eq!(world.ask(ALICE, retry), None);
        assert_eq!(world.received(BOB, "alice"), ["secret"]);
        assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered]);
    }
}

#[test]
fn an_account_record_that_is_not_the_names_is_refused() {
    let mut world = World::with(610, &["alice", "bob"]);
    let others = world.relay.store.records[&world.relay.store.names[&"alice".parse_name()]].clone();
    for wrong in [others, b"junk".to_vec()] {
        world.relay.bend = Some(Box::new(move |_, frame| match frame {
            RelayFrame::Account { username, .. } => {
                let record = Some(wrong.clone());
                vec![RelayFrame::Account { username, record }]
            }
            frame => vec![frame],
        }));
        assert_eq!(world.start(ALICE, "bob"), Some(CommandError::KeysRefused));
        assert!(
            world.clients[ALICE]
                .engine
                .snapshot()
                .conversations
                .is_empty()
        );
    }
}

trait ParseName {
    fn parse_name(&self) -> pawl_wire::Username;
}

impl ParseName for str {
    fn parse_name(&self) -> pawl_wire::Username {
        pawl_wire::Username::parse(self).expect("a username")
    }
}

#[test]
fn somebody_whose_name_the_relay_gives_to_another_is_not_shown() {
    let mut world = World::with(611, &["alice", "bob", "mallory"]);
    world.start(MALLORY, "bob");
    // To everybody else the relay now says that "mallory" is another account.
    world.relay.bend = Some(Box::new(|client, frame| match frame {
        RelayFrame::Account { username, .. } if client == BOB => {
            let record = Some(forged_record(username.as_str()));
            vec![RelayFrame::Account { username, record }]
        }
        frame => vec![frame],
    }));
    world.send(MALLORY, "bob", "trust me");
    let username = "mallory".to_owned();
    assert_eq!(world.alerts(BOB), [AlertCode::ImpostorRefused { username }]);
    assert!(
        world.clients[BOB]
            .engine
            .snapshot()
            .conversations
            .is_empty()
    );
    // The queue goes on behind it.
    world.relay.bend = None;
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "hi");
    assert_eq!(world.received(BOB, "alice"), ["hi"]);
}

#[test]
fn what_comes_behind_a_stranger_waits_for_the_name_and_survives_a_crash() {
    let mut world = World::with(612, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.relay.bend = Some(Box::new(|client, frame| match frame {
        RelayFrame::Account { .. } if client == BOB => Vec::new(),
        frame => vec![frame],
    }));
    for i in 0..100 {
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", &format!("{i}"));
    }
    world.settle();
    assert!(
        world.clients[BOB]
            .engine
            .snapshot()
            .conversations
            .is_empty()
    );
    world.relay.bend = None;
    world.crash(BOB);
    world.settle();
    let texts: Vec<_> = (0..100).map(|i| format!("{i}")).collect();
    assert_eq!(world.received(BOB, "alice"), texts);
}

#[test]
fn somebody_who_is_gone_leaves_messages_unsent() {
    let mut world = World::with(615, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.set_network(BOB, false);
    world.relay.store.names.remove(&"bob".parse_name());
    let recipient = world.relay.submitted[0].recipient;
    world.relay.store.boxes.remove(&recipient);
    world.send(ALICE, "bob", "two");
    assert_eq!(world.statuses(ALICE, "bob")[1], MessageStatus::NotSent);
    // Alice's two messages, and Bob's receipt for the first.
    assert_eq!(
        world.relay.submitted.len(),
        3,
        "it is not sent again and again"
    );
    let conversation = world.conversation(ALICE, "bob");
    let retry = |position| Command::RetryMessage {
        conversation,
        position,
    };
    assert_eq!(
        world.ask(ALICE, retry(1)),
        Some(CommandError::UnknownMessage)
    );
    assert_eq!(world.ask(ALICE, retry(2)), None);
    assert_eq!(world.statuses(ALICE, "bob")[1], MessageStatus::NotSent);
}

#[test]
fn a_message_altered_on_its_way_comes_again_and_what_follows_is_shown() {
    let mut world = World::with(616, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "two");
    world.send(ALICE, "bob", "three");
    for mailbox in world.relay.store.boxes.values_mut() {
        if let Some(letter) = mailbox.mail.front_mut() {
            let last = letter.envelope.len() - 1;
            letter.envelope[last] ^= 1;
        }
    }
    world.set_network(BOB, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["one", "three", "two"]);
    let notices = world.history(BOB, "alice").into_iter();
    assert_eq!(notices.filter(|line| line.notice.is_some()).count(), 0);
    assert_eq!(world.statuses(ALICE, "bob"), [MessageStatus::Delivered; 3]);
}

/// Carol's account signs that her name is Bob's, and the relay says so, too.
#[test]
fn somebody_whom_the_user_knows_does_not_become_another_of_their_contacts() {
    let mut world = World::with(617, &["alice", "bob"]);
    let alice = world.address("alice");
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    let mut carol = Stranger::registered("carol", 617, &mut world);
    carol.open_mailbox(&mut world);
    carol.write(&mut world, alice, "hi", true);
    world.settle();
    let bob = world.address("bob");
    world.set_network(BOB, false);
    world.relay.store.boxes.remove(&bob);
    carol.record = carol.list("bob", 2, &[&carol]);
    carol.register("bob", &mut world);
    world.send(ALICE, "bob", "two");
    let username = "bob".to_owned();
    assert_eq!(world.alerts(ALICE), [AlertCode::KeysRefused { username }]);
    let unverified = Some(IdentityState::Unverified);
    assert_eq!(world.identity(ALICE, "bob"), unverified);
    assert_eq!(world.identity(ALICE, "carol"), unverified);
    assert_eq!(world.statuses(ALICE, "bob")[1], MessageStatus::NotSent);
    carol.go_on(&mut world, alice, "still carol");
    world.settle();
    assert_eq!(world.received(ALICE, "carol"), ["hi", "still carol"]);
    assert_eq!(world.received(ALICE, "bob"), Vec::<String>::new());
}
