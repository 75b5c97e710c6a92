//! Public keys: each one-time key to one claim, ever; ids never twice.

use std::collections::BTreeSet;

use pawl_wire::limits::{LOW_ONE_TIME_KEYS, MAX_ONE_TIME_KEYS};
use pawl_wire::{
    Bundle, BundleRefusal, ClaimId, ClientFrame, ConnectionError, KeyStock, PublishedKeys,
    RelayFrame, digest,
};

use crate::support::{Client, Device, Relay, key, random};

pub(crate) fn one_time(ids: std::ops::RangeInclusive<u32>) -> PublishedKeys {
    PublishedKeys {
        one_time_prekeys: ids.clone().map(|id| key(id, "prekey")).collect(),
        one_time_kems: ids.map(|id| key(id, "kem")).collect(),
        ..PublishedKeys::default()
    }
}

pub(crate) async fn publish(client: &mut Client, keys: PublishedKeys) {
    let request = u32::from_be_bytes(random());
    client.send(&ClientFrame::Publish { request, keys }).await;
    assert_eq!(client.answer().await, RelayFrame::Published { request });
}

async fn claim(client: &mut Client, of: &Device, claim: ClaimId) -> Bundle {
    let device = of.address();
    client
        .send(&ClientFrame::FetchBundle { claim, device })
        .await;
    match client.answer().await {
        RelayFrame::Bundle {
            claim: same,
            bundle,
        } if same == claim => *bundle,
        other => panic!("no bundle but {other:?}"),
    }
}

pub(crate) async fn stock(relay: &Relay, device: &Device) -> KeyStock {
    let mut client = Client::connect(relay.address).await;
    let auth = device.auth(&client.challenge, 0);
    client.send(&ClientFrame::Auth(auth)).await;
    match client.next().await {
        RelayFrame::AuthOk(stock) => stock,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bundle_holds_what_was_published_and_a_retry_gets_the_same() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut claimer = Client::register(relay.address, &alice).await;
    let mut owner = Client::register(relay.address, &bob).await;
    publish(&mut owner, one_time(1..=2)).await;
    let first = ClaimId(random());
    let bundle = claim(&mut claimer, &bob, first).await;
    let expected = Bundle {
        account_record: bob.record.clone(),
        signed_prekey: key(1, "signed"),
        kem_prekey: key(1, "kem"),
        one_time_prekey: Some(key(1, "prekey")),
    };
    assert_eq!(bundle, expected);
    let second = claim(&mut claimer, &bob, ClaimId(random())).await;
    assert_eq!(second.one_time_prekey, Some(key(2, "prekey")));
    assert_eq!(claim(&mut claimer, &bob, first).await, expected);
    // Nothing is left: the last-resort key fills in, and there is no one-time key.
    let third = claim(&mut claimer, &bob, ClaimId(random())).await;
    assert_eq!(third.kem_prekey, key(1, "last resort"));
    assert_eq!(third.one_time_prekey, None);
}

#[tokio::test]
async fn nobody_has_keys_and_no_name_that_was_never_registered() {
    let relay = Relay::start();
    let (alice, nobody) = (Device::new("alice"), Device::new("nobody"));
    let mut client = Client::register(relay.address, &alice).await;
    let id = ClaimId(random());
    let device = nobody.address();
    client
        .send(&ClientFrame::FetchBundle { claim: id, device })
        .await;
    let none = RelayFrame::NoBundle {
        claim: id,
        cause: BundleRefusal::UnknownDevice,
        retry_after_ms: 0,
    };
    assert_eq!(client.answer().await, none);
    for (name, record) in [(&alice, Some(alice.record.clone())), (&nobody, None)] {
        let username = name.username.clone();
        client
            .send(&ClientFrame::LookUp {
                username: username.clone(),
            })
            .await;
        assert_eq!(
            client.answer().await,
            RelayFrame::Account { username, record }
        );
    }
}

#[tokio::test]
async fn fifty_claimers_at_once_never_share_a_key_also_across_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let bob = Device::new("bob");
    let mut seen = BTreeSet::new();
    for round in 0..2u32 {
        let relay = Relay::start_in(folder.path(), |_| ());
        let owner = if round == 0 {
            let mut owner = Client::register(relay.address, &bob).await;
            publish(&mut owner, one_time(1..=50)).await;
            publish(&mut owner, one_time(51..=80)).await;
            owner
        } else {
            Client::auth(relay.address, &bob, 0).await
        };
        let mut claimers = tokio::task::JoinSet::new();
        for number in 0..50 {
            let (address, bob) = (relay.address, bob.clone());
            claimers.spawn(async move {
                let device = Device::new(&format!("claimer-{round}-{number}"));
                let mut client = Client::register(address, &device).await;
                claim(&mut client, &bob, ClaimId(random())).await
            });
        }
        for bundle in claimers.join_all().await {
            if let Some(one_time) = bundle.one_time_prekey {
                assert!(seen.insert(one_time.id), "{} twice", one_time.id);
                assert_eq!(bundle.kem_prekey, key(one_time.id, "kem"));
            } else {
                assert_eq!(bundle.kem_prekey, key(1, "last resort"));
            }
        }
        owner.leave().await;
    }
    assert_eq!(seen, (1..=80).collect());
}

