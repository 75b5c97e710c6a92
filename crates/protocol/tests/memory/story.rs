//! What the watched process does, and what the watching one does too, to know the keys: accounts, devices, prekeys,
//! a handshake, a conversation with losses, refusals and reloads. In the end everything is dropped.

use std::convert::Infallible;
use std::ops::Range;

use pawl_protocol::{
    AccountKeyPair, DeviceId, DeviceKeyPair, Envelope, KemKind, KemPreKeyPair, LocalDevice,
    OneTimePreKeyPair, PreKeyBundle, ResponderPreKeys, Session, SignedPreKeyPair,
};
use x25519_dalek::x25519;

const NOW: u64 = 1_700_000_000_000;

/// Stands in the program, which is not searched, and nowhere else when all that held it has been dropped.
pub(crate) const TEXT: &[u8; 32] = b"what nobody else may ever read..";

pub(crate) const STATEMENT: &[u8] = b"Pawl relay auth v1";

/// Randomness that writes where it is asked to and keeps nothing but a counter, so that no key stays behind in it.
/// Anything but random: both processes must draw the same.
pub(crate) struct Counter {
    state: u64,
    log: Option<Vec<Vec<u8>>>,
}

impl Counter {
    pub(crate) fn new(seed: u64, log: bool) -> Self {
        let state = seed << 32;
        Self {
            state,
            log: log.then(Vec::new),
        }
    }

    /// All that was drawn.
    pub(crate) fn log(self) -> Vec<Vec<u8>> {
        self.log.unwrap_or_default()
    }
}

