//! What a device does with much mail and many sessions: the real engine, against the model relay and the store
//! in memory of the engine's own tests, whose work is in the times. Times each once or a few times: a run is long.

use std::time::Instant;

use pawl_client::Table;
use pawl_sim::scripted::{World, try_load};

use crate::BODY_BYTES;

/// Messages that wait in one mailbox.
const WAITING: u32 = 10_000;
/// As many as a sender may have unsent is 1,000; fewer, and nothing holds it up.
const AT_ONCE: u32 = 500;
/// Sessions in one account.
const SESSIONS: u32 = 100;
/// The device whose work counts.
const ALICE: usize = 0;

pub(crate) fn rows() {
    mailbox();
    sessions();
}

/// A device comes back to a full mailbox of one person.
fn mailbox() {
    let mut world = World::with(1, &["alice", "bob"]);
    world.start(1, "alice");
    world.send(1, "alice", "hello");
    world.send(ALICE, "bob", "hello yourself");
    world.set_network(ALICE, false);
    for _ in 0..WAITING / AT_ONCE {
        write(&mut world, 1, "alice", AT_ONCE);
    }
    let before = peak_bytes();
    let seconds = comes_back(&mut world);
    assert_eq!(received(&world), WAITING + 1);
    let after = peak_bytes();
    print("mailbox", f64::from(WAITING) / seconds);
    if let (Some(before), Some(after)) = (before, after) {
        let row = serde_json::json!({
            "row": "memory",
            "of": "mailbox",
            "implementation": "pawl",
            "runtime": "native",
            "peak_bytes": after,
            "peak_bytes_before": before,
        });
        println!("{row}");
    }
}

/// A device with many sessions is loaded, and gets one message on each.
fn sessions() {
    let names: Vec<_> = (0..=SESSIONS).map(|i| format!("person-{i}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut world = World::with(2, &names);
    for i in 1..names.len() {
        world.start(i, names[ALICE]);
        world.send(i, names[ALICE], "hello");
        world.send(ALICE, names[i], "hello yourself");
    }
    let disk = &world.clients[ALICE].disk;
    let held = disk.keys().filter(|(table, _)| *table == Table::Sessions);
    assert_eq!(held.count(), names.len() - 1);
    let start = now();
    for _ in 0..SESSIONS {
        drop(try_load(disk).expect("the store loads"));
    }
    let loads = f64::from(SESSIONS) / start.elapsed().as_secs_f64();
    print("load-100-sessions", loads);
    world.set_network(ALICE, false);
    for i in 1..names.len() {
        write(&mut world, i, names[ALICE], 1);
    }
    let seconds = comes_back(&mut world);
    assert_eq!(received(&world), 2 * SESSIONS);
    print("100-sessions", f64::from(SESSIONS) / seconds);
}

/// Somebody writes to the device while it is away.
fn write(world: &mut World, from: usize, to: &str, count: u32) {
    let text = "x".repeat(BODY_BYTES);
    for _ in 0..count {
        let id = world.next_id();
        world.send_as(from, &id, to, &text);
    }
    world.settle();
}

/// Seconds until everything that waited is on its disk.
fn comes_back(world: &mut World) -> f64 {
    let start = now();
    world.set_network(ALICE, true);
    world.settle();
    start.elapsed().as_secs_f64()
}

/// Lines on the device's disk that are somebody else's.
fn received(world: &World) -> u32 {
    let client = &world.clients[ALICE];
    let lines = client
        .disk
        .iter()
        .filter(|((table, _), _)| *table == Table::Messages);
    let views = lines.map(|((_, key), record)| client.engine.message_view(key, Some(record)));
    u32::try_from(views.filter(|view| !view.mine).count()).expect("few")
}

fn print(row: &str, per_second: f64) {
    let row = serde_json::json!({
        "row": row,
        "implementation": "pawl",
        "runtime": "native",
        "per_second": per_second.round(),
        "body_bytes": BODY_BYTES,
    });
    println!("{row}");
}

/// The most memory that this process had so far, relay and stores included, where the system says it (Linux).
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1_024)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