#[tokio::test]
async fn the_owner_hears_when_few_are_left() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut claimer = Client::register(relay.address, &alice).await;
    let mut owner = Client::register(relay.address, &bob).await;
    let low = LOW_ONE_TIME_KEYS as u32;
    publish(&mut owner, one_time(1..=low + 1)).await;
    claim(&mut claimer, &bob, ClaimId(random())).await;
    owner.settle().await;
    claim(&mut claimer, &bob, ClaimId(random())).await;
    let stock = owner.keys_low().await;
    let left = (stock.one_time_prekeys, stock.one_time_kems);
    assert_eq!(left, (low - 1, low - 1));
}

#[tokio::test]
async fn an_id_is_taken_again_only_with_the_same_key_and_then_changes_nothing() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut claimer = Client::register(relay.address, &alice).await;
    let mut owner = Client::register(relay.address, &bob).await;
    publish(&mut owner, one_time(5..=7)).await;
    claim(&mut claimer, &bob, ClaimId(random())).await;
    // A retried upload, after one of its keys was claimed: accepted, and the claimed key stays away.
    publish(&mut owner, one_time(5..=7)).await;
    owner.leave().await;
    assert_eq!(stock(&relay, &bob).await.one_time_prekeys, 2);
    let mut reused = vec![one_time(4..=4)];
    for id in [5, 6] {
        let mut keys = PublishedKeys::default();
        keys.one_time_prekeys.push(key(id, "another"));
        reused.push(keys);
    }
    reused.push(PublishedKeys {
        signed_prekey: Some(key(1, "another signed")),
        ..PublishedKeys::default()
    });
    let mut last_resort = one_time(8..=9);
    last_resort.last_resort_kem = Some(key(1, "another last resort"));
    reused.push(last_resort);
    for keys in reused {
        let mut owner = Client::auth(relay.address, &bob, 0).await;
        owner.send(&ClientFrame::Publish { request: 1, keys }).await;
        assert_eq!(owner.end().await.error, Some(ConnectionError::KeyReused));
    }
    assert_eq!(stock(&relay, &bob).await.one_time_prekeys, 2);
}

#[tokio::test]
async fn newer_signed_keys_replace_the_older_ones() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut claimer = Client::register(relay.address, &alice).await;
    let mut owner = Client::register(relay.address, &bob).await;
    let newer = PublishedKeys {
        signed_prekey: Some(key(2, "signed")),
        last_resort_kem: Some(key(9, "last resort")),
        ..PublishedKeys::default()
    };
    publish(&mut owner, newer.clone()).await;
    publish(&mut owner, newer).await;
    let bundle = claim(&mut claimer, &bob, ClaimId(random())).await;
    assert_eq!(bundle.signed_prekey, key(2, "signed"));
    assert_eq!(bundle.kem_prekey, key(9, "last resort"));
}

#[tokio::test]
async fn no_more_than_a_hundred_of_a_kind_are_held_and_the_newest_stay() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut claimer = Client::register(relay.address, &alice).await;
    let mut owner = Client::register(relay.address, &bob).await;
    for first in [1, 51, 101] {
        publish(&mut owner, one_time(first..=first + 49)).await;
    }
    let bundle = claim(&mut claimer, &bob, ClaimId(random())).await;
    assert_eq!(bundle.one_time_prekey, Some(key(51, "prekey")));
    owner.leave().await;
    let held = stock(&relay, &bob).await.one_time_prekeys as usize;
    assert_eq!(held, MAX_ONE_TIME_KEYS - 1);
}

