//! Laws of the bounds: how far a message may skip, how many keys are kept, and how long.

use crate::common::{NOW, Party, conversation, open, rng, stored};
use pawl_protocol::{
    DecodeError, Envelope, MAX_KEPT_KEYS, MAX_RETIRED_CHAINS, MAX_SKIP, OpenError, Plaintext,
    SKIPPED_KEY_LIFETIME_MS, Session,
};

fn try_open(session: &mut Session, envelope: &[u8], now: u64) -> Result<Plaintext, OpenError> {
    session.open(&Envelope::decode(envelope).unwrap(), now)
}

fn seal_many(session: &mut Session, count: usize) -> Vec<Vec<u8>> {
    let rng = &mut rng(20);
    (0..count)
        .map(|_| session.seal(b"text", rng).unwrap())
        .collect()
}

#[test]
fn a_message_may_skip_max_skip_others_and_not_one_more() {
    let rng = &mut rng(21);
    let (mut a, mut b) = conversation(rng);
    let envelopes = seal_many(&mut a, MAX_SKIP + 2);
    let before = stored(&b);
    let result = try_open(&mut b, &envelopes[MAX_SKIP + 1], NOW);
    assert_eq!(result.unwrap_err(), OpenError::TooManySkipped);
    assert!(stored(&b) == before);
    open(&mut b, &envelopes[MAX_SKIP]);
    for envelope in &envelopes[..MAX_SKIP] {
        open(&mut b, envelope);
    }
    open(&mut b, &envelopes[MAX_SKIP + 1]);
}

#[test]
fn the_limit_counts_both_chains_of_a_ratchet_step_together() {
    for (over, outcome) in [(0, None), (1, Some(OpenError::TooManySkipped))] {
        let rng = &mut rng(22);
        let (mut a, mut b) = conversation(rng);
        let missing = seal_many(&mut a, MAX_SKIP / 2 + over);
        let reply = b.seal(b"reply", rng).unwrap();
        open(&mut a, &reply);
        let later = seal_many(&mut a, MAX_SKIP / 2 + 1);
        let result = try_open(&mut b, later.last().unwrap(), NOW);
        assert_eq!(result.err(), outcome);
        if outcome.is_none() {
            open(&mut b, &missing[0]);
            open(&mut b, &later[0]);
        }
    }
}

#[test]
fn a_session_keeps_max_kept_keys_and_drops_the_oldest() {
    let rng = &mut rng(23);
    let (mut a, mut b) = conversation(rng);
    let envelopes = seal_many(&mut a, MAX_KEPT_KEYS + 12);
    open(&mut b, &envelopes[MAX_SKIP]);
    open(&mut b, &envelopes[MAX_KEPT_KEYS + 11]);
    let full = stored(&b);
    assert!(stored(&Session::from_bytes(&full).unwrap()) == full);
    // One more, in front. Behind what every session has, a due chain, a flag and the receiving chain's keys.
    let count = 246 + 64 + 69 + 1 + 100;
    let more = [&full[..count], &[3, 0xe9], &[0; 44], &full[count + 2..]].concat();
    assert_eq!(&full[count..count + 2], &[3, 0xe8]);
    let refused = Session::from_bytes(&more).unwrap_err();
    assert_eq!(refused, DecodeError::BadField("skipped keys"));
    for envelope in &envelopes[..10] {
        let result = try_open(&mut b, envelope, NOW);
        assert_eq!(result.unwrap_err(), OpenError::MessageKeyGone);
    }
    open(&mut b, &envelopes[10]);
    let again = Session::from_bytes(&stored(&b)).unwrap();
    assert!(stored(&again) == stored(&b));
}

#[test]
fn a_skipped_key_lives_seven_days_and_no_longer() {
    for (age, outcome) in [
        (SKIPPED_KEY_LIFETIME_MS, None),
        (SKIPPED_KEY_LIFETIME_MS + 1, Some(OpenError::MessageKeyGone)),
    ] {
        let rng = &mut rng(24);
        let (mut a, mut b) = conversation(rng);
        let envelopes = seal_many(&mut a, 2);
        open(&mut b, &envelopes[1]);
        let result = try_open(&mut b, &envelopes[0], NOW + age);
        assert_eq!(result.err(), outcome);
    }
}

