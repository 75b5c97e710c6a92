//! Who gets in: registration, authentication, and what is refused with which code.

use std::time::Duration;

use pawl_wire::{AccountId, ClientFrame, ConnectionError, DeviceAddress, RelayFrame, Username};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{Client, Device, End, Relay, random};

/// Sends one frame on a fresh connection and says how that ended.
async fn first(relay: &Relay, frame: impl FnOnce(&Client) -> ClientFrame) -> End {
    let mut client = Client::connect(relay.address).await;
    let frame = frame(&client);
    client.send(&frame).await;
    client.end().await
}

fn register(device: &Device, client: &Client) -> ClientFrame {
    ClientFrame::Register(Box::new(device.register(&client.challenge)))
}

#[tokio::test]
async fn a_registration_can_be_repeated_and_finds_its_keys() {
    let relay = Relay::start();
    let alice = Device::new("alice");
    for _ in 0..2 {
        let mut client = Client::connect(relay.address).await;
        let frame = register(&alice, &client);
        client.send(&frame).await;
        match client.next().await {
            RelayFrame::AuthOk(stock) => {
                assert_eq!((stock.signed_prekey, stock.last_resort_kem), (1, 1));
                assert_eq!((stock.one_time_prekeys, stock.one_time_kems), (0, 0));
            }
            other => panic!("{other:?}"),
        }
    }
    Client::auth(relay.address, &alice, 0).await;
}

#[tokio::test]
async fn a_name_belongs_to_one_account_and_an_account_has_one_name() {
    let relay = Relay::start();
    let alice = Device::new("alice");
    Client::register(relay.address, &alice).await;
    let thief = Device::new("Alice ");
    let end = first(&relay, |client| register(&thief, client)).await;
    assert_eq!(end, End::refused(ConnectionError::UsernameTaken));
    let renamed = Device {
        username: Username::parse("alicia").expect("a username"),
        ..alice.clone()
    };
    let end = first(&relay, |client| register(&renamed, client)).await;
    assert_eq!(end, End::refused(ConnectionError::AuthFailed));
    let other_key = Device {
        signing: Device::new("x").signing,
        ..alice.clone()
    };
    let end = first(&relay, |client| register(&other_key, client)).await;
    assert_eq!(end, End::refused(ConnectionError::AuthFailed));
    Client::auth(relay.address, &alice, 0).await;
}

#[tokio::test]
async fn both_signatures_of_a_registration_count() {
    let relay = Relay::start();
    let alice = Device::new("alice");
    let forge = |change: fn(&mut pawl_wire::Register)| {
        let alice = &alice;
        move |client: &Client| {
            let mut register = alice.register(&client.challenge);
            change(&mut register);
            ClientFrame::Register(Box::new(register))
        }
    };
    let forgeries: [fn(&mut pawl_wire::Register); 4] = [
        |register| register.account_signature.0[0] ^= 1,
        |register| register.device_signature.0[63] ^= 1,
        |register| register.device.account = AccountId(random()),
        |register| register.username = Username::parse("mallory").expect("a username"),
    ];
    for change in forgeries {
        let end = first(&relay, forge(change)).await;
        assert_eq!(end, End::refused(ConnectionError::AuthFailed));
    }
    let end = first(&relay, forge(|register| register.version = 2)).await;
    assert_eq!(end, End::refused(ConnectionError::UnsupportedVersion));
    let end = first(
        &relay,
        forge(|register| register.keys.last_resort_kem = None),
    )
    .await;
    assert_eq!(end, End::refused(ConnectionError::Malformed));
    // Nothing of all that took the name.
    Client::register(relay.address, &alice).await;
}

#[tokio::test]
async fn an_answer_counts_for_its_own_challenge_device_and_relay_only() {
    let relay = Relay::start();
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    let challenge = client.challenge.clone();
    client.settle().await;
    let failed = End::refused(ConnectionError::AuthFailed);
    let replayed = first(&relay, |_| ClientFrame::Auth(alice.auth(&challenge, 0))).await;
    assert_eq!(replayed, failed);
    let elsewhere = first(&relay, |client| {
        let mut challenge = client.challenge.clone();
        challenge.authority = "other.example".to_owned();
        ClientFrame::Auth(alice.auth(&challenge, 0))
    });
    assert_eq!(elsewhere.await, failed);
    let other_epoch = first(&relay, |client| {
        let mut challenge = client.challenge.clone();
        challenge.epoch.0[0] ^= 1;
        ClientFrame::Auth(alice.auth(&challenge, 0))
    });
    assert_eq!(other_epoch.await, failed);
    let other_seq = first(&relay, |client| {
        let mut auth = alice.auth(&client.challenge, 0);
        auth.last_seq = 5;
        ClientFrame::Auth(auth)
    });
    assert_eq!(other_seq.await, failed);
    // The connection that stands was not touched by any of it.
    client.settle().await;
}

