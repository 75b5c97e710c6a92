//! The work that `cargo xtask bench crypto` times: a whole set-up of two people, messages between them, and what a
//! relay may ask a registration to work.
//! It draws randomness from the system, as the engine does, so that its price is in the numbers. Knows the
//! protocol and the relay's puzzle and nothing above them; times nothing itself.
#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
mod exports;

use getrandom::SysRng;
use pawl_protocol::{
    AccountKeyPair, DeviceId, DeviceKeyPair, DrawAhead, Envelope, KemKind, KemPreKeyPair,
    LocalDevice, OneTimePreKeyPair, PreKeyBundle, ResponderPreKeys, SecretBytes, Session,
    SignedPreKeyPair,
};
use pawl_wire::work::Puzzle;
use pawl_wire::{AccountId, Nonce};
use rand_core::{CryptoRng, UnwrapErr};

/// Bytes of every message's text.
pub const BODY_BYTES: usize = 200;

/// A fixed time, in milliseconds since the epoch: nothing here ages.
const NOW: u64 = 1_700_000_000_000;

const BODY: [u8; BODY_BYTES] = [b'x'; BODY_BYTES];

/// Two people who have exchanged one message.
#[derive(Debug)]
pub struct Conversation {
    alice: Session,
    bob: Session,
}

impl Conversation {
    /// Makes both people's accounts and devices and Bob's prekeys, verifies Bob's bundle, shakes hands, and
    /// opens Alice's first message.
    #[expect(clippy::missing_panics_doc, reason = "honest input")]
    pub fn set_up() -> Self {
        let rng = &mut system();
        let (alice, bob) = (person(rng), person(rng));
        let signed_prekey = SignedPreKeyPair::generate(1, bob.1.keys(), rng);
        let kem_prekey = KemPreKeyPair::generate(KemKind::OneTime, 2, bob.1.keys(), rng);
        let one_time_prekey = OneTimePreKeyPair::generate(3, rng);
        let bundle = PreKeyBundle {
            certificate: bob.1.certificate().clone(),
            signed_prekey: signed_prekey.public(),
            kem_prekey: kem_prekey.public(),
            one_time_prekey: Some(one_time_prekey.public()),
        };
        let verified = bundle.verify(&bob.0.public()).expect("an honest bundle");
        let mut sending = Session::initiate(&alice.1, verified, rng).expect("an honest bundle");
        let first = sending.seal(&BODY, rng).expect("within the limits");
        let Ok(Envelope::Initial(initial)) = Envelope::decode(&first) else {
            unreachable!("the first message of a session is an initial message")
        };
        let prekeys = ResponderPreKeys {
            signed_prekey: &signed_prekey,
            kem_prekey: &kem_prekey,
            one_time_prekey: Some(&one_time_prekey),
        };
        let accepted = Session::accept(&bob.1, &prekeys, &initial, NOW);
        let (receiving, text) = accepted.expect("an honest first message");
        assert_eq!(text.as_bytes(), BODY);
        Self {
            alice: sending,
            bob: receiving,
        }
    }

    /// `count` messages, in turn from one and from the other; Bob begins.
    pub fn ping_pong(&mut self, count: u32) {
        for turn in 0..count {
            if turn % 2 == 0 {
                send(&mut self.bob, &mut self.alice);
            } else {
                send(&mut self.alice, &mut self.bob);
            }
        }
    }

    /// `count` messages from Alice to Bob.
    pub fn burst(&mut self, count: u32) {
        for _ in 0..count {
            send(&mut self.alice, &mut self.bob);
        }
    }
}

/// So many tries at a relay's puzzle, which none of them solves.
pub fn work(tries: u32) {
    let puzzle = Puzzle::new(
        u32::MAX,
        &Nonce([1; Nonce::LEN]),
        &AccountId([2; AccountId::LEN]),
    );
    assert_eq!(puzzle.solve(0, u64::from(tries)), None);
}

/// The most that one message may step over.
pub const SKIPPED: u32 = 1_000;

/// A session, as it is stored, and a message on it with [`SKIPPED`] before it that never came.
#[derive(Debug)]
pub struct Skipped {
    stored: SecretBytes,
    envelope: Vec<u8>,
}

impl Skipped {
    /// Seals all of them.
    #[expect(clippy::missing_panics_doc, reason = "honest input")]
    pub fn set_up() -> Self {
        let mut conversation = Conversation::set_up();
        let rng = &mut system();
        let mut seal = || {
            conversation
                .alice
                .seal(&BODY, rng)
                .expect("within the limits")
        };
        for _ in 0..SKIPPED {
            seal();
        }
        Self {
            envelope: seal(),
            stored: conversation.bob.to_bytes(),
        }
    }

    /// Reads the session and opens the message.
    #[expect(clippy::missing_panics_doc, reason = "honest input")]
    pub fn open(&self) {
        let mut bob = Session::from_bytes(self.stored.as_bytes()).expect("as it was stored");
        let envelope = Envelope::decode(&self.envelope).expect("an envelope");
        let text = bob.open(&envelope, NOW).expect("an honest message");
        assert_eq!(text.as_bytes(), BODY);
    }
}

/// As the engine draws: anew for each step.
fn system() -> DrawAhead<UnwrapErr<SysRng>> {
    DrawAhead::new(UnwrapErr(SysRng))
}

fn person(rng: &mut dyn CryptoRng) -> (AccountKeyPair, LocalDevice) {
    let account = AccountKeyPair::generate(rng);
    let keys = DeviceKeyPair::generate(rng);
    let device = LocalDevice::certify(&account, DeviceId::FIRST, keys);
    (account, device)
}

fn send(from: &mut Session, to: &mut Session) {
    let sealed = from.seal(&BODY, &mut system()).expect("within the limits");
    let envelope = Envelope::decode(&sealed).expect("an envelope");
    let text = to.open(&envelope, NOW).expect("an honest message");
    assert_eq!(text.as_bytes(), BODY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_timed_works() {
        let mut conversation = Conversation::set_up();
        conversation.ping_pong(10);
        conversation.burst(10);
        let skipped = Skipped::set_up();
        skipped.open();
        skipped.open();
    }
}
