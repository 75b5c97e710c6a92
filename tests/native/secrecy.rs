//! What the relay could ever see: neither a text nor a private key, on the wire or on its disk. Every
//! private key is known here, because the test is the devices' randomness.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use pawl_client::{Command, MessageStatus};
use tokio::sync::oneshot;

use crate::device::Device;

/// Turns after which something that should have happened is taken for lost: each waits 5 ms at most.
const MAX_TURNS: usize = 8_000;

/// Texts each way, enough for several ratchet steps.
const TEXTS: usize = 12;

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Relay {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0".parse().expect("an address"))
    }

    /// Where its clients know it already.
    pub(crate) fn start_at(data: &Path, listen: SocketAddr) -> Self {
        let (ready, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let config = pawl_server::Config::new(listen, data.to_owned());
        let thread = thread::spawn(move || {
            let run = pawl_server::run(
                config,
                move |address| ready.send(address).expect("the test waits"),
                async {
                    let _ = stopped.await;
                },
            );
            actix_web::rt::System::new()
                .block_on(run)
                .expect("the relay serves");
        });
        let address = address.recv().expect("the relay starts");
        Self {
            address,
            stop,
            thread,
        }
    }

    pub(crate) fn stop(self) {
        self.stop.send(()).expect("the relay runs");
        self.thread.join().expect("the relay ends in order");
    }
}

pub(crate) fn until(
    devices: &mut [&mut Device],
    what: &str,
    done: impl Fn(&[&mut Device]) -> bool,
) {
    for _ in 0..MAX_TURNS {
        if done(devices) {
            return;
        }
        devices.iter_mut().for_each(|device| device.turn());
    }
    panic!("it never came to this: {what}");
}

pub(crate) fn ask(device: &mut Device, command: Command) {
    let id = device.ask(command);
    until(&mut [&mut *device], "an answer", |d| {
        d[0].answer(&id).is_some()
    });
    assert_eq!(device.answer(&id), Some(&None));
}

fn text(from: &str, n: usize) -> String {
    format!("the quick brown secret of {from}, number {n}")
}

fn send(device: &mut Device, from: &str, to: &str, n: usize) {
    let conversation = device.with(to);
    let text = text(from, n);
    ask(device, Command::SendText { conversation, text });
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the data folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths
        .filter(|path| path.is_file())
        .map(|path| std::fs::read(path).expect("readable"))
        .collect()
}

#[test]
fn neither_text_nor_private_key_reaches_the_relay() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(data.path());
    let mut alice = Device::new(relay.address, 1);
    let mut bob = Device::new(relay.address, 2);
    for (device, name) in [(&mut alice, "alice"), (&mut bob, "bob")] {
        let (username, invite) = (name.to_owned(), None);
        ask(device, Command::CreateAccount { username, invite });
    }
    let username = "bob".to_owned();
    ask(&mut alice, Command::StartConversation { username });
    for n in 0..TEXTS {
        send(&mut alice, "alice", "bob", n);
        until(&mut [&mut alice, &mut bob], "Bob has it", |d| {
            d[1].conversation("alice").0.len() == n + 1
        });
        send(&mut bob, "bob", "alice", n);
        until(&mut [&mut alice, &mut bob], "Alice has it", |d| {
            d[0].conversation("bob").0.len() == n + 1
        });
    }
    // Something must also lie on the relay's disk when it is searched.
    for n in TEXTS..2 * TEXTS {
        send(&mut alice, "alice", "bob", n);
    }
    until(&mut [&mut alice], "all are stored", |d| {
        let statuses = d[0].conversation("bob").1;
        statuses.len() == 2 * TEXTS && !statuses.contains(&MessageStatus::Sending)
    });

    let mut seen = files(data.path());
    relay.stop();
    seen.extend(files(data.path()));
    assert!(
        seen.iter().any(|file| contains(file, b"alice")),
        "the search would find"
    );
    seen.extend(alice.wire.iter().chain(&bob.wire).cloned());
    let texts: Vec<_> = (0..2 * TEXTS)
        .flat_map(|n| [text("alice", n), text("bob", n)])
        .collect();
    let keys: Vec<_> = alice.random.keys.iter().chain(&bob.random.keys).collect();
    // Account, device and prekeys of two devices; fewer would mean that the recorder misses some.
    assert!(keys.len() > 400, "{} private keys were made", keys.len());
    let everything = seen.concat();
    for text in &texts {
        assert!(
            !contains(&everything, text.as_bytes()),
            "a text is readable: {text}"
        );
    }
    // A key that is cut in two is still given away: each half is searched for.
    for half in keys.iter().flat_map(|key| key.chunks(16)) {
        assert!(
            !contains(&everything, half),
            "a private key left its device"
        );
    }
}