impl rand_core::TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unimplemented!("the protocol draws bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unimplemented!("the protocol draws bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in &mut *bytes {
            // The finaliser of MurmurHash3 over a counter.
            self.state = self.state.wrapping_add(1);
            let mixed = (self.state ^ (self.state >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
            *byte = (mixed >> 56) as u8;
        }
        if let Some(log) = &mut self.log {
            log.push(bytes.to_vec());
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counter {}

/// A device and all that it has published.
pub(crate) struct Party {
    pub(crate) account: AccountKeyPair,
    pub(crate) device: LocalDevice,
    pub(crate) signed_prekey: SignedPreKeyPair,
    pub(crate) kem_prekey: KemPreKeyPair,
    pub(crate) one_time_prekey: OneTimePreKeyPair,
}

/// What the watching process is shown.
pub(crate) enum Seen<'a> {
    Party(&'a Party),
    Session(&'a Session),
    /// Anybody may see it.
    Envelope(&'a [u8]),
}

pub(crate) type Watch<'a> = &'a mut dyn FnMut(Seen<'_>);

impl Party {
    pub(crate) fn new(rng: &mut Counter) -> Self {
        Self::made(&mut (0..usize::MAX), rng).unwrap()
    }

    /// Key by key, since whatever comes after one wipes the stack, too.
    fn made(steps: &mut Range<usize>, rng: &mut Counter) -> Option<Self> {
        let account = step(steps, || AccountKeyPair::generate(rng))?;
        let keys = step(steps, || DeviceKeyPair::generate(rng))?;
        let device = step(steps, || {
            LocalDevice::certify(&account, DeviceId::FIRST, keys)
        })?;
        let (keys, kind) = (device.keys(), KemKind::OneTime);
        Some(Self {
            signed_prekey: step(steps, || SignedPreKeyPair::generate(7, keys, rng))?,
            kem_prekey: step(steps, || KemPreKeyPair::generate(kind, 8, keys, rng))?,
            one_time_prekey: step(steps, || OneTimePreKeyPair::generate(9, rng))?,
            account,
            device,
        })
    }

    /// As a store gives it back.
    fn restored(&self, steps: &mut Range<usize>) -> Option<Self> {
        let account = self.account.to_bytes();
        let account = step(steps, || AccountKeyPair::from_bytes(account.as_bytes()))?;
        let keys = self.device.keys().to_bytes();
        let keys = step(steps, || DeviceKeyPair::from_bytes(keys.as_bytes()))?;
        let signed = self.signed_prekey.to_bytes();
        let signed = step(steps, || SignedPreKeyPair::from_bytes(signed.as_bytes()))?;
        let kem = self.kem_prekey.to_bytes();
        let kem = step(steps, || KemPreKeyPair::from_bytes(kem.as_bytes()))?;
        let one_time = self.one_time_prekey.to_bytes();
        let one_time = step(steps, || OneTimePreKeyPair::from_bytes(one_time.as_bytes()))?;
        let certificate = self.device.certificate().clone();
        Some(Self {
            account: account.unwrap(),
            device: LocalDevice::new(keys.unwrap(), certificate).unwrap(),
            signed_prekey: signed.unwrap(),
            kem_prekey: kem.unwrap(),
            one_time_prekey: one_time.unwrap(),
        })
    }

    pub(crate) fn bundle(&self) -> PreKeyBundle {
        PreKeyBundle {
            certificate: self.device.certificate().clone(),
            signed_prekey: self.signed_prekey.public(),
            kem_prekey: self.kem_prekey.public(),
            one_time_prekey: Some(self.one_time_prekey.public()),
        }
    }

    fn prekeys(&self) -> ResponderPreKeys<'_> {
        ResponderPreKeys {
            signed_prekey: &self.signed_prekey,
            kem_prekey: &self.kem_prekey,
            one_time_prekey: Some(&self.one_time_prekey),
        }
    }

    fn accept(&self, envelope: &[u8]) -> Option<Session> {
        let Ok(Envelope::Initial(message)) = Envelope::decode(envelope) else {
            return None;
        };
        let accepted = Session::accept(&self.device, &self.prekeys(), &message, NOW);
        accepted.ok().map(|(session, _)| session)
    }
}

/// How far a story may be told.
pub(crate) const STEPS: usize = 36;

/// Tells so many steps of the story and drops everything, at once, so that nothing that comes later hides what a
/// step leaves behind.
pub(crate) fn tell(steps: usize, rng: &mut Counter, watch: Watch<'_>) {
    // None where the story has been told far enough.
    let _ = told(&mut (0..steps), rng, watch);
}

fn told(steps: &mut Range<usize>, rng: &mut Counter, watch: Watch<'_>) -> Option<()> {
    let (alice, bob) = (Party::made(steps, rng)?, Party::new(rng));
    let (alice, bob) = (alice.restored(steps)?, bob.restored(&mut (0..usize::MAX))?);
    watch(Seen::Party(&alice));
    watch(Seen::Party(&bob));
    step(steps, || alice.account.sign_statement(STATEMENT).unwrap())?;
    step(steps, || {
        alice.device.keys().sign_statement(STATEMENT).unwrap()
    })?;
    let bundle = bob.bundle().verify(&bob.account.public()).unwrap();
    let mut a = step(steps, || Session::initiate(&alice.device, bundle, rng))?.unwrap();
    watch(Seen::Session(&a));
    let first = step(steps, || seal(&mut a, rng, watch))?;
    step(steps, || assert!(bob.accept(&altered(&first)).is_none()))?;
    let mut b = step(steps, || bob.accept(&first).unwrap())?;
    watch(Seen::Session(&b));
    for _ in 0..2 {
        talk(&mut b, &mut a, steps, rng, watch)?;
        talk(&mut a, &mut b, steps, rng, watch)?;
        (a, b) = step(steps, || (reload(&a), reload(&b)))?;
    }
    step(steps, || assert!(a.expire(NOW + 30 * 86_400_000)))?;
    steps
        .next()
        .map(|_| unreachable!("the story is longer than STEPS says"))
}

/// One step, far down the stack, where nothing that comes later hides what it leaves behind.
#[inline(never)]
fn step<T>(steps: &mut Range<usize>, work: impl FnOnce() -> T) -> Option<T> {
    let depth = std::hint::black_box([0_u8; 16 * 1024]);
    let out = work();
    std::hint::black_box(&depth);
    steps.next().map(|_| out)
}

fn reload(session: &Session) -> Session {
    Session::from_bytes(session.to_bytes().as_bytes()).unwrap()
}

fn altered(envelope: &[u8]) -> Vec<u8> {
    let mut altered = envelope.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    altered
}

/// One is lost, one comes altered first, one comes late.
fn talk(
    from: &mut Session,
    to: &mut Session,
    steps: &mut Range<usize>,
    rng: &mut Counter,
    watch: Watch<'_>,
) -> Option<()> {
    let [late, _lost, now] = step(steps, || [(); 3].map(|()| seal(from, rng, watch)))?;
    for envelope in [altered(&now), now, late] {
        drop(step(steps, || {
            to.open(&Envelope::decode(&envelope).unwrap(), NOW)
        })?);
        watch(Seen::Session(to));
    }
    Some(())
}

fn seal(session: &mut Session, rng: &mut Counter, watch: Watch<'_>) -> Vec<u8> {
    let envelope = session.seal(TEXT, rng).unwrap();
    watch(Seen::Session(session));
    watch(Seen::Envelope(&envelope));
    envelope
}

/// What only X25519 by itself tells.
pub(crate) fn agree(private: &[u8], public: &[u8]) -> [u8; 32] {
    x25519(private.try_into().unwrap(), public.try_into().unwrap())
}
