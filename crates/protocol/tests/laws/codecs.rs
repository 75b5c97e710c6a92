//! Laws of every codec: what is written is read back, no truncation or trailing byte is accepted, and
//! whatever is accepted has that one encoding.

use crate::common::{NOW, Party, conversation, initial, open, rng, stored};
use pawl_protocol::{
    AccountKeyPair, AccountRecord, BaseKey, DecodeError, DeviceCertificate, DeviceKeyPair,
    Envelope, KemPreKey, KemPreKeyPair, KeyError, MAX_ENVELOPE_BYTES, MAX_PLAINTEXT_BYTES,
    OneTimePreKey, OneTimePreKeyPair, Session, SessionTag, SignedPreKey, SignedPreKeyPair,
};

/// Checks the laws for one encoding and one `decode then encode`.
fn one_encoding(bytes: &[u8], again: impl Fn(&[u8]) -> Result<Vec<u8>, DecodeError>) {
    assert_eq!(again(bytes).as_deref(), Ok(bytes));
    for length in 0..bytes.len() {
        assert!(again(&bytes[..length]).is_err(), "{length} bytes accepted");
    }
    let longer = [bytes, &[0]].concat();
    assert!(again(&longer).is_err(), "a trailing byte accepted");
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = bytes.to_vec();
            changed[at] ^= flip;
            if let Ok(encoded) = again(&changed) {
                assert_eq!(encoded, changed, "byte {at} has two encodings");
            }
        }
    }
}

#[test]
fn public_records_have_one_encoding() {
    let rng = &mut rng(30);
    let party = Party::new(rng);
    let bundle = party.bundle();
    one_encoding(&bundle.certificate.encode(), |bytes| {
        DeviceCertificate::decode(bytes).map(|c| c.encode().to_vec())
    });
    one_encoding(&bundle.signed_prekey.encode(), |bytes| {
        SignedPreKey::decode(bytes).map(|p| p.encode().to_vec())
    });
    one_encoding(&bundle.kem_prekey.encode(), |bytes| {
        KemPreKey::decode(bytes).map(|p| p.encode())
    });
    one_encoding(&bundle.one_time_prekey.unwrap().encode(), |bytes| {
        OneTimePreKey::decode(bytes).map(|p| p.encode().to_vec())
    });
    assert_eq!(bundle.kem_prekey.encode().len(), KemPreKey::BYTES);
    let devices = vec![bundle.certificate];
    let record = AccountRecord::sign(&party.account, "alice", 3, devices).unwrap();
    one_encoding(&record.record().encode(), |bytes| {
        AccountRecord::decode(bytes).map(|r| r.encode())
    });
}

#[test]
fn stored_secrets_have_one_encoding() {
    let rng = &mut rng(31);
    let party = Party::new(rng);
    one_encoding(party.account.to_bytes().as_bytes(), |bytes| {
        AccountKeyPair::from_bytes(bytes).map(|k| k.to_bytes().as_bytes().to_vec())
    });
    one_encoding(party.device.keys().to_bytes().as_bytes(), |bytes| {
        DeviceKeyPair::from_bytes(bytes).map(|k| k.to_bytes().as_bytes().to_vec())
    });
    one_encoding(party.signed_prekey.to_bytes().as_bytes(), |bytes| {
        SignedPreKeyPair::from_bytes(bytes).map(|k| k.to_bytes().as_bytes().to_vec())
    });
    one_encoding(party.kem_prekey.to_bytes().as_bytes(), |bytes| {
        KemPreKeyPair::from_bytes(bytes).map(|k| k.to_bytes().as_bytes().to_vec())
    });
    let one_time = party.one_time_prekey.unwrap();
    one_encoding(one_time.to_bytes().as_bytes(), |bytes| {
        OneTimePreKeyPair::from_bytes(bytes).map(|k| k.to_bytes().as_bytes().to_vec())
    });
}

#[test]
fn stored_sessions_have_one_encoding() {
    let rng = &mut rng(32);
    let again = |bytes: &[u8]| Session::from_bytes(bytes).map(|s| stored(&s));
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    one_encoding(&stored(&alice.initiate(&bob, rng)), again);
    let (mut a, mut b) = conversation(rng);
    let _ = a.seal(b"stepped over", rng).unwrap();
    let envelope = a.seal(b"steps over it", rng).unwrap();
    open(&mut b, &envelope);
    one_encoding(&stored(&a), again);
    one_encoding(&stored(&b), again);
}

/// Else the keys of messages that are stepped over later would stand behind it out of order, and the session could
/// be stored and never be read again.
#[test]
fn a_stored_chain_keeps_no_key_of_a_message_that_it_has_not_come_to() {
    let rng = &mut rng(37);
    let (mut a, mut b) = conversation(rng);
    let _ = a.seal(b"stepped over", rng).unwrap();
    let envelope = a.seal(b"steps over it", rng).unwrap();
    open(&mut b, &envelope);
    let mut state = stored(&b);
    // Behind the one key: how many chains are retired, and one without keys.
    let number = state.len() - 75 - 44 + 3;
    assert_eq!(state[number], 0);
    state[number] = 1;
    assert!(Session::from_bytes(&state).is_ok());
    state[number] = 2;
    let refused = Session::from_bytes(&state).unwrap_err();
    assert_eq!(refused, DecodeError::BadField("skipped keys"));
}

