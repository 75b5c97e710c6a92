//! For tests of the store: one registered device.

use std::path::Path;

use pawl_wire::{
    AccountId, DeviceAddress, Epoch, KeyRecord, PublishedKeys, Register, Registration,
    SignatureBytes, SigningKeyBytes, Username,
};
use rusqlite::Connection;

use super::caps::Caps;
use super::{DeviceId, Registered, accounts, schema};

pub(super) const ADDRESS: DeviceAddress = DeviceAddress {
    account: AccountId([1; 32]),
    device: 1,
};

/// Alice's registration.
pub(super) fn register() -> Register {
    let key = || {
        Some(KeyRecord {
            id: 1,
            record: vec![7; 40],
        })
    };
    Register {
        version: 1,
        username: Username::parse("alice").expect("a username"),
        device: ADDRESS,
        signing_key: SigningKeyBytes([2; 32]),
        account_record: vec![3; 100],
        keys: PublishedKeys {
            signed_prekey: key(),
            last_resort_kem: key(),
            ..PublishedKeys::default()
        },
        invite: None,
        receive_window: 1,
        account_signature: SignatureBytes([0; 64]),
        device_signature: SignatureBytes([0; 64]),
        work: 0,
    }
}

/// A store in which "alice" is registered with a device, and nobody else.
pub(super) fn store(folder: &Path) -> (Connection, DeviceId) {
    let (conn, _) =
        schema::open_writer(&folder.join("relay.db"), Epoch([0; 16]), 0).expect("a store");
    let open = accounts::Admission {
        registration: Registration::Open,
        now: 0,
        most_keys: 100,
        today: None,
        has_room: true,
        caps: Caps::default(),
    };
    match accounts::register(&conn, &register(), open).expect("it can write") {
        Registered::Done(device) => (conn, device),
        other => panic!("{other:?}"),
    }
}
