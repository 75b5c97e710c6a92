//! Nothing that a peer sends makes the relay panic, grow or stop serving others.

use std::io::{Read, Write};
use std::net::SocketAddr;

use pawl_wire::limits::{MAX_ENVELOPE, MAX_FRAME, MAX_UNAUTHENTICATED_FRAME};
use pawl_wire::{ClientFrame, ConnectionError};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{
    Child, Client, Device, End, Relay, close_code, envelope, frame, message_id, random, raw_socket,
};

use futures_util::SinkExt;

/// What a process may grow by while somebody abuses it: buffers, caches, the allocator's slack.
const SLACK_KIB: u64 = 12 * 1024;

async fn serves(address: SocketAddr) {
    let name = format!("probe{}", u32::from_be_bytes(random()));
    let device = Device::new(&name);
    let mut client = Client::register(address, &device).await;
    client
        .store(device.address(), message_id(), envelope(1))
        .await;
}

#[tokio::test]
async fn a_frame_that_declares_four_gigabytes_is_cut_off_and_costs_nothing() {
    const STREAMED: usize = 200 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    serves(relay.address).await;
    let before = relay.resident_kib();
    let mut socket = raw_socket(relay.address);
    let mut header = vec![0x82, 0xff];
    header.extend((4u64 << 30).to_be_bytes());
    header.extend([0; 4]);
    socket.write_all(&header).expect("it is sent");
    let chunk = vec![0; 1 << 20];
    let mut written = 0;
    while written < STREAMED && socket.write_all(&chunk).is_ok() {
        written += chunk.len();
    }
    let grown = relay.resident_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB, "it grew by {grown} KiB");
    // What was in flight may still have been taken; the connection is closed all the same.
    while socket.write_all(&chunk).is_ok() {
        written += chunk.len();
        assert!(written < 40 * STREAMED, "it was not cut off");
    }
    serves(relay.address).await;
}

/// Each of them has an answer, which waits for a peer that does not read.
#[tokio::test]
async fn who_only_pings_does_not_get_in_and_is_cut_off() {
    let relay = Relay::start();
    for (pings, code) in [
        (15, None),
        (
            16,
            Some(pawl_wire::close_code::of(ConnectionError::Malformed)),
        ),
    ] {
        let mut socket = raw_socket(relay.address);
        for _ in 0..pings {
            socket
                .write_all(&frame(0x89, b"anybody?"))
                .expect("it is sent");
        }
        let end = match code {
            Some(code) => code,
            None => {
                socket.write_all(&frame(0x88, &[])).expect("it is sent");
                u16::from(CloseCode::Normal)
            }
        };
        let mut came = Vec::new();
        let _ = socket.read_to_end(&mut came);
        let close = [&[0x88, 2][..], &end.to_be_bytes()].concat();
        assert!(came.ends_with(&close), "after {pings}: {came:x?}");
        let pong = [&[0x8a, 8][..], b"anybody?"].concat();
        let pongs = came.windows(pong.len()).filter(|some| *some == pong);
        assert_eq!(pongs.count(), pings);
    }
}

#[tokio::test]
async fn a_device_that_does_not_read_costs_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    // As much as the test sends is more than a stranger's share.
    let room = ["--stranger-messages=1000", "--mailbox-bytes=200000000"];
    let relay = Child::start(folder.path(), &room);
    let (alice, mut bob) = (Device::new("alice"), Device::new("bob"));
    bob.window = 64;
    let mut from = Client::register(relay.address, &alice).await;
    let _deaf = Client::register(relay.address, &bob).await;
    for _ in 0..20 {
        from.store(bob.address(), message_id(), vec![9; MAX_ENVELOPE])
            .await;
    }
    let before = relay.resident_kib();
    for _ in 0..400 {
        from.store(bob.address(), message_id(), vec![9; MAX_ENVELOPE])
            .await;
    }
    let grown = relay.resident_kib().saturating_sub(before);
    assert!(
        grown < SLACK_KIB,
        "it grew by {grown} KiB for 38 MiB of mail"
    );
    let mut again = Client::auth(relay.address, &bob, 0).await;
    assert_eq!(again.waiting().await.len(), 420);
}

