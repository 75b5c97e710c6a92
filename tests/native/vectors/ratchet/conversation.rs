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
    by_the_clock(script);
    oldest_first(script);
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

/// A skipped message, and the one behind it that is opened now.
fn skip_one(script: &mut Script, what: &str) -> Vec<u8> {
    let late = script.seal(Alice, "late");
    let next = script.seal(Alice, "in time");
    script.open(Bob, what, &next);
    late
}

fn by_the_clock(script: &mut Script) {
    let began = script.now;
    let first = skip_one(script, "one is skipped");
    script.now = began - SKIPPED_KEY_LIFETIME_MS - 1;
    let second = skip_one(
        script,
        "a clock that went back more than seven days: nothing is dropped",
    );
    script.open(Bob, "a skipped message by that clock", &first);
    script.now = began;
    let third = skip_one(script, "a clock that is right again: what it kept is old");
    script.refuse(Bob, "a message that a wrong clock kept", &second);
    script.now += 1_000;
    let fourth = skip_one(script, "a second later");
    script.now = began + SKIPPED_KEY_LIFETIME_MS + 500;
    script.open(
        Bob,
        "a skipped message drops an older one, seven days later",
        &fourth,
    );
    script.now = began + 1_000;
    script.refuse(Bob, "a message that a skipped one dropped", &third);
}

fn oldest_first(script: &mut Script) {
    let first = script.seal(Alice, "the first of a chain");
    script.lose(Alice, 599);
    let last = script.seal(Alice, "the last of it");
    script.open(Bob, "six hundred skipped", &last);
    let reply = script.seal(Bob, "reply");
    script.open(Alice, "a reply ends the chain", &reply);
    let newer = script.seal(Alice, "the first of the next chain");
    script.lose(Alice, 400);
    let next = script.seal(Alice, "the last of that");
    script.open(
        Bob,
        "401 more in the next chain: the oldest of the retired one goes",
        &next,
    );
    script.refuse(Bob, "the oldest of a retired chain, dropped", &first);
    script.open(Bob, "the oldest of the current chain stays", &newer);
}
