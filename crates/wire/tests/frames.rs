//! Laws of the frame codec: what was encoded decodes to itself; what is not a frame is an error and
//! never a panic; every limit is held on the way in.
#![forbid(unsafe_code)]

use pawl_wire::limits::{
    MAX_ENVELOPE, MAX_FRAME, MAX_KEY_RECORD, MAX_KEYS_PER_PUBLISH, MIN_ENVELOPE,
};
use pawl_wire::{
    AccountId, Auth, Bundle, BundleRefusal, ClaimId, ClientFrame, ConnectionError, DeviceAddress,
    Epoch, FrameError, KeyDigests, KeyRecord, KeyStock, MessageId, Nonce, PublishedKeys, Register,
    Registration, RelayFrame, SignatureBytes, SigningKeyBytes, Submit, SubmitRefusal, Username,
};
use proptest::prelude::*;

fn device(byte: u8) -> DeviceAddress {
    DeviceAddress {
        account: AccountId([byte; 32]),
        device: 1,
    }
}

fn name() -> Username {
    Username::parse("bob").expect("a valid name")
}

fn keys(id: u32, len: usize) -> PublishedKeys {
    let key = |id| KeyRecord {
        id,
        record: vec![7; len],
    };
    PublishedKeys {
        signed_prekey: Some(key(id)),
        last_resort_kem: Some(key(id)),
        one_time_prekeys: vec![key(id), key(id + 1)],
        one_time_kems: vec![key(id)],
    }
}

fn register() -> Register {
    Register {
        version: 1,
        username: name(),
        device: device(1),
        signing_key: SigningKeyBytes([2; 32]),
        account_record: vec![3; 300],
        keys: keys(1, 100),
        invite: Some("invite".into()),
        receive_window: 64,
        account_signature: SignatureBytes([4; 64]),
        device_signature: SignatureBytes([5; 64]),
        work: 1 << 63 | 7,
    }
}

fn client_frames() -> Vec<ClientFrame> {
    vec![
        ClientFrame::Auth(Auth {
            version: 1,
            device: device(1),
            last_seq: u64::MAX,
            receive_window: 1,
            signature: SignatureBytes([9; 64]),
        }),
        ClientFrame::Register(Box::new(register())),
        submit(MIN_ENVELOPE),
        ClientFrame::Ack { through: 7 },
        ClientFrame::LookUp { username: name() },
        ClientFrame::FetchBundle {
            claim: ClaimId([1; 16]),
            device: device(2),
        },
        ClientFrame::Publish {
            request: 3,
            keys: keys(2, MAX_KEY_RECORD),
        },
        ClientFrame::Ping { token: 5 },
    ]
}

fn submit(len: usize) -> ClientFrame {
    ClientFrame::Submit(Submit {
        message_id: MessageId([6; 16]),
        recipient: device(3),
        envelope: vec![8; len],
    })
}

fn stock() -> KeyStock {
    KeyStock {
        signed_prekey: 1,
        last_resort_kem: 2,
        one_time_prekeys: 3,
        one_time_kems: 4,
        digests: KeyDigests {
            signed_prekey: 5,
            last_resort_kem: u64::MAX,
            one_time_prekeys: 1 << 63,
            one_time_kems: 6,
        },
    }
}

fn relay_frames() -> Vec<RelayFrame> {
    let stock = stock();
    let key = KeyRecord {
        id: 1,
        record: vec![1; 40],
    };
    let mut frames = vec![
        RelayFrame::AuthOk(stock),
        RelayFrame::Stored {
            message_id: MessageId([1; 16]),
            duplicate: true,
        },
        RelayFrame::Deliver {
            seq: 1,
            message_id: MessageId([2; 16]),
            envelope: vec![3; 160],
        },
        RelayFrame::QueueEmpty { through: 9 },
        RelayFrame::Account {
            username: name(),
            record: None,
        },
        RelayFrame::Account {
            username: name(),
            record: Some(vec![1; 200]),
        },
        RelayFrame::Bundle {
            claim: ClaimId([4; 16]),
            bundle: Box::new(Bundle {
                account_record: vec![2; 200],
                signed_prekey: key.clone(),
                kem_prekey: key.clone(),
                one_time_prekey: Some(key),
            }),
        },
        RelayFrame::Published { request: 1 },
        RelayFrame::KeysLow(stock),
        RelayFrame::Pong { token: 1 },
        RelayFrame::Drain {
            reconnect_after_ms: 1_500,
        },
    ];
    frames.extend(numbered_frames());
    frames
}

/// One frame for each value of each closed set.
fn numbered_frames() -> Vec<RelayFrame> {
    let mut frames = Vec::new();
    frames.extend(
        Registration::ALL
            .iter()
            .map(|&registration| RelayFrame::Challenge {
                versions: (1, 2),
                nonce: Nonce([1; 32]),
                epoch: Epoch([2; 16]),
                registration,
                work_bits: registration as u32 * 12,
            }),
    );
    frames.extend(SubmitRefusal::ALL.iter().map(|&cause| RelayFrame::Refused {
        message_id: MessageId([1; 16]),
        cause,
        retry_after_ms: 1,
    }));
    frames.extend(
        BundleRefusal::ALL
            .iter()
            .map(|&cause| RelayFrame::NoBundle {
                claim: ClaimId([1; 16]),
                cause,
                retry_after_ms: 2,
            }),
    );
    frames.extend(ConnectionError::ALL.iter().map(|&code| RelayFrame::Error {
        code,
        retry_after_ms: 3,
    }));
    frames
}

#[test]
fn every_frame_decodes_to_itself() {
    for frame in client_frames() {
        assert_eq!(ClientFrame::decode(&frame.encode()), Ok(frame));
    }
    for frame in relay_frames() {
        assert_eq!(RelayFrame::decode(&frame.encode()), Ok(frame));
    }
}

