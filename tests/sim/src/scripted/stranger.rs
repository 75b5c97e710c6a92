//! Somebody who writes without any client: envelopes made by hand, so that many accounts cost little.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_protocol::{
    AccountKeyPair, AccountRecord, DeviceId, DeviceKeyPair, KemPreKey, LocalDevice, OneTimePreKey,
    PreKeyBundle, Session, SignedPreKey,
};
use pawl_wire::{AccountId, DeviceAddress, MessageId, SigningKeyBytes, Username};
use prost::Message;

use super::World;
use crate::relay::Mailbox;

/// An account and a device, without an engine.
pub struct Stranger {
    keys: AccountKeyPair,
    device: LocalDevice,
    /// What introduces them.
    pub record: Vec<u8>,
    rng: ChaCha20Rng,
    texts: u64,
    session: Option<Session>,
    skip: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Text {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(string, tag = "3")]
    text: String,
    #[prost(uint64, tag = "4")]
    sent_at: u64,
    #[prost(uint64, tag = "5")]
    after: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Content {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(bytes = "vec", optional, tag = "2")]
    introduction: Option<Vec<u8>>,
    #[prost(message, optional, tag = "3")]
    text: Option<Text>,
    #[prost(message, optional, tag = "4")]
    receipt: Option<Receipt>,
}

#[derive(Clone, PartialEq, Message)]
struct Receipt {
    #[prost(uint64, repeated, tag = "1")]
    delivered: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    read: Vec<u64>,
    #[prost(uint64, tag = "3")]
    ask: u64,
}

impl Stranger {
    /// Says of themselves that they have this name; the relay does not know them.
    pub fn new(name: &str, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let keys = AccountKeyPair::generate(&mut rng);
        let pair = DeviceKeyPair::generate(&mut rng);
        let device = LocalDevice::certify(&keys, DeviceId::FIRST, pair);
        let mut stranger = Self {
            keys,
            device,
            record: Vec::new(),
            rng,
            texts: 0,
            session: None,
            skip: 0,
        };
        stranger.record = stranger.list(name, 1, &[&stranger]);
        stranger
    }

    /// Another device of the same account, which is on no list yet.
    pub fn another(&mut self, number: u32) -> Self {
        let keys = AccountKeyPair::from_bytes(self.keys.to_bytes().as_bytes()).expect("a key");
        let number = DeviceId::new(number).expect("not zero");
        let pair = DeviceKeyPair::generate(&mut self.rng);
        Self {
            device: LocalDevice::certify(&keys, number, pair),
            keys,
            record: self.record.clone(),
            rng: ChaCha20Rng::from_rng(&mut self.rng),
            texts: self.texts + 100,
            session: None,
            skip: 0,
        }
    }

    /// A list of these devices, signed by the account.
    pub fn list(&self, name: &str, version: u64, devices: &[&Self]) -> Vec<u8> {
        let certificates = devices.iter().map(|it| it.device.certificate().clone());
        let record = AccountRecord::sign(&self.keys, name, version, certificates.collect());
        record.expect("valid").record().encode()
    }

    /// Their account.
    pub fn account(&self) -> AccountId {
        AccountId(*self.device.address().account.as_bytes())
    }

    /// Begins sessions with so many messages that are lost.
    pub fn skip(&mut self, messages: u32) {
        self.skip = messages;
    }

    /// The relay's directory says the same.
    pub fn registered(name: &str, seed: u64, world: &mut World) -> Self {
        let stranger = Self::new(name, seed);
        stranger.register(name, world);
        stranger
    }

    /// The relay's directory has this name and what introduces them now.
    pub fn register(&self, name: &str, world: &mut World) {
        let username = Username::parse(name).expect("a username");
        let record = self.record.clone();
        world.relay.store.names.insert(username, self.account());
        world.relay.store.records.insert(self.account(), record);
    }

