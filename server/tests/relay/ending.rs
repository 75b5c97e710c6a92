//! An account that the operator erases: what is left of it, for whom, and what its connections hear.

use std::path::Path;

use pawl_wire::{ClientFrame, ConnectionError, RelayFrame, SubmitRefusal};

use crate::control::{fill, registered, told};
use crate::support::{Child, Client, Device, End, envelope, message_id};

async fn join(relay: &Child, device: &Device) -> Option<End> {
    let mut client = Client::connect(relay.address).await;
    let register = device.register(&client.challenge);
    client.join(register).await
}

fn erase(data: &Path, name: &str) {
    let said = told(data, &["account", "erase", name, "--yes"]).expect("it is erased");
    let expected = format!("The account {name} is erased in {}. Who", data.display());
    assert!(said.starts_with(&expected), "{said}");
}

/// Sends a message and gives why it was not taken.
async fn refusal(from: &mut Client, to: &Device) -> SubmitRefusal {
    from.submit(to.address(), message_id(), envelope(1)).await;
    match from.answer().await {
        RelayFrame::Refused { cause, .. } => cause,
        other => panic!("not refused but {other:?}"),
    }
}

#[tokio::test]
async fn an_account_that_is_connected_is_erased_and_nobody_else_gets_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &["--stranger-messages", "600"]);
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    let mut sender = Client::register(relay.address, &alice).await;
    let mut owner = Client::register(relay.address, &bob).await;
    owner.settle().await;
    // More than go in one commit; what it has is not acknowledged.
    for number in 0..520 {
        let (to, id) = (bob.address(), message_id());
        sender.store(to, id, envelope(number)).await;
    }
    let said = told(data, &["account", "erase", "bob"]).expect_err("nobody is sure");
    assert!(said.contains("with --yes it is erased"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    erase(data, "bob");
    assert_eq!(
        owner.end().await,
        End::refused(ConnectionError::UnknownDevice)
    );
    let gone = refusal(&mut sender, &bob).await;
    assert_eq!(gone, SubmitRefusal::UnknownRecipient);
    let username = bob.username.clone();
    sender.send(&ClientFrame::LookUp { username }).await;
    match sender.answer().await {
        RelayFrame::Account { record, .. } => assert_eq!(record, None),
        other => panic!("{other:?}"),
    }
    let again = Client::try_auth(relay.address, &bob, 0).await.err();
    assert_eq!(again, Some(Some(ConnectionError::UnknownDevice)));
    let said = told(data, &["account", "erase", "bob", "--yes"]).expect_err("it is gone");
    assert!(said.contains("there is no account bob in"), "{said}");
    let list = told(data, &["account", "list", "--json"]).expect("a list");
    assert!(list.contains("alice") && !list.contains("bob"), "{list}");
    // Another has the name never, the owner when they want, and with nothing of what was.
    let taken = End::refused(ConnectionError::UsernameTaken);
    assert_eq!(join(&relay, &Device::new("bob")).await, Some(taken));
    let mut owner = Client::register(relay.address, &bob).await;
    assert_eq!(owner.waiting().await, []);
    sender.store(bob.address(), message_id(), envelope(7)).await;
    assert_eq!(owner.delivery().await.2, envelope(7));
    relay.kill();
}

/// The device that is erased was the last that was made: nobody else gets its row, or what comes for it.
#[tokio::test]
async fn who_registers_after_an_erased_account_hears_nothing_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(Device::new);
    let mut sender = Client::register(relay.address, &alice).await;
    let mut old = Client::register(relay.address, &bob).await;
    old.settle().await;
    erase(folder.path(), "bob");
    let mut new = Client::register(relay.address, &carol).await;
    new.settle().await;
    assert_eq!(
        old.end().await,
        End::refused(ConnectionError::UnknownDevice)
    );
    sender
        .store(carol.address(), message_id(), envelope(3))
        .await;
    assert_eq!(new.delivery().await.2, envelope(3));
    relay.kill();
}

#[tokio::test]
async fn an_account_is_erased_without_a_relay_and_a_ban_holds_its_owner_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &["--stranger-messages", "600"]);
    let devices = registered(&relay, &["alice", "bob"]).await;
    let (alice, bob) = (&devices[0], &devices[1]);
    fill(&relay, alice, bob, 520).await;
    told(data, &["ban", "add", "bob"]).expect("a ban");
    relay.kill();
    erase(data, "bob");
    let said = told(data, &["account", "erase", "bob", "--yes"]).expect_err("it is gone");
    assert!(said.contains("there is no account bob in"), "{said}");
    let relay = Child::start(data, &[]);
    let banned = Some(End::refused(ConnectionError::Banned));
    assert_eq!(join(&relay, bob).await, banned);
    told(data, &["ban", "remove", "bob"]).expect("it was there");
    loop {
        match join(&relay, bob).await {
            None => break,
            other => assert_eq!(other, banned),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    relay.kill();
    let list = told(data, &["account", "list", "--json"]).expect("a list");
    assert_eq!(list.matches("\"waiting_messages\":0").count(), 2, "{list}");
}