#[tokio::test]
async fn unknown_devices_versions_and_numbers_have_their_own_codes() {
    let relay = Relay::start();
    let alice = Device::new("alice");
    let nobody = first(&relay, |client| {
        ClientFrame::Auth(alice.auth(&client.challenge, 0))
    });
    assert_eq!(nobody.await, End::refused(ConnectionError::UnknownDevice));
    Client::register(relay.address, &alice).await;
    let second_device = first(&relay, |client| {
        let mut auth = alice.auth(&client.challenge, 0);
        auth.device = DeviceAddress {
            device: 2,
            ..auth.device
        };
        ClientFrame::Auth(auth)
    });
    assert_eq!(
        second_device.await,
        End::refused(ConnectionError::UnknownDevice)
    );
    let version = first(&relay, |client| {
        let mut auth = alice.auth(&client.challenge, 0);
        auth.version = 2;
        ClientFrame::Auth(auth)
    });
    assert_eq!(
        version.await,
        End::refused(ConnectionError::UnsupportedVersion)
    );
    let number = first(&relay, |client| {
        ClientFrame::Auth(alice.auth(&client.challenge, u64::MAX))
    });
    assert_eq!(number.await, End::refused(ConnectionError::Malformed));
}

#[tokio::test]
async fn the_first_frame_must_be_the_answer_and_only_the_first() {
    let relay = Relay::start();
    let malformed = End::refused(ConnectionError::Malformed);
    let ping = first(&relay, |_| ClientFrame::Ping { token: 1 }).await;
    assert_eq!(ping, malformed);
    let mut client = Client::connect(relay.address).await;
    client.send_bytes(vec![0xff; 40]).await;
    assert_eq!(client.end().await, malformed);
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    let again = ClientFrame::Auth(alice.auth(&client.challenge, 0));
    client.send(&again).await;
    assert_eq!(client.end().await, malformed);
}

#[tokio::test]
async fn silence_ends_a_connection_before_and_after_authentication() {
    let relay = Relay::start_with(|config| {
        config.limits.auth_timeout = Duration::from_millis(300);
        config.limits.idle_timeout = Duration::from_millis(600);
    });
    let timed_out = End::refused(ConnectionError::TimedOut);
    assert_eq!(Client::connect(relay.address).await.end().await, timed_out);
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    assert_eq!(client.end().await, timed_out);
}

#[tokio::test]
async fn registrations_from_one_address_are_limited() {
    let one = std::num::NonZeroU32::MIN;
    let relay = Relay::start_with(|config| config.limits.registrations_per_minute = one);
    Client::register(relay.address, &Device::new("alice")).await;
    let bob = Device::new("bob");
    let mut client = Client::connect(relay.address).await;
    let frame = register(&bob, &client);
    client.send(&frame).await;
    match client.next().await {
        RelayFrame::Error {
            code,
            retry_after_ms,
        } => {
            assert_eq!(code, ConnectionError::RateLimited);
            assert!(retry_after_ms > 0);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_foreign_page_cannot_open_a_socket() {
    let relay = Relay::start_with(|config| {
        config.public_origins = vec!["https://chat.example".parse().expect("an origin")];
    });
    let cases = [
        ("http://evil.example".to_owned(), false),
        ("null".to_owned(), false),
        ("https://chat.example".to_owned(), true),
        // Not even one whose name leads to this very address.
        (format!("http://{}", relay.address), false),
    ];
    for (origin, allowed) in cases {
        let mut request = format!("ws://{}/api/ws", relay.address)
            .into_client_request()
            .expect("a request");
        let value = origin.parse().expect("a header");
        request.headers_mut().insert("Origin", value);
        match connect_async(request).await {
            Ok(_) => assert!(allowed, "{origin}"),
            Err(Error::Http(response)) => {
                assert!(!allowed, "{origin}");
                assert_eq!(response.status(), 403);
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn behind_a_proxy_the_public_authority_is_what_is_signed() {
    let relay = Relay::start_with(|config| {
        config.public_origins = vec!["https://chat.example".parse().expect("an origin")];
    });
    let alice = Device::new("alice");
    let inside = first(&relay, |client| register(&alice, client)).await;
    assert_eq!(inside, End::refused(ConnectionError::AuthFailed));
    let mut client = Client::connect(relay.address).await;
    client.challenge.authority = "chat.example".to_owned();
    let frame = register(&alice, &client);
    client.send(&frame).await;
    assert!(matches!(client.next().await, RelayFrame::AuthOk(_)));
}

#[tokio::test]
async fn a_full_relay_says_so_and_has_room_again_when_somebody_leaves() {
    let relay = Relay::start_with(|config| config.limits.connections = 1);
    let client = Client::connect(relay.address).await;
    let request = format!("ws://{}/api/ws", relay.address);
    match connect_async(&request).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("{other:?}"),
    }
    client.leave().await;
    let room = async {
        while connect_async(&request).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), room).await;
    found.expect("there is room again");
}
