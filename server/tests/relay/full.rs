//! The real binary on a small disk that another program's file fills.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use pawl_wire::{ConnectionError, DeviceAddress, RelayFrame, SubmitRefusal};

use crate::support::{Child, Client, Device, End, SmallDisk, ended, envelope, message_id, program};

/// A relay on a small disk, whose log is kept elsewhere.
struct Cramped {
    disk: SmallDisk,
    log: tempfile::TempDir,
}

impl Cramped {
    fn new(mib: u32) -> Self {
        Self {
            disk: SmallDisk::new(mib),
            log: tempfile::tempdir().expect("a folder"),
        }
    }

    fn start(&self, flags: &[&str]) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log.path().join("log"))
            .expect("a file");
        let mut command = self.disk.command();
        command
            .arg(program())
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(format!("{}/data", SmallDisk::INSIDE))
            .args(flags)
            .stderr(log);
        Child::spawn(&mut command)
    }

    fn data(&self) -> PathBuf {
        self.disk.path().join("data")
    }

    fn reserve(&self) -> PathBuf {
        self.data().join("relay.reserve")
    }

    /// What an operator's command says.
    fn command(&self, arguments: &[&str]) -> String {
        let mut command = self.disk.command();
        command
            .arg(program())
            .args(arguments)
            .arg("--data")
            .arg(format!("{}/data", SmallDisk::INSIDE));
        let output = ended(&mut command);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log.path().join("log")).expect("a log")
    }
}

/// Envelopes that are sent before the answers are read: together more than SQLite keeps in memory of one commit.
const WAVE: usize = 60;

/// Sends large envelopes, several at a time, until the relay ends the connection.
async fn send_until_it_ends(mut from: Client, to: DeviceAddress) {
    for _ in 0..100 {
        for _ in 0..WAVE {
            from.submit(to, message_id(), vec![7; 90_000]).await;
        }
        for _ in 0..WAVE {
            match from.try_next().await {
                Ok(RelayFrame::Stored { .. } | RelayFrame::QueueEmpty { .. }) => (),
                Ok(RelayFrame::Error { .. }) | Err(_) => return,
                Ok(other) => panic!("{other:?}"),
            }
        }
    }
    panic!("the disk is never full");
}

#[tokio::test]
async fn the_log_says_that_the_disk_is_full() {
    let cramped = Cramped::new(48);
    let relay = cramped.start(&["--free-bytes=0"]);
    let [alice, bob] = ["alice", "bobby"].map(Device::new);
    let from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    cramped.disk.fill();
    send_until_it_ends(from, bob.address()).await;
    relay.kill();
    let log = cramped.log();
    assert!(log.contains("database or disk is full"), "{log}");
    assert!(!log.contains("no such savepoint"), "{log}");
}

/// Sends one message and gives the answer.
async fn send(from: &mut Client, to: DeviceAddress) -> RelayFrame {
    from.submit(to, message_id(), envelope(1)).await;
    from.answer().await
}

fn is_full(frame: &RelayFrame) -> bool {
    matches!(
        frame,
        RelayFrame::Refused {
            cause: SubmitRefusal::MailboxFull,
            ..
        }
    )
}

