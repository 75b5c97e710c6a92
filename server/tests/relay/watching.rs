//! What is to be seen of a running relay from outside: readiness, metrics, the log, its supervisor.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pawl_wire::{ClaimId, ClientFrame, ConnectionError, RelayFrame};

use crate::operations::manual;
use crate::support::{Child, Client, Device, Relay, ended, envelope, http, message_id, random};

pub(crate) fn word(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = http(address, &format!("GET {path}"), &[]);
    let text = String::from_utf8(answer.body).expect("text");
    (answer.status, text)
}

#[tokio::test]
async fn a_relay_is_ready_while_its_disk_takes_writes() {
    let relay = Relay::start();
    assert_eq!(word(relay.address, "/live"), (200, "alive".to_owned()));
    assert_eq!(word(relay.address, "/ready"), (200, "ready".to_owned()));
    let blocker = rusqlite::Connection::open(relay.folder().join("relay.db")).expect("a store");
    blocker
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the only writer");
    while word(relay.address, "/ready").0 == 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(word(relay.address, "/ready"), (503, "not ready".to_owned()));
    assert_eq!(word(relay.address, "/live"), (200, "alive".to_owned()));
    blocker.execute_batch("ROLLBACK").expect("it lets go");
    while word(relay.address, "/ready").0 != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_relay_that_goes_down_is_not_ready_first_and_still_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &["--drain-seconds", "600"]);
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    assert_eq!(word(relay.address, "/ready").0, 200);
    relay.signal("TERM");
    while word(relay.address, "/ready").0 == 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client
        .store(alice.address(), message_id(), envelope(1))
        .await;
    relay.kill();
}

/// A port that nobody has, for an address that must be known beforehand.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

fn names(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

pub(crate) fn value(text: &str, row: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(row)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("there is no {row}"));
    line.parse().expect("a number")
}

#[tokio::test]
async fn the_metrics_count_what_happened_and_have_an_address_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let flag = metrics.to_string();
    let relay = Child::start(
        folder.path(),
        &["--metrics", &flag, "--claims-per-target", "1"],
    );
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    let mut from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    let id = message_id();
    for _ in 0..2 {
        from.store(bob.address(), id, envelope(1)).await;
    }
    from.submit(alice.address(), message_id(), envelope(2))
        .await;
    // To itself: delivered before or after it is stored.
    let (mut delivered, mut stored) = (false, false);
    while !(delivered && stored) {
        match from.next().await {
            RelayFrame::Deliver { .. } => delivered = true,
            RelayFrame::Stored { .. } => stored = true,
            RelayFrame::QueueEmpty { .. } => (),
            other => panic!("{other:?}"),
        }
    }
    from.submit(Device::new("nobody").address(), message_id(), envelope(3))
        .await;
    from.answer().await;
    for _ in 0..2 {
        let (claim, device) = (ClaimId(random()), bob.address());
        from.send(&ClientFrame::FetchBundle { claim, device }).await;
        from.answer().await;
    }
    let mut stranger = Client::connect(relay.address).await;
    stranger.send_bytes(vec![0xff; 9]).await;
    stranger.end().await;
    let (status, text) = word(metrics, "/metrics");
    assert_eq!(status, 200);
    for (row, expected) in [
        ("pawl_ready", 1),
        ("pawl_connections", 1),
        ("pawl_connections_total", 3),
        ("pawl_devices", 2),
        ("pawl_admitted_total", 2),
        ("pawl_stored_total", 2),
        ("pawl_duplicates_total", 1),
        ("pawl_delivered_total", 1),
        ("pawl_waiting_messages", 2),
        ("pawl_waiting_bytes", 610),
        ("pawl_bundles_total", 1),
        ("pawl_submit_refusals_total{cause=\"UnknownRecipient\"}", 1),
        ("pawl_bundle_refusals_total{cause=\"RateLimited\"}", 1),
        ("pawl_errors_total{cause=\"Malformed\"}", 1),
        ("pawl_errors_total{cause=\"Banned\"}", 0),
    ] {
        assert_eq!(value(&text, row), expected, "{row}\n{text}");
    }
    assert!(value(&text, "pawl_commit_seconds_count") > 3);
    // Neither here nor there is the other's page.
    assert_eq!(word(relay.address, "/metrics").0, 404);
    assert_eq!(word(metrics, "/").0, 404);
    let manual = manual();
    let section = manual.split_once("## Metrics").expect("the section").1;
    let rows = section.lines().take_while(|line| !line.starts_with("## "));
    let documented: BTreeSet<String> = rows
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(documented, names(&text));
}

