//! A conversation that writes itself down: every step with what it took and the state that it left, every
//! refusal with the state that it did not change.

use pawl_protocol::{Envelope, Session};

use crate::vectors::crypt::sha256;
use crate::vectors::handshakes::{NOW, stored};
use crate::vectors::json::{Json, hex, object};
use crate::vectors::people::Tape;
use crate::vectors::refusals::Refusal;
use crate::vectors::stored::{Sealing, Stored};

/// States above this size stand in the file as their hash.
const LONG: usize = 8_192;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Alice,
    Bob,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }
}

pub(super) struct Script {
    sessions: [Session; 2],
    rng: Tape,
    pub(super) now: u64,
    pub(super) steps: Vec<Json>,
    pub(super) refusals: Vec<Json>,
}

impl Script {
    pub(super) fn new(alice: Session, bob: Session, mut rng: Tape) -> Self {
        rng.drawn();
        Self {
            sessions: [alice, bob],
            rng,
            now: NOW,
            steps: Vec::new(),
            refusals: Vec::new(),
        }
    }

    pub(super) fn state(&self, side: Side) -> Vec<u8> {
        stored(&self.sessions[side as usize])
    }

    pub(super) fn stored(&self, side: Side) -> Stored {
        Stored::parse(&self.state(side))
    }

    pub(super) fn seal(&mut self, side: Side, text: &str) -> Vec<u8> {
        let before = self.stored(side);
        let session = &mut self.sessions[side as usize];
        let envelope = session.seal(text.as_bytes(), &mut self.rng).expect("short");
        let drawn = self.rng.drawn();
        let (ratchet, nonces) = match &drawn[..] {
            [header, body] => (None, [&header[..], body]),
            [ratchet, header, body] => (Some(&ratchet[..]), [&header[..], body]),
            _ => panic!("sealing draws two nonces, and a ratchet key where a chain begins"),
        };
        let sealing = before.next_sealing(ratchet);
        let padded = sealing.padded(&envelope);
        assert_eq!(sealing.envelope(nonces, &padded), envelope);
        self.steps.push(object! {
            "who": side.name(),
            "does": "seal",
            "plaintext": hex(text),
            "ratchet_private": ratchet.map(hex),
            "header_nonce": hex(nonces[0]),
            "body_nonce": hex(nonces[1]),
            "sealing": sealing.json(hex(padded)),
            "envelope": hex(&envelope),
            "after": self.after(side),
        });
        envelope
    }

    /// Seals so many messages that are lost on their way.
    pub(super) fn lose(&mut self, side: Side, count: u32) {
        let session = &mut self.sessions[side as usize];
        for _ in 0..count {
            session.seal(b"lost", &mut self.rng).expect("short");
        }
        self.rng.drawn();
        self.steps.push(object! {
            "who": side.name(),
            "does": "lose",
            "count": count,
            "after": self.after(side),
        });
    }

    pub(super) fn open(&mut self, side: Side, what: &str, envelope: &[u8]) {
        let parsed = Envelope::decode(envelope).expect("an envelope");
        let session = &mut self.sessions[side as usize];
        let plaintext = session.open(&parsed, self.now);
        let plaintext = plaintext.unwrap_or_else(|error| panic!("{what}: {error}"));
        self.steps.push(object! {
            "who": side.name(),
            "does": "open",
            "what": what,
            "now": self.now,
            "envelope": hex(envelope),
            "plaintext": hex(plaintext.as_bytes()),
            "after": self.after(side),
        });
    }

    pub(super) fn refuse(&mut self, side: Side, name: &str, envelope: &[u8]) {
        let case = refused(name, &self.state(side), envelope, self.now);
        self.refusals.push(case);
    }

    pub(super) fn refuse_forged(&mut self, side: Side, name: &str, sealing: &Sealing) {
        let padded = crate::vectors::stored::pad(b"forged");
        self.refuse(
            side,
            name,
            &sealing.envelope([&[0x33; 24], &[0x44; 24]], &padded),
        );
    }

    fn after(&self, side: Side) -> Json {
        let state = self.state(side);
        let keys = Stored::parse(&state).keys_json();
        if state.len() > LONG {
            return object! { "state_sha256": hex(sha256(&state)), "keys": keys };
        }
        object! { "state": hex(&state), "keys": keys }
    }
}

/// One message that a session of this state refuses, with the state before and after.
pub(in crate::vectors) fn refused(name: &str, state: &[u8], envelope: &[u8], now: u64) -> Json {
    let mut session = Session::from_bytes(state).expect("a session");
    let refusal = match Envelope::decode(envelope) {
        Ok(envelope) => session.open(&envelope, now).err().map(|error| error.name()),
        Err(error) => Some(error.name()),
    };
    let after = stored(&session);
    assert_eq!(after, state, "{name} changed the state");
    object! {
        "name": name,
        "state": hex(state),
        "now": now,
        "envelope": hex(envelope),
        "refused": refusal.unwrap_or_else(|| panic!("{name} is not refused")),
        "state_after": hex(after),
    }
}
