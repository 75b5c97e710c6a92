//! What an operator asks a running relay through its socket, and does to the store where none runs.

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use pawl_wire::{ClientFrame, RelayFrame};

use crate::support::{Child, Client, Device, Relay, command, envelope, message_id};

/// Runs a command on this data folder; what it printed, or what it complained about.
pub(crate) fn told(data: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = command(data, arguments);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    match output.status.code() {
        Some(0) => Ok(text(output.stdout)),
        _ => Err(text(output.stderr)),
    }
}

/// As people read numbers.
fn grouped(number: usize) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

fn socket(data: &Path) -> std::path::PathBuf {
    data.join("relay.sock")
}

/// Puts messages into the mailbox of somebody who is away.
pub(crate) async fn fill(relay: &Child, from: &Device, to: &Device, count: u32) {
    let mut sender = Client::auth(relay.address, from, 0).await;
    for number in 0..count {
        sender
            .store(to.address(), message_id(), envelope(number))
            .await;
    }
    sender.leave().await;
}

pub(crate) async fn registered(relay: &Child, names: &[&str]) -> Vec<Device> {
    let mut devices = Vec::new();
    for name in names {
        let device = Device::new(name);
        Client::register(relay.address, &device).await.leave().await;
        devices.push(device);
    }
    devices
}

#[test]
fn the_socket_is_its_users_alone_and_lasts_as_long_as_the_relay() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    // Others may look into the folder, and the relay's user gives away what they make.
    std::fs::set_permissions(data, PermissionsExt::from_mode(0o755)).expect("it is ours");
    let mut relay = Child::start(data, &[]);
    let file = std::fs::metadata(socket(data)).expect("a socket");
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert_eq!(relay.terminate(), Some(0));
    assert!(!socket(data).exists());
    // One that was killed leaves it behind, and so does what is no relay.
    Child::start(data, &[]).kill();
    assert!(socket(data).exists());
    let mut relay = Child::start(data, &[]);
    assert!(told(data, &["account", "list"]).is_ok());
    assert_eq!(relay.terminate(), Some(0));
    drop(UnixListener::bind(socket(data)).expect("a socket"));
    let said = told(data, &["account", "list"]).expect("no relay is asked");
    assert!(said.contains("There is no account in"), "{said}");
    let mut relay = Child::start(data, &[]);
    assert!(told(data, &["account", "list"]).is_ok());
    // A second relay does not take it away.
    let (code, said) = refused_start(data);
    assert_eq!(code, Some(1), "{said}");
    assert!(told(data, &["account", "list"]).is_ok());
    assert_eq!(relay.terminate(), Some(0));
    // What is no socket is somebody's file.
    std::fs::write(socket(data), "mine").expect("a file");
    let relay = Child::start(data, &[]);
    assert_eq!(std::fs::read(socket(data)).expect("a file"), b"mine");
    relay.kill();
}

fn refused_start(data: &Path) -> (Option<i32>, String) {
    let output = command(data, &["--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), said)
}

#[test]
fn a_folder_whose_socket_would_have_too_long_a_path_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("a".repeat(110));
    let relay = Child::start(&data, &[]);
    let said = told(&data, &["account", "list"]).expect_err("it cannot be asked");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("is longer than a socket's may be"), "{said}");
    relay.kill();
    // Where none runs no socket is needed.
    assert!(told(&data, &["account", "list"]).is_ok());
}

#[test]
fn what_is_no_request_is_refused_and_the_next_one_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &[]);
    let long = vec![b'a'; 1 << 20];
    let cases: [(&[u8], &str); 8] = [
        (b"\n", "does not know this request"),
        (b"\xff\xfe\0\0\n", "does not know this request"),
        (b"{\"erase-everything\":{}}\n", "does not know this request"),
        (b"{\"erase-mail\":{}}\n", "does not know this request"),
        (
            b"{\"erase-mail\":{\"name\":7}}\n",
            "does not know this request",
        ),
        (&[b'['; 4_000], "has no end"),
        (&long, "too long"),
        (b"{\"erase-mail\":{\"name\":\"nobody\"}}\n", "no-account"),
    ];
    for (bytes, expected) in cases {
        let mut stream = UnixStream::connect(socket(data)).expect("somebody listens");
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said);
        assert!(said.contains(expected), "{expected}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert!(told(data, &["account", "list"]).is_ok());
    relay.kill();
}

/// More slow ones than there are places: they are cut off, and a command is served.
#[tokio::test]
async fn a_slow_client_of_the_socket_holds_up_neither_the_relay_nor_a_command_for_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &[]);
    let slow: Vec<_> = (0..6)
        .map(|_| {
            let mut stream = UnixStream::connect(socket(data)).expect("somebody listens");
            stream.write_all(b"{\"list-acc").expect("it is taken");
            stream
        })
        .collect();
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    client.settle().await;
    let place = data.to_owned();
    let listed = tokio::task::spawn_blocking(move || told(&place, &["account", "list"])).await;
    let listed = listed.expect("it runs").expect("a list");
    assert!(listed.contains("alice"), "{listed}");
    for mut stream in slow {
        let patience = Duration::from_secs(60);
        stream.set_read_timeout(Some(patience)).expect("a setting");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("it is ended");
        assert!(said.contains("no request came within 5 seconds"), "{said}");
    }
    relay.kill();
}

