//! Laws of the handshake: nothing unsigned, swapped, weak or foreign begins a session, and both sides must
//! believe the same for it to open.

use crate::common::{NOW, Party, conversation, initial, open, rng};
use pawl_protocol::{
    AcceptError, BundleError, DecodeError, DeviceCertificate, DeviceId, Envelope, InitiateError,
    KemKind, KemPreKey, KemPreKeyPair, KeyError, OneTimePreKey, OneTimePreKeyPair, OpenError,
    PreKeyBundle, Session, SignedPreKey, SignedPreKeyPair,
};

/// A bundle of Bob's with one thing changed, verified as Bob's.
fn with(change: impl FnOnce(&mut PreKeyBundle, &Party)) -> Result<(), BundleError> {
    let rng = &mut rng(40);
    let (bob, mallory) = (Party::new(rng), Party::new(rng));
    let mut bundle = bob.bundle();
    change(&mut bundle, &mallory);
    bundle.verify(&bob.account.public()).map(|_| ())
}

#[test]
fn an_honest_bundle_verifies() {
    assert_eq!(with(|_, _| {}), Ok(()));
    assert_eq!(with(|bundle, _| bundle.one_time_prekey = None), Ok(()));
    let rng = &mut rng(41);
    let bob = Party::new(rng);
    assert!(bob.verified_bundle().is_one_time());
    assert_eq!(bob.verified_bundle().address(), bob.device.address());
    let mut without = bob.bundle();
    without.one_time_prekey = None;
    let without = without.verify(&bob.account.public()).unwrap();
    assert!(!without.is_one_time(), "one of the two is not enough");
    let mut bob = bob.without_one_time_keys(rng);
    assert!(!bob.verified_bundle().is_one_time());
    bob.one_time_prekey = Some(OneTimePreKeyPair::generate(9, rng));
    let other = bob.verified_bundle();
    assert!(!other.is_one_time(), "one of the two is not enough");
}

#[test]
fn a_bundle_of_another_account_is_refused() {
    let swapped = with(|bundle, mallory| *bundle = mallory.bundle());
    assert_eq!(swapped, Err(BundleError::OtherAccount));
}

#[test]
fn a_bundle_with_anything_that_is_not_signed_by_whom_it_should_be_is_refused() {
    let foreign = with(|bundle, mallory| {
        bundle.signed_prekey = mallory.bundle().signed_prekey;
    });
    assert_eq!(foreign, Err(BundleError::SignedPreKeySignature));
    let foreign = with(|bundle, mallory| {
        bundle.kem_prekey = mallory.bundle().kem_prekey;
    });
    assert_eq!(foreign, Err(BundleError::KemPreKeySignature));
    let forged = with(|bundle, mallory| {
        // Mallory's keys under Bob's account, as a relay would like to have it.
        let mut bytes = mallory.bundle().certificate.encode();
        bytes[..32].copy_from_slice(bundle.certificate.address().account.as_bytes());
        bundle.certificate = DeviceCertificate::decode(&bytes).unwrap();
    });
    assert!(matches!(forged, Err(BundleError::Certificate(_))));
}

#[test]
fn the_id_the_kind_and_the_key_of_a_prekey_are_all_signed() {
    for at in [0, 3, 4, 40, 99] {
        let changed = with(|bundle, _| {
            let mut bytes = bundle.signed_prekey.encode();
            bytes[at] ^= 1;
            bundle.signed_prekey = SignedPreKey::decode(&bytes).unwrap();
        });
        assert_eq!(changed, Err(BundleError::SignedPreKeySignature), "{at}");
    }
    // Byte 0 is the kind: a relay cannot pass a last-resort key off as a one-time one.
    for (at, flip) in [(0, 3), (1, 1), (4, 1), (5, 1), (900, 1), (1252, 1)] {
        let changed = with(|bundle, _| {
            let mut bytes = bundle.kem_prekey.encode();
            bytes[at] ^= flip;
            bundle.kem_prekey = KemPreKey::decode(&bytes).unwrap();
        });
        assert_eq!(changed, Err(BundleError::KemPreKeySignature), "{at}");
    }
}

#[test]
fn points_of_small_order_and_in_other_forms_are_refused_wherever_a_key_is_read() {
    let mut order_2 = [0; 32];
    let mut order_1 = [0xff; 32];
    (order_1[0], order_1[31]) = (0xee, 0x7f); // 1 + p: also not reduced
    for (key, error) in [
        (order_2, KeyError::SmallOrder),
        (order_1, KeyError::NotCanonical),
    ] {
        let rng = &mut rng(42);
        let (alice, bob) = (Party::new(rng), Party::new(rng));
        let prekey = [&[0; 4], &key[..]].concat();
        assert_eq!(OneTimePreKey::decode(&prekey), Err(error.into()));
        let mut bytes = bob.bundle().signed_prekey.encode();
        bytes[4..36].copy_from_slice(&key);
        assert_eq!(SignedPreKey::decode(&bytes), Err(error.into()));
        let mut bytes = bob.bundle().certificate.encode();
        bytes[68..100].copy_from_slice(&key);
        assert_eq!(DeviceCertificate::decode(&bytes), Err(error.into()));
        let mut bytes = alice.initiate(&bob, rng).seal(b"", rng).unwrap();
        bytes[183..215].copy_from_slice(&key);
        assert_eq!(Envelope::decode(&bytes).unwrap_err(), error.into());
    }
    // The Ed25519 keys of a certificate: the neutral element, and y = 2, which is no point.
    order_2[0] = 1;
    let rng = &mut rng(43);
    let certificate = Party::new(rng).bundle().certificate.encode();
    for at in [0, 36] {
        let mut bytes = certificate;
        bytes[at..at + 32].copy_from_slice(&order_2);
        let refused = DeviceCertificate::decode(&bytes);
        assert_eq!(refused, Err(DecodeError::Key(KeyError::SmallOrder)));
        bytes[at] = 2;
        let refused = DeviceCertificate::decode(&bytes);
        assert_eq!(refused, Err(DecodeError::Key(KeyError::NotOnCurve)));
    }
}

