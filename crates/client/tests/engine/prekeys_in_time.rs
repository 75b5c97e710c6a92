//! Prekeys as time goes by: replaced and erased on their days, whatever the clock did and however long the
//! device was away; one-time keys erased when nobody can use them any more, and never while the relay has them.

use std::collections::BTreeMap;

use crate::support::stranger::Stranger;
use crate::support::{START, World};
use pawl_client::{AlertCode, Input, Table};
use pawl_wire::{DeviceAddress, RelayFrame};

const ALICE: usize = 0;
const HOUR: u64 = 60 * 60 * 1_000;
const DAY: u64 = 24 * HOUR;

/// Ids of a kind on the disk: 0 signed, 1 last-resort, 2 one-time, 3 one-time KEM.
fn on_disk(world: &World, kind: u8) -> Vec<u32> {
    let keys = world.clients[ALICE].disk.keys();
    let of_kind = keys.filter(|(table, key)| *table == Table::Prekeys && key.0[0] == kind);
    let id = |key: &[u8]| u32::from_be_bytes(key[1..].try_into().expect("an id"));
    of_kind.map(|(_, key)| id(&key.0)).collect()
}

/// Time passes without every ping of it.
fn pass(world: &mut World, milliseconds: u64) {
    let end = world.now + milliseconds;
    while world.now < end {
        world.now = end.min(world.now + 6 * HOUR);
        world.settle();
    }
}

/// Takes one-time keys of each kind out of the relay, as claims do, and tells when few are left.
fn claim(world: &mut World, of: DeviceAddress, count: usize) {
    for _ in 0..count {
        let mailbox = world.relay.store.boxes.get_mut(&of).expect("registered");
        mailbox.one_time.pop_front();
        mailbox.kems.pop_front();
        if mailbox.one_time.len() < 25 {
            let low = RelayFrame::KeysLow(mailbox.stock()).encode();
            world.input(ALICE, Input::Frames(vec![low]));
            world.settle();
        }
    }
}

#[test]
fn signed_prekeys_live_a_week_and_thirty_days_more_to_the_day() {
    let mut world = World::with(1_100, &["alice"]);
    let mut replaced: BTreeMap<u32, u64> = BTreeMap::new();
    let mut newest = 1;
    for look in 1..=4 * 90 {
        pass(&mut world, 6 * HOUR);
        for kind in [0, 1] {
            let keys = on_disk(&world, kind);
            let last = *keys.last().expect("one is current");
            for id in newest..last {
                replaced.insert(id, look);
            }
            newest = newest.max(last);
            // Everything replaced is there for 30 days, and gone two looks later.
            for (id, at) in &replaced {
                let age = look - at;
                assert!(age >= 4 * 30 || keys.contains(id), "{id} is gone at {age}");
                assert!(
                    age <= 4 * 30 + 2 || !keys.contains(id),
                    "{id} stays at {age}"
                );
            }
        }
        let weeks = 1 + look / (4 * 7);
        assert_eq!(u64::from(newest), weeks, "look {look}");
    }
}

#[test]
fn mail_of_the_last_day_opens_with_keys_that_were_replaced_since() {
    let mut world = World::with(1_101, &["alice"]);
    let alice = world.address("alice");
    let mut late = Stranger::registered("late", 1, &mut world);
    let mut too_late = Stranger::registered("too-late", 2, &mut world);
    let with_one_time = late.hello(&mut world, alice, "late", true);
    let without = too_late.hello(&mut world, alice, "too late", false);
    pass(&mut world, 36 * DAY);
    assert_eq!(on_disk(&world, 0).first(), Some(&1));
    Stranger::post(&mut world, alice, with_one_time);
    world.settle();
    assert_eq!(world.received(ALICE, "late"), ["late"]);
    pass(&mut world, 2 * DAY);
    Stranger::post(&mut world, alice, without);
    world.settle();
    assert!(world.received(ALICE, "too-late").is_empty());
}

#[test]
fn a_device_that_was_away_longer_than_keys_live_reads_its_mail_before_they_go() {
    let mut world = World::with(1_102, &["alice"]);
    let alice = world.address("alice");
    pass(&mut world, 8 * DAY);
    assert_eq!(on_disk(&world, 0), [1, 2]);
    world.set_network(ALICE, false);
    let mut eve = Stranger::registered("eve", 1, &mut world);
    let mut mallory = Stranger::registered("mallory", 2, &mut world);
    for client in &mut world.clients {
        client.wake_at = None;
    }
    world.now += 60 * DAY;
    eve.write(&mut world, alice, "one-time", true);
    mallory.write(&mut world, alice, "last resort", false);
    world.clients[ALICE].wake_at = Some(world.now);
    world.set_network(ALICE, true);
    world.settle();
    assert_eq!(world.received(ALICE, "eve"), ["one-time"]);
    assert_eq!(world.received(ALICE, "mallory"), ["last resort"]);
    assert_eq!(
        on_disk(&world, 0),
        [1, 2, 3],
        "nothing goes at the first look"
    );
    let mailbox = &world.relay.store.boxes[&alice];
    let published = mailbox.keys.signed_prekey.as_ref().map(|key| key.id);
    assert_eq!(
        published,
        Some(3),
        "and what is current is published at once"
    );
    pass(&mut world, 6 * HOUR);
    assert_eq!(
        on_disk(&world, 0),
        [2, 3],
        "at the second, what was replaced 60 days ago"
    );
    pass(&mut world, 31 * DAY);
    assert!(!on_disk(&world, 0).contains(&2));
}

