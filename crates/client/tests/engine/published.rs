//! What the relay has and what the device gave it: each way in which the two can come apart is noticed and
//! mended, whatever is lost or cut off on the way, and no relay can make a device upload without end.

use crate::support::World;
use crate::support::stranger::Stranger;
use pawl_client::{AlertCode, Input, Table};
use pawl_sim::Point;
use pawl_sim::disk::lacking;
use pawl_sim::relay::Stock;
use pawl_wire::{ConnectionError, DeviceAddress, KeyRecord, PublishedKeys, RelayFrame};

const ALICE: usize = 0;
const DAY: u64 = 24 * 60 * 60 * 1_000;
const QUARTER: u64 = 15 * 60 * 1_000;

/// What the relay's store holds of somebody's keys.
struct Copy {
    keys: PublishedKeys,
    one_time: Stock,
    kems: Stock,
}

fn copy(world: &World, of: DeviceAddress) -> Copy {
    let mailbox = &world.relay.store.boxes[&of];
    Copy {
        keys: mailbox.keys.clone(),
        one_time: mailbox.one_time.clone(),
        kems: mailbox.kems.clone(),
    }
}

fn put_back(world: &mut World, of: DeviceAddress, copy: Copy) {
    let mailbox = world.relay.store.boxes.get_mut(&of).expect("registered");
    mailbox.keys = copy.keys;
    mailbox.one_time = copy.one_time;
    mailbox.kems = copy.kems;
}

fn reconnect(world: &mut World) {
    world.break_connection(ALICE, None);
    world.settle();
}

/// Ids of one-time keys on the disk, of both kinds.
fn on_disk(world: &World) -> [Vec<u32>; 2] {
    [2, 3].map(|kind| {
        let keys = world.clients[ALICE].disk.keys();
        let of_kind = keys.filter(|(table, key)| *table == Table::Prekeys && key.0[0] == kind);
        let id = |key: &[u8]| u32::from_be_bytes(key[1..].try_into().expect("an id"));
        of_kind.map(|(_, key)| id(&key.0)).collect()
    })
}

fn at_relay(world: &World, of: DeviceAddress) -> [Vec<u32>; 2] {
    let mailbox = &world.relay.store.boxes[&of];
    let ids =
        |keys: &std::collections::VecDeque<KeyRecord>| keys.iter().map(|key| key.id).collect();
    [ids(&mailbox.one_time), ids(&mailbox.kems)]
}

/// All that the relay has are this device's own, enough, and fit to begin with; and another connection makes no
/// further upload.
fn assert_well(world: &mut World, of: DeviceAddress, what: &str) {
    let Copy {
        keys,
        one_time,
        kems,
        ..
    } = copy(world, of);
    assert!(one_time.len() >= 25 && kems.len() >= 25, "{what}");
    let disk = &world.clients[ALICE].disk;
    assert_eq!(lacking(disk, &keys), [], "{what}");
    let one_time = PublishedKeys {
        one_time_prekeys: one_time.iter().cloned().collect(),
        one_time_kems: kems.iter().cloned().collect(),
        ..PublishedKeys::default()
    };
    assert_eq!(lacking(disk, &one_time), [], "{what}");
    let uploads = world.relay.published.len();
    reconnect(world);
    assert_eq!(world.relay.published.len(), uploads, "{what}");
    let name = format!("eve-{uploads}");
    let mut stranger = Stranger::registered(&name, 1_000 + uploads as u64, world);
    for (text, one_time) in [("with", true), ("without", false)] {
        stranger.write(world, of, text, one_time);
    }
    world.settle();
    assert_eq!(world.received(ALICE, &name), ["with", "without"], "{what}");
}

/// So many strangers write, each with one-time keys.
fn strangers(world: &mut World, to: DeviceAddress, count: u64, seed: u64) {
    for i in 0..count {
        let mut stranger = Stranger::registered(&format!("s{seed}-{i}"), seed + i, world);
        stranger.write(world, to, "hi", true);
    }
    world.run_for(60_000);
}

