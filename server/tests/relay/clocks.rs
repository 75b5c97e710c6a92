//! The machine's clock jumps while the real relay runs, under load and between its deaths: by libfaketime, which tells it
//! another time than there is. Its monotonic clock is left alone, as a real jump leaves it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pawl_wire::{ClientFrame, ConnectionError, RelayFrame};

use crate::history::{Event, check};
use crate::support::{Child, Client, Device, command, envelope, message_id, program};
use crate::watching::{free_port, value, word};
use crate::world::{FLAGS, SLEEPER, World, below};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Looks, 5 ms or more apart, before a test gives up: three minutes, where a relay looks at its clock every minute.
const LOOKS: usize = 36_000;

/// The clock of a machine whose only program is the relay.
struct Clock {
    file: PathBuf,
    library: String,
}

impl Clock {
    fn new(folder: &Path) -> Self {
        let told = Command::new("faketime")
            .args(["-m", "-f", "+0d", "printenv", "LD_PRELOAD"])
            .output()
            .expect("faketime is there: `cargo xtask setup --test` gets it");
        let clock = Self {
            file: folder.join("clock"),
            library: String::from_utf8(told.stdout).expect("a path"),
        };
        clock.jump("+0d");
        clock
    }

    /// To so much before or after the true time, all at once.
    fn jump(&self, off: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{off}\n")).expect("a file");
        std::fs::rename(&new, &self.file).expect("a file");
    }

    fn start(&self, data: &Path, flags: &[&str]) -> Child {
        self.start_with(data, flags, Stdio::inherit())
    }

    fn start_with(&self, data: &Path, flags: &[&str], log: Stdio) -> Child {
        let mut command = self.command(data, flags);
        command
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            // Its name in versions before 0.9.10.
            .env("DONT_FAKE_MONOTONIC", "1");
        begin(command.stderr(log))
    }