#[tokio::test]
async fn mail_is_erased_and_accounts_are_listed_beside_a_relay_and_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let said = told(data, &["account", "list"]).expect_err("there is no store");
    assert!(said.contains("there is no store in it"), "{said}");
    // Strangers may not fill a mailbox; here one has to.
    let relay = Child::start(data, &["--stranger-messages", "600"]);
    let place = data.display().to_string();
    let none = format!("There is no account in {place}.\n");
    assert_eq!(told(data, &["account", "list"]), Ok(none));
    let devices = registered(&relay, &["alice", "bob"]).await;
    let (alice, bob) = (&devices[0], &devices[1]);
    // More than are erased in one commit.
    fill(&relay, alice, bob, 501).await;
    fill(&relay, bob, alice, 1).await;
    let size = envelope(0).len();
    let line = |name: &str, count: usize| {
        let bytes = count * size;
        format!(
            "{{\"name\":\"{name}\",\"devices\":1,\"waiting_messages\":{count},\"waiting_bytes\":{bytes}}}\n"
        )
    };
    let expected = line("alice", 1) + &line("bob", 501);
    let json = || told(data, &["account", "list", "--json"]);
    assert_eq!(json(), Ok(expected));
    let list = told(data, &["account", "list"]).expect("a list");
    let last: Vec<_> = list
        .lines()
        .last()
        .expect("a line")
        .split_whitespace()
        .collect();
    assert_eq!(last, ["bob", "1", "501", grouped(501 * size).as_str()]);
    let gone = format!(
        "Erased in {place}: 501 messages with {} bytes that waited for bob.\n",
        grouped(501 * size)
    );
    assert_eq!(told(data, &["mail", "erase", "Bob"]), Ok(gone));
    let nothing = format!("Nothing waited for bob in {place}.\n");
    assert_eq!(told(data, &["mail", "erase", "bob"]), Ok(nothing));
    let unknown = format!("there is no account carol in {place}");
    let said = told(data, &["mail", "erase", "carol"]).expect_err("nobody");
    assert!(said.contains(&unknown), "{said}");
    let said = told(data, &["mail", "erase", "no name"]).expect_err("no name");
    assert!(said.contains("\"no name\": "), "{said}");
    // What comes afterwards has its place and its number.
    fill(&relay, alice, bob, 2).await;
    relay.kill();
    assert!(json().expect("a list").contains("\"waiting_messages\":2"));
    let gone = format!("Erased in {place}: 1 message with {size} bytes that waited for alice.\n");
    assert_eq!(told(data, &["mail", "erase", "alice"]), Ok(gone));
    let said = told(data, &["mail", "erase", "carol"]).expect_err("nobody");
    assert!(said.contains(&unknown), "{said}");
    let relay = Child::start(data, &[]);
    let mut owner = Client::auth(relay.address, bob, 0).await;
    let waiting = owner.waiting().await;
    let numbers: Vec<_> = waiting.iter().map(|(seq, ..)| *seq).collect();
    assert_eq!(numbers, [502, 503]);
    relay.kill();
}

/// What the device has and did not acknowledge is erased, too; its connection goes on, and so does its mail.
#[tokio::test]
async fn mail_of_somebody_who_is_connected_is_erased_and_what_comes_then_arrives() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    let mut owner = Client::register(relay.address, &bob).await;
    owner.settle().await;
    let mut sender = Client::register(relay.address, &alice).await;
    for number in 0..40 {
        sender
            .submit(bob.address(), message_id(), envelope(number))
            .await;
    }
    // The window of the device is 16: the others wait.
    let mut last = 0;
    for _ in 0..16 {
        last = owner.delivery().await.0;
    }
    for _ in 0..40 {
        assert!(matches!(sender.answer().await, RelayFrame::Stored { .. }));
    }
    let said = told(folder.path(), &["mail", "erase", "bob"]).expect("it is erased");
    let bytes = grouped(40 * envelope(0).len());
    let expected = format!(": 40 messages with {bytes} bytes");
    assert!(said.contains(&expected), "{said}");
    owner.send(&ClientFrame::Ack { through: last }).await;
    let id = message_id();
    assert!(!sender.store(bob.address(), id, envelope(99)).await);
    let (seq, arrived, bytes) = owner.delivery().await;
    assert_eq!((seq, arrived, bytes), (41, id, envelope(99)));
    owner.send(&ClientFrame::Ack { through: seq }).await;
    owner.settle().await;
    relay.kill();
}

/// A mailbox that somebody filled is emptied, and others may write again.
#[tokio::test]
async fn an_erased_mailbox_has_room_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &["--mailbox-messages", "4"]);
    let devices = registered(&relay, &["mallory", "bob"]).await;
    let mut bad = Client::auth(relay.address, &devices[0], 0).await;
    let to = devices[1].address();
    for _ in 0..2 {
        bad.store(to, message_id(), envelope(1)).await;
    }
    bad.submit(to, message_id(), envelope(1)).await;
    assert!(matches!(bad.answer().await, RelayFrame::Refused { .. }));
    told(folder.path(), &["mail", "erase", "bob"]).expect("it is erased");
    bad.store(to, message_id(), envelope(1)).await;
    relay.kill();
}

/// A relay on a thread of another program has a socket as well.
#[test]
fn a_relay_that_goes_down_takes_its_socket_away_before_another_has_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..3 {
        drop(Relay::start_in(folder.path(), |_| ()));
        assert!(!socket(folder.path()).exists());
    }
    assert!(raw_is_nobody(folder.path()));
}

fn raw_is_nobody(data: &Path) -> bool {
    UnixStream::connect(socket(data)).is_err()
}
