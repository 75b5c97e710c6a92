//! One sender does not shut out the others: shares of a mailbox, on the real relay.

use pawl_wire::{ClientFrame, DeviceAddress, RelayFrame, SubmitRefusal};

use crate::support::{Child, Client, Device, envelope, message_id};

/// Envelopes that are sent before the answers are read: fewer than the relay answers at once.
const WAVE: u32 = 50;

/// Sends until the relay refuses, or so many; how many were stored.
async fn fill(from: &mut Client, to: DeviceAddress, most: u32) -> u32 {
    let mut stored = 0;
    while stored < most {
        let wave = WAVE.min(most - stored);
        for number in 0..wave {
            from.submit(to, message_id(), envelope(stored + number))
                .await;
        }
        let mut refused = false;
        for _ in 0..wave {
            match from.answer().await {
                RelayFrame::Stored { .. } => stored += 1,
                RelayFrame::Refused {
                    cause: SubmitRefusal::MailboxFull,
                    ..
                } => refused = true,
                other => panic!("{other:?}"),
            }
        }
        if refused {
            break;
        }
    }
    stored
}

/// The device takes all that waits, acknowledges it and goes.
async fn fetch(relay: &Child, device: &Device, last_seq: u64) -> u64 {
    let mut client = Client::auth(relay.address, device, last_seq).await;
    let waiting = client.waiting().await;
    client.settle().await;
    client.leave().await;
    waiting.last().map_or(last_seq, |(seq, ..)| *seq)
}

async fn registered(relay: &Child, name: &str) -> (Device, Client) {
    let device = Device::new(name);
    let client = Client::register(relay.address, &device).await;
    (device, client)
}

#[tokio::test]
async fn one_stranger_does_not_shut_a_friend_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    let (victim, client) = registered(&relay, "victim").await;
    client.leave().await;
    let (_, mut attacker) = registered(&relay, "attacker").await;
    assert_eq!(fill(&mut attacker, victim.address(), 6_000).await, 300);
    let (_, mut friend) = registered(&relay, "friend").await;
    assert_eq!(fill(&mut friend, victim.address(), 100).await, 100);
}

#[tokio::test]
async fn strangers_do_not_shut_out_who_is_known_and_a_restart_leaves_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = [
        "--mailbox-messages=2000",
        "--registrations-per-minute=1000000",
    ];
    let mut relay = Child::start(folder.path(), &flags);
    let (victim, client) = registered(&relay, "victim").await;
    client.leave().await;
    let (friend, mut client) = registered(&relay, "friend").await;
    assert_eq!(fill(&mut client, victim.address(), 1).await, 1);
    let last = fetch(&relay, &victim, 0).await;
    let mut junk = 0;
    for number in 0..5 {
        let (_, mut stranger) = registered(&relay, &format!("stranger{number}")).await;
        junk += fill(&mut stranger, victim.address(), 2_000).await;
    }
    assert_eq!(junk, 1_000, "half of the mailbox");
    let taken = fill(&mut client, victim.address(), 2_000).await;
    assert!((200..=500).contains(&taken), "{taken}");
    // What waited before a restart is nobody's; half of what is left is for strangers, who now are all.
    relay.kill();
    relay = Child::start(folder.path(), &flags);
    let mut client = Client::auth(relay.address, &friend, 0).await;
    assert_eq!(fill(&mut client, victim.address(), 50).await, 50);
    // The next acknowledgement says who they are.
    fetch(&relay, &victim, last).await;
    let taken = fill(&mut client, victim.address(), 2_000).await;
    assert_eq!(taken, 500, "a quarter");
}

#[tokio::test]
async fn a_message_past_the_disk_makes_its_sender_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    let (victim, mut there) = registered(&relay, "victim").await;
    there.settle().await;
    let (_, mut friend) = registered(&relay, "friend").await;
    friend
        .submit(victim.address(), message_id(), envelope(1))
        .await;
    let (through, ..) = there.delivery().await;
    there.send(&ClientFrame::Ack { through }).await;
    there.settle().await;
    assert!(matches!(friend.answer().await, RelayFrame::Stored { .. }));
    there.leave().await;
    assert_eq!(fill(&mut friend, victim.address(), 400).await, 400);
}
