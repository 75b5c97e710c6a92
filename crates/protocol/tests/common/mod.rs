//! People, devices and prekeys for the tests, from a seed that a failing test can print.
#![expect(dead_code, reason = "each test binary uses its own part of this")]

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_protocol::{
    AccountKeyPair, DeviceId, DeviceKeyPair, Envelope, InitialMessage, KemKind, KemPreKeyPair,
    LocalDevice, OneTimePreKeyPair, Plaintext, PreKeyBundle, ResponderPreKeys, Session,
    SignedPreKeyPair, VerifiedPreKeyBundle,
};

/// A time for tests that do not care for it.
pub const NOW: u64 = 1_700_000_000_000;

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A device and everything that it has published.
pub struct Party {
    pub account: AccountKeyPair,
    pub device: LocalDevice,
    pub signed_prekey: SignedPreKeyPair,
    pub kem_prekey: KemPreKeyPair,
    pub one_time_prekey: Option<OneTimePreKeyPair>,
}

impl Party {
    pub fn new(rng: &mut ChaCha20Rng) -> Self {
        let account = AccountKeyPair::generate(rng);
        let keys = DeviceKeyPair::generate(rng);
        let device = LocalDevice::certify(&account, DeviceId::FIRST, keys);
        Self {
            signed_prekey: SignedPreKeyPair::generate(7, device.keys(), rng),
            kem_prekey: KemPreKeyPair::generate(KemKind::OneTime, 8, device.keys(), rng),
            one_time_prekey: Some(OneTimePreKeyPair::generate(9, rng)),
            account,
            device,
        }
    }

    pub fn without_one_time_keys(mut self, rng: &mut ChaCha20Rng) -> Self {
        self.one_time_prekey = None;
        self.kem_prekey = KemPreKeyPair::generate(KemKind::LastResort, 8, self.device.keys(), rng);
        self
    }

    pub fn bundle(&self) -> PreKeyBundle {
        PreKeyBundle {
            certificate: self.device.certificate().clone(),
            signed_prekey: self.signed_prekey.public(),
            kem_prekey: self.kem_prekey.public(),
            one_time_prekey: self.one_time_prekey.as_ref().map(|p| p.public()),
        }
    }

    pub fn verified_bundle(&self) -> VerifiedPreKeyBundle {
        let account = self.account.public();
        self.bundle().verify(&account).expect("an honest bundle")
    }

    pub fn prekeys(&self) -> ResponderPreKeys<'_> {
        ResponderPreKeys {
            signed_prekey: &self.signed_prekey,
            kem_prekey: &self.kem_prekey,
            one_time_prekey: self.one_time_prekey.as_ref(),
        }
    }

    pub fn initiate(&self, peer: &Party, rng: &mut ChaCha20Rng) -> Session {
        Session::initiate(&self.device, peer.verified_bundle(), rng).expect("an honest bundle")
    }

    pub fn accept(&self, envelope: &[u8]) -> (Session, Plaintext) {
        Session::accept(&self.device, &self.prekeys(), &initial(envelope), NOW)
            .expect("an honest initial message")
    }
}

pub fn initial(envelope: &[u8]) -> InitialMessage<'_> {
    match Envelope::decode(envelope).expect("an envelope") {
        Envelope::Initial(message) => message,
        Envelope::Ratchet(_) => panic!("not an initial message"),
    }
}

/// Two parties and their sessions, the first message opened and answered.
pub fn conversation(rng: &mut ChaCha20Rng) -> (Session, Session) {
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let (mut b, _) = bob.accept(&a.seal(b"hello", rng).expect("sealed"));
    let reply = b.seal(b"hello yourself", rng).expect("sealed");
    open(&mut a, &reply);
    (a, b)
}

/// Opens an honest envelope.
pub fn open(session: &mut Session, envelope: &[u8]) -> Vec<u8> {
    let envelope = Envelope::decode(envelope).expect("an envelope");
    let plaintext = session.open(&envelope, NOW).expect("an honest message");
    plaintext.as_bytes().to_vec()
}

pub fn stored(session: &Session) -> Vec<u8> {
    session.to_bytes().as_bytes().to_vec()
}
