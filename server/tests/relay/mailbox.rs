//! Mailboxes: what is Stored is delivered once, in order, until it is acknowledged.

use pawl_wire::envelope::INITIAL;
use pawl_wire::limits::MIN_ENVELOPE;
use pawl_wire::{
    ClientFrame, ConnectionError, DeviceAddress, RelayFrame, SubmitRefusal, close_code,
};

use crate::support::{Client, Device, End, Relay, envelope, message_id};

async fn two(relay: &Relay) -> (Client, Device, Device) {
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    (from, alice, bob)
}

#[tokio::test]
async fn a_message_is_delivered_and_gone_after_its_acknowledgement() {
    let relay = Relay::start();
    let (mut from, _, bob) = two(&relay).await;
    let mut to = Client::auth(relay.address, &bob, 0).await;
    let id = message_id();
    assert!(!from.store(bob.address(), id, envelope(1)).await);
    assert_eq!(to.delivery().await, (1, id, envelope(1)));
    to.send(&ClientFrame::Ack { through: 1 }).await;
    to.settle().await;
    to.leave().await;
    let mut again = Client::auth(relay.address, &bob, 1).await;
    assert_eq!(again.waiting().await, []);
}

/// What must end the connection, and what must be stored: each on a connection of its own.
#[tokio::test]
async fn what_is_no_envelope_or_names_another_sender_is_not_taken() {
    let relay = Relay::start();
    let (from, alice, bob) = two(&relay).await;
    from.leave().await;
    let initial = |account: &[u8; 32], device: u32| {
        let mut bytes = vec![0xee; MIN_ENVELOPE];
        bytes[..2].copy_from_slice(&INITIAL);
        bytes[19..51].copy_from_slice(account);
        bytes[51..55].copy_from_slice(&device.to_be_bytes());
        bytes
    };
    let (own, other) = (alice.address().account.0, bob.address().account.0);
    let mut ratchet = initial(&other, 1);
    ratchet[1] = 2;
    let cases = [
        ("nothing", Vec::new(), false),
        ("too small", vec![0xee; MIN_ENVELOPE - 1], false),
        ("smallest", vec![0xee; MIN_ENVELOPE], true),
        ("of this device", initial(&own, 1), true),
        ("of another account", initial(&other, 1), false),
        ("of another device of the account", initial(&own, 2), false),
        ("no initial message", ratchet, true),
    ];
    let mut stored = Vec::new();
    for (name, bytes, is_taken) in cases {
        let mut from = Client::auth(relay.address, &alice, 0).await;
        let id = message_id();
        from.submit(bob.address(), id, bytes.clone()).await;
        if is_taken {
            assert!(
                matches!(from.answer().await, RelayFrame::Stored { .. }),
                "{name}"
            );
            stored.push((stored.len() as u64 + 1, id, bytes));
            from.leave().await;
        } else {
            let end = from.end().await;
            assert_eq!(end.error, Some(ConnectionError::Malformed), "{name}");
            assert_eq!(end.code, Some(4001), "{name}");
        }
    }
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.waiting().await, stored);
}

#[tokio::test]
async fn what_waited_comes_in_order_and_then_queue_empty() {
    let relay = Relay::start();
    let (mut from, _, bob) = two(&relay).await;
    let mut sent = Vec::new();
    for number in 1..=100 {
        let id = message_id();
        from.submit(bob.address(), id, envelope(number)).await;
        sent.push((u64::from(number), id, envelope(number)));
    }
    from.settle().await;
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.waiting().await, sent);
}

#[tokio::test]
async fn only_what_was_not_acknowledged_comes_again() {
    let relay = Relay::start();
    let (mut from, _, bob) = two(&relay).await;
    for number in 1..=10 {
        from.store(bob.address(), message_id(), envelope(number))
            .await;
    }
    let mut first = Client::auth(relay.address, &bob, 0).await;
    for number in 1..=6 {
        assert_eq!(first.delivery().await.2, envelope(number));
    }
    first.send(&ClientFrame::Ack { through: 4 }).await;
    first.settle().await;
    first.leave().await;
    // The device says that it has 7 on disk, although it never acknowledged beyond 4.
    let mut second = Client::auth(relay.address, &bob, 7).await;
    let seqs: Vec<u64> = second.waiting().await.iter().map(|one| one.0).collect();
    assert_eq!(seqs, [8, 9, 10]);
}

