//! Ten thousand messages in one mailbox, and a mailbox that is full as it comes: all of it arrives, once, in order, and
//! others are served meanwhile.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pawl_wire::limits::MAX_RECEIVE_WINDOW;
use pawl_wire::{ClientFrame, DeviceAddress, MessageId, RelayFrame, SubmitRefusal};

use crate::support::{Child, Client, Device, Relay, envelope, message_id};

const MANY: usize = 10_000;

/// What a mailbox holds of one sender that it knows, where nobody has said otherwise: a quarter.
const FULL: usize = 5_000;

/// Unanswered envelopes of whoever fills a mailbox.
const IN_FLIGHT: usize = 64;

/// What the relay may grow by while somebody fetches 20 MiB.
const SLACK_KIB: u64 = 10 * 1024;

fn letter(number: usize, size: usize) -> Vec<u8> {
    let mut bytes = envelope(u32::try_from(number).expect("a small number"));
    bytes.resize(size, 0x11);
    bytes
}

/// Fills a mailbox; all of it must be stored.
async fn fill(from: &mut Client, to: DeviceAddress, count: usize, size: usize) -> Vec<MessageId> {
    let ids: Vec<_> = (0..count).map(|_| message_id()).collect();
    let mut unanswered = VecDeque::new();
    for (number, id) in ids.iter().enumerate() {
        from.submit(to, *id, letter(number, size)).await;
        unanswered.push_back(*id);
        while unanswered.len() >= IN_FLIGHT || number + 1 == count && !unanswered.is_empty() {
            let stored = RelayFrame::Stored {
                message_id: unanswered.pop_front().expect("one"),
                duplicate: false,
            };
            assert_eq!(from.answer().await, stored);
        }
    }
    ids
}

/// Two of whom one writes to the other.
struct Chat {
    from: Client,
    to: Client,
    at: DeviceAddress,
    came: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Chat {
    async fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            self.from.submit(self.at, message_id(), envelope(1)).await;
            let (seq, ..) = self.to.delivery().await;
            self.to.send(&ClientFrame::Ack { through: seq }).await;
            let answer = self.from.answer().await;
            assert!(matches!(answer, RelayFrame::Stored { .. }), "{answer:?}");
            self.came.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_come_once_in_order_and_others_are_served_meanwhile() {
    const SIZE: usize = 2_000;
    let folder = tempfile::tempdir().expect("a folder");
    let limits = [
        "--mailbox-messages=20000",
        "--stranger-messages=20000",
        "--submits-per-second=1000000",
    ];
    let mut relay = Child::start(folder.path(), &limits);
    let [alice, mut bob, carol, dave] = ["alice", "bob", "carol", "dave"].map(Device::new);
    bob.window = MAX_RECEIVE_WINDOW;
    for device in [&alice, &bob, &carol, &dave] {
        Client::register(relay.address, device).await.leave().await;
    }
    let mut from = Client::auth(relay.address, &alice, 0).await;
    let ids = fill(&mut from, bob.address(), MANY, SIZE).await;
    let before = relay.resident_kib();
    let mut most = before;
    let mut came = 0;
    // In the midst of it the relay dies.
    for through in [MANY / 3, MANY] {
        let (others, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let chat = Chat {
            from: Client::auth(relay.address, &carol, 0).await,
            to: Client::auth(relay.address, &dave, 0).await,
            at: dave.address(),
            came: Arc::clone(&others),
            stop: Arc::clone(&stop),
        };
        let chat = tokio::spawn(chat.run());
        let mut to = Client::auth(relay.address, &bob, came as u64).await;
        while came < through {
            let expected = (came as u64 + 1, ids[came], letter(came, SIZE));
            assert_eq!(to.delivery().await, expected);
            came += 1;
            if came % 20 == 0 {
                let through = came as u64;
                to.send(&ClientFrame::Ack { through }).await;
            }
            if came % 500 == 0 {
                most = most.max(relay.resident_kib());
            }
        }
        assert!(others.load(Ordering::Relaxed) > 1, "nobody else was served");
        stop.store(true, Ordering::Relaxed);
        chat.await.expect("they were served");
        if came < MANY {
            relay.kill();
            relay = Child::start(folder.path(), &limits);
        }
    }
    assert!(most - before < SLACK_KIB, "from {before} to {most} KiB");
    let mut to = Client::auth(relay.address, &bob, came as u64).await;
    assert_eq!(to.waiting().await, []);
}

async fn is_refused(from: &mut Client, to: DeviceAddress, id: MessageId, number: usize) {
    from.submit(to, id, letter(number, 400)).await;
    let refused = from.answer().await;
    assert!(
        matches!(refused, RelayFrame::Refused { message_id, cause: SubmitRefusal::MailboxFull, retry_after_ms: 1.. } if message_id == id),
        "{refused:?}"
    );
}

/// The recipient acknowledges one message of this sender, and goes.
async fn get_known(relay: &Relay, from: &mut Client, to: &Device) {
    from.store(to.address(), message_id(), envelope(0)).await;
    let mut to = Client::auth(relay.address, to, 0).await;
    assert_eq!(to.waiting().await.len(), 1);
    to.settle().await;
    to.leave().await;
}

#[tokio::test]
async fn the_mailbox_that_is_full_refuses_and_goes_on_when_there_is_room() {
    let relay = Relay::start_with(|config| config.limits.submits_per_second = NonZeroU32::MAX);
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    let mut from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    get_known(&relay, &mut from, &bob).await;
    let mut ids = fill(&mut from, bob.address(), FULL, 400).await;
    let next = message_id();
    is_refused(&mut from, bob.address(), next, FULL).await;
    // What is known is no new message, and others have room.
    assert!(
        from.store(bob.address(), ids[FULL - 1], letter(0, 400))
            .await
    );
    from.store(alice.address(), message_id(), envelope(1)).await;
    is_refused(&mut from, bob.address(), next, FULL).await;
    let mut to = Client::auth(relay.address, &bob, 1).await;
    for id in ids.iter().take(10) {
        assert_eq!(to.delivery().await.1, *id);
    }
    to.send(&ClientFrame::Ack { through: 11 }).await;
    to.settle().await;
    to.leave().await;
    for (number, id) in (FULL..).zip([next].into_iter().chain((0..9).map(|_| message_id()))) {
        assert!(!from.store(bob.address(), id, letter(number, 400)).await);
        ids.push(id);
    }
    is_refused(&mut from, bob.address(), message_id(), 0).await;
    let mut to = Client::auth(relay.address, &bob, 11).await;
    let came = to.waiting().await.into_iter();
    let expected = ids.iter().enumerate().skip(10);
    let expected = expected.map(|(number, id)| (number as u64 + 2, *id, letter(number, 400)));
    assert!(came.eq(expected), "something else came");
}