#[test]
fn what_is_no_message_ends_with_its_own_close_code() {
    let relay = Relay::start();
    let large = vec![0; MAX_UNAUTHENTICATED_FRAME + 1];
    let half = vec![0; MAX_UNAUTHENTICATED_FRAME / 2 + 1];
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("text", frame(0x81, b"hello"), 1003),
        ("compressed", frame(0xc2, b"x"), 1002),
        ("reserved opcode", frame(0x83, b"x"), 1002),
        ("unmasked", vec![0x82, 0x01, 0x00], 1002),
        ("continues nothing", frame(0x80, b"x"), 1002),
        ("large", frame(0x82, &large), 1009),
        (
            "declares 2^63",
            [vec![0x82, 0xff, 0x80], vec![0; 7]].concat(),
            1009,
        ),
        (
            "fragments",
            [frame(0x02, &half), frame(0x80, &half)].concat(),
            1009,
        ),
        (
            "empty fragments",
            [frame(0x02, b""), frame(0x00, b"").repeat(2_000)].concat(),
            1009,
        ),
        ("large ping", frame(0x89, &[0; 126]), 1002),
        ("no frame", frame(0x82, b"\xff\xff\xff"), 4001),
        ("nothing", frame(0x82, b""), 4001),
    ];
    for (name, bytes, code) in cases {
        let mut socket = raw_socket(relay.address);
        socket.write_all(&bytes).expect("it is sent");
        assert_eq!(close_code(&mut socket), Some(code), "{name}");
    }
}

#[test]
fn a_close_is_answered() {
    let relay = Relay::start();
    let mut socket = raw_socket(relay.address);
    socket
        .write_all(&frame(0x88, &[0x03, 0xe8]))
        .expect("it is sent");
    assert_eq!(close_code(&mut socket), Some(1000));
}

#[tokio::test]
async fn after_authentication_the_limit_is_a_frame_and_no_more() {
    let relay = Relay::start();
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    client
        .store(alice.address(), message_id(), vec![9; MAX_ENVELOPE])
        .await;
    client.send_bytes(vec![0; MAX_FRAME + 1]).await;
    let too_large = End {
        error: Some(ConnectionError::Malformed),
        code: Some(1009),
    };
    assert_eq!(client.end().await, too_large);
    let mut client = Client::auth(relay.address, &alice, 1).await;
    client
        .submit(alice.address(), message_id(), vec![9; MAX_ENVELOPE + 1])
        .await;
    assert_eq!(client.end().await.error, Some(ConnectionError::Malformed));
    let mut client = Client::auth(relay.address, &alice, 1).await;
    client
        .socket
        .send(Message::Text("hello".into()))
        .await
        .expect("it is sent");
    assert_eq!(client.end().await.code, Some(1003));
}

/// A small generator of numbers from a seed (splitmix64), so that a failure can be had again.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("small")
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most);
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

#[tokio::test]
async fn no_bytes_as_a_frame_harm_the_relay() {
    let seed = u64::from_be_bytes(random());
    println!("seed {seed}");
    let mut numbers = Numbers(seed);
    let relay = Relay::start();
    let alice = Device::new("alice");
    Client::register(relay.address, &alice).await.leave().await;
    for round in 0..150 {
        let mut client = if round % 3 == 0 {
            Client::connect(relay.address).await
        } else {
            Client::auth(relay.address, &alice, 0).await
        };
        let bytes = if round % 2 == 0 {
            numbers.bytes(300)
        } else {
            let submit = pawl_wire::Submit {
                message_id: message_id(),
                recipient: alice.address(),
                envelope: numbers.bytes(400),
            };
            let mut bytes = ClientFrame::Submit(submit).encode();
            for _ in 0..=numbers.below(4) {
                let place = numbers.below(bytes.len());
                bytes[place] = numbers.next().to_le_bytes()[0];
            }
            bytes
        };
        client.send_bytes(bytes).await;
        // It ends with a typed code, or it was a frame after all and the connection lives.
        client.send_bytes(vec![0xff]).await;
        let end = client.end().await;
        assert_eq!(end.error, Some(ConnectionError::Malformed), "seed {seed}");
        assert_eq!(end.code, Some(4001), "seed {seed}");
    }
    serves(relay.address).await;
}

#[test]
fn bytes_behind_the_handshake_harm_nothing() {
    let seed = u64::from_be_bytes(random());
    println!("seed {seed}");
    let mut numbers = Numbers(seed);
    let relay = Relay::start();
    for _ in 0..100 {
        let mut socket = raw_socket(relay.address);
        let mut bytes = numbers.bytes(400);
        // A frame that only waits for more would wait for the timeout: begin with a reserved opcode.
        bytes.splice(0..0, frame(0x82, b""));
        // The relay may hang up while this is still being sent.
        let _ = socket.write_all(&bytes);
        assert_eq!(close_code(&mut socket), Some(4001), "seed {seed}");
    }
}
