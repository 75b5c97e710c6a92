//! envelopes.json: what an envelope says, and bytes that are none.

use pawl_protocol::{AccountKeyPair, Envelope, KemKind, MAX_ENVELOPE_BYTES, MAX_PLAINTEXT_BYTES};
use pawl_wire::envelope::{INITIAL, may_come_from};
use pawl_wire::limits::MIN_ENVELOPE;
use pawl_wire::{AccountId, DeviceAddress};

use super::handshakes::{Handshake, initial};
use super::identity::refused;
use super::json::{Json, hex, object};
use super::people::{Person, Tape, kem_kind};
use super::refusals::Refusal;

pub(super) fn make() -> Json {
    let mut rng = Tape::of("envelopes");
    let (alice, bob) = (Person::new(&mut rng), Person::new(&mut rng));
    let with = Handshake::run(&alice, &bob, KemKind::OneTime, true, &mut rng);
    let mut without = Handshake::run(&alice, &bob, KemKind::LastResort, false, &mut rng);
    let reply = without.responder.seal(b"reply", &mut rng).expect("short");
    let longest = without
        .initiator
        .seal(&[b'x'; MAX_PLAINTEXT_BYTES], &mut rng);
    assert_eq!(longest.expect("it fits").len(), MAX_ENVELOPE_BYTES);
    let shortest = reply.len();
    object! {
        "shortest": u64::try_from(shortest).expect("short"),
        "longest": u64::try_from(MAX_ENVELOPE_BYTES).expect("short"),
        "envelopes": vec![
            described("initial, with a one-time prekey", &with.envelope),
            described("initial, without", &without.envelope),
            described("ratchet", &reply),
        ],
        "refused_envelopes": refused_envelopes(&with.envelope, &without.envelope, &reply),
    }
}

fn described(name: &str, envelope: &[u8]) -> Json {
    let parsed = Envelope::decode(envelope).expect("an envelope");
    let handshake = match parsed {
        Envelope::Ratchet(_) => Json::Null,
        Envelope::Initial(_) => {
            let message = initial(envelope);
            let sender = message.sender().expect("a certificate");
            object! {
                "certificate": hex(sender.encode()),
                "base_key": hex(message.base_key().as_bytes()),
                "signed_prekey_id": message.signed_prekey_id(),
                "kem_kind": kem_kind(message.kem_kind()),
                "kem_prekey_id": message.kem_prekey_id(),
                "one_time_prekey_id": message.one_time_prekey_id().map(Json::from),
            }
        }
    };
    object! {
        "name": name,
        "tag": hex(parsed.tag().as_bytes()),
        "handshake": handshake,
        "envelope": hex(envelope),
    }
}

fn refused_envelopes(with: &[u8], without: &[u8], ratchet: &[u8]) -> Vec<Json> {
    let mut cases = ratchet_cases(ratchet);
    cases.extend(initial_cases(with, without));
    let judge = |bytes: &[u8]| Envelope::decode(bytes).err().map(|error| error.name());
    let listed = cases
        .iter()
        .map(|(name, bytes)| refused(name, "envelope", bytes, judge(bytes)));
    listed.chain([oversized(ratchet)]).collect()
}

/// Its 160 kB are zeros behind the length; the file says how many instead of listing them.
fn oversized(ratchet: &[u8]) -> Json {
    let mut bytes = change(ratchet, 125, &(163_840_u32 + 16).to_be_bytes());
    bytes.resize(129 + 163_840 + 16, 0);
    let error = Envelope::decode(&bytes).expect_err("too long");
    object! {
        "name": "a body of the class after the largest, oversized",
        "envelope": hex(&bytes[..129]),
        "zeros_behind": u64::try_from(bytes.len() - 129).expect("short"),
        "refused": error.name(),
    }
}

fn change(bytes: &[u8], at: usize, by: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at..at + by.len()].copy_from_slice(by);
    changed
}

fn ratchet_cases(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let with = |at: usize, by: &[u8]| change(good, at, by);
    vec![
        ("empty", Vec::new()),
        ("one byte", vec![1]),
        ("the prefix alone", good[..19].to_vec()),
        ("ends in the header", good[..60].to_vec()),
        ("ends before the length", good[..125].to_vec()),
        ("ends before the body", good[..129].to_vec()),
        ("truncated by one byte", good[..good.len() - 1].to_vec()),
        ("one byte behind it", [good, &[0]].concat()),
        ("two envelopes", [good, good].concat()),
        ("version 0", with(0, &[0])),
        ("version 2", with(0, &[2])),
        ("type 0", with(1, &[0])),
        ("type 3", with(1, &[3])),
        ("suite 0", with(2, &[0])),
        ("suite 2", with(2, &[2])),
        ("a body length that is no class", with(125, &[0, 0, 0, 177])),
        ("a body length without a tag", with(125, &[0, 0, 0, 160])),
        ("a body length of 0", with(125, &[0; 4])),
        ("a body length of 2^32 - 1", with(125, &[0xff; 4])),
        (
            "the next class, which is not there",
            with(125, &[0, 0, 1, 0x50]),
        ),
    ]
}

fn initial_cases(good: &[u8], without: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let with = |at: usize, by: &[u8]| change(good, at, by);
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    vec![
        (
            "an initial message ends in the handshake",
            good[..700].to_vec(),
        ),
        (
            "an initial message truncated by one byte",
            good[..good.len() - 1].to_vec(),
        ),
        ("one byte behind an initial message", [good, &[0]].concat()),
        ("a base key of small order", with(183, &[0; 32])),
        ("a base key that is not canonical", with(183, &p)),
        (
            "a base key with the top bit",
            with(214, &[good[214] | 0x80]),
        ),
        ("KEM kind 0", with(219, &[0])),
        ("KEM kind 3", with(219, &[3])),
        ("one-time prekey flag 2", with(224, &[2])),
        (
            "no one-time prekey, and an id",
            change(without, 225, &[0, 0, 0, 1]),
        ),
    ]
}

/// What the relay looks at, which knows nothing of the protocol, stands where the protocol has it.
#[test]
fn the_relay_finds_the_sender_and_the_smallest_size_where_they_are() {
    let mut rng = Tape::of("sender");
    let account = AccountKeyPair::generate(&mut rng);
    let alice = Person::with_device(account, 0x0102_0304, &mut rng);
    let bob = Person::new(&mut rng);
    let mut talk = Handshake::run(&alice, &bob, KemKind::OneTime, true, &mut rng);
    let reply = talk.responder.seal(b"", &mut rng).expect("short");
    assert_eq!(reply.len(), MIN_ENVELOPE);
    assert!(Envelope::decode(&reply[..MIN_ENVELOPE - 1]).is_err());
    assert!(talk.envelope.starts_with(&INITIAL) && !reply.starts_with(&INITIAL));
    let address = |person: &Person| {
        let certificate = person.certificate();
        let device = u32::from_be_bytes(certificate[32..36].try_into().expect("four bytes"));
        DeviceAddress {
            account: AccountId(*person.account.public().as_bytes()),
            device,
        }
    };
    let (alice, bob) = (address(&alice), address(&bob));
    assert_eq!((alice.device, bob.device), (0x0102_0304, 1));
    assert!(may_come_from(&talk.envelope, alice) && !may_come_from(&talk.envelope, bob));
    let other = DeviceAddress { device: 1, ..alice };
    assert!(!may_come_from(&talk.envelope, other));
    assert!(may_come_from(&reply, alice) && may_come_from(&reply, bob));
}
