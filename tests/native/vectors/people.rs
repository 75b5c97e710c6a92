//! Who is in the vectors: people with devices and prekeys, from randomness that is written down as it is drawn.

use std::convert::Infallible;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};
use pawl_protocol::{
    AccountKeyPair, DeviceId, DeviceKeyPair, KemKind, KemPreKeyPair, LocalDevice,
    OneTimePreKeyPair, PreKeyBundle, ResponderPreKeys, SignedPreKeyPair,
};

use super::json::{Json, hex, object};

/// ChaCha20Rng that keeps what it gave, draw by draw.
pub(super) struct Tape {
    rng: ChaCha20Rng,
    drawn: Vec<Vec<u8>>,
}

impl Tape {
    /// From the file's name, which with zeros behind it is the seed.
    pub(super) fn of(file: &str) -> Self {
        let mut seed = [0; 32];
        seed[..file.len()].copy_from_slice(file.as_bytes());
        Self {
            rng: ChaCha20Rng::from_seed(seed),
            drawn: Vec::new(),
        }
    }

    /// What was drawn since this was last asked.
    pub(super) fn drawn(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.drawn)
    }
}

impl TryRng for Tape {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unimplemented!("the protocol draws bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unimplemented!("the protocol draws bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.rng.fill_bytes(bytes);
        self.drawn.push(bytes.to_vec());
        Ok(())
    }
}

impl TryCryptoRng for Tape {}

/// An account with one device, and one prekey of each kind.
pub(super) struct Person {
    pub(super) account: AccountKeyPair,
    pub(super) device: LocalDevice,
    pub(super) signed: SignedPreKeyPair,
    pub(super) one_time_kem: KemPreKeyPair,
    pub(super) last_resort: KemPreKeyPair,
    pub(super) one_time: OneTimePreKeyPair,
}

impl Person {
    pub(super) fn new(rng: &mut Tape) -> Self {
        let account = AccountKeyPair::generate(rng);
        Self::with_device(account, 1, rng)
    }

    pub(super) fn with_device(account: AccountKeyPair, number: u32, rng: &mut Tape) -> Self {
        let keys = DeviceKeyPair::generate(rng);
        let number = DeviceId::new(number).expect("not zero");
        let device = LocalDevice::certify(&account, number, keys);
        let person = Self {
            signed: SignedPreKeyPair::generate(7, device.keys(), rng),
            one_time_kem: KemPreKeyPair::generate(KemKind::OneTime, 8, device.keys(), rng),
            last_resort: KemPreKeyPair::generate(KemKind::LastResort, 9, device.keys(), rng),
            one_time: OneTimePreKeyPair::generate(10, rng),
            account,
            device,
        };
        rng.drawn();
        person
    }

    pub(super) fn account_seed(&self) -> Vec<u8> {
        self.account.to_bytes().as_bytes()[1..].to_vec()
    }

    pub(super) fn signing_seed(&self) -> Vec<u8> {
        self.device.keys().to_bytes().as_bytes()[1..33].to_vec()
    }

    pub(super) fn identity_private(&self) -> Vec<u8> {
        self.device.keys().to_bytes().as_bytes()[33..].to_vec()
    }

    pub(super) fn certificate(&self) -> [u8; 164] {
        self.device.certificate().encode()
    }

    pub(super) fn kem(&self, kind: KemKind) -> &KemPreKeyPair {
        match kind {
            KemKind::OneTime => &self.one_time_kem,
            KemKind::LastResort => &self.last_resort,
        }
    }

    pub(super) fn bundle(&self, kind: KemKind, with_one_time: bool) -> PreKeyBundle {
        PreKeyBundle {
            certificate: self.device.certificate().clone(),
            signed_prekey: self.signed.public(),
            kem_prekey: self.kem(kind).public(),
            one_time_prekey: with_one_time.then(|| self.one_time.public()),
        }
    }

    pub(super) fn prekeys(&self, kind: KemKind, with_one_time: bool) -> ResponderPreKeys<'_> {
        ResponderPreKeys {
            signed_prekey: &self.signed,
            kem_prekey: self.kem(kind),
            one_time_prekey: with_one_time.then_some(&self.one_time),
        }
    }

    /// The device with its private halves.
    pub(super) fn device_json(&self) -> Json {
        object! {
            "account_seed": hex(self.account_seed()),
            "signing_seed": hex(self.signing_seed()),
            "identity_private": hex(self.identity_private()),
            "certificate": hex(self.certificate()),
        }
    }
}

/// Prekeys with their private halves, as a responder has them.
pub(super) fn prekeys_json(prekeys: &ResponderPreKeys<'_>) -> Json {
    let (signed, kem) = (prekeys.signed_prekey, prekeys.kem_prekey);
    object! {
        "signed_prekey": object! {
            "id": signed.id(),
            "private": hex(&signed.to_bytes().as_bytes()[5..37]),
            "record": hex(signed.public().encode()),
        },
        "kem_prekey": object! {
            "kind": kem_kind(kem.kind()),
            "id": kem.id(),
            "seed": hex(&kem.to_bytes().as_bytes()[6..70]),
            "record": hex(kem.public().encode()),
        },
        "one_time_prekey": prekeys.one_time_prekey.map(|prekey| object! {
            "id": prekey.id(),
            "private": hex(&prekey.to_bytes().as_bytes()[5..37]),
            "record": hex(prekey.public().encode()),
        }),
    }
}

pub(super) fn kem_kind(kind: KemKind) -> &'static str {
    match kind {
        KemKind::OneTime => "one-time",
        KemKind::LastResort => "last-resort",
    }
}
