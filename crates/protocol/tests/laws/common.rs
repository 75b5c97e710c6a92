//! People, devices and prekeys for the tests, from a seed that a failing test can print.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_protocol::{
    AccountKeyPair, DeviceId, DeviceKeyPair, Envelope, InitialMessage, KemKind, KemPreKeyPair,
    LocalDevice, OneTimePreKeyPair, Plaintext, PreKeyBundle, ResponderPreKeys, Session,
    SignedPreKeyPair, VerifiedPreKeyBundle,
};

/// A time for tests that do not care for it.
pub(crate) const NOW: u64 = 1_700_000_000_000;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A device and everything that it has published.
pub(crate) struct Party {
    pub(crate) account: AccountKeyPair,
    pub(crate) device: LocalDevice,
    pub(crate) signed_prekey: SignedPreKeyPair,
    pub(crate) kem_prekey: KemPreKeyPair,
    pub(crate) one_time_prekey: Option<OneTimePreKeyPair>,
}

impl Party {
    pub(crate) fn new(rng: &mut ChaCha20Rng) -> Self {
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

    pub(crate) fn without_one_time_keys(mut self, rng: &mut ChaCha20Rng) -> Self {
        self.one_time_prekey = None;
        self.kem_prekey = KemPreKeyPair::generate(KemKind::LastResort, 8, self.device.keys(), rng);
        self
    }

    pub(crate) fn bundle(&self) -> PreKeyBundle {
        PreKeyBundle {
            certificate: self.device.certificate().clone(),
            signed_prekey: self.signed_prekey.public(),
            kem_prekey: self.kem_prekey.public(),
            one_time_prekey: self.one_time_prekey.as_ref().map(|p| p.public()),
        }
    }

    pub(crate) fn verified_bundle(&self) -> VerifiedPreKeyBundle {
        let account = self.account.public();
        self.bundle().verify(&account).expect("an honest bundle")
    }

    pub(crate) fn prekeys(&self) -> ResponderPreKeys<'_> {
        ResponderPreKeys {
            signed_prekey: &self.signed_prekey,
            kem_prekey: &self.kem_prekey,
            one_time_prekey: self.one_time_prekey.as_ref(),
        }
    }

    pub(crate) fn initiate(&self, peer: &Party, rng: &mut ChaCha20Rng) -> Session {
        Session::initiate(&self.device, peer.verified_bundle(), rng).expect("an honest bundle")
    }

    pub(crate) fn accept(&self, envelope: &[u8]) -> (Session, Plaintext) {
        Session::accept(&self.device, &self.prekeys(), &initial(envelope), NOW)
            .expect("an honest initial message")
    }
}

pub(crate) fn initial(envelope: &[u8]) -> InitialMessage<'_> {
    match Envelope::decode(envelope).expect("an envelope") {
        Envelope::Initial(message) => message,
        Envelope::Ratchet(_) => panic!("not an initial message"),
    }
}

/// Two parties and their sessions, the first message opened and answered.
pub(crate) fn conversation(rng: &mut ChaCha20Rng) -> (Session, Session) {
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let mut a = alice.initiate(&bob, rng);
    let (mut b, _) = bob.accept(&a.seal(b"hello", rng).expect("sealed"));
    let reply = b.seal(b"hello yourself", rng).expect("sealed");
    open(&mut a, &reply);
    (a, b)
}

/// Opens an honest envelope.
pub(crate) fn open(session: &mut Session, envelope: &[u8]) -> Vec<u8> {
    let envelope = Envelope::decode(envelope).expect("an envelope");
    let plaintext = session.open(&envelope, NOW).expect("an honest message");
    plaintext.as_bytes().to_vec()
}

pub(crate) fn stored(session: &Session) -> Vec<u8> {
    session.to_bytes().as_bytes().to_vec()
}
