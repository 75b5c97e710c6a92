//! handshakes.json: both sides of the handshake with every value on the way, and initial messages that are
//! refused. What the crate keeps to itself is computed beside it and compared with its sessions' state.

use pawl_protocol::{
    Envelope, InitialMessage, KemKind, ResponderPreKeys, Session, VerifiedPreKeyBundle,
};

use super::crypt::{self, array, labels};
use super::json::{Json, hex, object};
use super::people::{Person, Tape, kem_kind, prekeys_json};
use super::refusals::Refusal;
use super::stored::{Stored, pad};

pub(super) const NOW: u64 = 1_700_000_000_000;
const NONCES: [&[u8]; 2] = [&[0x11; 24], &[0x22; 24]];

pub(super) fn make() -> Json {
    let mut rng = Tape::of("handshakes");
    let (alice, bob) = (Person::new(&mut rng), Person::new(&mut rng));
    let cases = [
        (KemKind::OneTime, true),
        (KemKind::OneTime, false),
        (KemKind::LastResort, true),
        (KemKind::LastResort, false),
    ];
    let handshakes = cases.map(|(kind, with_one_time)| {
        Handshake::run(&alice, &bob, kind, with_one_time, &mut rng).json(&alice, &bob)
    });
    let own = alice.bundle(KemKind::OneTime, true);
    let own = own
        .verify(&alice.account.public())
        .expect("an honest bundle");
    let refusal = Session::initiate(&alice.device, own, &mut rng).err();
    object! {
        "handshakes": Vec::from(handshakes),
        "refused_by_initiator": vec![object! {
            "name": "a bundle of one's own device",
            "device": alice.device_json(),
            "prekeys": prekeys_json(&alice.prekeys(KemKind::OneTime, true)),
            "refused": refusal.expect("refused").name(),
        }],
        "refused_by_responder": refused_by_responder(&alice, &bob, &mut rng),
    }
}

/// A handshake with all that was drawn and made.
pub(super) struct Handshake {
    kind: KemKind,
    with_one_time: bool,
    drawn: Vec<Vec<u8>>,
    nonces: Vec<Vec<u8>>,
    pub(super) begun: Vec<u8>,
    pub(super) envelope: Vec<u8>,
    pub(super) initiator: Session,
    pub(super) responder: Session,
}

const PLAINTEXT: &[u8] = b"the first message";

pub(super) fn verified(bob: &Person, kind: KemKind, with_one_time: bool) -> VerifiedPreKeyBundle {
    let bundle = bob.bundle(kind, with_one_time);
    bundle
        .verify(&bob.account.public())
        .expect("an honest bundle")
}

pub(super) fn stored(session: &Session) -> Vec<u8> {
    session.to_bytes().as_bytes().to_vec()
}

impl Handshake {
    pub(super) fn run(
        alice: &Person,
        bob: &Person,
        kind: KemKind,
        with_one_time: bool,
        rng: &mut Tape,
    ) -> Self {
        let bundle = verified(bob, kind, with_one_time);
        rng.drawn();
        let mut initiator = Session::initiate(&alice.device, bundle, rng).expect("honest");
        let drawn = rng.drawn();
        let begun = stored(&initiator);
        let envelope = initiator.seal(PLAINTEXT, rng).expect("short");
        let nonces = rng.drawn();
        let prekeys = bob.prekeys(kind, with_one_time);
        let accepted = Session::accept(&bob.device, &prekeys, &initial(&envelope), NOW);
        let (responder, plaintext) = accepted.expect("an honest message");
        assert_eq!(plaintext.as_bytes(), PLAINTEXT);
        Self {
            kind,
            with_one_time,
            drawn,
            nonces,
            begun,
            envelope,
            initiator,
            responder,
        }
    }