#[test]
fn a_body_of_no_size_class_is_no_envelope_though_its_length_is_right() {
    let (mut a, _) = conversation(&mut rng(38));
    let mut envelope = a.seal(b"text", &mut rng(39)).unwrap();
    envelope.push(0);
    envelope[128] += 1;
    let refused = Envelope::decode(&envelope).unwrap_err();
    assert_eq!(refused, DecodeError::BadField("body length"));
}

/// An envelope has no encoder of its own, so only what is refused is checked here.
#[test]
fn envelopes_of_any_other_length_are_refused() {
    let rng = &mut rng(33);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let first = a.seal(b"first", rng).unwrap();
    let (mut b, _) = bob.accept(&first);
    for envelope in [first, b.seal(b"reply", rng).unwrap()] {
        assert!(Envelope::decode(&envelope).is_ok());
        for length in 0..envelope.len() {
            assert!(Envelope::decode(&envelope[..length]).is_err());
        }
        let longer = [envelope.as_slice(), &[0]].concat();
        assert_eq!(
            Envelope::decode(&longer).unwrap_err(),
            DecodeError::TrailingBytes
        );
    }
}

#[test]
fn the_longest_envelope_is_as_long_as_it_says() {
    let rng = &mut rng(40);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let longest = a.seal(&[7; MAX_PLAINTEXT_BYTES], rng).unwrap();
    assert_eq!(longest.len(), MAX_ENVELOPE_BYTES);
}

#[test]
fn an_initial_message_names_the_prekeys_that_it_was_made_for() {
    let rng = &mut rng(41);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let first = alice.initiate(&bob, rng).seal(b"first", rng).unwrap();
    let first = initial(&first);
    assert_eq!(first.signed_prekey_id(), bob.signed_prekey.id());
    assert_eq!(first.kem_kind(), bob.kem_prekey.kind());
    assert_eq!(first.kem_prekey_id(), bob.kem_prekey.id());
    let one_time = bob.one_time_prekey.as_ref().map(OneTimePreKeyPair::id);
    assert_eq!(first.one_time_prekey_id(), one_time);
    assert_eq!((bob.signed_prekey.id(), bob.kem_prekey.id()), (7, 8));
    assert_eq!(one_time, Some(9));
    let bundle = bob.bundle();
    assert_eq!((bundle.signed_prekey.id(), bundle.kem_prekey.id()), (7, 8));
    assert_eq!(bundle.one_time_prekey.map(|prekey| prekey.id()), Some(9));
}

#[test]
fn an_envelope_of_another_version_type_or_suite_says_so() {
    let rng = &mut rng(34);
    let (mut a, _) = conversation(rng);
    let envelope = a.seal(b"text", rng).unwrap();
    let with = |at: usize, value: u8| {
        let mut bytes = envelope.clone();
        bytes[at] = value;
        Envelope::decode(&bytes).unwrap_err()
    };
    assert_eq!(with(0, 2), DecodeError::UnknownVersion(2));
    assert_eq!(with(1, 3), DecodeError::UnknownType(3));
    assert_eq!(with(2, 9), DecodeError::UnknownSuite(9));
    assert_eq!(with(128, 0), DecodeError::BadField("body length"));
}

#[test]
fn the_fields_of_an_initial_message_have_one_encoding() {
    let rng = &mut rng(35);
    let (alice, bob) = (Party::new(rng), Party::new(rng).without_one_time_keys(rng));
    let envelope = alice.initiate(&bob, rng).seal(b"first", rng).unwrap();
    assert_eq!(initial(&envelope).one_time_prekey_id(), None);
    let with = |at: usize, value: u8| {
        let mut bytes = envelope.clone();
        bytes[at] = value;
        Envelope::decode(&bytes).unwrap_err()
    };
    let handshake = 19 + DeviceCertificate::BYTES;
    assert_eq!(with(handshake + 31, 0xff), KeyError::NotCanonical.into());
    assert_eq!(with(handshake + 36, 3), DecodeError::BadField("KEM kind"));
    let flag = DecodeError::BadField("one-time prekey flag");
    assert_eq!(with(handshake + 41, 2), flag);
    let id = DecodeError::BadField("one-time prekey id");
    assert_eq!(with(handshake + 45, 1), id);

    // A sender that is no certificate parses as an envelope and is refused where it is asked for.
    let mut bytes = envelope.clone();
    bytes[19..51].copy_from_slice(&[0xff; 32]);
    assert!(initial(&bytes).sender().is_err());
    let refused = Session::accept(&bob.device, &bob.prekeys(), &initial(&bytes), NOW);
    assert!(refused.is_err());
}

#[test]
fn tags_and_base_keys_are_stored_as_they_are() {
    let rng = &mut rng(36);
    let (a, _) = conversation(rng);
    assert_eq!(SessionTag::from_bytes(*a.tag().as_bytes()), a.tag());
    let base_key = BaseKey::from_bytes(a.base_key().as_bytes());
    assert_eq!(base_key, Ok(a.base_key()));
    assert_eq!(
        BaseKey::from_bytes(&[0xff; 32]),
        Err(KeyError::NotCanonical)
    );
}