#[test]
fn an_initial_message_opens_only_with_the_very_prekeys_that_it_was_made_for() {
    let rng = &mut rng(44);
    let (alice, mut bob) = (Party::new(rng), Party::new(rng));
    let envelope = alice.initiate(&bob, rng).seal(b"first", rng).unwrap();
    let keys = bob.device.keys();
    let others = Party {
        account: bob.account,
        signed_prekey: SignedPreKeyPair::generate(7, keys, rng),
        kem_prekey: KemPreKeyPair::generate(KemKind::OneTime, 8, keys, rng),
        one_time_prekey: Some(OneTimePreKeyPair::generate(9, rng)),
        device: bob.device,
    };
    let refuse = |prekeys, expected: AcceptError| {
        let result = Session::accept(&others.device, &prekeys, &initial(&envelope), NOW);
        assert_eq!(result.expect_err("other prekeys"), expected);
    };
    let disagree = || AcceptError::Open(OpenError::HeaderNotAuthentic);
    let (signed, kem, one_time) = (&bob.signed_prekey, &bob.kem_prekey, &bob.one_time_prekey);
    let prekeys = |signed_prekey, kem_prekey, one_time_prekey| pawl_protocol::ResponderPreKeys {
        signed_prekey,
        kem_prekey,
        one_time_prekey,
    };
    // The same ids with other keys.
    refuse(
        prekeys(&others.signed_prekey, kem, one_time.as_ref()),
        disagree(),
    );
    refuse(
        prekeys(signed, &others.kem_prekey, one_time.as_ref()),
        disagree(),
    );
    refuse(
        prekeys(signed, kem, others.one_time_prekey.as_ref()),
        disagree(),
    );
    // Other ids, kinds, or none.
    refuse(prekeys(signed, kem, None), AcceptError::PreKeyMismatch);
    let id = SignedPreKeyPair::generate(6, others.device.keys(), rng);
    refuse(
        prekeys(&id, kem, one_time.as_ref()),
        AcceptError::PreKeyMismatch,
    );
    let kind = KemPreKeyPair::generate(KemKind::LastResort, 8, others.device.keys(), rng);
    refuse(
        prekeys(signed, &kind, one_time.as_ref()),
        AcceptError::PreKeyMismatch,
    );

    let right = prekeys(signed, kem, one_time.as_ref());
    assert!(Session::accept(&others.device, &right, &initial(&envelope), NOW).is_ok());
    bob.one_time_prekey = None;
}

#[test]
fn the_same_keys_at_another_device_number_do_not_open_it() {
    let rng = &mut rng(45);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let envelope = alice.initiate(&bob, rng).seal(b"first", rng).unwrap();
    let keys = pawl_protocol::DeviceKeyPair::from_bytes(bob.device.keys().to_bytes().as_bytes());
    let second = DeviceId::new(2).unwrap();
    let moved = pawl_protocol::LocalDevice::certify(&bob.account, second, keys.unwrap());
    let result = Session::accept(&moved, &bob.prekeys(), &initial(&envelope), NOW);
    assert_eq!(
        result.expect_err("the responder's address is authenticated"),
        AcceptError::Open(OpenError::HeaderNotAuthentic)
    );
}

#[test]
fn a_replayed_handshake_names_the_base_key_that_its_first_session_has() {
    let rng = &mut rng(46);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let first = a.seal(b"first", rng).unwrap();
    let (mut b, _) = bob.accept(&first);
    assert_eq!(initial(&first).base_key(), b.base_key());
    let replay = Envelope::decode(&first).unwrap();
    assert_eq!(b.open(&replay, NOW).unwrap_err(), OpenError::MessageKeyGone);
}

#[test]
fn a_device_has_no_session_with_itself() {
    let rng = &mut rng(47);
    let alice = Party::new(rng);
    let result = Session::initiate(&alice.device, alice.verified_bundle(), rng);
    assert_eq!(result.unwrap_err(), InitiateError::OwnDevice);
    let bob = Party::new(rng);
    let envelope = alice.initiate(&bob, rng).seal(b"first", rng).unwrap();
    let reflected = Session::accept(&alice.device, &alice.prekeys(), &initial(&envelope), NOW);
    assert_eq!(reflected.unwrap_err(), AcceptError::OwnDevice);
}

#[test]
fn sessions_begun_by_both_at_once_are_two_and_both_work() {
    let rng = &mut rng(48);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let mut b = bob.initiate(&alice, rng);
    let (mut b2, _) = bob.accept(&a.seal(b"from alice", rng).unwrap());
    let (mut a2, _) = alice.accept(&b.seal(b"from bob", rng).unwrap());
    assert_ne!(a.tag(), a2.tag());
    let envelope = b2.seal(b"1", rng).unwrap();
    assert_eq!(open(&mut a, &envelope), b"1");
    let envelope = a2.seal(b"2", rng).unwrap();
    assert_eq!(open(&mut b, &envelope), b"2");
    let (mut other, _) = conversation(rng);
    assert!(
        other
            .open(&Envelope::decode(&envelope).unwrap(), NOW)
            .is_err()
    );
}
