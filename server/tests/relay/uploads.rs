//! What uploads of keys may bring, how often, and what they cost: limits on the real relay.

use pawl_wire::{ClientFrame, ConnectionError, PublishedKeys};

use crate::keys::{by_hand, digests, one_time, publish, reconnected, stock, told};
use crate::support::{Client, Device, Relay, key};

/// What a whole stock may take of the disk.
const STOCK_BYTES: u64 = 160_000;

/// Of the disk, by all one-time keys.
pub(crate) fn bytes_of_keys(folder: &std::path::Path) -> u64 {
    let conn = rusqlite::Connection::open(folder.join("relay.db")).expect("a store");
    let sizes = "SELECT sum(pgsize) FROM dbstat WHERE name IN
             (SELECT name FROM sqlite_master WHERE tbl_name = 'one_time_key')";
    let size: i64 = conn.query_row(sizes, [], |row| row.get(0)).expect("a size");
    size.unsigned_abs()
}

#[tokio::test]
async fn a_stock_takes_little_more_of_the_disk_than_its_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start_in(folder.path(), |_| ());
    let bob = Device::new("bob");
    let mut owner = Client::register(relay.address, &bob).await;
    publish(&mut owner, one_time(1..=50)).await;
    publish(&mut owner, one_time(51..=100)).await;
    let bytes = bytes_of_keys(folder.path());
    assert!(bytes <= STOCK_BYTES, "{bytes}");
}

#[tokio::test]
async fn a_record_of_another_length_is_not_taken() {
    let relay = Relay::start();
    let bob = Device::new("bob");
    Client::register(relay.address, &bob).await.leave().await;
    let fields: [fn(&mut PublishedKeys) -> &mut Vec<u8>; 4] = [
        |keys| &mut keys.one_time_prekeys[0].record,
        |keys| &mut keys.one_time_kems[0].record,
        |keys| &mut keys.signed_prekey.as_mut().expect("a key").record,
        |keys| &mut keys.last_resort_kem.as_mut().expect("a key").record,
    ];
    for record in fields {
        for change in [-1, 1] {
            let mut keys = one_time(1..=1);
            keys.signed_prekey = Some(key(2, "signed"));
            keys.last_resort_kem = Some(key(2, "last resort"));
            let record = record(&mut keys);
            record.resize(record.len().saturating_add_signed(change), 0);
            let mut owner = Client::auth(relay.address, &bob, 0).await;
            owner.send(&ClientFrame::Publish { request: 1, keys }).await;
            assert_eq!(owner.end().await.error, Some(ConnectionError::Malformed));
        }
    }
    assert_eq!(stock(&relay, &bob).await.one_time_prekeys, 0);
}

#[tokio::test]
async fn who_uploads_keys_over_and_over_is_held_back() {
    let relay = Relay::start();
    let (bob, carol) = (Device::new("bob"), Device::new("carol"));
    let mut owner = Client::register(relay.address, &bob).await;
    for id in 1..=100 {
        publish(&mut owner, one_time(id..=id)).await;
    }
    let keys = one_time(101..=101);
    let request = ClientFrame::Publish { request: 1, keys };
    owner.send(&request).await;
    assert_eq!(owner.end().await.error, Some(ConnectionError::RateLimited));
    let mut other = Client::register(relay.address, &carol).await;
    publish(&mut other, one_time(1..=1)).await;
}

#[tokio::test]
async fn an_upload_costs_what_it_brings() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start_in(folder.path(), |_| ());
    let bob = Device::new("bob");
    let mut owner = Client::register(relay.address, &bob).await;
    publish(&mut owner, one_time(1..=50)).await;
    publish(&mut owner, one_time(51..=99)).await;
    // A relay that reads this key anew tells another digest.
    by_hand(
        folder.path(),
        "UPDATE one_time_key SET record = zeroblob(length(record)) WHERE key_id = 60",
    );
    for last in [100, 101] {
        publish(&mut owner, one_time(last..=last)).await;
        assert_eq!(told(&stock(&relay, &bob).await), digests(last - 99..=last));
        owner = reconnected(owner, &relay, &bob).await;
    }
}
