//! What connections cost in memory whose peers take nothing: measured on the real binary.

use std::time::Duration;

use pawl_wire::ClientFrame;
use pawl_wire::limits::MAX_FRAME;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::support::client::Target;
use crate::support::{Child, Client, Device, frame};

const DEAF: u64 = 300;

/// KiB that one of them may cost.
const EACH: u64 = 192;

/// And one with a frame of 128 KiB that is not whole.
const EACH_WITH_FRAME: u64 = 224;

/// With so little taken for so long the relay reads no more, on any machine that is not much slower than its tests allow.
const STALLED: Duration = Duration::from_secs(2);

/// Far more than the relay and the system take of somebody who reads nothing.
const SENT: usize = 8 << 20;

/// Registers, and sends pings without reading until nothing more is taken.
async fn deaf(relay: std::net::SocketAddr, number: u64) -> Client {
    let mut target = Target::at(relay);
    target.receive_buffer = Some(4_096);
    let mut client = Client::open(&target).await.expect("a connection");
    let register = Device::new(&format!("deaf{number}")).register(&client.challenge);
    let register = ClientFrame::Register(Box::new(register));
    client.send(&register).await;
    client.settle().await;
    client
}

async fn all_deaf(relay: std::net::SocketAddr) -> Vec<Client> {
    let mut clients = Vec::new();
    for number in 0..DEAF {
        clients.push(deaf(relay, number).await);
    }
    clients
}

async fn shout(mut client: Client) -> (Client, usize) {
    let pings = frame(0x89, &[7; 125]).repeat(100);
    let mut sent = 0;
    while sent < SENT {
        let stream = client.socket.get_mut();
        match timeout(STALLED, stream.write(&pings[sent % 131..])).await {
            Ok(Ok(count)) => sent += count,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    (client, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_pings_and_reads_nothing_costs_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &["--registrations-per-minute=1000"]);
    let clients = all_deaf(relay.address).await;
    let before = relay.resident_kib();
    let mut shouting = tokio::task::JoinSet::new();
    for client in clients {
        shouting.spawn(shout(client));
    }
    let shouted = shouting.join_all().await;
    let each = relay.resident_kib().saturating_sub(before) / DEAF;
    let sent = shouted.iter().map(|(_, sent)| *sent).min();
    assert!(each <= EACH, "{each} KiB each");
    assert!(sent < Some(SENT), "the relay read on and on");
    // Who is like that is in nobody's way.
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    client.settle().await;
}

/// All but the last byte of the largest frame is held, since it may be one of keys or mail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_is_not_whole_costs_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &["--registrations-per-minute=1000"]);
    let mut clients = all_deaf(relay.address).await;
    let before = relay.resident_kib();
    let whole = frame(0x82, &vec![7; MAX_FRAME]);
    for client in &mut clients {
        let stream = client.socket.get_mut();
        let sent = stream.write_all(&whole[..whole.len() - 1]).await;
        sent.expect("it is taken");
    }
    // Nothing says that it was read: where it is not yet, it costs less.
    tokio::time::sleep(STALLED).await;
    let each = relay.resident_kib().saturating_sub(before) / DEAF;
    assert!(each <= EACH_WITH_FRAME, "{each} KiB each");
}
