//! Honest input for each target, to begin with: made when it is needed, so that it is never out of date.

use pawl_protocol::AccountRecord;
use pawl_wire::limits::MIN_ENVELOPE;
use pawl_wire::{
    AccountId, Auth, ClaimId, ClientFrame, DeviceAddress, Epoch, KeyRecord, MessageId, Nonce,
    PublishedKeys, Registration, RelayFrame, SignatureBytes, Submit, Username,
};

use crate::people::people;

/// Alice's account record.
pub(crate) fn account_record() -> Vec<u8> {
    let alice = &people().alice;
    let devices = vec![alice.device.certificate().clone()];
    let record = AccountRecord::sign(&alice.account, "alice", 3, devices);
    record.expect("an honest record").record().encode()
}

/// Name of the target and its input, for all targets.
#[must_use]
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut add = |target, parts: &[&[u8]]| seeds.push((target, parts.concat()));
    public(&mut add);
    private(&mut add);
    frames(&mut add);
    for envelope in people().initial.iter().chain(&people().waiting) {
        add("envelope", &[envelope]);
    }
    for choice in [0, 0x55, 0xaa, 0xff] {
        add("bundle", &[&[choice], &[1, 7, 1]]);
    }
    for place in 0..4 {
        for number in 0..4 {
            let header = [
                &[place, 0][..],
                &[9; 32],
                &[0, 0, 0, 3, 0, 0, 0, number, 0, 0],
            ]
            .concat();
            for state in 0..3 {
                add("sealed", &[&[state], &header, &[0, 0], b"text"]);
            }
        }
    }
    add(
        "open",
        &[&[0, 0, 0x84, 0, 0x80, 0x84, 0x80, 4, 0, 8, 0, 0, 0, 60, 1]],
    );
    add(
        "open",
        &[
            &[1],
            &[0, 0x80].repeat(20),
            &[4, 3, 0x84, 7, 11, 0x8b, 13, 14, 0, 9, 1, 15, 200],
        ],
    );
    for name in ["bob", " Bob-1.x_y ", "p\u{430}ul"] {
        add("username", &[name.as_bytes()]);
    }
    seeds
}

fn public(add: &mut impl FnMut(&'static str, &[&[u8]])) {
    let bundle = people().alice.bundle(true);
    let one_time = bundle.one_time_prekey.expect("there is one");
    add("public_records", &[&[0], &bundle.certificate.encode()]);
    add("public_records", &[&[1], &account_record()]);
    add("public_records", &[&[2], &bundle.signed_prekey.encode()]);
    add("public_records", &[&[3], &bundle.kem_prekey.encode()]);
    add("public_records", &[&[4], &one_time.encode()]);
    add("public_records", &[&[5, 1], &[2; 64]]);
    add("public_records", &[&[6], one_time.key().as_bytes()]);
    add(
        "public_records",
        &[&[7], people().alice.account.public().as_bytes()],
    );
}

fn private(add: &mut impl FnMut(&'static str, &[&[u8]])) {
    let alice = &people().alice;
    for state in people().states.iter().chain([&people().begun]) {
        add("stored", &[&[0], state]);
        // A flag that is neither 0 nor 1.
        add("stored", &[&[0], &state[..245], &[2], &state[246..]]);
    }
    add("stored", &[&[1], alice.account.to_bytes().as_bytes()]);
    add("stored", &[&[2], alice.device.keys().to_bytes().as_bytes()]);
    add("stored", &[&[3], alice.signed_prekey.to_bytes().as_bytes()]);
    add(
        "stored",
        &[&[4], alice.kem_prekeys[0].to_bytes().as_bytes()],
    );
    add(
        "stored",
        &[&[5], alice.one_time_prekey.to_bytes().as_bytes()],
    );
}

fn frames(add: &mut impl FnMut(&'static str, &[&[u8]])) {
    let device = DeviceAddress {
        account: AccountId([1; 32]),
        device: 1,
    };
    let key = |id| KeyRecord {
        id,
        record: vec![2; 100],
    };
    let username = Username::parse("alice").expect("a name");
    let keys = PublishedKeys {
        signed_prekey: Some(key(1)),
        last_resort_kem: None,
        one_time_prekeys: vec![key(2), key(3)],
        one_time_kems: Vec::new(),
    };
    let (claim, message_id) = (ClaimId([3; 16]), MessageId([4; 16]));
    for frame in [
        ClientFrame::Auth(Auth {
            version: 1,
            device,
            last_seq: 9,
            receive_window: 8,
            signature: SignatureBytes([5; 64]),
        }),
        ClientFrame::Submit(Submit {
            message_id,
            recipient: device,
            envelope: vec![6; MIN_ENVELOPE],
        }),
        ClientFrame::Ack { through: 7 },
        ClientFrame::LookUp {
            username: username.clone(),
        },
        ClientFrame::FetchBundle { claim, device },
        ClientFrame::Publish { request: 1, keys },
        ClientFrame::Ping { token: 8 },
    ] {
        add("client_frame", &[&frame.encode()]);
    }
    for frame in [
        RelayFrame::Challenge {
            versions: (1, 1),
            nonce: Nonce([1; 32]),
            epoch: Epoch([2; 16]),
            registration: Registration::Open,
            work_bits: 12,
        },
        RelayFrame::Stored {
            message_id,
            duplicate: true,
        },
        RelayFrame::Deliver {
            seq: 3,
            message_id,
            envelope: vec![6; 40],
        },
        RelayFrame::Account {
            username,
            record: Some(vec![7; 40]),
        },
        RelayFrame::QueueEmpty { through: 3 },
        RelayFrame::Pong { token: 8 },
    ] {
        add("relay_frame", &[&frame.encode()]);
    }
}