/// Waits until messages are taken, or not taken, and gives how many were.
async fn until_taken(from: &mut Client, to: DeviceAddress, is_taken: bool) -> usize {
    for sent in 0..600 {
        if is_full(&send(from, to).await) != is_taken {
            return sent + usize::from(is_taken);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never comes");
}

#[tokio::test]
async fn a_relay_starts_on_a_full_disk_delivers_and_takes_acknowledgements() {
    let cramped = Cramped::new(64);
    let [alice, bob] = ["alice", "bobby"].map(Device::new);
    let mut relay = cramped.start(&[]);
    let mut from = Client::register(relay.address, &alice).await;
    let dora = Device::new("dora");
    for away in [&bob, &dora] {
        Client::register(relay.address, away).await.leave().await;
        for _ in 0..20 {
            let large = vec![7; 90_000];
            from.store(away.address(), message_id(), large).await;
        }
    }
    assert_eq!(relay.terminate(), Some(0));
    assert!(cramped.reserve().exists());
    // What SQLite makes at a start needs room, too.
    for file in ["relay.db-shm", "relay.db-wal"] {
        // The relay may have removed it.
        let _ = std::fs::remove_file(cramped.data().join(file));
    }
    cramped.disk.fill();
    let mut relay = cramped.start(&[]);
    assert!(!cramped.reserve().exists(), "it is given up");
    let mut to = Client::auth(relay.address, &bob, 0).await;
    let waiting = to.waiting().await;
    assert_eq!(waiting.len(), 20);
    to.settle().await;
    to.leave().await;
    // An acknowledgement has no answer: what comes behind it in the store does.
    Client::auth(relay.address, &bob, 0).await.leave().await;
    // None of it comes again, which is on disk, not in the memory of this relay.
    relay.kill();
    relay = cramped.start(&[]);
    let last_seq = waiting.last().map_or(0, |(seq, ..)| *seq);
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.waiting().await, []);
    to.leave().await;
    assert!(
        cramped
            .command(&["mail", "erase", "dora"])
            .contains("20 messages")
    );
    let mut to = Client::auth(relay.address, &dora, 0).await;
    assert_eq!(to.waiting().await, []);
    to.leave().await;
    // Nothing new is taken, neither mail nor accounts, and both say to come back.
    let mut from = Client::auth(relay.address, &alice, 0).await;
    assert!(is_full(&send(&mut from, bob.address()).await));
    let mut carol = Client::connect(relay.address).await;
    let register = Device::new("carol").register(&carol.challenge);
    let refused = End::refused(ConnectionError::Unavailable);
    assert_eq!(carol.join(register).await, Some(refused));
    let log = cramped.log();
    assert!(log.contains("the disk is full"), "{log}");
    assert!(!log.contains("no such savepoint"), "{log}");
    // With room it goes on by itself, and has its reserve again.
    cramped.disk.make_room();
    let taken = until_taken(&mut from, bob.address(), true).await;
    assert!(cramped.reserve().exists());
    let mut to = Client::auth(relay.address, &bob, last_seq).await;
    assert_eq!(to.waiting().await.len(), usize::from(taken > 0));
    assert!(cramped.log().contains("there is room again"));
}

/// How many large messages are taken before one is not; fewer than `bound`.
async fn store_until_refused(from: &mut Client, to: &Device, bound: usize) -> usize {
    let mut stored = 0;
    loop {
        let large = vec![7; 90_000];
        from.submit(to.address(), message_id(), large).await;
        if !matches!(from.answer().await, RelayFrame::Stored { .. }) {
            return stored;
        }
        stored += 1;
        assert!(stored < bound, "it has no bound");
    }
}

#[tokio::test]
async fn mail_ends_before_the_disk_does_and_acknowledgements_go_on() {
    let cramped = Cramped::new(64);
    let relay = cramped.start(&["--free-bytes=20000000", "--stranger-messages=20000"]);
    let [alice, bob] = ["alice", "bobby"].map(Device::new);
    let mut from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    let stored = store_until_refused(&mut from, &bob, 2_000).await;
    assert!(stored > 20, "{stored}");
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.waiting().await.len(), stored);
    to.settle().await;
    let log = cramped.log();
    assert!(!log.contains("cannot commit"), "{log}");
    assert!(cramped.reserve().exists(), "nobody needed it");
}

#[tokio::test]
async fn a_store_that_is_as_large_as_it_may_be_takes_mail_when_some_was_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &["--store-bytes=4000000"]);
    let [alice, bob] = ["alice", "bobby"].map(Device::new);
    let mut from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    let stored = store_until_refused(&mut from, &bob, 60).await;
    let mut to = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(to.waiting().await.len(), stored);
    to.settle().await;
    to.leave().await;
    until_taken(&mut from, bob.address(), true).await;
}

/// Where no relay runs the commands do it themselves, with the reserve's room.
#[tokio::test]
async fn an_operator_erases_and_bans_on_a_full_disk_where_no_relay_runs() {
    let cramped = Cramped::new(64);
    let relay = cramped.start(&[]);
    let [alice, bob] = ["alice", "bobby"].map(Device::new);
    let mut from = Client::register(relay.address, &alice).await;
    Client::register(relay.address, &bob).await.leave().await;
    for _ in 0..20 {
        let large = vec![7; 90_000];
        from.store(bob.address(), message_id(), large).await;
    }
    while !cramped.reserve().exists() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The log has the last of it: the file did not grow.
    relay.kill();
    cramped.disk.fill();
    let said = cramped.command(&["ban", "add", "mallory"]);
    assert!(said.contains("mallory is shut out"), "{said}");
    assert!(!cramped.reserve().exists(), "it is given up");
    let said = cramped.command(&["mail", "erase", "bobby"]);
    assert!(said.contains("20 messages"), "{said}");
    let said = cramped.command(&["account", "erase", "bobby", "--yes"]);
    assert!(said.contains("is erased"), "{said}");
    let said = cramped.command(&["account", "list", "--json"]);
    assert!(said.contains("alice") && !said.contains("bobby"), "{said}");
}