#[test]
fn a_relay_that_was_put_back_to_an_old_copy_gets_all_keys_anew() {
    let mut world = World::with(1_000, &["alice"]);
    let alice = world.address("alice");
    let old = copy(&world, alice);
    strangers(&mut world, alice, 80, 10_000);
    reconnect(&mut world);
    assert_eq!(at_relay(&world, alice)[0], (81..=180).collect::<Vec<_>>());
    let uploads = world.relay.published.len();
    put_back(&mut world, alice, old);
    reconnect(&mut world);
    assert_eq!(at_relay(&world, alice)[0], (181..=280).collect::<Vec<_>>());
    assert_eq!(world.relay.published.len(), uploads + 2);
    assert_well(&mut world, alice, "put back");
    assert_eq!(world.alerts(ALICE), []);
}

#[test]
fn after_a_restore_that_is_told_nothing_that_the_relay_still_has_is_given_out() {
    let mut world = World::with(1_001, &["alice"]);
    let alice = world.address("alice");
    let same = copy(&world, alice);
    world.relay.store.restore();
    put_back(&mut world, alice, same);
    reconnect(&mut world);
    assert_eq!(at_relay(&world, alice)[1], (101..=200).collect::<Vec<_>>());
    assert_well(&mut world, alice, "kept");
    world.relay.store.restore();
    let uploads = world.relay.published.len();
    reconnect(&mut world);
    assert_eq!(at_relay(&world, alice)[1], (201..=300).collect::<Vec<_>>());
    assert_eq!(world.relay.published.len(), uploads + 2, "filled once");
    assert_well(&mut world, alice, "emptied");
}

#[test]
fn keys_that_the_relay_lost_or_that_are_not_the_devices_are_replaced() {
    let mut world = World::with(1_002, &["alice", "bob"]);
    let (alice, bob) = (world.address("alice"), world.address("bob"));
    let others = copy(&world, bob);
    type Fault<'a> = (&'a str, &'a dyn Fn(&mut Copy));
    let faults: [Fault<'_>; 8] = [
        ("one in the middle", &|it| drop(it.one_time.remove(50))),
        ("one KEM key", &|it| drop(it.kems.remove(7))),
        ("the newest", &|it| it.one_time.truncate(90)),
        ("all of a kind", &|it| it.kems.clear()),
        ("another's", &|it| it.kems[3] = others.kems[3].clone()),
        ("another id", &|it| it.one_time[80].id -= 40),
        ("another's signed prekey", &|it| {
            it.keys.signed_prekey = others.keys.signed_prekey.clone();
        }),
        ("another's last-resort prekey", &|it| {
            it.keys.last_resort_kem = others.keys.last_resort_kem.clone();
        }),
    ];
    for (what, fault) in faults {
        let mut state = copy(&world, alice);
        fault(&mut state);
        put_back(&mut world, alice, state);
        for _ in 0..3 {
            reconnect(&mut world);
        }
        assert_well(&mut world, alice, what);
        // Faults that far apart are no reason to tell anybody.
        world.now += DAY;
        world.settle();
    }
    assert_eq!(world.alerts(ALICE), []);
}

#[test]
fn a_device_that_went_back_in_time_publishes_keys_that_it_has() {
    let mut world = World::with(1_003, &["alice"]);
    let alice = world.address("alice");
    let old = world.clients[ALICE].disk.clone();
    strangers(&mut world, alice, 90, 20_000);
    world.now += 8 * DAY;
    world.settle();
    reconnect(&mut world);
    assert_eq!(at_relay(&world, alice)[0], (91..=190).collect::<Vec<_>>());
    world.roll_back(ALICE, old);
    for _ in 0..3 {
        world.run_for(60_000);
        reconnect(&mut world);
    }
    assert!(at_relay(&world, alice)[0][0] > 10_000, "other ids");
    assert_well(&mut world, alice, "rolled back");
}

