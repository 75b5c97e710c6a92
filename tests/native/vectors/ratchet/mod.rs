//! ratchet.json: a conversation step by step with both sides' state after each, and what is refused by whom.

mod conversation;
mod forgeries;
mod script;

use pawl_protocol::{SealError, Session};

use super::crypt::array;
use super::handshakes::{Handshake, NOW, stored};
use super::json::{Json, hex, object};
use super::people::{Person, Tape};
use super::refusals::Refusal;
use super::stored::Stored;
use script::Script;
pub(super) use script::refused;

pub(super) fn make() -> Json {
    let mut rng = Tape::of("ratchet");
    let (alice, bob) = (Person::new(&mut rng), Person::new(&mut rng));
    let kind = pawl_protocol::KemKind::OneTime;
    let run = Handshake::run(&alice, &bob, kind, true, &mut rng);
    let other = Handshake::run(&alice, &bob, kind, true, &mut rng);
    let start = [&run.initiator, &run.responder].map(stored);
    let mut script = Script::new(run.initiator, run.responder, rng);
    conversation::play(&mut script, &run.envelope, &other);
    object! {
        "now": NOW,
        "alice_state": hex(&start[0]),
        "bob_state": hex(&start[1]),
        "steps": script.steps,
        "refused_by_open": script.refusals,
        "refused_by_seal": refused_by_seal(&start[0]),
        "refused_states": refused_states(&start[0], &start[1]),
    }
}

fn refused_by_seal(state: &[u8]) -> Vec<Json> {
    let last = |number: u32| {
        let state = Stored::parse(state);
        state.with("sending_number", &number.to_be_bytes()).bytes()
    };
    let mut session = Session::from_bytes(&last(u32::MAX - 1)).expect("a session");
    let sealed = session.seal(b"", &mut Tape::of("last"));
    assert!(sealed.is_ok(), "the last number but one is used");
    let after = Stored::parse(&stored(&session));
    assert_eq!(after.get("sending_number"), [0xff; 4]);
    [
        (
            "a plaintext of 81,920 bytes",
            state.to_vec(),
            81_920,
            SealError::TooLong,
        ),
        (
            "a chain that has used 2^32 - 1 numbers",
            last(u32::MAX),
            1,
            SealError::ChainExhausted,
        ),
    ]
    .map(|(name, state, length, error): (_, _, u64, _)| {
        object! {
            "name": name,
            "state": hex(state),
            "plaintext_length": length,
            "refused": error.name(),
        }
    })
    .into()
}

/// Stored sessions that are none. `active` is of a side that awaits its first reply, `due` of the other.
fn refused_states(active: &[u8], due: &[u8]) -> Vec<Json> {
    let due_with = |field: &str, value: &[u8]| Stored::parse(due).with(field, value).bytes();
    let active_with = |field: &str, value: &[u8]| Stored::parse(active).with(field, value).bytes();
    let skipped = |numbers: &[u32]| {
        let count = u16::try_from(numbers.len()).expect("few");
        let key = |number: &u32| [&number.to_be_bytes()[..], &[7; 40]].concat();
        let keys: Vec<_> = numbers.iter().flat_map(key).collect();
        due_with("skipped", &[&count.to_be_bytes(), &keys[..]].concat())
    };
    let keys = |numbers: std::ops::Range<u32>| {
        let count = u16::try_from(numbers.len()).expect("few");
        let keys = numbers.flat_map(|number| [&number.to_be_bytes()[..], &[7; 40]].concat());
        [&count.to_be_bytes()[..], &keys.collect::<Vec<_>>()].concat()
    };
    let mut ratchet_key = [0; 32];
    ratchet_key[0] = 9;
    let chain = [&[1][..], &[0; 32], &ratchet_key, &[0; 8], &keys(0..501)].concat();
    let spread = |current: u32| {
        let state = Stored::parse(due).with("receiving_number", &[0, 0, 4, 0]);
        let state = state.with("skipped", &keys(0..current));
        state.with("retired_count", &chain).bytes()
    };
    assert!(Session::from_bytes(&spread(499)).is_ok());
    let next = [u32::from_be_bytes(array(
        Stored::parse(due).get("receiving_number"),
    ))];
    let retired = [&[6][..], &[0; 6 * 74]].concat();
    let cases = [
        ("truncated by one byte", due[..due.len() - 1].to_vec()),
        ("one byte behind it", [due, &[0]].concat()),
        ("version 2", due_with("version", &[2])),
        ("a base key of small order", due_with("base_key", &[0; 32])),
        ("initial prefix flag 2", due_with("initial_flag", &[2])),
        ("sending state 3", active_with("sending", &[3])),
        ("receiving flag 2", due_with("receiving", &[2])),
        ("skipped keys in falling order", skipped(&[5, 4])),
        ("a skipped key twice", skipped(&[4, 4])),
        ("a skipped key of the next message", skipped(&next)),
        (
            "1,001 skipped keys",
            skipped(&(0..1001).collect::<Vec<_>>()),
        ),
        ("1,001 skipped keys of two chains", spread(500)),
        (
            "six retired chains",
            with_ratchet_keys(due_with("retired_count", &retired)),
        ),
    ];
    cases
        .map(|(name, state)| {
            let refusal = Session::from_bytes(&state).err();
            let refusal = refusal.unwrap_or_else(|| panic!("{name} is a session"));
            object! { "name": name, "state": hex(state), "refused": refusal.name() }
        })
        .into()
}

/// Six empty retired chains, each with the base point as its ratchet key.
fn with_ratchet_keys(mut state: Vec<u8>) -> Vec<u8> {
    let first = state.len() - 6 * 74;
    for chain in 0..6 {
        state[first + chain * 74 + 32] = 9;
    }
    state
}