#[test]
fn opening_erases_what_is_past_its_lifetime_and_a_clock_that_went_back_erases_nothing() {
    let rng = &mut rng(25);
    let (mut a, mut b) = conversation(rng);
    let envelopes = seal_many(&mut a, 60);
    open(&mut b, &envelopes[50]);
    let with_keys = stored(&b).len();
    try_open(&mut b, &envelopes[51], 0).unwrap();
    assert_eq!(stored(&b).len(), with_keys);
    try_open(&mut b, &envelopes[52], NOW + SKIPPED_KEY_LIFETIME_MS + 1).unwrap();
    // 50 keys of 44 bytes, and the header key of the chain before, 74 bytes.
    assert_eq!(stored(&b).len(), with_keys - 50 * 44 - 74);
}

#[test]
fn old_keys_are_erased_from_a_session_on_which_nothing_comes_and_a_clock_that_went_back_erases_nothing()
 {
    let rng = &mut rng(28);
    let (mut a, mut b) = conversation(rng);
    let envelopes = seal_many(&mut a, 60);
    open(&mut b, &envelopes[50]);
    let before = stored(&b);
    for now in [0, NOW, NOW + SKIPPED_KEY_LIFETIME_MS] {
        assert!(!b.expire(now));
        assert!(stored(&b) == before, "at {now}");
    }
    assert!(b.expire(NOW + SKIPPED_KEY_LIFETIME_MS + 1));
    assert!(!b.expire(NOW + SKIPPED_KEY_LIFETIME_MS + 1));
    // 50 keys of 44 bytes, and the header key of the chain before, 74 bytes.
    assert_eq!(stored(&b).len(), before.len() - 50 * 44 - 74);
    // The session goes on as if nothing had been.
    open(&mut b, &envelopes[51]);
    let again = Session::from_bytes(&stored(&b)).unwrap();
    assert!(stored(&again) == stored(&b));
}

#[test]
fn a_retired_chain_lives_five_ratchet_steps() {
    let rng = &mut rng(26);
    let (mut a, mut b) = conversation(rng);
    let late = seal_many(&mut a, 2);
    let envelope = a.seal(b"in time", rng).unwrap();
    open(&mut b, &envelope);
    for step in 1..=MAX_RETIRED_CHAINS + 1 {
        let reply = b.seal(b"reply", rng).unwrap();
        open(&mut a, &reply);
        let envelope = a.seal(b"step", rng).unwrap();
        open(&mut b, &envelope);
        if step == MAX_RETIRED_CHAINS {
            open(&mut b, &late[0]);
        }
    }
    let result = try_open(&mut b, &late[1], NOW);
    assert_eq!(result.unwrap_err(), OpenError::HeaderNotAuthentic);
}

#[test]
fn a_late_duplicate_of_a_retired_chain_is_known_for_one() {
    let rng = &mut rng(27);
    let (mut a, mut b) = conversation(rng);
    let envelope = a.seal(b"once", rng).unwrap();
    open(&mut b, &envelope);
    let reply = b.seal(b"reply", rng).unwrap();
    open(&mut a, &reply);
    let next = a.seal(b"next chain", rng).unwrap();
    open(&mut b, &next);
    let result = try_open(&mut b, &envelope, NOW);
    assert_eq!(result.unwrap_err(), OpenError::MessageKeyGone);
}

/// Whoever answers for the first time has had no chain before.
#[test]
fn a_first_reply_that_ends_a_chain_that_never_was_is_refused() {
    let rng = &mut rng(29);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let (b, _) = bob.accept(&a.seal(b"first", rng).unwrap());
    // Behind version, tag, base key, associated data, certificate, flag, root key, header key, state, key, header key.
    let previous_length = 246 + 64 + 1 + 64 + 3;
    let mut state = stored(&b);
    for (value, refused) in [(1, Some(OpenError::InvalidHeader)), (0, None)] {
        state[previous_length] = value;
        let mut b = Session::from_bytes(&state).unwrap();
        let reply = b.seal(b"reply", rng).unwrap();
        let before = stored(&a);
        assert_eq!(try_open(&mut a, &reply, NOW).err(), refused);
        assert_eq!(stored(&a) == before, refused.is_some());
    }
}

#[test]
fn a_stored_session_has_five_retired_chains_at_most() {
    let (_, b) = conversation(&mut rng(30));
    let mut state = stored(&b);
    assert_eq!(state.pop(), Some(0), "how many there are stands last");
    let mut chain = [0; 74];
    chain[32] = 9; // the base point
    let with = |count: u8| [&state[..], &[count], &chain.repeat(usize::from(count))].concat();
    assert!(Session::from_bytes(&with(5)).is_ok());
    let refused = Session::from_bytes(&with(6)).unwrap_err();
    assert_eq!(refused, DecodeError::BadField("retired chains"));
}

#[test]
fn the_lifetime_is_seven_days() {
    assert_eq!(SKIPPED_KEY_LIFETIME_MS, 604_800_000);
}