/// The relay runs low and says so; the step that refills ends as told.
fn refill(world: &mut World, of: DeviceAddress, crash: Option<Point>) {
    let mailbox = world.relay.store.boxes.get_mut(&of).expect("registered");
    let left = mailbox.one_time.len().saturating_sub(20);
    mailbox.one_time.drain(..left);
    mailbox.kems.drain(..left);
    let low = Input::Frames(vec![RelayFrame::KeysLow(mailbox.stock()).encode()]);
    world.crash_in = crash.map(|crash| (0, crash));
    world.input(ALICE, low);
}

#[test]
fn an_upload_that_was_lost_goes_again_with_the_same_keys() {
    let mut world = World::with(1_004, &["alice"]);
    let alice = world.address("alice");
    refill(&mut world, alice, Some(Point::AfterCommit));
    let lost = on_disk(&world);
    assert_eq!(lost[0], (1..=150).collect::<Vec<_>>());
    world.settle();
    let all: Vec<_> = (81..=180).collect();
    assert_eq!(at_relay(&world, alice), [all.clone(), all]);
    let ever: Vec<_> = (1..=180).collect();
    assert_eq!(
        on_disk(&world),
        [ever.clone(), ever],
        "none was made for nothing"
    );
    assert_well(&mut world, alice, "lost");
}

#[test]
fn answers_that_are_lost_or_repeated_make_no_second_key() {
    for (copies, seed) in [(0, 1_005), (2, 1_006), (3, 1_007)] {
        let mut world = World::with(seed, &["alice"]);
        let alice = world.address("alice");
        world.relay.bend = Some(Box::new(move |_, frame| match frame {
            RelayFrame::Published { .. } => vec![frame; copies],
            _ => vec![frame],
        }));
        for _ in 0..3 {
            refill(&mut world, alice, None);
            for _ in 0..4 {
                reconnect(&mut world);
            }
        }
        // Three times 80 were missing; with lost answers the second batch waits until it is low again.
        let newest = if copies == 0 { 250 } else { 340 };
        assert_eq!(on_disk(&world)[0].last(), Some(&newest), "{copies}");
        let mut ids: Vec<u32> = Vec::new();
        for (_, keys) in &world.relay.published {
            ids.extend(keys.one_time_prekeys.iter().map(|key| key.id));
        }
        assert_eq!(ids, (1..=newest).collect::<Vec<_>>(), "each exactly once");
        world.relay.bend = None;
        assert_well(&mut world, alice, "answers");
    }
}

/// Everything that publishes: an account, its first keys, new ones, weekly ones, a repair.
fn all_uploads(world: &mut World) {
    let id = world.next_id();
    let command = pawl_client::Command::CreateAccount {
        username: "alice".into(),
        invite: None,
    };
    world.ask_as(ALICE, &id, command.clone());
    world.run_for(60_000);
    if world.answer(ALICE, &id).is_none() && world.relay.store.boxes.is_empty() {
        world.ask_as(ALICE, &id, command);
        world.run_for(60_000);
    }
    let alice = world.address("alice");
    let plan = world.crash_in.take();
    let mailbox = world.relay.store.boxes.get_mut(&alice).expect("registered");
    mailbox.one_time.truncate(10);
    let few = 5.min(mailbox.kems.len());
    mailbox.kems.drain(..few);
    world.crash_in = plan;
    reconnect(world);
    world.now += 8 * DAY;
    world.run_for(60_000);
}

