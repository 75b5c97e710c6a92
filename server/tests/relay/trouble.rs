//! What goes wrong around a running relay, as its operator finds it: in `/ready`, in the metrics, in the log.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pawl_wire::ConnectionError;
use tempfile::TempDir;

use crate::support::{Child, Client, Device, Relay, Response, ended, http, program, raw_socket};
use crate::watching::{free_port, value, word};

/// Time for an answer that must come. No test ends by it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A relay with metrics, whose log is kept.
struct Watched {
    relay: Child,
    metrics: SocketAddr,
    folder: TempDir,
}

impl Watched {
    fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let metrics: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let mut command = Command::new(program());
        command
            .args(["--listen", "127.0.0.1:0", "--metrics", &metrics.to_string()])
            .args(flags)
            .arg("--data")
            .arg(folder.path().join("data"))
            .stderr(File::create(folder.path().join("log")).expect("a file"));
        Self {
            relay: Child::spawn(&mut command),
            metrics,
            folder,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    fn count(&self, row: &str) -> u64 {
        value(&word(self.metrics, "/metrics").1, row)
    }

    fn is_ready(&self) -> bool {
        word(self.relay.address, "/ready").0 == 200
    }

    async fn until(&self, is_ready: bool) {
        eventually(|| self.is_ready() == is_ready).await;
    }

    /// The relay has looked so often and found nothing good.
    async fn until_read_failures(&self, number: u64) {
        eventually(|| self.count("pawl_read_failures_total") >= number).await;
    }
}

/// Waits for what must come, and fails where it does not within a minute or two.
async fn eventually(mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never comes");
}

fn errors(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("ERROR")).collect()
}

/// A restore with the stop forgotten.
#[tokio::test]
async fn a_relay_whose_folder_was_moved_away_is_not_ready_and_says_why() {
    let watched = Watched::start(&[]);
    assert!(watched.is_ready());
    let away = watched.folder.path().join("away");
    std::fs::rename(watched.data(), &away).expect("it is ours");
    watched.until(false).await;
    // Another store in its place is not the one that is open.
    drop(Relay::start_in(&watched.data(), |_| ()));
    watched.until_read_failures(4).await;
    assert!(!watched.is_ready());
    assert_eq!(watched.count("pawl_ready"), 0);
    let log = watched.log();
    let said = errors(&log);
    let of_it = said
        .iter()
        .filter(|line| line.contains("its folder was moved or replaced"));
    assert_eq!(of_it.count(), 1, "{log}");
    std::fs::remove_dir_all(watched.data()).expect("it is ours");
    std::fs::rename(&away, watched.data()).expect("it is ours");
    watched.until(true).await;
}

/// Makes the table of bans unreadable and says that it was changed.
fn damage_bans(data: &Path) {
    let path = data.join("relay.db");
    let conn = rusqlite::Connection::open(&path).expect("a store");
    conn.execute_batch(
        "UPDATE relay SET ban_changes = ban_changes + 1; ALTER TABLE ban RENAME COLUMN network TO lost",
    )
        .expect("it can write");
}

