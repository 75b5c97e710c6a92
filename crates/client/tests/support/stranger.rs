//! Somebody who writes without any client: envelopes made by hand, so that many accounts cost little.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_protocol::{
    AccountKeyPair, AccountRecord, DeviceId, DeviceKeyPair, KemPreKey, LocalDevice, OneTimePreKey,
    PreKeyBundle, Session, SignedPreKey,
};
use pawl_wire::{DeviceAddress, MessageId, Username};
use prost::Message;

use super::World;

pub struct Stranger {
    device: LocalDevice,
    record: Vec<u8>,
    rng: ChaCha20Rng,
    texts: u64,
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
}

#[derive(Clone, PartialEq, Message)]
struct Content {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(bytes = "vec", optional, tag = "2")]
    introduction: Option<Vec<u8>>,
    #[prost(message, optional, tag = "3")]
    text: Option<Text>,
}

impl Stranger {
    /// Says of themselves that they have this name; the relay does not know them.
    pub fn new(name: &str, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let keys = AccountKeyPair::generate(&mut rng);
        let pair = DeviceKeyPair::generate(&mut rng);
        let device = LocalDevice::certify(&keys, DeviceId::FIRST, pair);
        let devices = vec![device.certificate().clone()];
        let record = AccountRecord::sign(&keys, name, 1, devices).expect("valid");
        Self {
            device,
            record: record.record().encode(),
            rng,
            texts: 0,
        }
    }

    /// The relay's directory says the same.
    pub fn registered(name: &str, seed: u64, world: &mut World) -> Self {
        let stranger = Self::new(name, seed);
        let account = stranger.device.address().account;
        let account = pawl_wire::AccountId(*account.as_bytes());
        let username = Username::parse(name).expect("a username");
        world.relay.names.insert(username, account);
        world.relay.records.insert(account, stranger.record.clone());
        stranger
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
        let record = AccountRecord::decode(&world.relay.records[&to.account]).expect("a record");
        let record = record.verify().expect("signed");
        let mailbox = world.relay.boxes.get_mut(&to).expect("registered");
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
        self.texts += 1;
        let content = Content {
            kind: 1,
            introduction: Some(self.record.clone()),
            text: Some(Text {
                number: self.texts,
                id: vec![0; 16],
                text: text.to_owned(),
                sent_at: world.now,
            }),
        };
        let sealed = session.seal(&content.encode_to_vec(), &mut self.rng);
        sealed.expect("short")
    }

    /// Puts such an envelope into the device's mailbox.
    pub fn write(&mut self, world: &mut World, to: DeviceAddress, text: &str, one_time: bool) {
        let envelope = self.hello(world, to, text, one_time);
        let id = world.next_id();
        let id = u128::from_str_radix(&id, 16).expect("a number");
        let mailbox = world.relay.boxes.get_mut(&to).expect("registered");
        mailbox.store(MessageId(id.to_be_bytes()), envelope);
    }
}
