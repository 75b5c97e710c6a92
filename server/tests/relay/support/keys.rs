//! Accounts with real Ed25519 keys, and public keys that are bytes to the relay.

use ed25519_dalek::{Signer, SigningKey};
use pawl_wire::limits::{
    FRAME_VERSION, KEM_RECORD, MIN_ENVELOPE, ONE_TIME_PREKEY_RECORD, SIGNED_PREKEY_RECORD,
};
use pawl_wire::{
    AccountId, Auth, DeviceAddress, Epoch, KeyRecord, MessageId, Nonce, PublishedKeys, Register,
    SignatureBytes, SigningKeyBytes, Username, statement,
};

/// Random bytes of the system: what makes ids and keys of one run different from any other's.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' one source of randomness"
)]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

pub(crate) fn message_id() -> MessageId {
    MessageId(random())
}

/// Bytes by which a message is recognised.
pub(crate) fn envelope(number: u32) -> Vec<u8> {
    let mut bytes = vec![0xee; MIN_ENVELOPE];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// The challenge as a client sees it.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) authority: String,
    pub(crate) nonce: Nonce,
    pub(crate) epoch: Epoch,
}

impl Challenge {
    fn connection(&self) -> statement::Connection<'_> {
        statement::Connection {
            authority: &self.authority,
            nonce: self.nonce,
            epoch: self.epoch,
        }
    }
}

/// An account and its first device.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) account: SigningKey,
    pub(crate) signing: SigningKey,
    pub(crate) username: Username,
    pub(crate) record: Vec<u8>,
    pub(crate) window: u32,
}

impl Device {
    pub(crate) fn new(username: &str) -> Self {
        Self {
            account: SigningKey::from_bytes(&random()),
            signing: SigningKey::from_bytes(&random()),
            username: Username::parse(username).expect("a username"),
            record: format!("the record of {username}").into_bytes(),
            window: 16,
        }
    }

    pub(crate) fn address(&self) -> DeviceAddress {
        DeviceAddress {
            account: AccountId(self.account.verifying_key().to_bytes()),
            device: 1,
        }
    }

    pub(crate) fn register(&self, challenge: &Challenge) -> Register {
        let signing_key = SigningKeyBytes(self.signing.verifying_key().to_bytes());
        let statement = statement::register(
            &challenge.connection(),
            self.address(),
            &signing_key,
            &self.username,
        );
        Register {
            version: FRAME_VERSION,
            username: self.username.clone(),
            device: self.address(),
            signing_key,
            account_record: self.record.clone(),
            keys: signed_keys(),
            invite: None,
            receive_window: self.window,
            account_signature: SignatureBytes(self.account.sign(&statement).to_bytes()),
            device_signature: SignatureBytes(self.signing.sign(&statement).to_bytes()),
            work: 0,
        }
    }

    pub(crate) fn auth(&self, challenge: &Challenge, last_seq: u64) -> Auth {
        let statement = statement::auth(&challenge.connection(), self.address(), last_seq);
        Auth {
            version: FRAME_VERSION,
            device: self.address(),
            last_seq,
            receive_window: self.window,
            signature: SignatureBytes(self.signing.sign(&statement).to_bytes()),
        }
    }
}

/// The keys that a registration has to bring.
fn signed_keys() -> PublishedKeys {
    PublishedKeys {
        signed_prekey: Some(key(1, "signed")),
        last_resort_kem: Some(key(1, "last resort")),
        ..PublishedKeys::default()
    }
}

/// A record that only its length makes one of its kind.
pub(crate) fn key(id: u32, name: &str) -> KeyRecord {
    let length = if name.contains("signed") {
        SIGNED_PREKEY_RECORD
    } else if name.contains("kem") || name.contains("last resort") {
        KEM_RECORD
    } else {
        ONE_TIME_PREKEY_RECORD
    };
    let mut record = format!("{name} {id}").into_bytes();
    record.resize(length, b' ');
    KeyRecord { id, record }
}
