//! The life of private keys: on disk before their public halves leave, erased when they were used, kept
//! full, replaced in time, few.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;

use crate::support::stranger::Stranger;
use crate::support::{World, effects};
use pawl_client::{AlertCode, Change, Input, SocketRequest, Table};
use pawl_wire::{ClientFrame, RelayFrame};

const ALICE: usize = 0;
const BOB: usize = 1;
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Kinds as they stand in the store's keys: signed, last-resort, one-time, one-time KEM.
fn private_keys(world: &World, client: usize, kind: u8) -> Vec<u32> {
    let keys = world.clients[client].disk.keys();
    let of_kind = keys.filter(|(table, key)| *table == Table::Prekeys && key.0[0] == kind);
    let id = |key: &[u8]| u32::from_be_bytes(key[1..].try_into().expect("an id"));
    of_kind.map(|(_, key)| id(&key.0)).collect()
}

fn sessions(world: &World, client: usize) -> usize {
    let tables = world.clients[client].disk.keys();
    tables
        .filter(|(table, _)| *table == Table::Sessions)
        .count()
}

#[test]
fn the_stock_is_filled_and_used_keys_are_erased_with_the_message_that_used_them() {
    let mut world = World::with(900, &["alice", "bob"]);
    assert_eq!(private_keys(&world, BOB, 2), (1..=100).collect::<Vec<_>>());
    assert_eq!(private_keys(&world, BOB, 3), (1..=100).collect::<Vec<_>>());
    world.start(ALICE, "bob");
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "hi");
    assert_eq!(
        private_keys(&world, BOB, 2).len(),
        100,
        "claimed, not yet used"
    );
    world.set_network(BOB, true);
    world.settle();
    assert_eq!(private_keys(&world, BOB, 2), (2..=100).collect::<Vec<_>>());
    assert_eq!(private_keys(&world, BOB, 3), (2..=100).collect::<Vec<_>>());
}

#[test]
fn private_keys_are_committed_in_the_step_that_uploads_the_public_ones() {
    let mut world = World::with(901, &["alice"]);
    for round in 0..20_u32 {
        let alice = world.address("alice");
        let mailbox = world.relay.store.boxes.get_mut(&alice).expect("alice's");
        mailbox.one_time.drain(..97);
        mailbox.kems.drain(..76);
        let frame = Input::Frames(vec![RelayFrame::KeysLow(mailbox.stock()).encode()]);
        let now = world.now;
        let mut rng = ChaCha20Rng::seed_from_u64(1_000 + world.now);
        let step = world.clients[ALICE].engine.handle(frame, now, &mut rng);
        let disk = &world.clients[ALICE].disk;
        let is_new = |change: &&Change| match change {
            Change::Put { table, key, .. } => {
                *table == Table::Prekeys && !disk.contains_key(&(*table, key.clone()))
            }
            Change::Delete { .. } => false,
        };
        let written = step.changes().iter().filter(is_new).count();
        world.carry_out(ALICE, step, None);
        let frames = world.under_way(ALICE);
        let uploaded = frames.map(|frame| match ClientFrame::decode(frame) {
            Ok(ClientFrame::Publish { keys, .. }) => {
                keys.one_time_prekeys.len() + keys.one_time_kems.len()
            }
            _ => 0,
        });
        assert_eq!(written, uploaded.sum::<usize>(), "round {round}");
        assert_eq!(written, 100);
        world.settle();
    }
    for mailbox in world.relay.store.boxes.values() {
        assert!(mailbox.one_time.len() == 100 && mailbox.kems.len() == 100);
    }
    assert!(
        private_keys(&world, ALICE, 2).len() <= 400,
        "claimed and never used"
    );
}

#[test]
fn signed_prekeys_are_replaced_weekly_and_erased_when_no_mail_can_need_them() {
    let mut world = World::with(902, &["alice", "bob"]);
    world.start(ALICE, "bob");
    for week in 0..8_u64 {
        world.now += 8 * DAY;
        world.settle();
        world.settle();
        let newest = u32::try_from(week).expect("few") + 2;
        for kind in [0, 1] {
            let keys = private_keys(&world, BOB, kind);
            assert_eq!(keys.last(), Some(&newest), "week {week}");
            assert!(keys.len() <= 6, "week {week}: {keys:?}");
        }
        let published: Vec<_> = world
            .relay
            .store
            .boxes
            .values()
            .map(|m| m.keys.clone())
            .collect();
        assert!(published.iter().all(|keys| {
            keys.signed_prekey.as_ref().map(|key| key.id) == Some(newest)
                && keys.last_resort_kem.as_ref().map(|key| key.id) == Some(newest)
        }));
    }
    world.send(ALICE, "bob", "hi");
    assert_eq!(world.received(BOB, "alice"), ["hi"]);
}