#[tokio::test]
async fn a_retried_message_is_there_once_also_after_its_acknowledgement() {
    let relay = Relay::start();
    let (mut from, alice, bob) = two(&relay).await;
    let id = message_id();
    assert!(!from.store(bob.address(), id, envelope(1)).await);
    assert!(from.store(bob.address(), id, envelope(1)).await);
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.waiting().await, [(1, id, envelope(1))]);
    to.settle().await;
    assert!(from.store(bob.address(), id, envelope(1)).await);
    // The same id to somebody else is another message.
    assert!(!from.store(alice.address(), id, envelope(1)).await);
    from.store(bob.address(), message_id(), envelope(2)).await;
    assert_eq!(to.delivery().await.0, 2);
}

#[tokio::test]
async fn a_full_mailbox_refuses_and_keeps_what_it_has() {
    let relay = Relay::start_with(|config| config.limits.mailbox_messages = 6);
    let (mut from, _, bob) = two(&relay).await;
    for number in 1..=3 {
        from.store(bob.address(), message_id(), envelope(number))
            .await;
    }
    let id = message_id();
    from.submit(bob.address(), id, envelope(4)).await;
    let refused = from.answer().await;
    assert!(
        matches!(refused, RelayFrame::Refused { message_id, cause: SubmitRefusal::MailboxFull, retry_after_ms } if message_id == id && retry_after_ms > 0),
        "{refused:?}"
    );
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.waiting().await.len(), 3);
    to.settle().await;
    assert!(!from.store(bob.address(), id, envelope(4)).await);
}

#[tokio::test]
async fn a_mailbox_is_also_limited_in_bytes() {
    // Half of it is for strangers.
    let relay = Relay::start_with(|config| config.limits.mailbox_bytes = 2_000);
    let (mut from, _, bob) = two(&relay).await;
    from.store(bob.address(), message_id(), envelope(1)).await;
    from.store(bob.address(), message_id(), envelope(2)).await;
    from.submit(bob.address(), message_id(), vec![9; 500]).await;
    let refused = from.answer().await;
    assert!(matches!(refused, RelayFrame::Refused { .. }), "{refused:?}");
    from.store(bob.address(), message_id(), envelope(3)).await;
}

#[tokio::test]
async fn an_unknown_recipient_is_refused_and_the_connection_goes_on() {
    let relay = Relay::start();
    let (mut from, _, bob) = two(&relay).await;
    let nobody = Device::new("nobody").address();
    let other_device = DeviceAddress {
        device: 2,
        ..bob.address()
    };
    for recipient in [nobody, other_device] {
        from.submit(recipient, message_id(), envelope(1)).await;
        let refused = from.answer().await;
        assert!(
            matches!(
                refused,
                RelayFrame::Refused {
                    cause: SubmitRefusal::UnknownRecipient,
                    ..
                }
            ),
            "{refused:?}"
        );
    }
    from.store(bob.address(), message_id(), envelope(2)).await;
}

#[tokio::test]
async fn a_newer_connection_replaces_the_older_one() {
    let relay = Relay::start();
    let (mut from, _, bob) = two(&relay).await;
    let mut older = Client::auth(relay.address, &bob, 0).await;
    let mut newer = Client::auth(relay.address, &bob, 0).await;
    let replaced = End {
        error: Some(ConnectionError::Replaced),
        code: Some(close_code::of(ConnectionError::Replaced)),
    };
    assert_eq!(older.end().await, replaced);
    from.store(bob.address(), message_id(), envelope(1)).await;
    assert_eq!(newer.delivery().await.0, 1);
}