    fn json(&self, alice: &Person, bob: &Person) -> Json {
        let [tag, base, message, ratchet] = &self.drawn[..] else {
            panic!("a handshake draws four times");
        };
        let prekeys = bob.prekeys(self.kind, self.with_one_time);
        let agreed = Agreed::compute(alice, bob, &prekeys, [tag, base, message]);
        let begun = Stored::parse(&self.begun);
        agreed.is_that_of(&begun);
        let sealing = begun.next_sealing(None);
        let padded = sealing.padded(&self.envelope);
        let one_time = if self.with_one_time {
            "with"
        } else {
            "without"
        };
        object! {
            "name": format!("{} KEM prekey, {one_time} a one-time prekey", kem_kind(self.kind)),
            "initiator": alice.device_json(),
            "responder": bob.device_json(),
            "responder_prekeys": prekeys_json(&prekeys),
            "session_tag": hex(tag),
            "base_private": hex(base),
            "kem_message": hex(message),
            "ratchet_private": hex(ratchet),
            "agreed": agreed.json(),
            "initiator_state": hex(&self.begun),
            "plaintext": hex(PLAINTEXT),
            "header_nonce": hex(&self.nonces[0]),
            "body_nonce": hex(&self.nonces[1]),
            "sealing": sealing.json(hex(padded)),
            "envelope": hex(&self.envelope),
            "initiator_state_after": hex(stored(&self.initiator)),
            "now": NOW,
            "responder_state": hex(stored(&self.responder)),
        }
    }
}

/// The handshake once more, by the specification.
struct Agreed {
    dh: Vec<[u8; 32]>,
    ciphertext: Vec<u8>,
    shared: [u8; 32],
    transcript: Vec<u8>,
    associated_data: [u8; 32],
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Agreed {
    fn compute(
        alice: &Person,
        bob: &Person,
        prekeys: &ResponderPreKeys<'_>,
        [tag, base, message]: [&[u8]; 3],
    ) -> Self {
        let signed = prekeys.signed_prekey.public().encode();
        let kem = prekeys.kem_prekey.public().encode();
        let one_time = prekeys
            .one_time_prekey
            .map(|prekey| prekey.public().encode());
        let (alices, bobs) = (alice.certificate(), bob.certificate());
        let mut dh = vec![
            crypt::agree(&alice.identity_private(), &signed[4..36]),
            crypt::agree(base, &bobs[68..100]),
            crypt::agree(base, &signed[4..36]),
        ];
        dh.extend(one_time.map(|record| crypt::agree(base, &record[4..])));
        let (ciphertext, shared) = crypt::encapsulate(&kem[5..1189], message);
        let one_time_field = one_time.map_or(vec![0; 37], |record| [&[1], &record[..]].concat());
        let transcript = [
            labels::ASSOCIATED_DATA,
            &[1, 1],
            &alices[..100],
            &bobs[..100],
            &signed[..36],
            &one_time_field,
            &kem[..5],
            &crypt::sha256(&kem[5..1189]),
            tag,
            &crypt::x25519_public(base),
        ]
        .concat();
        let associated_data = crypt::sha256(&transcript);
        let input = [&[0xff; 32], &dh.concat()[..], &shared].concat();
        let info = [labels::HANDSHAKE, &associated_data].concat();
        Self {
            output: crypt::hkdf(&[0; 32], &input, &info, 160),
            dh,
            ciphertext,
            shared,
            transcript,
            associated_data,
            input,
        }
    }

    /// Holds all of it against a session that has just begun.
    fn is_that_of(&self, begun: &Stored) {
        let names = [
            "root_key",
            "sending_chain_key",
            "sending_header_key",
            "next_sending_header_key",
            "next_receiving_header_key",
        ];
        assert_eq!(self.associated_data, begun.get("associated_data"));
        assert_eq!(self.output, names.map(|name| begun.get(name)).concat());
        assert!(begun.get("initial_prefix").ends_with(&self.ciphertext));
    }

    fn json(&self) -> Json {
        let part = |at: usize| hex(&self.output[32 * at..32 * (at + 1)]);
        object! {
            "dh1": hex(self.dh[0]),
            "dh2": hex(self.dh[1]),
            "dh3": hex(self.dh[2]),
            "dh4": self.dh.get(3).map(hex),
            "kem_ciphertext": hex(&self.ciphertext),
            "kem_shared_secret": hex(self.shared),
            "transcript": hex(&self.transcript),
            "associated_data": hex(self.associated_data),
            "input_key_material": hex(&self.input),
            "output_key_material": hex(&self.output),
            "root_key": part(0),
            "initiator_chain_key": part(1),
            "initiator_header_key": part(2),
            "initiator_next_header_key": part(3),
            "responder_header_key": part(4),
        }
    }
}

pub(super) fn initial(envelope: &[u8]) -> InitialMessage<'_> {
    match Envelope::decode(envelope) {
        Ok(Envelope::Initial(message)) => message,
        _ => panic!("not an initial message"),
    }
}