/// The number behind a word in a file of /proc.
#[cfg(target_os = "linux")]
fn in_file(path: &str, word: &str) -> u64 {
    let text = std::fs::read_to_string(path).expect("the process lives");
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect(word)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_gauges_say_what_the_relay_takes_of_its_machine_and_what_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let relay = Child::start(folder.path(), &["--metrics", &metrics.to_string()]);
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    let mut from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    for device in [&bob, &bob, &alice] {
        let (claim, device) = (ClaimId(random()), device.address());
        from.send(&ClientFrame::FetchBundle { claim, device }).await;
        from.answer().await;
    }
    let mut idle = Vec::new();
    for _ in 0..30 {
        idle.push(Client::connect(relay.address).await);
    }
    let (_, text) = word(metrics, "/metrics");
    let process = format!("/proc/{}", relay.id());
    let resident = in_file(&format!("{process}/status"), "VmRSS:") * 1_024;
    let said = value(&text, "process_resident_memory_bytes");
    assert!(said.abs_diff(resident) < 8 << 20, "{said} of {resident}");
    let open = std::fs::read_dir(format!("{process}/fd")).expect("files");
    let open = open.count() as u64;
    let said = value(&text, "process_open_fds");
    assert!(said > 40 && said.abs_diff(open) < 10, "{said} of {open}");
    let most = in_file(&format!("{process}/limits"), "Max open files");
    assert_eq!(value(&text, "process_max_fds"), most);
    let disk = Command::new("df")
        .args(["--block-size=1", "--output=avail"])
        .arg(folder.path())
        .output()
        .expect("df runs");
    let said = String::from_utf8(disk.stdout).expect("text");
    let free: u64 = said
        .lines()
        .last()
        .and_then(|line| line.trim().parse().ok())
        .expect("bytes");
    let said = value(&text, "pawl_free_bytes");
    assert!(said.abs_diff(free) < free / 4, "{said} of {free}");
    let log = std::fs::metadata(folder.path().join("relay.db-wal")).expect("the log");
    // What looks whether the disk takes writes is one.
    let said = value(&text, "pawl_log_bytes");
    assert!(said > 0 && log.len().abs_diff(said) < 64 << 10, "{said}");
    assert_eq!(value(&text, "pawl_followed_pairs"), 2);
    for queue in ["writes", "reads"] {
        assert!(value(&text, &format!("pawl_queued_{queue}")) < 100);
    }
}

#[test]
fn the_alerts_ask_for_metrics_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/alerts.yml");
    let alerts = std::fs::read_to_string(path).expect("deploy/alerts.yml");
    let documented = manual();
    let asked: BTreeSet<&str> = alerts
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("pawl_"))
        .map(|word| word.trim_end_matches("_bucket"))
        .collect();
    assert!(asked.len() >= 10, "{asked:?}");
    for name in asked {
        // The manual's table is the relay's, as the test above sees to.
        assert!(documented.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[test]
fn metrics_are_served_to_this_machine_only() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pawl-server"));
    let output = ended(command.args(["--metrics", "0.0.0.0:9464"]));
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("for this machine only"), "{said}");
}

/// All spellings in which a value might stand in a log.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![hex.to_uppercase(), hex, format!("{bytes:?}")]
}

/// The size of a message, which no log line has by chance.
const SIZE: usize = 54_321;

/// Sends, looks up and claims, partly beyond the limits; gives the ids that were used.
async fn be_busy(from: &mut Client, to: &Device) -> Vec<[u8; 16]> {
    let mut ids = Vec::new();
    for number in 0..5 {
        let id = message_id();
        ids.push(id.0);
        from.submit(to.address(), id, vec![0xe0 | number; SIZE])
            .await;
        from.answer().await;
    }
    for username in [to.username.as_str(), "nobody"] {
        let username = Device::new(username).username;
        from.send(&ClientFrame::LookUp { username }).await;
        from.answer().await;
    }
    for _ in 0..3 {
        let (claim, device) = (ClaimId(random()), to.address());
        ids.push(claim.0);
        from.send(&ClientFrame::FetchBundle { claim, device }).await;
        from.answer().await;
    }
    ids
}

/// Is refused in every way that needs no waiting; gives the ports that were used.
async fn be_refused(relay: &Child, alice: &Device) -> Vec<u16> {
    let mut ports = Vec::new();
    for round in 0..4 {
        let mut client = Client::connect(relay.address).await;
        ports.extend(client.port());
        let frame = match round {
            0 => ClientFrame::Auth(Device::new("x").auth(&client.challenge, 0)).encode(),
            1 => {
                let mut auth = alice.auth(&client.challenge, 0);
                auth.signature.0[0] ^= 1;
                ClientFrame::Auth(auth).encode()
            }
            2 => {
                let thief = Device::new("bobby").register(&client.challenge);
                ClientFrame::Register(Box::new(thief)).encode()
            }
            _ => vec![0xff; 30],
        };
        client.send_bytes(frame).await;
        let end = client.end().await;
        let is_typed = |error| error != ConnectionError::TimedOut;
        assert!(end.error.is_some_and(is_typed), "{end:?}");
    }
    ports
}

