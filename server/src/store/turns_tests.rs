//! Everybody has their turn, and what one device asks for keeps its order.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::*;

/// The device of a network, both by number.
fn whose(network: u8, device: i64) -> Whose {
    Whose::device([192, 0, 2, network].into(), DeviceId(device))
}

/// Queues without waiting.
fn add<T>(turns: &Turns<T>, whose: Whose, items: impl IntoIterator<Item = T>) {
    for item in items {
        drop(turns.inner().push(whose, item, usize::MAX));
    }
}

/// One group of at most so many.
fn group<T>(turns: &Turns<T>, most: usize) -> Vec<T> {
    let Found::Item(first) = turns.first(Some(clock::now())) else {
        return Vec::new();
    };
    let mut group = vec![first];
    while group.len() < most
        && let Some(item) = turns.more()
    {
        group.push(item);
    }
    group
}

#[test]
fn networks_have_their_turns_and_devices_in_them() {
    let turns = Turns::new(10, 100);
    add(&turns, whose(1, 1), ["a1", "a2", "a3"]);
    add(&turns, whose(1, 2), ["b1", "b2"]);
    add(&turns, whose(2, 3), ["c1", "c2"]);
    add(&turns, Whose::OWN, ["own"]);
    assert_eq!(turns.queued(), 8);
    let all = ["a1", "c1", "own", "b1", "c2", "a2", "b2", "a3"];
    assert_eq!(group(&turns, 100), all);
    assert_eq!(turns.queued(), 0);
    assert_eq!(group(&turns, 100), [""; 0]);
}

#[test]
fn a_network_has_its_part_of_a_group_while_others_wait_and_all_of_it_alone() {
    let turns = Turns::new(10, 4);
    for device in 0..100 {
        add(&turns, whose(1, device), [device, device]);
    }
    assert_eq!(group(&turns, 64).len(), 64);
    add(&turns, whose(2, 7), [1_000]);
    let mixed = group(&turns, 64);
    assert_eq!(mixed.len(), 5, "{mixed:?}");
    assert!(mixed[..2].contains(&1_000), "{mixed:?}");
    // Alone again.
    assert_eq!(group(&turns, 200).len(), 200 - 64 - 4);
}

#[test]
fn a_customer_with_many_networks_of_ipv6_has_the_turns_of_one() {
    let turns = Turns::new(10, 100);
    for network in 0..50 {
        let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, network, 0, 0, 0, 1);
        let whose = Whose::device(address.into(), DeviceId(network.into()));
        add(&turns, whose, [network]);
    }
    add(&turns, whose(1, 1), [99]);
    assert_eq!(group(&turns, 2), [0, 99]);
}

#[tokio::test]
async fn beyond_the_bound_who_asks_waits_until_its_own_are_taken() {
    let turns = Arc::new(Turns::new(2, 100));
    for item in 1..=2 {
        assert!(turns.push(whose(1, 1), item).await);
    }
    let queue = Arc::clone(&turns);
    let waits = tokio::spawn(async move { queue.push(whose(1, 1), 3).await });
    while turns.queued() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(group(&turns, 2), [1, 2]);
    tokio::task::yield_now().await;
    assert!(!waits.is_finished(), "one of its own is left");
    assert_eq!(group(&turns, 2), [3]);
    assert!(waits.await.expect("no panic"));
}

#[tokio::test]
async fn a_stranger_waits_for_its_own_request_and_not_for_those_of_others() {
    let turns = Arc::new(Turns::new(0, 100));
    let mut waits = Vec::new();
    for number in 1..=3 {
        let queue = Arc::clone(&turns);
        let stranger = Whose::stranger([192, 0, 2, 1].into());
        waits.push(tokio::spawn(
            async move { queue.push(stranger, number).await },
        ));
        while turns.queued() < number {
            tokio::task::yield_now().await;
        }
    }
    add(&turns, whose(1, 1), [11, 12, 13]);
    assert_eq!(group(&turns, 1), [1]);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let done: Vec<_> = waits.iter().map(JoinHandle::is_finished).collect();
    assert_eq!(done, [true, false, false]);
    // A device that asks for much has one turn among them.
    assert_eq!(group(&turns, 4), [2, 3, 11, 12]);
}

#[tokio::test]
async fn what_is_queued_when_it_closes_is_taken_and_nobody_waits_for_who_is_gone() {
    let turns = Arc::new(Turns::new(0, 100));
    let queue = Arc::clone(&turns);
    let waits = tokio::spawn(async move { queue.push(whose(1, 1), 1).await });
    while turns.queued() < 1 {
        tokio::task::yield_now().await;
    }
    turns.close();
    assert!(!turns.push(whose(1, 2), 2).await);
    assert!(matches!(turns.first(None), Found::Item(1)));
    assert!(matches!(turns.first(None), Found::End));
    assert!(waits.await.expect("no panic"));
    let turns = Arc::new(Turns::new(0, 100));
    let queue = Arc::clone(&turns);
    let (reply, answer) = oneshot::channel::<()>();
    let waits = tokio::spawn(async move { queue.push(whose(1, 1), reply).await });
    while turns.queued() < 1 {
        tokio::task::yield_now().await;
    }
    turns.abandon();
    assert!(waits.await.expect("no panic"));
    assert!(answer.await.is_err(), "it is told that nobody answers");
}
