//! Messages that only a broken or hostile peer seals: authentic, and saying what no honest one would.

use super::script::Script;
use super::script::Side::{Alice, Bob};

/// A key that a due side might draw.
const RATCHET: [u8; 32] = [0x58; 32];
const PN: usize = 32;
const NUMBER: usize = 36;
const POST_QUANTUM: usize = 40;

/// p, which is another form of 0.
const P: [u8; 32] = {
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    p
};

/// To a side that has received nothing yet.
pub(super) fn first_reply(script: &mut Script) {
    let bob = script.stored(Bob).next_sealing(Some(&RATCHET));
    let changed = bob.with_header(PN, &[0, 0, 0, 1]);
    script.refuse_forged(Alice, "PN is 1 where nothing was received", &changed);
}

/// To an active side, by one that begins a chain.
pub(super) fn next_chain(script: &mut Script) {
    let alice = script.stored(Alice).next_sealing(Some(&RATCHET));
    let cases: [(&str, usize, &[u8]); 7] = [
        ("PN below what was received", PN, &[0, 0, 0, 2]),
        ("PN 1,001 above what was received", PN, &[0, 0, 3, 0xec]),
        ("PN 2^32 - 1", PN, &[0xff; 4]),
        (
            "number 1,000, with one skipped in the chain before",
            NUMBER,
            &[0, 0, 3, 0xe8],
        ),
        ("a new ratchet key of small order", 0, &[0; 32]),
        ("a new ratchet key that is not canonical", 0, &P),
        (
            "a post-quantum field in a new chain",
            POST_QUANTUM,
            &[0, 32],
        ),
    ];
    for (name, at, bytes) in cases {
        script.refuse_forged(Bob, name, &alice.with_header(at, bytes));
    }
}

/// To a side that is due, on the current chain.
pub(super) fn in_a_chain(script: &mut Script) {
    let alice = script.stored(Alice).next_sealing(None);
    let cases: [(&str, usize, &[u8]); 6] = [
        ("another ratchet key in the same chain", 0, &[9; 32]),
        ("a ratchet key of small order", 0, &[0; 32]),
        ("a ratchet key that is not canonical", 0, &P),
        ("number 2^32 - 1", NUMBER, &[0xff; 4]),
        (
            "number 1,002, where 1 is the next",
            NUMBER,
            &[0, 0, 3, 0xea],
        ),
        ("a post-quantum field", POST_QUANTUM, &[0, 1]),
    ];
    for (name, at, bytes) in cases {
        script.refuse_forged(Bob, name, &alice.with_header(at, bytes));
    }
    let mut early = alice.clone();
    let next = script.stored(Alice).get("next_sending_header_key").to_vec();
    early.header_key.copy_from_slice(&next);
    script.refuse_forged(
        Bob,
        "the next chain's header key before this side has answered",
        &early,
    );
    let mut other = alice.clone();
    other.message_key = [0x55; 32];
    script.refuse_forged(Bob, "a body under another key", &other);
    tampered(script);
}

fn tampered(script: &mut Script) {
    let good = script.seal(Alice, "will be tampered with");
    let flip = |at: usize| {
        let mut changed = good.clone();
        changed[at] ^= 1;
        changed
    };
    script.refuse(Bob, "another tag", &flip(3));
    script.refuse(Bob, "a changed header nonce", &flip(19));
    script.refuse(Bob, "a changed header", &flip(43));
    script.refuse(Bob, "a changed body nonce", &flip(101));
    script.refuse(Bob, "a changed body", &flip(140));
    script.refuse(Bob, "a changed tag of the body", &flip(good.len() - 1));
    script.refuse(Bob, "truncated by one byte", &good[..good.len() - 1]);
    script.refuse(Bob, "one byte behind it", &[&good[..], &[0]].concat());
    script.refuse(Bob, "version 2", &[&[2], &good[1..]].concat());
    script.refuse(
        Bob,
        "said to be an initial message",
        &[&[1, 1], &good[2..]].concat(),
    );
    script.open(Bob, "the same message untouched", &good);
}
