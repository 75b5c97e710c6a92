//! A relay that was restored from a copy: the real engines notice by its epoch, bring their keys anew, and go on.

use pawl_client::Command;

use crate::device::Device;
use crate::published::uploads;
use crate::secrecy::{Relay, ask, until};

fn send(device: &mut Device, to: &str, text: &str) {
    let (conversation, text) = (device.with(to), text.to_owned());
    ask(device, Command::SendText { conversation, text });
}

fn begin(device: &mut Device, name: &str) {
    let (username, invite) = (name.to_owned(), None);
    ask(device, Command::CreateAccount { username, invite });
    until(&mut [device], "all keys are there", |d| uploads(d[0]) == 2);
}

#[test]
fn after_a_restore_clients_bring_their_keys_anew_and_conversations_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, restored, copy] = ["data", "restored", "copy"].map(|name| folder.path().join(name));
    let relay = Relay::start(&data);
    let [mut alice, mut bob, mut carol] = [21, 22, 23].map(|seed| Device::new(relay.address, seed));
    begin(&mut alice, "alice");
    begin(&mut bob, "bob");
    ask(
        &mut alice,
        Command::StartConversation {
            username: "bob".to_owned(),
        },
    );
    send(&mut alice, "bob", "before the copy");
    until(&mut [&mut alice, &mut bob], "Bob has it", |d| {
        d[1].conversation("alice").0.len() == 1
    });
    pawl_server::backup(&data, &copy).expect("it is copied while it serves");
    for text in ["after the copy", "and once more"] {
        send(&mut alice, "bob", text);
        send(&mut bob, "alice", text);
    }
    until(&mut [&mut alice, &mut bob], "both have all", |d| {
        d[1].conversation("alice").0.len() == 3 && d[0].conversation("bob").0.len() == 2
    });
    let address = relay.address;
    relay.stop();
    pawl_server::restore(&copy, &restored).expect("a store again");
    let relay = Relay::start_at(&restored, address);
    let (of_alice, of_bob) = (uploads(&alice), uploads(&bob));
    for device in [&mut alice, &mut bob] {
        device.break_off();
    }
    until(&mut [&mut alice, &mut bob], "both bring keys", |d| {
        uploads(d[0]) == of_alice + 2 && uploads(d[1]) == of_bob + 2
    });
    // Who comes new begins with a key that nobody ever had.
    begin(&mut carol, "carol");
    ask(
        &mut carol,
        Command::StartConversation {
            username: "bob".to_owned(),
        },
    );
    send(&mut carol, "bob", "hello from somebody new");
    send(&mut alice, "bob", "after the restore");
    send(&mut bob, "alice", "here too");
    until(
        &mut [&mut alice, &mut bob, &mut carol],
        "all has come, once",
        |d| {
            d[1].conversation("alice").0.len() == 4
                && d[0].conversation("bob").0.len() == 3
                && d[1].conversation("carol").0 == ["hello from somebody new"]
        },
    );
    let expected = [
        "before the copy",
        "after the copy",
        "and once more",
        "after the restore",
    ];
    assert_eq!(bob.conversation("alice").0, expected);
    relay.stop();
}
