//! A relay that gives somebody's name to an account of its own for a while, and has that account write: to one device
//! that knows the real one. What comes of it is none of that one's words.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use pawl_protocol::{
    AccountKeyPair, AccountRecord, DeviceCertificate, DeviceId, DeviceKeyPair, KemPreKey,
    LocalDevice, PreKeyBundle, Session, SignedPreKey,
};
use pawl_wire::{DeviceAddress, Username};

use crate::people::NAMES;
use crate::world::{Ran, World};

/// What the relay says to one device about one name.
pub(crate) struct Lie {
    pub(crate) to: usize,
    pub(crate) username: Username,
    pub(crate) record: Vec<u8>,
}

/// The account that the name points to meanwhile.
struct Impostor {
    record: Vec<u8>,
    session: Session,
    rng: ChaCha8Rng,
    texts: u8,
}

impl Impostor {
    /// With a session that uses the last-resort keys of the person's device.
    fn new(world: &World, to: DeviceAddress, name: &str, roll: u32) -> Option<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(world.plan.seed ^ u64::from(roll) << 32);
        let keys = AccountKeyPair::generate(&mut rng);
        let pair = DeviceKeyPair::generate(&mut rng);
        let device = LocalDevice::certify(&keys, DeviceId::FIRST, pair);
        let devices = vec![device.certificate().clone()];
        let record = AccountRecord::sign(&keys, name, 1, devices).ok()?;
        let store = &world.relay.store;
        let theirs = AccountRecord::decode(store.records.get(&to.account)?).ok()?;
        let theirs = theirs.verify().ok()?;
        let mailbox = store.boxes.get(&to)?;
        let is_theirs = |it: &&DeviceCertificate| it.address().device.get() == to.device;
        let bundle = PreKeyBundle {
            certificate: theirs.devices().iter().find(is_theirs)?.clone(),
            signed_prekey: SignedPreKey::decode(&mailbox.keys.signed_prekey.as_ref()?.record)
                .ok()?,
            kem_prekey: KemPreKey::decode(&mailbox.keys.last_resort_kem.as_ref()?.record).ok()?,
            one_time_prekey: None,
        };
        let bundle = bundle.verify(&theirs.account()).ok()?;
        Some(Self {
            record: record.record().encode(),
            session: Session::initiate(&device, bundle, &mut rng).ok()?,
            rng,
            texts: 0,
        })
    }

    /// One more text, as docs/PROTOCOL.md has it.
    fn write(&mut self, words: &str) -> Vec<u8> {
        self.texts += 1;
        let number = self.texts;
        let text = [
            &[0x08, number][..],
            &field(2, &[0; 16]),
            &field(3, words.as_bytes()),
            &[0x28, number - 1],
        ]
        .concat();
        let content = [&[0x08, 1][..], &field(2, &self.record), &field(3, &text)].concat();
        self.session
            .seal(&content, &mut self.rng)
            .unwrap_or_default()
    }
}

/// A field of a protobuf message that has a length, below 16,384 bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let [low, high] =
        [bytes.len() & 0x7f, bytes.len() >> 7].map(|it| u8::try_from(it).unwrap_or(0));
    [&[number << 3 | 2, low | 0x80, high][..], bytes].concat()
}

impl World {
    /// The name points elsewhere, for one device, and words come from there; then it points back.
    pub(crate) fn flip(&mut self, to: usize, of: usize, roll: u32) -> Ran {
        let name = NAMES[of];
        // Who does not know the real one yet cannot tell: keys are trusted on first use.
        let engine = self.devices[to].load(self.fault)?;
        let is_known = engine.conversation_with(name).is_some();
        let address = self.address(to);
        let Some((address, username)) = address.zip(Username::parse(name).ok()) else {
            return Ok(());
        };
        let Some(mut other) = Impostor::new(self, address, name, roll).filter(|_| is_known) else {
            return Ok(());
        };
        self.say_what(to, &format!("is told that {name} is somebody else"));
        self.relay.lie = Some(Lie {
            to,
            username,
            record: other.record.clone(),
        });
        self.flipped.insert(to);
        for words in ["meet me at nine", "come alone"] {
            let envelope = other.write(words);
            self.post(to, envelope);
            self.relay.deliver_all();
            self.run_for(u64::from(roll % 4_000))?;
        }
        self.relay.lie = None;
        let envelope = other.write("tell nobody");
        self.post(to, envelope);
        Ok(())
    }
}