/// Who is asked to accept, with which prekeys, and which message.
struct Attempt<'a> {
    name: &'static str,
    by: &'a Person,
    prekeys: ResponderPreKeys<'a>,
    envelope: Vec<u8>,
}

impl Attempt<'_> {
    fn json(&self) -> Json {
        let message = initial(&self.envelope);
        let refusal = Session::accept(&self.by.device, &self.prekeys, &message, NOW);
        let refusal = refusal
            .err()
            .unwrap_or_else(|| panic!("{} is accepted", self.name));
        object! {
            "name": self.name,
            "device": self.by.device_json(),
            "prekeys": prekeys_json(&self.prekeys),
            "envelope": hex(&self.envelope),
            "now": NOW,
            "refused": refusal.name(),
        }
    }
}

fn refused_by_responder(alice: &Person, bob: &Person, rng: &mut Tape) -> Vec<Json> {
    let other = Person::with_device(again(&bob.account), 2, rng);
    let run = Handshake::run(alice, bob, KemKind::OneTime, true, rng);
    let without = Handshake::run(alice, bob, KemKind::OneTime, false, rng);
    let mut attempts = by_others(alice, &other, &run.envelope);
    attempts.extend(other_prekeys(bob, &run.envelope, &without.envelope));
    attempts.extend(tampered(bob, &run.envelope));
    attempts.extend(forged(bob, &run.begun));
    attempts.iter().map(Attempt::json).collect()
}

/// Where an initial message's base key stands.
const BASE: usize = 19 + 164;

fn by_others<'a>(alice: &'a Person, other: &'a Person, good: &[u8]) -> Vec<Attempt<'a>> {
    let cases = [
        (
            "reflected to its sender, whose prekeys have the same ids",
            alice,
        ),
        (
            "sent to another device of the account, whose prekeys have the same ids",
            other,
        ),
    ];
    let attempt = |(name, by): (&'static str, &'a Person)| Attempt {
        name,
        by,
        prekeys: by.prekeys(KemKind::OneTime, true),
        envelope: good.to_vec(),
    };
    let mut attempts = Vec::from(cases.map(attempt));
    // Which of both is looked at first.
    attempts.push(Attempt {
        name: "reflected to its sender, with another signature in the certificate",
        by: alice,
        prekeys: alice.prekeys(KemKind::OneTime, true),
        envelope: changed(good, 19 + 163, &[good[19 + 163] ^ 1]),
    });
    attempts
}

fn other_prekeys<'a>(bob: &'a Person, good: &[u8], without: &[u8]) -> Vec<Attempt<'a>> {
    let both = bob.prekeys(KemKind::OneTime, true);
    let signed_only = bob.prekeys(KemKind::OneTime, false);
    let last_resort = bob.prekeys(KemKind::LastResort, true);
    let left_out = changed(good, BASE + 41, &[0; 5]);
    let put_in = changed(without, BASE + 41, &[1, 0, 0, 0, 10]);
    // It says that its one-time KEM prekey was the last-resort one, and meets that one.
    let mut kind = changed(good, BASE + 36, &[2]);
    kind[BASE + 37..BASE + 41].copy_from_slice(&bob.last_resort.id().to_be_bytes());
    let cases = [
        (
            "other prekeys than it names: no one-time prekey",
            signed_only,
            good.to_vec(),
        ),
        (
            "other prekeys than it names: the last-resort KEM prekey",
            last_resort,
            good.to_vec(),
        ),
        (
            "the id of another signed prekey",
            both,
            changed(good, BASE + 32, &[0, 0, 0, 6]),
        ),
        (
            "the one-time prekey left out of the message",
            signed_only,
            left_out,
        ),
        ("a one-time prekey put into the message", both, put_in),
        (
            "a one-time KEM prekey passed off as the last-resort one",
            last_resort,
            kind,
        ),
    ];
    let attempt = |(name, prekeys, envelope)| Attempt {
        name,
        by: bob,
        prekeys,
        envelope,
    };
    cases.map(attempt).into()
}

