//! The disk of the real binary fails, or takes its time, while clients load it: system calls that strace answers with
//! errors or holds back. A relay whose disk fails refuses and goes on; what it promised, the checker (`history`)
//! looks at.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use pawl_wire::{ClientFrame, RelayFrame};

use crate::history::check;
use crate::strace::{self, Fault};
use crate::support::{Client, Device, http, message_id};
use crate::world::World;

/// Connections that a failing disk ends before the test goes on.
const FAILURES: usize = 20;

/// What clients note at most meanwhile: a relay that hides its failures is not waited for.
const LONG: usize = 20_000;

/// Of one client that asks for more than a slow disk takes.
const FLOOD: i64 = 1_500;
const FLOOD_BYTES: usize = 64 * 1024;

/// What a relay may need more for it: what is unanswered on one connection, and buffers.
const HELD_KIB: u64 = 32 * 1024;

/// The load, and a disk that fails now and then.
async fn survives(faults: &[Fault]) {
    let mut world = World::start().await;
    world.go_on(200, usize::MAX / 2).await;
    // In order, so that little is read at the start, where a failure ends the relay.
    assert_eq!(world.take().terminate(), Some(0));
    world.relive(strace::start(world.folder.path(), faults));
    world.go_on(LONG, FAILURES).await;
    // The same process serves on, without anybody's help.
    world.go_on(500, usize::MAX / 2).await;
    assert!(!world.relay().has_ended());
    world.kill();
    world.restart();
    let unavailable = world.unavailable.load(Ordering::Relaxed);
    assert_eq!(check(&world.end().await), [].into());
    assert!(unavailable >= FAILURES, "nobody was told: {unavailable}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_fail_under_load_break_no_promise() {
    survives(&["pwrite64:error=EIO:when=150+101"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_now_and_then_breaks_no_promise() {
    survives(&["pwrite64:error=ENOSPC:when=150+89"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushes_that_fail_under_load_break_no_promise() {
    survives(&["fsync:error=EIO:when=9+4"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_fail_under_load_break_no_promise() {
    survives(&["pread64:error=EIO:when=90+31"]).await;
}

/// From some flush on none ends well: nothing more is promised, whoever asks is told, and it goes down in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_has_failed_for_good_is_said_to_be_so() {
    let mut world = World::start().await;
    world.go_on(100, usize::MAX / 2).await;
    world.kill();
    world.relive(strace::start(
        world.folder.path(),
        &["fsync:error=EIO:when=20+"],
    ));
    world.go_on(LONG, FAILURES).await;
    let address = world.relay().address;
    assert_eq!(http(address, "GET /live", &[]).status, 200);
    assert_eq!(http(address, "GET /ready", &[]).status, 503);
    let mut relay = world.take();
    assert_eq!(relay.terminate(), Some(0));
    world.restart();
    world.go_on(100, usize::MAX / 2).await;
    assert_eq!(check(&world.end().await), [].into());
}

/// Far more than the disk takes, and nothing read of the answers.
async fn flood(relay: std::net::SocketAddr, to: Device) {
    let from = Device::new("flood");
    let mut client = Client::register(relay, &from).await;
    for _ in 0..FLOOD {
        let envelope = vec![0x77; FLOOD_BYTES];
        client.submit(to.address(), message_id(), envelope).await;
    }
    // It stays until the test has seen enough.
    std::future::pending().await
}

/// Each flush takes a while: who asks for more than the disk takes is held back and not collected in memory, mail
/// past the disk still comes, and who asks whether the relay is there hears that it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_holds_senders_back_and_nobody_else() {
    let mut world = World::start().await;
    world.go_on(100, usize::MAX / 2).await;
    world.kill();
    world.relive(strace::start(
        world.folder.path(),
        &["fsync:delay_enter=30000"],
    ));
    let address = world.relay().address;
    let away = Device::new("away");
    Client::register(address, &away).await.leave().await;
    let before = world.relay().resident_kib();
    let store = world.folder.path().join("relay.db");
    let store = rusqlite::Connection::open(store).expect("a store");
    let flooding = tokio::spawn(flood(address, away));
    let pings = tokio::spawn(async move {
        let pinger = Device::new("pinger");
        let mut client = Client::register(address, &pinger).await;
        for _ in 0..100 {
            client.settle().await;
        }
        live_mail(&mut client, &pinger).await;
    });
    while of_the_flood(&store) == 0 {
        assert!(world.noted() < LONG, "nothing of the flood is stored");
        world.go_on(1, usize::MAX / 2).await;
    }
    // It is in the midst of it when its memory is looked at for the first time.
    let mut most = world.relay().resident_kib();
    let stored = of_the_flood(&store);
    assert!(stored < FLOOD, "all of it was stored at once");
    while !pings.is_finished() {
        world.go_on(20, usize::MAX / 2).await;
        most = most.max(world.relay().resident_kib());
    }
    pings.await.expect("all of them were answered");
    world.go_on(300, usize::MAX / 2).await;
    most = most.max(world.relay().resident_kib());
    assert!(!flooding.is_finished(), "the flood was cut off");
    flooding.abort();
    assert!(most - before < HELD_KIB, "{before} KiB, then {most} KiB");
    assert_eq!(check(&world.end().await), [].into());
}

/// How many envelopes of the flood are on disk.
fn of_the_flood(store: &rusqlite::Connection) -> i64 {
    let sql = "SELECT count(*) FROM mail WHERE length(envelope) = ?1";
    store
        .query_row(sql, [i64::try_from(FLOOD_BYTES).expect("small")], |row| {
            row.get(0)
        })
        .expect("a count")
}

/// A disk that is a network's may take its time to say how much room it has: that holds up no connection.
#[tokio::test]
async fn the_metrics_ask_the_disk_on_a_thread_that_may_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, log] = ["data", "log"].map(|name| folder.path().join(name));
    let metrics = std::net::SocketAddr::from(([127, 0, 0, 1], crate::watching::free_port()));
    let flag = format!("--metrics={metrics}");
    let relay = strace::start_watched(&data, "statfs", &log, &[&flag]);
    let (status, text) = crate::watching::word(metrics, "/metrics");
    assert_eq!(status, 200);
    assert!(crate::watching::value(&text, "pawl_free_bytes") > 0);
    let name = |thread: &str| {
        let file = format!("/proc/{}/task/{thread}/comm", relay.id());
        std::fs::read_to_string(file).map(|name| name.trim().to_owned())
    };
    let text = std::fs::read_to_string(&log).expect("a trace");
    let calls = text.lines().filter(|line| line.contains("statfs("));
    let threads = calls.filter_map(|line| line.split_whitespace().next());
    let names: BTreeSet<_> = threads.map(|id| name(id).expect("a thread")).collect();
    strace::kill(relay, &log);
    // The main one at the start, before it serves anybody.
    let known = ["pawl-server", "store-reader"].map(str::to_owned);
    assert_eq!(names, known.into());
}

/// Letters of a device to itself, which has everything: they come before they are stored.
async fn live_mail(client: &mut Client, device: &Device) {
    for _ in 0..20 {
        let id = message_id();
        client.submit(device.address(), id, vec![0x11; 400]).await;
        loop {
            match client.next().await {
                RelayFrame::Deliver { seq, .. } => {
                    client.send(&ClientFrame::Ack { through: seq }).await;
                }
                RelayFrame::Stored { message_id, .. } => {
                    assert_eq!(message_id, id);
                    break;
                }
                _ => (),
            }
        }
    }
}