#[tokio::test]
async fn claims_from_one_address_are_limited_with_a_typed_answer() {
    let one = std::num::NonZeroU32::MIN;
    let relay = Relay::start_with(|config| config.limits.claims_per_minute = one);
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    claim(&mut client, &alice, ClaimId(random())).await;
    let (id, device) = (ClaimId(random()), alice.address());
    client
        .send(&ClientFrame::FetchBundle { claim: id, device })
        .await;
    let refused = client.answer().await;
    assert!(
        matches!(refused, RelayFrame::NoBundle { claim, cause: BundleRefusal::RateLimited, retry_after_ms: 1.. } if claim == id),
        "{refused:?}"
    );
}

#[tokio::test]
async fn key_ids_begin_at_one() {
    let relay = Relay::start();
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    let keys = one_time(0..=1);
    client
        .send(&ClientFrame::Publish { request: 1, keys })
        .await;
    assert_eq!(client.end().await.error, Some(ConnectionError::Malformed));
}

/// The digest of these one-time keys, X25519 and ML-KEM.
pub(crate) fn digests(ids: std::ops::RangeInclusive<u32>) -> (u64, u64) {
    let keys = one_time(ids);
    (
        digest::of_keys(&keys.one_time_prekeys),
        digest::of_keys(&keys.one_time_kems),
    )
}

pub(crate) fn told(stock: &KeyStock) -> (u64, u64) {
    (stock.digests.one_time_prekeys, stock.digests.one_time_kems)
}

#[tokio::test]
async fn the_digest_is_of_the_keys_that_are_held_whatever_happened_to_them() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut claimer = Client::register(relay.address, &alice).await;
    let mut owner = Client::register(relay.address, &bob).await;
    let first = stock(&relay, &bob).await;
    assert_eq!(told(&first), (0, 0));
    assert_eq!(
        first.digests.signed_prekey,
        digest::of_key(&key(1, "signed"))
    );
    assert_eq!(
        first.digests.last_resort_kem,
        digest::of_key(&key(1, "last resort"))
    );
    owner = reconnected(owner, &relay, &bob).await;
    publish(&mut owner, one_time(1..=50)).await;
    let id = ClaimId(random());
    for id in [id, ClaimId(random()), id] {
        claim(&mut claimer, &bob, id).await;
    }
    assert_eq!(told(&stock(&relay, &bob).await), digests(3..=50));
    owner = reconnected(owner, &relay, &bob).await;
    // A retried upload changes nothing; a surplus pushes out the oldest.
    publish(&mut owner, one_time(1..=50)).await;
    assert_eq!(told(&stock(&relay, &bob).await), digests(3..=50));
    owner = reconnected(owner, &relay, &bob).await;
    publish(&mut owner, one_time(51..=100)).await;
    publish(&mut owner, one_time(101..=110)).await;
    let newer = PublishedKeys {
        signed_prekey: Some(key(7, "signed")),
        ..PublishedKeys::default()
    };
    publish(&mut owner, newer).await;
    let last = stock(&relay, &bob).await;
    assert_eq!(told(&last), digests(11..=110));
    assert_eq!(
        last.digests.signed_prekey,
        digest::of_key(&key(7, "signed"))
    );
    assert_eq!(last.digests.last_resort_kem, first.digests.last_resort_kem);
}

/// The same device again, after somebody else looked at its stock.
pub(crate) async fn reconnected(before: Client, relay: &Relay, device: &Device) -> Client {
    drop(before);
    Client::auth(relay.address, device, 0).await
}

pub(crate) fn by_hand(folder: &std::path::Path, sql: &str) {
    let conn = rusqlite::Connection::open(folder.join("relay.db")).expect("a store");
    conn.execute_batch(sql).expect("it can write");
}

#[tokio::test]
async fn keys_that_vanish_behind_the_relays_back_are_noticed_and_an_upload_mends_the_digest() {
    let folder = tempfile::tempdir().expect("a folder");
    let bob = Device::new("bob");
    let relay = Relay::start_in(folder.path(), |_| ());
    let mut owner = Client::register(relay.address, &bob).await;
    publish(&mut owner, one_time(1..=50)).await;
    drop((owner, relay));
    by_hand(
        folder.path(),
        "DELETE FROM one_time_key WHERE key_id IN (7, 50)",
    );
    let relay = Relay::start_in(folder.path(), |_| ());
    let after = stock(&relay, &bob).await;
    assert_eq!(
        (after.one_time_prekeys, told(&after)),
        (48, digests(1..=50))
    );
    let mut owner = Client::auth(relay.address, &bob, 0).await;
    publish(&mut owner, one_time(51..=100)).await;
    publish(&mut owner, one_time(101..=150)).await;
    assert_eq!(told(&stock(&relay, &bob).await), digests(51..=150));
}