fn tampered<'a>(bob: &'a Person, good: &[u8]) -> Vec<Attempt<'a>> {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let other = bob.one_time.public().encode()[4..].to_vec();
    let flip = |at: usize| (at, vec![good[at] ^ 1]);
    let cases = [
        (
            "the certificate's account key is of small order",
            (19, neutral.to_vec()),
        ),
        (
            "the certificate's device number is 0",
            (19 + 32, vec![0; 4]),
        ),
        (
            "the certificate's identity key is another",
            (19 + 68, other.clone()),
        ),
        ("the certificate's signature is another", flip(19 + 163)),
        ("another tag", flip(3)),
        ("another base key", (BASE, other)),
        ("another KEM ciphertext", flip(BASE + 46)),
        ("a changed header nonce", flip(1317)),
        ("a changed header", flip(1341)),
        ("a changed body nonce", flip(1399)),
        ("a changed body", flip(good.len() - 1)),
    ];
    let attempt = |(name, (at, bytes)): (&'static str, (usize, Vec<u8>))| Attempt {
        name,
        by: bob,
        prekeys: bob.prekeys(KemKind::OneTime, true),
        envelope: changed(good, at, &bytes),
    };
    cases.map(attempt).into()
}

/// Authentic, and saying what no honest initiator says.
fn forged<'a>(bob: &'a Person, begun: &[u8]) -> Vec<Attempt<'a>> {
    let sealing = Stored::parse(begun).next_sealing(None);
    let no_padding = [PLAINTEXT, &[0; 160 - PLAINTEXT.len()]].concat();
    let header = |at: usize, bytes: &[u8]| {
        let changed = sealing.with_header(at, bytes);
        changed.envelope(NONCES, &pad(PLAINTEXT))
    };
    let cases = [
        ("PN is 1 in the first chain", header(32, &[0, 0, 0, 1])),
        (
            "number 1,001, which steps over 1,001 messages",
            header(36, &[0, 0, 3, 0xe9]),
        ),
        (
            "the header's post-quantum field is not empty",
            header(40, &[0, 1]),
        ),
        ("a ratchet key of small order", header(0, &[0; 32])),
        (
            "the body has no padding",
            sealing.envelope(NONCES, &no_padding),
        ),
    ];
    let attempt = |(name, envelope)| Attempt {
        name,
        by: bob,
        prekeys: bob.prekeys(KemKind::OneTime, true),
        envelope,
    };
    cases.map(attempt).into()
}

fn changed(bytes: &[u8], at: usize, by: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at..at + by.len()].copy_from_slice(by);
    changed
}

fn again(account: &pawl_protocol::AccountKeyPair) -> pawl_protocol::AccountKeyPair {
    let bytes = account.to_bytes();
    pawl_protocol::AccountKeyPair::from_bytes(bytes.as_bytes()).expect("as it was stored")
}

/// The stored forms of a device and its prekeys from a refusal's fields, and what accepting gives.
pub(super) fn judge_accept(case: &serde_json::Value) -> Option<String> {
    let restored = super::replay::Restored::read(case);
    let envelope = super::json::unhex(&case["envelope"]);
    let now = case["now"].as_u64().expect("a time");
    let message = initial(&envelope);
    let result = Session::accept(&restored.device, &restored.prekeys(), &message, now);
    result.err().map(|error| error.name())
}

pub(super) fn judge_initiate(case: &serde_json::Value) -> Option<String> {
    let restored = super::replay::Restored::read(case);
    let bundle = restored.verified_bundle();
    let mut rng = Tape::of("replay");
    let result = Session::initiate(&restored.device, bundle, &mut rng);
    result.err().map(|error| error.name())
}

/// A session's keys must not be those of another handshake.
#[test]
fn no_two_handshakes_of_the_vectors_share_a_key() {
    let mut rng = Tape::of("distinct");
    let (alice, bob) = (Person::new(&mut rng), Person::new(&mut rng));
    let mut roots: Vec<[u8; 32]> = (0..4)
        .map(|_| {
            let run = Handshake::run(&alice, &bob, KemKind::LastResort, false, &mut rng);
            array(Stored::parse(&run.begun).get("root_key"))
        })
        .collect();
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(roots.len(), 4);
}
