//! Mailboxes: what is Stored is delivered once, in order, until it is acknowledged.

use pawl_wire::{ClientFrame, ConnectionError, RelayFrame, SubmitRefusal, close_code};

use crate::support::{Client, Device, End, Relay, envelope, message_id};

#[tokio::test]
async fn a_message_goes_from_one_to_the_other_and_is_gone_after_its_acknowledgement() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut from = Client::register(relay.address, &alice).await;
    let mut to = Client::register(relay.address, &bob).await;
    let id = message_id();
    assert!(!from.store(bob.address(), id, envelope(1)).await);
    assert_eq!(to.delivery().await, (1, id, envelope(1)));
    to.send(&ClientFrame::Ack { through: 1 }).await;
    to.settle().await;
    drop(to);
    let mut again = Client::auth(relay.address, &bob, 1).await;
    assert_eq!(again.waiting().await, []);
}