#[test]
fn old_sessions_are_few_and_expire() {
    let mut world = World::with(903, &["alice", "bob"]);
    world.start(ALICE, "bob");
    let mut texts = Vec::new();
    for i in 0..15 {
        world.clients[ALICE]
            .disk
            .retain(|(table, _), _| *table != Table::Sessions);
        world.crash(ALICE);
        world.settle();
        texts.push(format!("{i}"));
        world.send(ALICE, "bob", &texts[i]);
        assert!(sessions(&world, BOB) <= 9, "round {i}");
    }
    assert_eq!(world.received(BOB, "alice"), texts);
    world.run_for(DAY);
    for days in [31, 1] {
        world.now += days * DAY;
        world.settle();
    }
    world.send(ALICE, "bob", "later");
    assert_eq!(sessions(&world, BOB), 1);
    assert_eq!(
        world.received(BOB, "alice").last().map(String::as_str),
        Some("later")
    );
}

#[test]
fn a_session_that_was_never_answered_is_not_written_on_for_ever() {
    let mut world = World::with(904, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "one");
    assert_eq!(sessions(&world, ALICE), 1);
    world.now += 21 * DAY;
    world.settle();
    world.send(ALICE, "bob", "two");
    assert_eq!(sessions(&world, ALICE), 2);
    world.set_network(BOB, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["one", "two"]);
}

#[test]
fn without_an_account_a_step_asks_for_a_connection_once_and_writes_nothing() {
    let mut world = World::new(905, 1);
    let mut rng = ChaCha20Rng::seed_from_u64(1_000 + world.now);
    let now = world.now;
    let step = world.clients[ALICE]
        .engine
        .handle(Input::Tick, now, &mut rng);
    assert!(step.changes().is_empty());
    let first = effects(step);
    assert!(first.frames.is_empty());
    assert_eq!(first.socket, Some(SocketRequest::Open));
    let again = world.clients[ALICE]
        .engine
        .handle(Input::Tick, now, &mut rng);
    assert_eq!(effects(again).socket, None);
}

/// Whether a client's disk holds these bytes in any record.
fn is_on_disk(world: &World, client: usize, bytes: &[u8]) -> bool {
    let mut records = world.clients[client].disk.values();
    records.any(|record| record.windows(bytes.len()).any(|window| window == bytes))
}

/// Message keys on a client's disk that were kept in the last ten seconds: each stands behind its number, which
/// is below 3, and the time.
fn skipped_keys(world: &World, client: usize) -> Vec<Vec<u8>> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, b| sum << 8 | u64::from(*b));
    let is_kept = |window: &&[u8]| {
        let kept_at = number(&window[4..12]);
        number(&window[..4]) < 3 && (world.now - 10_000..=world.now).contains(&kept_at)
    };
    let records = world.clients[client].disk.values();
    let windows = records
        .flat_map(|record| record.windows(44))
        .filter(is_kept);
    windows.map(|window| window[12..].to_vec()).collect()
}

