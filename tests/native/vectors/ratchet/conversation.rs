//! What Alice and Bob do in ratchet.json: in order, out of order, lost, late, repeated.

use pawl_protocol::SKIPPED_KEY_LIFETIME_MS;

use super::forgeries;
use super::script::Script;
use super::script::Side::{Alice, Bob};
use crate::vectors::handshakes::{Handshake, stored};

pub(super) fn play(script: &mut Script, first: &[u8], other: &Handshake) {
    first_replies(script, first, other);
    let late = out_of_order(script);
    across_chains(script, late);
    forgeries::in_a_chain(script);
    long_ago(script);
    many(script);
}

fn first_replies(script: &mut Script, first: &[u8], other: &Handshake) {
    script.refuse(Bob, "the initial message replayed to its session", first);
    let mut same_tag = other.envelope.clone();
    same_tag[3..19].copy_from_slice(&first[3..19]);
    script.refuse(Bob, "another handshake under this session's tag", &same_tag);
    script.refuse(
        Bob,
        "an initial message of another session",
        &other.envelope,
    );
    let second = script.seal(Alice, "the handshake once more");
    script.refuse(Alice, "an initial message reflected to its sender", &second);
    script.open(Bob, "a second initial message", &second);
    forgeries::first_reply(script);
    let reply = script.seal(Bob, "the first reply begins a chain");
    script.open(
        Alice,
        "the first reply ends the handshake's repetition",
        &reply,
    );
}

/// Two messages of the chain that ends here are late.
fn out_of_order(script: &mut Script) -> [Vec<u8>; 2] {
    let chain: Vec<_> = ["zero", "one", "two", "three"]
        .into_iter()
        .map(|text| script.seal(Alice, text))
        .collect();
    script.open(Bob, "number 2 first: 0 and 1 are skipped", &chain[2]);
    script.refuse(Bob, "a message replayed", &chain[2]);
    script.open(Bob, "number 0 by its skipped key", &chain[0]);
    script.refuse(Bob, "a skipped message replayed", &chain[0]);
    let earlier = script.seal(Bob, "late");
    let later = script.seal(Bob, "in time");
    script.open(Alice, "number 1 of a new chain", &later);
    script.open(Alice, "number 0 of it", &earlier);
    script.refuse(Bob, "a message reflected to its sender", &later);
    [chain[1].clone(), chain[3].clone()]
}

fn across_chains(script: &mut Script, [one, three]: [Vec<u8>; 2]) {
    forgeries::next_chain(script);
    let next = script.seal(Alice, "a chain with PN 4");
    script.open(
        Bob,
        "a new chain: 3 is skipped, the old chain retired",
        &next,
    );
    script.open(Bob, "number 1 of the retired chain", &one);
    script.refuse(Bob, "a message of a retired chain replayed", &one);
    script.now += SKIPPED_KEY_LIFETIME_MS + 1;
    script.refuse(
        Bob,
        "a skipped message seven days and a millisecond later",
        &three,
    );
    script.now -= 1;
    script.open(Bob, "number 3 after exactly seven days", &three);
}

/// What is opened later drops what is older than seven days.
fn long_ago(script: &mut Script) {
    script.lose(Alice, 2);
    let third = script.seal(Alice, "two before this are lost");
    script.open(Bob, "skips two", &third);
    script.now += SKIPPED_KEY_LIFETIME_MS + 1;
    let fourth = script.seal(Alice, "a week later");
    script.open(
        Bob,
        "drops skipped keys and retired chains of a week ago",
        &fourth,
    );
}

fn many(script: &mut Script) {
    let first = script.seal(Alice, "the first of a thousand");
    script.lose(Alice, 999);
    let ahead = script.seal(Alice, "after a thousand");
    let too_far = script.seal(Alice, "after a thousand and one");
    script.refuse(Bob, "1,001 messages skipped in one chain", &too_far);
    script.open(Bob, "a thousand messages skipped", &ahead);
    script.lose(Alice, 9);
    let more = script.seal(Alice, "ten more are skipped");
    script.open(
        Bob,
        "more than a thousand kept keys: the ten oldest go",
        &more,
    );
    script.open(
        Bob,
        "one that was too far ahead before, now skipped",
        &too_far,
    );
    assert!(refuses(script, &first), "the oldest key is gone");
    for round in 1..=6 {
        let reply = script.seal(Bob, "reply");
        script.open(Alice, "a reply", &reply);
        let next = script.seal(Alice, "next");
        script.open(
            Bob,
            if round < 6 {
                "a ratchet step"
            } else {
                "the sixth: a chain goes"
            },
            &next,
        );
    }
    script.refuse(Bob, "a message of a chain that is gone", &more);
}

fn refuses(script: &Script, envelope: &[u8]) -> bool {
    let mut session = pawl_protocol::Session::from_bytes(&script.state(Bob)).expect("a session");
    let before = stored(&session);
    let parsed = pawl_protocol::Envelope::decode(envelope).expect("an envelope");
    session.open(&parsed, script.now).is_err() && stored(&session) == before
}
