//! Two people with fixed keys, their conversation, and its states in stored form; made once.

use std::sync::OnceLock;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_protocol::{
    AccountKeyPair, DeviceId, DeviceKeyPair, Envelope, InitialMessage, KemKind, KemPreKeyPair,
    LocalDevice, OneTimePreKeyPair, PreKeyBundle, ResponderPreKeys, Session, SignedPreKeyPair,
};

pub(crate) const NOW: u64 = 1_700_000_000_000;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A device and all that it has published.
pub(crate) struct Person {
    pub(crate) account: AccountKeyPair,
    pub(crate) device: LocalDevice,
    pub(crate) signed_prekey: SignedPreKeyPair,
    pub(crate) kem_prekeys: [KemPreKeyPair; 2],
    pub(crate) one_time_prekey: OneTimePreKeyPair,
}

impl Person {
    fn new(seed: u64) -> Self {
        let rng = &mut rng(seed);
        let account = AccountKeyPair::generate(rng);
        let keys = DeviceKeyPair::generate(rng);
        let device = LocalDevice::certify(&account, DeviceId::FIRST, keys);
        let mut kem = |kind| KemPreKeyPair::generate(kind, 8, device.keys(), &mut *rng);
        let kem_prekeys = [kem(KemKind::OneTime), kem(KemKind::LastResort)];
        Self {
            signed_prekey: SignedPreKeyPair::generate(7, device.keys(), rng),
            kem_prekeys,
            one_time_prekey: OneTimePreKeyPair::generate(9, rng),
            account,
            device,
        }
    }

    /// With one-time keys, or without any.
    pub(crate) fn bundle(&self, one_time: bool) -> PreKeyBundle {
        PreKeyBundle {
            certificate: self.device.certificate().clone(),
            signed_prekey: self.signed_prekey.public(),
            kem_prekey: self.kem_prekeys[usize::from(!one_time)].public(),
            one_time_prekey: one_time.then(|| self.one_time_prekey.public()),
        }
    }

    /// Begins a session with this person.
    pub(crate) fn initiated_by(&self, other: &Self, one_time: bool, seed: u64) -> Session {
        let bundle = self.bundle(one_time).verify(&self.account.public());
        let bundle = bundle.expect("an honest bundle");
        Session::initiate(&other.device, bundle, &mut rng(seed)).expect("an honest bundle")
    }

    /// What an initial message names, as a store would find it.
    pub(crate) fn prekeys_for(&self, message: &InitialMessage<'_>) -> ResponderPreKeys<'_> {
        let last_resort = message.kem_kind() == KemKind::LastResort;
        ResponderPreKeys {
            signed_prekey: &self.signed_prekey,
            kem_prekey: &self.kem_prekeys[usize::from(last_resort)],
            one_time_prekey: message.one_time_prekey_id().map(|_| &self.one_time_prekey),
        }
    }
}

/// What every run begins with.
pub(crate) struct People {
    pub(crate) alice: Person,
    pub(crate) bob: Person,
    /// Alice's session with nothing sent, as stored.
    pub(crate) begun: Vec<u8>,
    /// Alice's first two messages: with the handshake, with and without one-time keys.
    pub(crate) initial: [Vec<u8>; 2],
    /// Bob's session in each state that a ratchet has, as stored: due; active; active with skipped keys and retired chains.
    pub(crate) states: [Vec<u8>; 3],
    /// What Alice sent and Bob's last state has not opened: in the next chain, skipped, and of a retired chain.
    pub(crate) waiting: Vec<Vec<u8>>,
}

pub(crate) fn people() -> &'static People {
    static PEOPLE: OnceLock<People> = OnceLock::new();
    PEOPLE.get_or_init(People::new)
}

impl People {
    fn new() -> Self {
        let (alice, bob) = (Person::new(1), Person::new(2));
        let mut a = bob.initiated_by(&alice, true, 3);
        let begun = stored(&a);
        let first = a.seal(b"first", &mut rng(4)).expect("short");
        let mut other = bob.initiated_by(&alice, false, 5);
        let without = other.seal(b"without", &mut rng(6)).expect("short");
        let (mut b, _) = accept(&bob, &first);
        let due = stored(&b);
        let talk = |from: &mut Session, to: &mut Session, seed, lost: usize| {
            let rng = &mut rng(seed);
            let lost: Vec<_> = (0..lost).map(|_| from.seal(b"lost", rng)).collect();
            let envelope = from.seal(b"comes", rng).expect("short");
            let envelope = Envelope::decode(&envelope).expect("an envelope");
            to.open(&envelope, NOW).expect("an honest message");
            lost.into_iter()
                .map(|sealed| sealed.expect("short"))
                .collect::<Vec<_>>()
        };
        talk(&mut b, &mut a, 7, 0);
        let active = stored(&b);
        let mut waiting = talk(&mut a, &mut b, 8, 1);
        talk(&mut b, &mut a, 9, 0);
        waiting.extend(talk(&mut a, &mut b, 10, 2));
        talk(&mut b, &mut a, 11, 0);
        waiting.push(a.seal(b"next chain", &mut rng(12)).expect("short"));
        let states = [due, active, stored(&b)];
        Self {
            alice,
            bob,
            begun,
            initial: [first, without],
            states,
            waiting,
        }
    }
}

pub(crate) fn stored(session: &Session) -> Vec<u8> {
    session.to_bytes().as_bytes().to_vec()
}

pub(crate) fn restored(bytes: &[u8]) -> Session {
    Session::from_bytes(bytes).expect("what was stored")
}

/// Opens a first message that is an honest one.
fn accept(person: &Person, envelope: &[u8]) -> (Session, Vec<u8>) {
    let Ok(Envelope::Initial(message)) = Envelope::decode(envelope) else {
        panic!("not an initial message");
    };
    let prekeys = person.prekeys_for(&message);
    let (session, text) =
        Session::accept(&person.device, &prekeys, &message, NOW).expect("an honest message");
    (session, text.as_bytes().to_vec())
}
