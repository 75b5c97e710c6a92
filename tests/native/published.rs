//! The real engine and the real relay mean the same by their digests of published prekeys: nothing is uploaded
//! again but what is missing, and what the relay lost is.

use pawl_client::Command;
use pawl_wire::RelayFrame;

use crate::device::Device;
use crate::secrecy::{Relay, ask, until};

/// Uploads that the relay has answered.
pub(crate) fn uploads(device: &Device) -> usize {
    let frames = device.wire.iter().map(|bytes| RelayFrame::decode(bytes));
    let is_answer = |frame: &_| matches!(frame, Ok(RelayFrame::Published { .. }));
    frames.filter(is_answer).count()
}

/// Connections that the relay let in.
fn connections(device: &Device) -> usize {
    let frames = device.wire.iter().map(|bytes| RelayFrame::decode(bytes));
    frames
        .filter(|frame| matches!(frame, Ok(RelayFrame::AuthOk(_))))
        .count()
}

fn reconnect(device: &mut Device) {
    let before = connections(device);
    device.break_off();
    until(&mut [&mut *device], "another connection", |d| {
        connections(d[0]) > before
    });
    for _ in 0..100 {
        device.turn();
    }
}

#[test]
fn a_device_uploads_what_its_relay_lacks_and_nothing_twice() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(data.path());
    let mut alice = Device::new(relay.address, 11);
    let mut bob = Device::new(relay.address, 12);
    for (device, name) in [(&mut alice, "alice"), (&mut bob, "bob")] {
        let (username, invite) = (name.to_owned(), None);
        ask(device, Command::CreateAccount { username, invite });
        until(&mut [device], "all keys are there", |d| uploads(d[0]) == 2);
    }
    let username = "bob".to_owned();
    ask(&mut alice, Command::StartConversation { username });
    let (conversation, text) = (alice.with("bob"), "hi".to_owned());
    ask(&mut alice, Command::SendText { conversation, text });
    until(&mut [&mut alice, &mut bob], "Bob has it", |d| {
        d[1].conversation("alice").0.len() == 1
    });
    for _ in 0..3 {
        reconnect(&mut bob);
        reconnect(&mut alice);
    }
    assert_eq!((uploads(&alice), uploads(&bob)), (2, 2));
    let store = rusqlite::Connection::open(data.path().join("relay.db")).expect("a store");
    let gone = store.execute(
        "DELETE FROM one_time_key WHERE kind = 2 AND key_id = 60",
        [],
    );
    assert_eq!(gone.expect("it can write"), 2);
    drop(store);
    for _ in 0..2 {
        reconnect(&mut bob);
    }
    assert_eq!((uploads(&alice), uploads(&bob)), (2, 4));
    relay.stop();
}
