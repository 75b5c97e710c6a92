//! Laws of a session: both sides agree, and what is stored goes on where it was.

use crate::common::{Party, conversation, initial, open, rng, stored};
use pawl_protocol::{
    Envelope, MAX_ENVELOPE_BYTES, MAX_PLAINTEXT_BYTES, OneTimePreKeyPair, SealError, Session,
};

#[test]
fn both_sides_agree_with_and_without_one_time_keys() {
    let rng = &mut rng(1);
    let alice = Party::new(rng);
    for bob in [Party::new(rng), Party::new(rng).without_one_time_keys(rng)] {
        let mut a = alice.initiate(&bob, rng);
        let first = a.seal(b"first", rng).unwrap();
        let second = a.seal(b"second", rng).unwrap();
        assert_eq!(initial(&first).signed_prekey_id(), 7);
        assert_eq!(initial(&first).kem_kind(), bob.kem_prekey.kind());
        assert_eq!(initial(&first).kem_prekey_id(), 8);
        let one_time = bob.one_time_prekey.as_ref().map(OneTimePreKeyPair::id);
        assert_eq!(initial(&first).one_time_prekey_id(), one_time);

        let (mut b, text) = bob.accept(&first);
        assert_eq!(text.as_bytes(), b"first");
        assert_eq!((b.tag(), b.base_key()), (a.tag(), a.base_key()));
        assert_eq!(b.peer().address(), alice.device.address());
        assert_eq!(a.peer().address(), bob.device.address());
        assert_eq!(open(&mut b, &second), b"second");
        agree_for_a_while(&mut a, &mut b, rng);
    }
}

fn agree_for_a_while(a: &mut Session, b: &mut Session, rng: &mut chacha20::ChaCha20Rng) {
    assert!(a.awaits_reply() && !b.awaits_reply());
    let reply = b.seal(b"reply", rng).unwrap();
    assert!(matches!(Envelope::decode(&reply), Ok(Envelope::Ratchet(_))));
    assert_eq!(open(a, &reply), b"reply");
    assert!(!a.awaits_reply());
    let next = a.seal(b"next", rng).unwrap();
    assert!(matches!(Envelope::decode(&next), Ok(Envelope::Ratchet(_))));
    assert_eq!(open(b, &next), b"next");
    for turn in 0..20 {
        let (from, to) = if turn % 2 == 0 {
            (&mut *a, &mut *b)
        } else {
            (&mut *b, &mut *a)
        };
        let envelope = from.seal(&[turn; 200], rng).unwrap();
        assert_eq!(open(to, &envelope), [turn; 200]);
    }
}

#[test]
fn a_stored_session_goes_on_where_it_was_at_every_step() {
    let rng = &mut rng(2);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = reloaded(alice.initiate(&bob, rng));
    let first = a.seal(b"0", rng).unwrap();
    a = reloaded(a);
    let (b, _) = bob.accept(&first);
    let mut b = reloaded(b);
    let mut held_back = Vec::new();
    for turn in 0..40_u8 {
        let (from, to) = if turn % 4 < 2 {
            (&mut a, &mut b)
        } else {
            (&mut b, &mut a)
        };
        held_back.push((turn % 4 < 2, from.seal(&[turn; 3], rng).unwrap(), turn));
        let envelope = from.seal(&[turn; 2], rng).unwrap();
        assert_eq!(open(to, &envelope), [turn; 2]);
        if held_back.len() > 3 {
            let (to_b, envelope, turn) = held_back.remove(0);
            assert_eq!(
                open(if to_b { &mut b } else { &mut a }, &envelope),
                [turn; 3]
            );
        }
        (a, b) = (reloaded(a), reloaded(b));
    }
}

fn reloaded(session: Session) -> Session {
    let bytes = stored(&session);
    let again = Session::from_bytes(&bytes).unwrap();
    assert_eq!(stored(&again), bytes);
    assert_eq!(again.awaits_reply(), session.awaits_reply());
    again
}

#[test]
fn every_size_up_to_the_largest_is_sealed_in_its_class_and_one_more_byte_is_refused() {
    let rng = &mut rng(3);
    let (mut a, mut b) = conversation(rng);
    for (length, envelope_length) in [(0, 305), (159, 305), (160, 465), (200, 465), (320, 785)] {
        let envelope = a.seal(&vec![1; length], rng).unwrap();
        assert_eq!(envelope.len(), envelope_length);
        assert_eq!(open(&mut b, &envelope), vec![1; length]);
    }
    let before = stored(&a);
    let too_long = vec![2; MAX_PLAINTEXT_BYTES + 1];
    assert_eq!(a.seal(&too_long, rng), Err(SealError::TooLong));
    assert_eq!(stored(&a), before);

    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let envelope = a.seal(&too_long[1..], rng).unwrap();
    assert_eq!(envelope.len(), MAX_ENVELOPE_BYTES);
    assert_eq!(bob.accept(&envelope).1.as_bytes(), &too_long[1..]);
}

#[test]
fn no_two_envelopes_of_one_plaintext_are_alike_and_none_shows_it() {
    let rng = &mut rng(4);
    let (mut a, _) = conversation(rng);
    let plaintext = b"attack at dawn, attack at dawn";
    let one = a.seal(plaintext, rng).unwrap();
    let other = a.seal(plaintext, rng).unwrap();
    assert_eq!(one[..19], other[..19]);
    assert_ne!(one[19..], other[19..]);
    assert!(!one.windows(8).any(|w| plaintext.starts_with(w)));
}

#[test]
fn nothing_in_a_session_grows_with_the_messages_that_it_carried() {
    let rng = &mut rng(9);
    let (mut a, mut b) = conversation(rng);
    let mut sizes = Vec::new();
    // In turn, then fifty from each side at a time, then in turn again.
    let in_turn = (0..30).chain(10_000..10_030).map(|i| (i, i % 2 == 0));
    let in_bursts = (30..10_000).map(|i| (i, i / 50 % 2 == 0));
    let mut turns: Vec<(u32, bool)> = in_turn.chain(in_bursts).collect();
    turns.sort_unstable();
    for (i, is_from_a) in turns {
        let (from, to) = if is_from_a {
            (&mut a, &mut b)
        } else {
            (&mut b, &mut a)
        };
        let envelope = from.seal(&i.to_be_bytes(), rng).unwrap();
        assert_eq!(open(to, &envelope), i.to_be_bytes());
        sizes.push(stored(&a).len().max(stored(&b).len()));
    }
    let early = sizes[10..30].iter().max();
    assert_eq!(sizes[10..].iter().max(), early);
    assert_eq!(sizes[10_010..].iter().min(), sizes[10..30].iter().min());
}