#[test]
fn a_stock_has_one_encoding() {
    let fields = [0x08, 1, 0x10, 2, 0x18, 3, 0x20, 4];
    let digests = [(0x29, 5_u64), (0x31, u64::MAX), (0x39, 1 << 63), (0x41, 6)];
    let mut bytes = vec![0x12, 44];
    bytes.extend(fields);
    for (tag, digest) in digests {
        bytes.push(tag);
        bytes.extend(digest.to_le_bytes());
    }
    assert_eq!(RelayFrame::AuthOk(stock()).encode(), bytes);
    assert_eq!(RelayFrame::AuthOk(KeyStock::default()).encode(), [0x12, 0]);
}

/// A client of before has neither field: what it hears and says where no work is asked for is as it was.
#[test]
fn work_stands_behind_all_else_and_takes_no_room_where_there_is_none() {
    let challenge = |work_bits| RelayFrame::Challenge {
        versions: (1, 1),
        nonce: Nonce([1; 32]),
        epoch: Epoch([2; 16]),
        registration: Registration::Open,
        work_bits,
    };
    let (none, some) = (challenge(0).encode(), challenge(24).encode());
    assert_eq!(some[2..], [&none[2..], &[0x30, 24]].concat());
    let frame = |work| {
        let register = Register { work, ..register() };
        ClientFrame::Register(Box::new(register)).encode()
    };
    let (none, some) = (frame(0), frame(37_495));
    assert_eq!(some[3..], [&none[3..], &[0x58, 0xf7, 0xa4, 2]].concat());
}

#[test]
fn the_largest_frames_fit() {
    assert!(submit(MAX_ENVELOPE).encode().len() <= MAX_FRAME);
    let key = |id: u32| KeyRecord {
        id,
        record: vec![0; MAX_KEY_RECORD],
    };
    let batch: Vec<_> = (1..=u32::try_from(MAX_KEYS_PER_PUBLISH).expect("small"))
        .map(key)
        .collect();
    let keys = PublishedKeys {
        one_time_kems: batch,
        ..PublishedKeys::default()
    };
    assert!(ClientFrame::Publish { request: 1, keys }.encode().len() <= MAX_FRAME);
}

#[test]
fn limits_are_held_on_the_way_in() {
    for length in [0, MIN_ENVELOPE - 1, MAX_ENVELOPE + 1] {
        assert_eq!(
            ClientFrame::decode(&submit(length).encode()),
            Err(FrameError::Field("envelope"))
        );
    }
    assert_eq!(
        ClientFrame::decode(&vec![0; MAX_FRAME + 1]),
        Err(FrameError::TooLarge(MAX_FRAME + 1))
    );
    let large_key = ClientFrame::Publish {
        request: 1,
        keys: keys(1, MAX_KEY_RECORD + 1),
    };
    assert_eq!(
        ClientFrame::decode(&large_key.encode()),
        Err(FrameError::Field("keys"))
    );
    let mut falling = keys(1, 10);
    falling.one_time_prekeys.reverse();
    let falling = ClientFrame::Publish {
        request: 1,
        keys: falling,
    };
    assert_eq!(
        ClientFrame::decode(&falling.encode()),
        Err(FrameError::Field("keys"))
    );
    let no_window = ClientFrame::Register(Box::new(Register {
        receive_window: 0,
        ..register()
    }));
    assert_eq!(
        ClientFrame::decode(&no_window.encode()),
        Err(FrameError::Field("receive_window"))
    );
    let long_invite = Register {
        invite: Some("i".repeat(65)),
        ..register()
    };
    let long_invite = ClientFrame::Register(Box::new(long_invite));
    assert_eq!(
        ClientFrame::decode(&long_invite.encode()),
        Err(FrameError::Field("invite"))
    );
}

#[test]
fn an_empty_frame_and_an_unknown_kind_are_told_apart_from_garbage() {
    assert_eq!(ClientFrame::decode(&[]), Err(FrameError::UnknownKind));
    assert_eq!(RelayFrame::decode(&[]), Err(FrameError::UnknownKind));
    // Field 200, wire type varint: a kind of a later version.
    assert_eq!(
        RelayFrame::decode(&[0xC0, 0x0C, 0x01]),
        Err(FrameError::UnknownKind)
    );
    assert_eq!(ClientFrame::decode(&[0xFF]), Err(FrameError::Malformed));
}

#[test]
fn a_truncated_frame_is_an_error_or_lacks_nothing_it_needs() {
    for frame in client_frames() {
        let bytes = frame.encode();
        for len in 0..bytes.len() {
            assert_ne!(
                ClientFrame::decode(&bytes[..len]),
                Ok(frame.clone()),
                "{len}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(frame) = ClientFrame::decode(&bytes) {
            prop_assert_eq!(ClientFrame::decode(&frame.encode()), Ok(frame));
        }
        if let Ok(frame) = RelayFrame::decode(&bytes) {
            prop_assert_eq!(RelayFrame::decode(&frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn a_flipped_byte_never_panics(index in 0usize..10_000, flip in 1u8..) {
        for frame in client_frames() {
            let mut bytes = frame.encode();
            let at = index % bytes.len();
            bytes[at] ^= flip;
            let _ = ClientFrame::decode(&bytes);
        }
    }

    #[test]
    fn a_username_is_canonical_or_refused(text in ".{0,40}") {
        if let Ok(name) = Username::parse(&text) {
            prop_assert_eq!(Username::from_canonical(name.as_str()), Ok(name.clone()));
            prop_assert!(name.as_str().is_ascii() && name.as_str().len() <= 32);
        }
    }
}
