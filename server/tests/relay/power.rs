//! The machine of the real binary loses power under load: what a kill leaves in the system's memory is gone. The
//! folder becomes what the disk has then (`disk`), the relay starts on it, and the checker (`history`) looks at what
//! clients were promised.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use crate::calls;
use crate::disk::{Disk, Luck};
use crate::history::{Event, check};
use crate::strace::{self, Fault};
use crate::support::{Child, Client, Device, envelope, message_id};
use crate::world::{World, below};

/// Cuts in a run; every other one while the log is being written back into the store.
const CUTS: usize = 30;

/// Most of the time something is written and not flushed.
const SLOW: Fault = "fsync:delay_enter=15000";

/// Looks, a millisecond or more apart, for the log being written back.
const LOOKS: usize = 3_000;

/// How many cuts found something that was not flushed.
#[derive(Default)]
pub(crate) struct Unflushed {
    store: usize,
    log: usize,
}

/// Runs the load over so many cuts and gives everything that clients saw.
pub(crate) async fn run(
    cuts: usize,
    faults: &[Fault],
    luck: fn() -> Luck,
) -> (Vec<Event>, Unflushed) {
    let mut unflushed = Unflushed::default();
    let mut world = World::start().await;
    let scratch = tempfile::tempdir().expect("a folder");
    let log = scratch.path().join("trace");
    world.go_on(100, usize::MAX / 2).await;
    world.kill();
    for cut in 0..cuts {
        let mut disk = Disk::of(world.folder.path());
        world.relive(strace::start_logged(world.folder.path(), faults, &log));
        world.go_on(10 + below(80), usize::MAX / 2).await;
        if cut % 2 == 1 {
            write_back(&log).await;
        } else {
            // Else it is always soon after an answer.
            tokio::time::sleep(Duration::from_millis(below(15) as u64)).await;
        }
        disk.follow(&calls::read(&strace::kill(world.take(), &log)));
        unflushed.store += usize::from(disk.has_unflushed("relay.db"));
        unflushed.log += usize::from(disk.has_unflushed("relay.db-wal"));
        cut_power(disk, luck());
    }
    world.restart();
    (world.end().await, unflushed)
}

/// The folder becomes what is left, which must be a whole store.
fn cut_power(disk: Disk, luck: Luck) {
    let folder = disk.lose_power(luck);
    let copy = tempfile::tempdir().expect("a folder");
    for file in ["relay.db", "relay.db-wal"] {
        // A log may be gone, and for a moment there is only that.
        let _ = std::fs::copy(folder.join(file), copy.path().join(file));
    }
    let store = rusqlite::Connection::open(copy.path().join("relay.db")).expect("a file");
    let found = store.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(
        found.as_deref(),
        Ok("ok"),
        "{luck:?} leaves a damaged store"
    );
}

/// Until the relay writes its log back into the store, or has not done so for long.
async fn write_back(log: &Path) {
    const CALL: &[u8] = b"/relay.db>, \"";
    let mut trace = std::fs::File::open(log).expect("a trace");
    let mut place = trace.seek(SeekFrom::End(0)).expect("an end");
    for _ in 0..LOOKS {
        let mut new = Vec::new();
        trace.seek(SeekFrom::Start(place)).expect("a place");
        trace.read_to_end(&mut new).expect("it reads");
        if new.windows(CALL.len()).any(|some| some == CALL) {
            return;
        }
        // The call may stand there in part.
        place += new.len().saturating_sub(CALL.len()) as u64;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_of_power_under_load_break_no_promise() {
    let (history, unflushed) = run(CUTS, &[SLOW], Luck::any).await;
    assert_eq!(check(&history), [].into());
    assert!(unflushed.store > 0, "never while the log was written back");
    assert!(unflushed.log > 0, "never in a commit");
}

/// A disk that fails to flush may have lost what it was given, and says so once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_failed_flush_lost_was_promised_to_nobody() {
    let faults = ["fsync:error=EIO:when=9+5"];
    let (history, _) = run(CUTS / 2, &faults, Luck::any).await;
    assert_eq!(check(&history), [].into());
}

#[test]
fn the_names_of_new_folders_are_flushed() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("trace");
    let parents = [folder.path(), &folder.path().join("new")];
    let relay = strace::start_logged(&parents[1].join("data"), &[], &log);
    let calls = calls::read(&strace::kill(relay, &log));
    for parent in parents {
        let mut flushes = calls.iter().filter(|call| call.is_flush() && call.is_done);
        assert!(
            flushes.any(|call| call.path == parent),
            "{}",
            parent.display()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_just_made_survives_a_loss_of_power() {
    for luck in [Luck::Nothing, Luck::Everything, Luck::any()] {
        let folder = tempfile::tempdir().expect("a folder");
        let scratch = tempfile::tempdir().expect("a folder");
        let log = scratch.path().join("trace");
        let mut disk = Disk::of(folder.path());
        let relay = strace::start_logged(folder.path(), &[], &log);
        let alice = Device::new("alice");
        let mut client = Client::register(relay.address, &alice).await;
        client.leave().await;
        let bob = Device::new("bob");
        client = Client::register(relay.address, &bob).await;
        let id = message_id();
        client.store(alice.address(), id, envelope(1)).await;
        disk.follow(&calls::read(&strace::kill(relay, &log)));
        cut_power(disk, luck);
        let relay = Child::start(folder.path(), &[]);
        let mut client = Client::auth(relay.address, &alice, 0).await;
        assert_eq!(client.waiting().await, [(1, id, envelope(1))], "{luck:?}");
    }
}