/// Meets a store that fails, which the log must say.
async fn meet_a_fault(relay: &Child, store: &std::path::Path, alice: &Device) {
    let blocker = rusqlite::Connection::open(store).expect("a store");
    let mut again = Client::auth(relay.address, alice, 0).await;
    blocker
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the only writer");
    let id = message_id();
    again.submit(alice.address(), id, envelope(1)).await;
    again.end().await;
    blocker.execute_batch("ROLLBACK").expect("it lets go");
}

#[tokio::test]
async fn the_log_of_a_busy_relay_names_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, data) = (folder.path().join("log"), folder.path().join("data"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_pawl-server"));
    command
        .args(["--listen", "127.0.0.1:0", "--log", "debug"])
        .args(["--claims-per-target", "1", "--mailbox-messages", "3"])
        .arg("--data")
        .arg(&data)
        .stderr(std::fs::File::create(&log).expect("a file"));
    let mut relay = Child::spawn(&mut command);
    let [alice, bob] = ["alice", "bobby"].map(Device::new);
    let mut from = Client::register(relay.address, &alice).await;
    let mut to = Client::register(relay.address, &bob).await;
    let mut ports: Vec<u16> = from.port().into_iter().chain(to.port()).collect();
    to.settle().await;
    let ids = be_busy(&mut from, &bob).await;
    to.leave().await;
    ports.extend(be_refused(&relay, &alice).await);
    let mut again = Client::auth(relay.address, &alice, 0).await;
    from.end().await;
    again.send(&ClientFrame::Ack { through: 99 }).await;
    again.end().await;
    meet_a_fault(&relay, &data.join("relay.db"), &alice).await;
    assert_eq!(relay.terminate(), Some(0));
    let log = std::fs::read_to_string(&log).expect("a log");
    for said in [
        "the relay serves",
        "a connection ends",
        "the store cannot commit",
        "goes down",
    ] {
        assert!(log.contains(said), "there is something to find: {log}");
    }
    let mut secrets = vec![
        "127.0.0.1".to_owned(),
        SIZE.to_string(),
        "nobody".to_owned(),
    ];
    secrets.extend(ports.iter().map(|port| format!(":{port}")));
    for device in [&alice, &bob] {
        secrets.push(device.username.as_str().to_owned());
        secrets.extend(spellings(&device.address().account.0));
        secrets.extend(spellings(device.signing.verifying_key().as_bytes()));
    }
    secrets.extend(ids.iter().flat_map(|id| spellings(id)));
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} stands in:\n{log}");
    }
}

#[tokio::test]
async fn a_socket_of_systemds_is_served_and_systemd_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
    told.set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    // As systemd does it: descriptor 3, and the variables of this very process. `--listen` counts for nothing.
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\"",
            "sh",
        ])
        .arg(env!("CARGO_BIN_EXE_pawl-server"))
        .args(["--listen", "192.0.2.1:1", "--data"])
        .arg(folder.path())
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .stdin(Stdio::from(OwnedFd::from(listener)));
    let mut relay = Child::spawn(&mut command);
    assert_eq!(relay.address, address);
    let mut state = [0; 64];
    let read = told.recv(&mut state).expect("it is told");
    assert_eq!(&state[..read], b"READY=1");
    let alice = Device::new("alice");
    let mut client = Client::register(address, &alice).await;
    client.settle().await;
    assert_eq!(relay.terminate(), Some(0));
    let read = told.recv(&mut state).expect("it is told");
    assert_eq!(&state[..read], b"STOPPING=1");
}

#[tokio::test]
async fn addresses_that_a_trusted_proxy_passes_on_are_limited_apart() {
    let one = std::num::NonZeroU32::MIN;
    for is_trusted in [true, false] {
        let relay = Relay::start_with(|config| {
            config.limits.registrations_per_minute = one;
            if is_trusted {
                config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
            }
        });
        let mut let_in = Vec::new();
        // Somebody writes an address of their own in front, as if a proxy had.
        for (name, forwarded) in [
            ("alice", "198.51.100.1"),
            ("bob", "198.51.100.2"),
            ("carol", "203.0.113.9, 198.51.100.1"),
        ] {
            let device = Device::new(name);
            let mut client = Client::connect_from(relay.address, forwarded).await;
            let register = device.register(&client.challenge);
            client
                .send(&ClientFrame::Register(Box::new(register)))
                .await;
            let_in.push(matches!(client.next().await, RelayFrame::AuthOk(_)));
        }
        assert_eq!(let_in, [true, is_trusted, false]);
    }
}