#[test]
fn a_clock_that_was_wrong_for_a_while_erases_nothing_and_stops_no_rotation() {
    for (jump, seed) in [(400 * DAY as i64, 1_103), (-400 * DAY as i64, 1_104)] {
        let mut world = World::with(seed, &["alice"]);
        let alice = world.address("alice");
        pass(&mut world, 8 * DAY);
        claim(&mut world, alice, 80);
        let before: Vec<_> = [0, 1, 2, 3].map(|kind| on_disk(&world, kind)).into();
        world.now = world.now.checked_add_signed(jump).expect("a time");
        world.clients[ALICE].wake_at = Some(world.now);
        world.settle();
        pass(&mut world, HOUR);
        world.now = world.now.checked_add_signed(-jump).expect("a time");
        world.clients[ALICE].wake_at = Some(world.now);
        world.settle();
        for (kind, before) in [0, 1, 2, 3].into_iter().zip(&before) {
            let after = on_disk(&world, kind);
            assert!(
                before.iter().all(|id| after.contains(id)),
                "kind {kind} after {jump}"
            );
        }
        let newest = |world: &World| *on_disk(world, 0).last().expect("one");
        let rotated = newest(&world);
        pass(&mut world, 8 * DAY);
        assert!(newest(&world) > rotated, "goes on after {jump}");
        assert!(newest(&world) <= rotated + 2, "and not faster");
        // What was given out is erased in its time, as if the clock had been right.
        pass(&mut world, 40 * DAY);
        assert!(on_disk(&world, 2)[0] > 80, "after {jump}");
        let signed = on_disk(&world, 0);
        assert!(
            signed.len() <= 7 && signed[0] > 2,
            "after {jump}: {signed:?}"
        );
    }
}

#[test]
fn a_clock_that_stays_where_it_jumped_is_taken_for_the_time() {
    let mut world = World::with(1_105, &["alice"]);
    pass(&mut world, 8 * DAY);
    world.now = START - 300 * DAY;
    world.clients[ALICE].wake_at = Some(world.now);
    world.settle();
    pass(&mut world, 7 * DAY + 18 * HOUR);
    assert_eq!(on_disk(&world, 0), [1, 2, 3]);
    pass(&mut world, 60 * DAY);
    let signed = on_disk(&world, 0);
    assert!(signed.len() <= 6 && signed[0] > 3, "{signed:?}");
}

#[test]
fn keys_that_were_given_out_and_never_used_go_after_37_days_and_others_never() {
    let mut world = World::with(1_106, &["alice"]);
    let alice = world.address("alice");
    claim(&mut world, alice, 80);
    let given: Vec<u32> = (1..=76).collect();
    for kind in [2, 3] {
        assert_eq!(on_disk(&world, kind), (1..=176).collect::<Vec<_>>());
    }
    pass(&mut world, 37 * DAY);
    for kind in [2, 3] {
        assert!(given.iter().all(|id| on_disk(&world, kind).contains(id)));
    }
    pass(&mut world, DAY);
    for kind in [2, 3] {
        assert!(!given.iter().any(|id| on_disk(&world, kind).contains(id)));
    }
    // What the relay has stays, however long.
    pass(&mut world, 300 * DAY);
    let held: Vec<u32> = world.relay.store.boxes[&alice]
        .one_time
        .iter()
        .map(|key| key.id)
        .collect();
    assert_eq!(on_disk(&world, 2), held);
    let mut eve = Stranger::registered("eve", 1, &mut world);
    eve.write(&mut world, alice, "a year later", true);
    world.settle();
    assert_eq!(world.received(ALICE, "eve"), ["a year later"]);
}

#[test]
fn a_flood_of_claims_costs_old_unused_keys_and_none_that_the_relay_has() {
    let mut world = World::with(1_107, &["alice"]);
    let alice = world.address("alice");
    let mut eve = Stranger::registered("eve", 1, &mut world);
    let early = eve.hello(&mut world, alice, "before the flood", true);
    claim(&mut world, alice, 250);
    Stranger::post(&mut world, alice, early);
    world.settle();
    assert_eq!(world.received(ALICE, "eve"), ["before the flood"]);
    for round in 0..20 {
        claim(&mut world, alice, 100);
        for (kind, mailbox) in [2, 3]
            .into_iter()
            .zip([&world.relay.store.boxes[&alice]; 2])
        {
            let held = if kind == 2 {
                &mailbox.one_time
            } else {
                &mailbox.kems
            };
            let kept = on_disk(&world, kind);
            assert!(
                held.iter().all(|key| kept.contains(&key.id)),
                "round {round}"
            );
            assert!(kept.len() <= 400, "round {round}: {}", kept.len());
        }
    }
    assert_eq!(world.alerts(ALICE), []);
}

#[test]
fn low_stock_is_filled_once_each_time_and_at_the_mark() {
    let mut world = World::with(1_108, &["alice"]);
    let alice = world.address("alice");
    let stock = |world: &World| world.relay.store.boxes[&alice].one_time.len();
    let mut uploads = world.relay.published.len();
    for round in 0..5 {
        claim(&mut world, alice, 75);
        world.break_connection(ALICE, None);
        world.settle();
        assert_eq!(stock(&world), 25, "not before the mark");
        assert_eq!(world.relay.published.len(), uploads, "round {round}");
        claim(&mut world, alice, 1);
        assert_eq!(stock(&world), 100, "round {round}");
        uploads += 2;
        assert_eq!(world.relay.published.len(), uploads, "round {round}");
    }
    let mut ids = Vec::new();
    for (_, keys) in &world.relay.published {
        ids.extend(keys.one_time_kems.iter().map(|key| key.id));
    }
    assert_eq!(ids, (1..=480).collect::<Vec<_>>(), "each key once");
    assert!(!world.alerts(ALICE).contains(&AlertCode::PrekeysLost));
}