#[tokio::test]
async fn a_store_of_an_older_version_gets_what_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let relay = Relay::start_in(folder.path(), |_| ());
    for (device, last) in [(&alice, 3), (&bob, 50)] {
        let mut owner = Client::register(relay.address, device).await;
        publish(&mut owner, one_time(1..=last)).await;
    }
    drop(relay);
    let without_erased = "DROP TABLE erased; ALTER TABLE relay DROP COLUMN last_device;
         DROP INDEX account_by_day; ALTER TABLE account DROP COLUMN last_day;";
    let without_time = "ALTER TABLE relay DROP COLUMN own_time;
         ALTER TABLE relay DROP COLUMN followed_time;";
    let without_door = "ALTER TABLE relay DROP COLUMN last_invite;
         ALTER TABLE relay DROP COLUMN ban_changes; DROP TABLE invite; DROP TABLE ban;";
    let without_digests = "ALTER TABLE device DROP COLUMN prekey_digest;
         ALTER TABLE device DROP COLUMN kem_digest;";
    let narrow = "ALTER TABLE one_time_key RENAME TO roomy;
         CREATE TABLE one_time_key (device INTEGER NOT NULL REFERENCES device (id),
             kind INTEGER NOT NULL, key_id INTEGER NOT NULL, record BLOB NOT NULL,
             PRIMARY KEY (device, kind, key_id)) STRICT, WITHOUT ROWID;
         INSERT INTO one_time_key SELECT * FROM roomy; DROP TABLE roomy;";
    let without_today =
        "ALTER TABLE relay DROP COLUMN today; ALTER TABLE relay DROP COLUMN made_today;";
    let without_words = format!(
        "{without_today} ALTER TABLE invite DROP COLUMN label; ALTER TABLE ban DROP COLUMN reason;"
    );
    let without_door = format!("{narrow} {without_today} {without_door}");
    let narrow = format!("{narrow} {without_words}");
    let older = [
        format!(
            "{without_erased} {without_time} {without_door} {without_digests} PRAGMA user_version = 1"
        ),
        format!("{without_erased} {without_time} {without_door} PRAGMA user_version = 2"),
        format!("{narrow} {without_erased} {without_time} PRAGMA user_version = 3"),
        format!("{narrow} {without_erased} PRAGMA user_version = 4"),
        format!("{narrow} PRAGMA user_version = 5"),
        format!("{without_words} PRAGMA user_version = 6"),
        String::new(),
    ];
    for changes in older {
        by_hand(folder.path(), &changes);
        let relay = Relay::start_in(folder.path(), |_| ());
        assert_eq!(told(&stock(&relay, &alice).await), digests(1..=3));
        assert_eq!(told(&stock(&relay, &bob).await), digests(1..=50));
        let bytes = crate::uploads::bytes_of_keys(folder.path());
        assert!(bytes < 120_000, "{bytes} after {changes}");
    }
}

#[tokio::test]
async fn what_is_told_behind_an_uploads_answer_holds_that_upload() {
    let relay = Relay::start();
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let mut claimer = Client::register(relay.address, &alice).await;
    let mut owner = Client::register(relay.address, &bob).await;
    publish(&mut owner, one_time(1..=20)).await;
    let last = 20 + 30;
    let claims = tokio::spawn(async move {
        for _ in 0..15 {
            claim(&mut claimer, &bob, ClaimId(random())).await;
        }
    });
    for id in 21..=last {
        let (request, keys) = (id, one_time(id..=id));
        owner.send(&ClientFrame::Publish { request, keys }).await;
    }
    let (mut published, mut told_low) = (20, 0);
    while published < last || told_low == 0 {
        match owner.next().await {
            RelayFrame::Published { request } => published = request,
            RelayFrame::KeysLow(stock) => {
                told_low += 1;
                let held = stock.one_time_prekeys;
                let is_of = |end: u32| told(&stock) == digests(end - held + 1..=end);
                assert!((published..=last).any(is_of), "{published}: {stock:?}");
            }
            RelayFrame::QueueEmpty { .. } => (),
            other => panic!("{other:?}"),
        }
    }
    claims.await.expect("claimed");
}