#[test]
fn a_crash_at_any_point_leaves_no_public_key_without_its_private_half() {
    let mut points = 0;
    for crash in [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending] {
        for steps in 0.. {
            let mut world = World::new(1_010, 1);
            world.crash_in = Some((steps, crash));
            all_uploads(&mut world);
            let alice = world.address("alice");
            if world.crashes == 0 {
                break;
            }
            points += 1;
            world.crash_in = None;
            reconnect(&mut world);
            assert_well(&mut world, alice, &format!("{crash:?} at {steps}"));
            // What was made for an upload that never arrived while the relay had none is one batch at most.
            let [one_time, _] = on_disk(&world);
            assert!(one_time.len() <= 400, "{crash:?} at {steps}");
        }
    }
    assert!(points > 60, "{points}");
}

type Lie = fn(RelayFrame) -> RelayFrame;

/// A relay that says the same of every device at each of so many connections.
fn lied_to(seed: u64, lie: Lie) -> World {
    let mut world = World::with(seed, &["alice"]);
    world.relay.bend = Some(Box::new(move |_, frame| vec![lie(frame)]));
    for _ in 0..96 {
        for _ in 0..3 {
            world.break_connection(ALICE, None);
            world.run_for(1_000);
        }
        world.run_for(QUARTER - 3_000);
    }
    world
}

#[test]
fn a_relay_that_lies_about_keys_gets_few_of_them_and_is_told_of_once() {
    let other_digest: Lie = |frame| match frame {
        RelayFrame::AuthOk(mut stock) => {
            stock.digests.one_time_kems ^= 1;
            RelayFrame::AuthOk(stock)
        }
        frame => frame,
    };
    let other_signed: Lie = |frame| match frame {
        RelayFrame::AuthOk(mut stock) => {
            stock.digests.signed_prekey ^= 1;
            RelayFrame::AuthOk(stock)
        }
        frame => frame,
    };
    let nothing: Lie = |frame| match frame {
        RelayFrame::AuthOk(_) => RelayFrame::AuthOk(pawl_wire::KeyStock::default()),
        frame => frame,
    };
    let refusal: Lie = |frame| match frame {
        RelayFrame::Published { .. } => RelayFrame::Error {
            code: ConnectionError::KeyReused,
            retry_after_ms: 0,
        },
        RelayFrame::AuthOk(_) => RelayFrame::AuthOk(pawl_wire::KeyStock::default()),
        frame => frame,
    };
    let most = [60, 200, 200, 200];
    let lies = [other_digest, other_signed, nothing, refusal];
    for (i, (lie, most)) in lies.into_iter().zip(most).enumerate() {
        let mut world = lied_to(1_020 + i as u64, lie);
        let uploads = world.relay.published.len();
        assert!((10..=most).contains(&uploads), "lie {i}: {uploads}");
        assert_eq!(world.alerts(ALICE), [AlertCode::PrekeysLost], "lie {i}");
        let [one_time, kems] = on_disk(&world);
        assert!(one_time.len() <= 400 && kems.len() <= 400, "lie {i}");
        let prekeys = world.clients[ALICE].disk.keys();
        let signed = prekeys.filter(|(table, key)| *table == Table::Prekeys && key.0[0] < 2);
        assert!(signed.count() < 60, "lie {i}");
        // When it stops, all is well again.
        world.relay.bend = None;
        world.now += 2 * DAY;
        for _ in 0..3 {
            reconnect(&mut world);
        }
        let alice = world.address("alice");
        assert_well(&mut world, alice, &format!("after lie {i}"));
    }
}

/// The relay knows key records by their lengths alone.
#[test]
fn the_lengths_that_the_relay_takes_are_those_of_the_protocols_records() {
    use pawl_protocol::{KemPreKey, OneTimePreKey, SignedPreKey};
    use pawl_wire::limits::{KEM_RECORD, ONE_TIME_PREKEY_RECORD, SIGNED_PREKEY_RECORD};
    assert_eq!(ONE_TIME_PREKEY_RECORD, OneTimePreKey::BYTES);
    assert_eq!(SIGNED_PREKEY_RECORD, SignedPreKey::BYTES);
    assert_eq!(KEM_RECORD, KemPreKey::BYTES);
}