#[tokio::test]
async fn a_ban_list_that_cannot_be_read_lets_nobody_in() {
    let watched = Watched::start(&[]);
    let mallory = Device::new("mallory");
    let mut client = Client::register(watched.relay.address, &mallory).await;
    let ban = crate::support::command(&watched.data(), &["ban", "add", "mallory"]);
    assert!(ban.status.success());
    assert_eq!(client.end().await.error, Some(ConnectionError::Banned));
    damage_bans(&watched.data());
    watched.until(false).await;
    watched.until_read_failures(4).await;
    assert!(!watched.is_ready());
    let log = watched.log();
    assert_eq!(errors(&log).len(), 1, "{log}");
    assert!(log.contains("the store cannot be read"), "{log}");
    // Who was shut out still is.
    let mut again = Client::connect(watched.relay.address).await;
    let auth = mallory.auth(&again.challenge, 0);
    again.send(&pawl_wire::ClientFrame::Auth(auth)).await;
    assert_eq!(again.end().await.error, Some(ConnectionError::Banned));
    // And a relay that never had the list does not start.
    let data = watched.data();
    let Watched { relay, folder, .. } = watched;
    relay.kill();
    let mut command = Command::new(program());
    let output = ended(
        command
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(&data),
    );
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(output.stdout, b"");
    assert!(said.contains("cannot read who is shut out"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    drop(folder);
}

/// A browser's upgrade, or any other client's; every header but these is as it should be.
fn upgrade(address: SocketAddr, headers: &[&str]) -> Response {
    let mut all = vec![
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ];
    all.extend(headers);
    http(address, "GET /api/ws", &all)
}

#[test]
fn a_wrong_public_origin_is_counted_and_said_once_and_the_foreign_one_is_not_named() {
    let watched = Watched::start(&["--public-origin", "https://chat.example"]);
    for _ in 0..3 {
        let answer = upgrade(watched.relay.address, &["Origin: https://typo.example"]);
        assert_eq!(answer.status, 403);
    }
    assert_eq!(watched.count("pawl_turned_away_total{cause=\"Origin\"}"), 3);
    assert_eq!(watched.count("pawl_turned_away_total{cause=\"Full\"}"), 0);
    let log = watched.log();
    let warned: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warned.len(), 1, "{log}");
    assert!(warned[0].contains("https://chat.example"), "{log}");
    assert!(warned[0].contains("--public-origin"), "{log}");
    assert!(!log.contains("typo"), "{log}");
}

#[test]
fn what_is_no_request_writes_nothing_into_the_log() {
    for level in ["error", "info", "debug"] {
        let watched = Watched::start(&["--log", level]);
        let before = watched.log();
        for nonsense in [
            "GET / HTTP/1.1\r\nbad header line\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "\u{0}\u{1}\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(watched.relay.address).expect("a connection");
            stream.write_all(nonsense.as_bytes()).expect("it is sent");
            // The relay answers and closes, or only closes.
            let _ = stream.read_to_end(&mut Vec::new());
        }
        assert_eq!(watched.log(), before, "{level}");
    }
}

#[tokio::test]
async fn one_address_cannot_fill_the_relay() {
    let watched = Watched::start(&[
        "--connections=20",
        "--connections-per-address=5",
        "--trusted-proxy=127.0.0.1",
    ]);
    let address = watched.relay.address;
    let silent: Vec<_> = (0..5).map(|_| raw_socket(address)).collect();
    let answer = upgrade(address, &[]);
    assert_eq!(answer.status, 429);
    let wait = answer
        .header("Retry-After")
        .and_then(|wait| wait.parse::<u32>().ok());
    assert!(wait.is_some_and(|wait| wait > 0));
    assert_eq!(
        watched.count("pawl_turned_away_total{cause=\"Address\"}"),
        1
    );
    // The others are not in its way; who comes through a trusted proxy counts apart.
    let mut other = TcpStream::connect(address).expect("a connection");
    write!(
        other,
        "GET /api/ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         X-Forwarded-For: 198.51.100.1\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    .expect("it is sent");
    let mut head = [0; 12];
    other.read_exact(&mut head).expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 101");
    // When they end there is room again.
    drop(silent);
    eventually(|| watched.count("pawl_connections") <= 1).await;
    raw_socket(address);
    assert!(!watched.log().contains("127.0.0.1"));
}

/// More than this the relay does not take of one address, whether it says anything or not.
#[test]
fn silent_connections_of_one_address_leave_room_for_others() {
    const MORE: usize = 60;
    let watched = Watched::start(&["--connections-per-address=5"]);
    let address = watched.relay.address;
    let silent: Vec<_> = (0..5 + 128 + MORE)
        .map(|_| TcpStream::connect(address).expect("a connection"))
        .collect();
    let mut closed = 0;
    for mut stream in silent {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut said = Vec::new();
        // The others are told after a while that no request came.
        let end = stream.read_to_end(&mut said);
        closed += usize::from(end.is_err() || said.is_empty());
    }
    assert_eq!(closed, MORE);
    assert!(!watched.log().contains("127.0.0.1"));
}

#[test]
fn a_head_is_answered_as_a_get_without_its_body() {
    let relay = Relay::start();
    for path in ["/live", "/ready"] {
        let answer = http(relay.address, &format!("HEAD {path}"), &[]);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
}

/// The second signal ends the ten minutes.
#[tokio::test]
async fn another_signal_ends_the_waiting_and_the_goodbyes_are_said() {
    let mut watched = Watched::start(&["--drain-seconds", "600"]);
    let mut client = Client::register(watched.relay.address, &Device::new("alice")).await;
    watched.relay.signal("TERM");
    watched.until(false).await;
    watched.relay.signal("INT");
    assert_eq!(client.end().await.code, Some(1012));
    eventually(|| watched.relay.has_ended()).await;
    assert_eq!(watched.relay.wait(), Some(0));
    assert!(watched.log().contains("another signal"));
}

#[test]
fn a_terminal_that_closes_ends_the_relay_in_order() {
    let mut watched = Watched::start(&[]);
    watched.relay.signal("HUP");
    assert_eq!(watched.relay.wait(), Some(0));
    assert!(watched.log().contains("the relay goes down"));
}

/// A relay that is allowed so many open files: at first, and at most.
#[cfg(target_os = "linux")]
fn with_files(soft: &str, hard: &str, log: &Path, data: &Path) -> Child {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -Sn $1; ulimit -Hn $2; shift 2; exec \"$@\""])
        .args(["sh", soft, hard])
        .arg(program())
        .args(["--connections=300", "--listen=127.0.0.1:0", "--data"])
        .arg(data)
        .stderr(File::create(log).expect("a file"));
    Child::spawn(&mut command)
}

#[cfg(target_os = "linux")]
#[test]
fn a_relay_takes_as_many_files_as_it_may_and_says_when_they_are_too_few() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    for (hard, is_enough) in [("1000", true), ("800", false)] {
        let relay = with_files("100", hard, &log, &folder.path().join(hard));
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", relay.id()));
        let limits = limits.expect("the process lives");
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let soft = files.and_then(|line| line.split_whitespace().nth(3));
        assert_eq!(soft, Some(hard), "{limits}");
        relay.kill();
        let said = std::fs::read_to_string(&log).expect("a log");
        assert_eq!(!said.contains("too few open files"), is_enough, "{said}");
    }
}

#[test]
fn the_first_line_says_what_was_started_and_a_store_in_the_wrong_place_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let start = |data: &Path| {
        let mut command = Command::new(program());
        command
            .args(["--listen=127.0.0.1:0", "--registration=closed", "--data"])
            .arg(data)
            .stderr(File::create(&log).expect("a file"));
        Child::spawn(&mut command).kill();
        std::fs::read_to_string(&log).expect("a log")
    };
    let data = folder.path().join("data");
    for is_new in [true, false] {
        let said = start(&data);
        let version = env!("CARGO_PKG_VERSION");
        for expected in [
            format!("version=\"{version}\""),
            format!("data={}", data.display()),
            "registration=Closed".to_owned(),
            format!("new_store={is_new}"),
        ] {
            assert!(said.contains(&expected), "{expected}: {said}");
        }
        assert!(!said.contains("WARN"), "{said}");
    }
    let said = start(&folder.path().join("not/mounted"));
    assert!(said.contains("a new store was made"), "{said}");
}