    /// The first envelope of a new session, with the newest keys that the relay has of a device, and a
    /// one-time key of each kind where `one_time` says so.
    pub fn hello(
        &mut self,
        world: &mut World,
        to: DeviceAddress,
        text: &str,
        one_time: bool,
    ) -> Vec<u8> {
        let record =
            AccountRecord::decode(&world.relay.store.records[&to.account]).expect("a record");
        let record = record.verify().expect("signed");
        let mailbox = world.relay.store.boxes.get_mut(&to).expect("registered");
        let keys = &mailbox.keys;
        let kem = one_time.then(|| mailbox.kems.pop_front()).flatten();
        let kem = kem.as_ref().or(keys.last_resort_kem.as_ref());
        let signed = &keys.signed_prekey.as_ref().expect("published").record;
        let one_time = one_time.then(|| mailbox.one_time.pop_front()).flatten();
        let bundle = PreKeyBundle {
            certificate: record.devices()[0].clone(),
            signed_prekey: SignedPreKey::decode(signed).expect("a key"),
            kem_prekey: KemPreKey::decode(&kem.expect("published").record).expect("a key"),
            one_time_prekey: one_time.map(|key| OneTimePreKey::decode(&key.record).expect("a key")),
        };
        let bundle = bundle.verify(&record.account()).expect("signed");
        let mut session = Session::initiate(&self.device, bundle, &mut self.rng).expect("another");
        for _ in 0..self.skip {
            session.seal(b"lost", &mut self.rng).expect("short");
        }
        self.session = Some(session);
        self.seal(world, text)
    }

    fn seal(&mut self, world: &World, text: &str) -> Vec<u8> {
        self.texts += 1;
        let content = Content {
            kind: 1,
            introduction: Some(self.record.clone()),
            text: Some(Text {
                number: self.texts,
                id: vec![0; 16],
                text: text.to_owned(),
                sent_at: world.now,
                after: self.texts - 1,
            }),
            receipt: None,
        };
        let session = self.session.as_mut().expect("begun");
        let sealed = session.seal(&content.encode_to_vec(), &mut self.rng);
        sealed.expect("short")
    }

    /// Puts such an envelope into the device's mailbox.
    pub fn write(&mut self, world: &mut World, to: DeviceAddress, text: &str, one_time: bool) {
        let envelope = self.hello(world, to, text, one_time);
        Self::post(world, to, envelope);
    }

    /// One more on the session that was begun last.
    pub fn go_on(&mut self, world: &mut World, to: DeviceAddress, text: &str) {
        let envelope = self.seal(world, text);
        Self::post(world, to, envelope);
    }

    /// Asks what has arrived, on that session.
    pub fn ask(&mut self, world: &mut World, to: DeviceAddress) {
        let ask = world.now;
        let receipt = Receipt {
            ask,
            ..Receipt::default()
        };
        self.tell(world, to, receipt);
    }

    /// Says to have seen every text there can be.
    pub fn claim_all(&mut self, world: &mut World, to: DeviceAddress) {
        let all = vec![1, u64::MAX / 2];
        let receipt = Receipt {
            delivered: all.clone(),
            read: all,
            ..Receipt::default()
        };
        self.tell(world, to, receipt);
    }

    fn tell(&mut self, world: &mut World, to: DeviceAddress, receipt: Receipt) {
        let content = Content {
            kind: 2,
            introduction: None,
            text: None,
            receipt: Some(receipt),
        };
        let session = self.session.as_mut().expect("begun");
        let sealed = session.seal(&content.encode_to_vec(), &mut self.rng);
        Self::post(world, to, sealed.expect("short"));
    }

    /// The relay takes mail for them.
    pub fn open_mailbox(&self, world: &mut World) -> DeviceAddress {
        let address = DeviceAddress {
            account: self.account(),
            device: 1,
        };
        world
            .relay
            .store
            .boxes
            .insert(address, Mailbox::without_keys(SigningKeyBytes([0; 32])));
        address
    }

    /// Puts these bytes into a mailbox, under a new id.
    pub fn post(world: &mut World, to: DeviceAddress, envelope: Vec<u8>) {
        let id = world.next_id();
        let id = u128::from_str_radix(&id, 16).expect("a number");
        let mailbox = world.relay.store.boxes.get_mut(&to).expect("registered");
        mailbox.store(MessageId(id.to_be_bytes()), envelope);
    }
}
