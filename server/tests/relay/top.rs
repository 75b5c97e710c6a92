//! `top` names who causes what, from memory, and nothing of it is logged or stored.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use pawl_wire::{ClientFrame, ConnectionError};
use serde_json::Value;

use crate::control::told;
use crate::support::{Child, Client, Device, End, envelope, message_id, program};

const HEAVY_HOME: &str = "203.0.113.9";
const HEAVY_V6: &str = "2001:db8:0:7::1";

/// A relay behind a proxy, that logs all it can into a file.
fn start(data: &Path, log: &Path) -> Child {
    let mut command = Command::new(program());
    command
        .args(["--listen", "127.0.0.1:0", "--log", "debug"])
        .args(["--trusted-proxy", "127.0.0.1", "--data"])
        .arg(data)
        .stderr(File::create(log).expect("a file"));
    Child::spawn(&mut command)
}

/// Registers from this address.
async fn join(relay: &Child, from: &str, device: &Device) -> (Client, Option<End>) {
    let mut client = Client::connect_from(relay.address, from).await;
    let register = device.register(&client.challenge);
    let end = client.join(register).await;
    (client, end)
}

fn sight(data: &Path) -> Value {
    let text = told(data, &["top", "--json"]).expect("a relay runs");
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

/// The first of a list.
fn first(sight: &Value, list: &str) -> (String, u64) {
    let first = &sight[list][0];
    let who = first["who"].as_str().expect("somebody").to_owned();
    (who, first["count"].as_u64().expect("a number"))
}

#[tokio::test]
async fn top_names_the_heavy_sender_among_a_hundred_accounts_and_the_log_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let relay = start(&data, &log);
    let victim = Device::new("victim");
    drop(join(&relay, "192.0.2.250", &victim).await);
    let heavy = Device::new("mallory");
    let (mut bad, _) = join(&relay, HEAVY_HOME, &heavy).await;
    for number in 0..100 {
        let other = Device::new(&format!("person{number}"));
        let (mut client, end) = join(&relay, &format!("192.0.2.{number}"), &other).await;
        assert_eq!(end, None);
        let id = message_id();
        client.store(victim.address(), id, envelope(number)).await;
        for _ in 0..2 {
            let id = message_id();
            bad.store(victim.address(), id, envelope(number)).await;
        }
        client.leave().await;
    }
    // One /64, from which a taken name is asked for again and again, and one that opens connections and keeps them.
    let taken = Some(End::refused(ConnectionError::UsernameTaken));
    for _ in 0..7 {
        let (_, end) = join(&relay, HEAVY_V6, &Device::new("victim")).await;
        assert_eq!(end, taken);
    }
    let mut kept = Vec::new();
    for _ in 0..9 {
        kept.push(Client::connect_from(relay.address, HEAVY_HOME).await);
    }
    let seen = sight(&data);
    let expect = |list: &str, who: &str, count| {
        assert_eq!(first(&seen, list), (who.to_owned(), count), "{list}");
    };
    expect("accounts_by_messages", "mallory", 200);
    let size = envelope(0).len() as u64;
    expect("accounts_by_bytes", "mallory", 200 * size);
    expect("mailboxes_by_bytes", "victim", 300 * size);
    let home = format!("{HEAVY_HOME}/32");
    expect("networks_by_open", &home, 10);
    expect("networks_by_connections", &home, 10);
    expect("networks_by_registrations", "2001:db8:0:7::/64", 7);
    expect("networks_by_refusals", "2001:db8:0:7::/64", 7);
    assert_eq!(
        seen["accounts_by_messages"].as_array().map(Vec::len),
        Some(10)
    );
    let text = told(&data, &["top", "--rows", "1"]).expect("a relay runs");
    assert_eq!(text.matches("mallory").count(), 2, "{text}");
    assert!(text.contains("200  mallory\n"), "{text}");
    assert!(!text.contains("person"), "{text}");
    // What it names can be banned as it stands there.
    told(&data, &["ban", "add", "2001:db8:0:7::/64"]).expect("a ban");
    relay.kill();
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.contains("a connection ends"), "it logs what it can");
    for name in [
        "mallory",
        "victim",
        "person",
        "203.0.113",
        "192.0.2.",
        "2001:db8",
    ] {
        assert!(!log.contains(name), "{name}: {log}");
    }
}

#[tokio::test]
async fn who_is_refused_a_connection_is_counted_and_who_left_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &["--connections-per-address", "1"]);
    let alice = Device::new("alice");
    let client = Client::register(relay.address, &alice).await;
    for _ in 0..3 {
        let to = crate::support::client::Target::at(relay.address);
        assert!(Client::open(&to).await.is_none());
    }
    let seen = sight(data);
    assert_eq!(
        first(&seen, "networks_by_refusals"),
        ("127.0.0.1/32".to_owned(), 3)
    );
    assert_eq!(
        first(&seen, "networks_by_open"),
        ("127.0.0.1/32".to_owned(), 1)
    );
    client.leave().await;
    loop {
        if sight(data)["networks_by_open"]
            .as_array()
            .is_some_and(Vec::is_empty)
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // What is refused an account counts, too.
    let mut client = Client::auth(relay.address, &alice, 0).await;
    let nobody = Device::new("nobody").address();
    client.submit(nobody, message_id(), envelope(1)).await;
    client.answer().await;
    client.send(&ClientFrame::Ping { token: 1 }).await;
    client.answer().await;
    assert_eq!(
        first(&sight(data), "networks_by_refusals"),
        ("127.0.0.1/32".to_owned(), 4)
    );
    relay.kill();
    let said = told(data, &["top"]).expect_err("it has nothing to show");
    assert!(said.contains("no relay runs on"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for rows in ["0", "101"] {
        told(data, &["top", "--rows", rows]).expect_err("so many are not shown");
    }
}

/// Whoever watches and goes away ends it.
#[test]
fn watching_shows_it_again_and_again() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pawl-server"));
    command.args(["top", "--watch", "--json", "--data"]);
    command
        .arg(folder.path())
        .stdout(std::process::Stdio::piped());
    let mut watching = command.spawn().expect("it runs");
    let mut lines = BufReader::new(watching.stdout.take().expect("its output")).lines();
    for _ in 0..2 {
        let line = lines.next().expect("a line").expect("text");
        assert!(line.contains("networks_by_open"), "{line}");
    }
    drop(lines);
    assert!(watching.wait().expect("it ends").success());
    relay.kill();
}