#[test]
fn keys_of_messages_that_never_came_leave_the_disk_in_time_though_nothing_is_received() {
    let mut world = World::with(906, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    world.send(BOB, "alice", "two");
    world.set_network(BOB, false);
    for text in ["lost", "lost, too", "three"] {
        world.send(ALICE, "bob", text);
    }
    let bob = world.address("bob");
    let mailbox = world.relay.store.boxes.get_mut(&bob).expect("bob's");
    let last = mailbox.mail.back().cloned().expect("three");
    mailbox.mail = [last].into();
    world.set_network(BOB, true);
    world.settle();
    assert_eq!(world.received(BOB, "alice"), ["one", "three"]);
    let keys = skipped_keys(&world, BOB);
    assert_eq!(keys.len(), 2);
    let is_there = |world: &World| keys.iter().any(|key| is_on_disk(world, BOB, key));
    world.set_network(ALICE, false);
    for _ in 0..13 {
        world.run_for(DAY / 2);
        assert!(is_there(&world));
    }
    world.run_for(DAY + DAY / 4);
    assert!(!is_there(&world), "gone half a day later at the latest");
    world.set_network(ALICE, true);
    world.send(ALICE, "bob", "four");
    let all = ["one", "three", "four", "lost", "lost, too"];
    assert_eq!(world.received(BOB, "alice"), all, "the texts come again");
}

#[test]
fn old_keys_of_many_sessions_go_in_steps_that_fit_a_transaction() {
    let mut world = World::with(907, &["alice", "bob"]);
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "one");
    let bob = world.address("bob");
    for i in 0..70 {
        let mut stranger = Stranger::registered(&format!("eve-{i}"), i, &mut world);
        stranger.skip(1);
        stranger.write(&mut world, bob, "hi", false);
    }
    world.run_for(60_000);
    let before = world.clients[BOB].disk.clone();
    world.now += 8 * DAY;
    world.clients[BOB].network = false;
    world.break_connection(BOB, None);
    let mut steps = Vec::new();
    for days in [0, 1] {
        world.now += days * DAY;
        let now = world.now;
        loop {
            let mut rng = ChaCha20Rng::seed_from_u64(now);
            let step = world.clients[BOB].engine.handle(Input::Tick, now, &mut rng);
            let is_session = |change: &&Change| {
                matches!(
                    change,
                    Change::Put {
                        table: Table::Sessions,
                        ..
                    }
                )
            };
            steps.push(step.changes().iter().filter(is_session).count());
            world.carry_out(BOB, step, None);
            let is_more = world.clients[BOB].wake_at.is_some_and(|at| at <= now);
            if !is_more {
                break;
            }
        }
    }
    steps.retain(|changed| *changed > 0);
    assert_eq!(steps, [64, 6]);
    assert_ne!(before, world.clients[BOB].disk);
}

#[test]
fn an_account_that_uses_up_its_handshakes_without_one_time_keys_is_refused_alone_and_told_of() {
    let mut world = World::with(908, &["alice", "bob"]);
    let bob = world.address("bob");
    let mut eve = Stranger::registered("eve", 1, &mut world);
    let mut texts = Vec::new();
    for i in 0..70 {
        let text = i.to_string();
        eve.write(&mut world, bob, &text, false);
        world.settle();
        texts.push(text);
    }
    texts.truncate(64);
    assert_eq!(world.received(BOB, "eve"), texts);
    let username = Some("eve".to_owned());
    let told = AlertCode::HandshakeRefused { username };
    assert_eq!(world.alerts(BOB), [told.clone(), told.clone(), told]);
    // With a one-time key she is heard; and others are without.
    eve.write(&mut world, bob, "one-time", true);
    let mailbox = world.relay.store.boxes.get_mut(&bob).expect("bob's");
    mailbox.one_time.clear();
    mailbox.kems.clear();
    world.start(ALICE, "bob");
    world.send(ALICE, "bob", "hi");
    assert_eq!(world.received(BOB, "alice"), ["hi"]);
    texts.push("one-time".to_owned());
    assert_eq!(world.received(BOB, "eve"), texts);
    // When the prekeys that they used are gone there is room again, also after a reload.
    world.crash(BOB);
    for _ in 0..41 {
        world.now += DAY;
        world.settle();
    }
    eve.write(&mut world, bob, "later", false);
    world.settle();
    texts.push("later".to_owned());
    assert_eq!(world.received(BOB, "eve"), texts);
}

#[test]
fn no_session_grows_with_the_messages_that_were_carried() {
    let mut world = World::with(909, &["alice", "bob"]);
    world.start(ALICE, "bob");
    let mut sizes = Vec::new();
    for i in 0..1_000_u32 {
        let (from, to) = [(ALICE, "bob"), (BOB, "alice")][usize::from(i % 2 == 1)];
        world.send(from, to, "hi");
        let tables = [Table::Sessions, Table::Contacts, Table::Conversations];
        let bytes = tables.map(|table| {
            let records = world.clients[ALICE].disk.iter();
            let of_table = records.filter(|((of, _), _)| *of == table);
            of_table.map(|(_, record)| record.len()).sum::<usize>()
        });
        sizes.push(bytes);
    }
    let most = |at: usize, from: usize, to: usize| {
        let part = sizes[from..to].iter().map(|bytes| bytes[at]);
        part.max().expect("some")
    };
    // Sessions and people are as large as they were; conversations know where 256 runs of texts stand.
    for (at, table) in [(0, "sessions"), (1, "contacts")] {
        assert_eq!(most(at, 20, 1_000), most(at, 20, 40), "{table}");
    }
    assert_eq!(most(2, 700, 1_000), most(2, 700, 720));
}
