//! Whoever reads the store for long: its log has a bound all the same.

use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Stdio};
use std::time::Duration;

use crate::support::{Child, Client, Device, command, message_id, program};

/// A copy may hold the log up to here.
const BOUND: u64 = 128 << 20;

/// What one commit may add when the relay has just looked, and more.
const SLACK: u64 = 48 << 20;

/// A stranger may fill half of a mailbox.
const ROOMY: [&str; 2] = ["--mailbox-bytes=200000000", "--stranger-messages=9999"];

/// Large messages.
const ROUND: usize = 250;

fn log_length(data: &Path) -> u64 {
    std::fs::metadata(data.join("relay.db-wal")).map_or(0, |log| log.len())
}

/// One who writes and one who fetches what waited: all of it is written, and erased again.
struct Pair {
    alice: Client,
    bob: Device,
    last: u64,
}

impl Pair {
    async fn new(relay: &Child) -> Self {
        let [alice, bob] = ["alice", "bob"].map(Device::new);
        Client::register(relay.address, &bob).await.leave().await;
        let alice = Client::register(relay.address, &alice).await;
        let last = 0;
        Self { alice, bob, last }
    }

    /// Some 22 MB, of which all that is taken waits.
    async fn write(&mut self) -> usize {
        for _ in 0..ROUND {
            let envelope = vec![7; 90_000];
            self.alice
                .submit(self.bob.address(), message_id(), envelope)
                .await;
        }
        let mut stored = 0;
        for _ in 0..ROUND {
            let answer = self.alice.answer().await;
            stored += usize::from(matches!(answer, pawl_wire::RelayFrame::Stored { .. }));
        }
        stored
    }

    async fn fetch(&mut self, relay: &Child) {
        let mut bob = Client::auth(relay.address, &self.bob, self.last).await;
        for (seq, ..) in bob.waiting().await {
            self.last = seq;
        }
        bob.settle().await;
        bob.leave().await;
    }
}

fn start(data: &Path, log: &Path, flags: &[&str]) -> Child {
    let log = std::fs::File::create(log).expect("a file");
    let mut command = Command::new(program());
    command
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(flags)
        .stderr(log);
    Child::spawn(&mut command)
}

fn signal(process: &Process, name: &str) {
    let pid = process.id().to_string();
    let sent = Command::new("kill").args([name, &pid]).status();
    assert!(sent.expect("kill runs").success());
}

/// Begins a copy and stops its process in the middle, as a network disk does that answers no more.
fn stopped_copy(data: &Path, to: &Path) -> Process {
    let copying = Command::new(env!("CARGO_BIN_EXE_pawl-server"))
        .arg("backup")
        .arg(to)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let partial = PathBuf::from(format!("{}.partial", to.display()));
    while std::fs::metadata(&partial).map_or(0, |file| file.len()) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&copying, "-STOP");
    copying
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_a_bound_while_a_copy_is_held_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, restored, copy] = ["data", "restored", "copy"].map(|name| folder.path().join(name));
    let log = folder.path().join("log");
    let relay = start(&data, &log, &ROOMY);
    let mut pair = Pair::new(&relay).await;
    // More than a copy keeps in memory.
    for _ in 0..3 {
        assert_eq!(pair.write().await, ROUND);
    }
    let copying = stopped_copy(&data, &copy);
    pair.fetch(&relay).await;
    let mut longest = 0;
    for _ in 0..14 {
        assert_eq!(pair.write().await, ROUND, "mail is taken all the while");
        pair.fetch(&relay).await;
        longest = longest.max(log_length(&data));
    }
    assert!(longest <= BOUND + SLACK, "{} MiB", longest >> 20);
    let said = std::fs::read_to_string(&log).expect("a log");
    assert!(said.contains("a copy of the store is given up"), "{said}");
    assert!(said.contains("relay.db-wal has grown to"), "{said}");
    // It is let go on, and begins anew.
    signal(&copying, "-CONT");
    let output = copying.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let output = command(&restored, &["restore", copy.to_str().expect("a path")]);
    assert!(output.status.success(), "{output:?}");
}

/// A program that the manual forbids. Nobody can make it stop, so mail ends where the store has no more room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_a_foreign_reader_holds_ends_with_the_stores_room() {
    const ROOM: u64 = 120 << 20;
    // So much of the log is no part of the store.
    const BESIDE: u64 = 64 << 20;

    let folder = tempfile::tempdir().expect("a folder");
    let [data, log] = ["data", "log"].map(|name| folder.path().join(name));
    let relay = start(
        &data,
        &log,
        &[&ROOMY[..], &["--store-bytes=125829120"]].concat(),
    );
    let mut pair = Pair::new(&relay).await;
    let foreign = rusqlite::Connection::open(data.join("relay.db")).expect("the store");
    foreign
        .execute_batch("BEGIN; SELECT count(*) FROM mail")
        .expect("it reads");
    let said = || std::fs::read_to_string(&log).expect("a log");
    let mut longest = 0;
    for round in 0.. {
        if said().contains("relay.db-wal grows") {
            break;
        }
        assert!(round < 900, "nothing is said at {} MiB", longest >> 20);
        pair.write().await;
        // What waits can be fetched and is erased all the while.
        pair.fetch(&relay).await;
        longest = longest.max(log_length(&data));
        assert!(longest <= BESIDE + ROOM + SLACK, "{} MiB", longest >> 20);
    }
    assert!(longest > BESIDE, "{} MiB", longest >> 20);
    drop(foreign);
    for _ in 0..600 {
        if pair.write().await == ROUND {
            return;
        }
        pair.fetch(&relay).await;
    }
    panic!("mail is never taken again");
}