#[tokio::test]
async fn no_more_than_the_window_is_unacknowledged() {
    let relay = Relay::start();
    let (mut from, _, mut bob) = two(&relay).await;
    for number in 1..=7 {
        from.store(bob.address(), message_id(), envelope(number))
            .await;
    }
    bob.window = 2;
    let mut to = Client::auth(relay.address, &bob, 0).await;
    for acknowledged in 0..=5u64 {
        if acknowledged == 0 {
            assert_eq!(to.delivery().await.0, 1);
        } else {
            to.send(&ClientFrame::Ack {
                through: acknowledged,
            })
            .await;
        }
        assert_eq!(to.delivery().await.0, acknowledged + 2);
        // Answers come in order, so a delivery beyond the window would come before this one.
        to.send(&ClientFrame::Ping {
            token: acknowledged,
        })
        .await;
        let next = to.next().await;
        let pong = RelayFrame::Pong {
            token: acknowledged,
        };
        if acknowledged == 5 && next != pong {
            assert_eq!(next, RelayFrame::QueueEmpty { through: 7 });
        } else {
            assert_eq!(next, pong);
        }
    }
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_not_delivered_is_malformed() {
    let relay = Relay::start();
    let (mut from, _, bob) = two(&relay).await;
    from.store(bob.address(), message_id(), envelope(1)).await;
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.delivery().await.0, 1);
    to.send(&ClientFrame::Ack { through: 2 }).await;
    assert_eq!(to.end().await.error, Some(ConnectionError::Malformed));
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.delivery().await.0, 1);
}

#[tokio::test]
async fn many_senders_into_one_mailbox_keep_each_senders_order() {
    let relay = Relay::start();
    let bob = Device::new("bob");
    let mut to = Client::register(relay.address, &bob).await;
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..8u32 {
        let (address, recipient) = (relay.address, bob.address());
        senders.spawn(async move {
            let device = Device::new(&format!("sender{sender}"));
            let mut from = Client::register(address, &device).await;
            for number in 0..50 {
                let mark = sender * 1_000 + number;
                from.submit(recipient, message_id(), envelope(mark)).await;
            }
            from.settle().await;
        });
    }
    let mut last = [None; 8];
    for expected in 1..=400 {
        let (seq, _, envelope) = to.delivery().await;
        assert_eq!(seq, expected);
        to.send(&ClientFrame::Ack { through: seq }).await;
        let mark = u32::from_be_bytes(*envelope.first_chunk().expect("four bytes"));
        let place = &mut last[mark as usize / 1_000];
        assert!(*place < Some(mark), "{place:?} before {mark}");
        *place = Some(mark);
    }
    senders.join_all().await;
}

#[tokio::test]
async fn a_sender_that_is_too_fast_is_told_when_to_come_back() {
    let one = std::num::NonZeroU32::MIN;
    let relay = Relay::start_with(|config| config.limits.submits_per_second = one);
    let (mut from, _, bob) = two(&relay).await;
    let ids = [message_id(), message_id()];
    for id in ids {
        from.submit(bob.address(), id, envelope(1)).await;
    }
    let answers = [from.answer().await, from.answer().await];
    assert!(
        matches!(answers, [
            RelayFrame::Stored { .. },
            RelayFrame::Refused { message_id, cause: SubmitRefusal::RateLimited, retry_after_ms: 1.. },
        ] if message_id == ids[1]),
        "{answers:?}"
    );
}

#[tokio::test]
async fn numbers_go_on_from_what_the_device_already_has() {
    let relay = Relay::start();
    let (mut from, _, bob) = two(&relay).await;
    // As after a store that lost its end: the device knows of more than the relay.
    let mut to = Client::auth(relay.address, &bob, 41).await;
    from.store(bob.address(), message_id(), envelope(1)).await;
    assert_eq!(to.delivery().await.0, 42);
}

#[tokio::test]
async fn mail_that_came_before_a_device_that_is_ahead_is_not_lost() {
    let relay = Relay::start();
    let (mut from, _, bob) = two(&relay).await;
    from.store(bob.address(), message_id(), envelope(1)).await;
    from.store(bob.address(), message_id(), envelope(2)).await;
    let mut to = Client::auth(relay.address, &bob, 41).await;
    assert_eq!(to.delivery().await.0, 42);
    assert_eq!(to.delivery().await.0, 43);
}
