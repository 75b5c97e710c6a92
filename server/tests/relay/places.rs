//! Few addresses that hold all places do not keep out devices that were there before: on the real relay.

use pawl_wire::{ClientFrame, ConnectionError, RelayFrame};

use crate::support::client::Target;
use crate::support::{Child, Client, Device};

/// Four places are kept, one of them for each address.
const FLAGS: [&str; 3] = [
    "--connections=40",
    "--connections-per-address=2",
    "--trusted-proxy=127.0.0.1",
];

fn from(relay: &Child, address: String) -> Target {
    let mut target = Target::at(relay.address);
    target.headers.push(("X-Forwarded-For", address));
    target
}

/// Registers from there; how it ended where the device is not let in.
async fn join(relay: &Child, address: String, name: &str) -> Result<Client, Option<u64>> {
    let mut client = Client::open(&from(relay, address)).await.ok_or(None)?;
    let register = Device::new(name).register(&client.challenge);
    let frame = ClientFrame::Register(Box::new(register));
    client.send(&frame).await;
    match client.next().await {
        RelayFrame::AuthOk(_) => Ok(client),
        RelayFrame::Error {
            code: ConnectionError::Unavailable,
            retry_after_ms,
        } => Err(Some(retry_after_ms)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn twenty_addresses_do_not_keep_out_who_was_there_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut relay = Child::start(folder.path(), &FLAGS);
    let known = ["alice", "bob"].map(Device::new);
    for device in &known {
        Client::register(relay.address, device).await.leave().await;
    }
    assert_eq!(relay.terminate(), Some(0));
    let relay = Child::start(folder.path(), &FLAGS);
    let mut crowd = Vec::new();
    for number in 0..40 {
        let address = format!("198.51.100.{}", number / 2);
        match join(&relay, address, &format!("mallory{number}")).await {
            Ok(client) => crowd.push(client),
            Err(wait) => assert!(wait.is_none_or(|wait| wait > 0)),
        }
    }
    assert_eq!(crowd.len(), 36);
    let mut inside = Vec::new();
    for (number, device) in known.iter().enumerate() {
        let target = from(&relay, format!("203.0.113.{number}"));
        let client = Client::try_auth_at(&target, device, 0).await;
        let client = client.map_err(|error| format!("{:?}: {error:?}", device.username));
        inside.push(client.expect("it was there before"));
    }
    // One address has no more of what is kept, and a new device none.
    let again = Client::try_auth_at(&from(&relay, "203.0.113.0".into()), &known[0], 0).await;
    assert_eq!(again.err(), Some(None));
    let new = join(&relay, "203.0.113.9".into(), "carol").await;
    assert_eq!(new.err(), Some(Some(10_000)));
    // With room for everybody new ones are let in again.
    drop(crowd);
    while join(&relay, "203.0.113.9".into(), "carol").await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
