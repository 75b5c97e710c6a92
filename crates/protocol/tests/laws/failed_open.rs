//! Law: a failed open leaves the state byte for byte the same, whatever made it fail.

use crate::common::{NOW, Party, conversation, initial, open, rng, stored};
use pawl_protocol::{AcceptError, Envelope, OpenError, Session};

/// Opens what must not open, and checks that nothing changed.
fn refuse(session: &mut Session, bytes: &[u8]) -> Option<OpenError> {
    let before = stored(session);
    let error = match Envelope::decode(bytes) {
        Ok(envelope) => Some(
            session
                .open(&envelope, NOW)
                .expect_err("it was tampered with"),
        ),
        Err(_) => None,
    };
    assert!(stored(session) == before, "a failed open changed the state");
    error
}

/// A message on each of the ways through the ratchet: current chain, ahead, skipped, next chain, retired.
fn one_of_each_kind(a: &mut Session, b: &mut Session) -> Vec<Vec<u8>> {
    let rng = &mut rng(10);
    let retired = a.seal(b"of a chain that will be retired", rng).unwrap();
    let envelope = a.seal(b"after it", rng).unwrap();
    open(b, &envelope);
    let envelope = b.seal(b"reply", rng).unwrap();
    open(a, &envelope);
    let skipped = a.seal(b"will be skipped", rng).unwrap();
    let envelope = a.seal(b"skips it", rng).unwrap();
    open(b, &envelope);
    let current = a.seal(b"current", rng).unwrap();
    let ahead = a.seal(b"ahead", rng).unwrap();
    let envelope = b.seal(b"reply", rng).unwrap();
    open(a, &envelope);
    let next = a.seal(b"next chain", rng).unwrap();
    vec![retired, skipped, current, ahead, next]
}

#[test]
fn a_failed_open_leaves_the_state_byte_for_byte_the_same() {
    let rng = &mut rng(11);
    let (mut a, mut b) = conversation(rng);
    let envelopes = one_of_each_kind(&mut a, &mut b);
    for envelope in &envelopes {
        for at in 0..envelope.len() {
            let mut flipped = envelope.clone();
            flipped[at] ^= 1 << (at % 8);
            refuse(&mut b, &flipped);
        }
        for length in 0..envelope.len() {
            assert_eq!(refuse(&mut b, &envelope[..length]), None);
        }
    }
    // What was refused in pieces still opens whole.
    for envelope in &envelopes {
        open(&mut b, envelope);
        assert!(refuse(&mut b, envelope).is_some(), "a duplicate opened");
    }
}

#[test]
fn each_cause_has_its_own_name() {
    let rng = &mut rng(12);
    let (mut a, mut b) = conversation(rng);
    let (mut c, mut d) = conversation(rng);
    let envelope = a.seal(b"text", rng).unwrap();
    assert_eq!(refuse(&mut d, &envelope), Some(OpenError::WrongSession));
    assert_eq!(refuse(&mut c, &envelope), Some(OpenError::WrongSession));
    // Reflected to its sender.
    assert_eq!(
        refuse(&mut a, &envelope),
        Some(OpenError::HeaderNotAuthentic)
    );
    let mut bad_body = envelope.clone();
    *bad_body.last_mut().unwrap() ^= 1;
    assert_eq!(refuse(&mut b, &bad_body), Some(OpenError::BodyNotAuthentic));
    let mut bad_header = envelope.clone();
    bad_header[50] ^= 1;
    assert_eq!(
        refuse(&mut b, &bad_header),
        Some(OpenError::HeaderNotAuthentic)
    );
    let mut other_session = envelope.clone();
    other_session[5] ^= 1;
    assert_eq!(
        refuse(&mut b, &other_session),
        Some(OpenError::WrongSession)
    );
    open(&mut b, &envelope);
    assert_eq!(refuse(&mut b, &envelope), Some(OpenError::MessageKeyGone));
}

#[test]
fn a_tampered_initial_message_is_refused_by_accept_and_by_its_session() {
    let rng = &mut rng(13);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let envelope = a.seal(b"first", rng).unwrap();
    let second = a.seal(b"second", rng).unwrap();
    let (mut b, _) = bob.accept(&envelope);
    // Every byte of the fields, every 16th of the KEM ciphertext.
    for at in (0..229)
        .chain((229..1317).step_by(16))
        .chain(1317..second.len())
    {
        let mut flipped = second.clone();
        flipped[at] ^= 0x10;
        refuse(&mut b, &flipped);
        if let Ok(Envelope::Initial(message)) = Envelope::decode(&flipped) {
            let accepted = Session::accept(&bob.device, &bob.prekeys(), &message, NOW);
            assert!(accepted.is_err(), "byte {at} is not authenticated");
        }
    }
    open(&mut b, &second);
}

#[test]
fn a_message_with_another_handshake_is_not_opened_by_a_session_of_the_same_tag() {
    let rng = &mut rng(14);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let (mut b, _) = bob.accept(&a.seal(b"first", rng).unwrap());
    let mut other = alice.initiate(&bob, rng).seal(b"other", rng).unwrap();
    other[3..19].copy_from_slice(b.tag().as_bytes());
    assert_eq!(refuse(&mut b, &other), Some(OpenError::WrongSession));
    let error = Session::accept(&bob.device, &bob.prekeys(), &initial(&other), NOW);
    assert_eq!(
        error.expect_err("the tag is authenticated"),
        AcceptError::Open(OpenError::HeaderNotAuthentic)
    );
}