    /// For whom its monotonic clock is this one, too.
    fn command(&self, data: &Path, flags: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(["--log", "warn", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(flags)
            .env("LD_PRELOAD", self.library.trim())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1");
        command
    }
}

/// The library shares its state by names that have the process's number, which a relay that is killed would leave: then a
/// later process of that number could not start. It looks them up as it begins, and never again.
fn begin(command: &mut Command) -> Child {
    let child = Child::spawn(command);
    for name in ["faketime_shm_", "sem.faketime_sem_"] {
        let path = Path::new("/dev/shm").join(format!("{name}{}", child.id()));
        if let Err(error) = std::fs::remove_file(&path) {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}", path.display());
        }
    }
    child
}

/// The relay's own time and how far it followed the machine's clock, in milliseconds.
fn times(data: &Path) -> (i64, i64) {
    let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
    let times = "SELECT own_time, followed_time FROM relay";
    conn.query_row(times, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("times")
}

/// Until a relay has looked at its clock; when that is for the first time, it then erases what is past its time.
async fn until_it_looked(data: &Path, before: (i64, i64)) {
    for _ in 0..LOOKS {
        if times(data) != before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the relay does not look at its clock");
}

/// Everything that clients saw while the clock jumped, and how much of the relay's own time went by.
pub(crate) async fn run() -> (Vec<Event>, i64) {
    let mut world = World::start().await;
    let machine = tempfile::tempdir().expect("a folder");
    let clock = Clock::new(machine.path());
    let data = world.folder.path().to_owned();
    world.go_on(300, usize::MAX / 2).await;
    let begun = times(&data);
    for off in ["+40d", "-40d", "+4500d", "+0d", "-15000d", "+40d", "+0d"] {
        // Dead meanwhile, and alive.
        world.kill();
        let before = times(&data);
        clock.jump(off);
        world.relive(clock.start(&data, &FLAGS));
        until_it_looked(&data, before).await;
        for off in ["+0d", "+40d", "-1d", off] {
            world.go_on(100 + below(200), usize::MAX / 2).await;
            clock.jump(off);
        }
    }
    world.go_on(300, usize::MAX / 2).await;
    let passed = times(&data).0 - begun.0;
    (world.end().await, passed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_under_load_and_between_deaths_breaks_no_promise() {
    let (history, passed) = run().await;
    assert!(passed < DAY_MS, "{passed} ms went by");
    assert_eq!(check(&history), [].into());
    let early = history
        .iter()
        .filter(|event| matches!(event, Event::Delivered { at: SLEEPER, .. }));
    assert!(early.count() > 100, "something waited all the time");
}

#[tokio::test]
async fn a_clock_that_jumps_ends_no_connection_and_keeps_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::new(folder.path());
    let relay = clock.start(&folder.path().join("data"), &[]);
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    let mut quiet = Client::register(relay.address, &alice).await;
    let mut from = Client::register(relay.address, &bob).await;
    for (number, off) in (1..).zip(["+40d", "-40d", "+0d"]) {
        let mut late = Client::connect(relay.address).await;
        let mut stranger = Client::connect(relay.address).await;
        clock.jump(off);
        from.store(alice.address(), message_id(), envelope(number))
            .await;
        assert_eq!(quiet.delivery().await.2, envelope(number));
        let auth = alice.auth(&late.challenge, 0);
        late.send(&ClientFrame::Auth(auth)).await;
        assert!(matches!(late.next().await, RelayFrame::AuthOk(_)));
        assert_eq!(quiet.end().await.error, Some(ConnectionError::Replaced));
        for _ in 1..=number {
            late.delivery().await;
        }
        quiet = late;
        if off == "-40d" {
            assert_eq!(stranger.end().await.error, Some(ConnectionError::TimedOut));
        }
    }
}

#[tokio::test]
async fn an_invite_is_not_past_its_time_because_a_clock_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let clock = Clock::new(folder.path());
    clock.start(&data, &[]).kill();
    let made = command(&data, &["invite", "create", "--days", "14"]);
    let code = String::from_utf8(made.stdout).expect("text");
    let code = code.lines().next().expect("a code").to_owned();
    clock.jump("+40d");
    let before = times(&data);
    let relay = clock.start(&data, &["--registration", "invite"]);
    until_it_looked(&data, before).await;
    let alice = Device::new("alice");
    let mut client = Client::connect(relay.address).await;
    let mut register = alice.register(&client.challenge);
    register.invite = Some(code);
    client
        .send(&ClientFrame::Register(Box::new(register)))
        .await;
    assert!(matches!(client.next().await, RelayFrame::AuthOk(_)));
}

#[tokio::test]
async fn a_clock_that_went_back_is_logged_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, log] = ["data", "log"].map(|name| folder.path().join(name));
    let clock = Clock::new(folder.path());
    clock.start(&data, &[]).kill();
    clock.jump("-40d");
    let metrics: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let flag = metrics.to_string();
    let file = std::fs::File::create(&log).expect("a file");
    let _relay = clock.start_with(&data, &["--metrics", &flag], file.into());
    let mut looks = 0;
    while value(&word(metrics, "/metrics").1, "pawl_clock_jumps_total") != 1 {
        looks += 1;
        assert!(looks < LOOKS, "it counts no jump");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.contains("the machine's clock jumped"), "{log}");
}

/// A minute takes a second here. What is past its time after the first sweep waits for the next one, ten minutes later;
/// a relay that is killed before that has counted its minutes all the same.
#[tokio::test]
async fn the_relay_looks_at_its_clock_far_more_often_than_it_erases() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let clock = Clock::new(folder.path());
    clock.jump("+0 x60");
    let _relay = begin(&mut clock.command(&data, &[]));
    let look = || until_it_looked(&data, times(&data));
    look().await;
    look().await;
    let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
    let soon = times(&data).0 + 1;
    let row = "INSERT INTO invite (id, code_hash, uses_left, made_at, expires_at) VALUES (1, x'00', 1, 0, ?1)";
    conn.execute(row, [soon]).expect("it writes");
    let is_there = || {
        let count = conn.query_row("SELECT count(*) FROM invite", [], |row| row.get(0));
        count == Ok(1_i64)
    };
    look().await;
    look().await;
    assert!(is_there(), "it erases whenever it looks");
    for _ in 0..10 {
        look().await;
    }
    assert!(!is_there(), "it does not go by the time that it writes");
}
