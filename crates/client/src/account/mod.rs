//! This device's own account: its keys, its name, and whether the relay has accepted it. Made and
//! committed before anything of it is sent; registering is `engine/flows/registration.rs`.

pub(crate) mod counters;
pub(crate) mod recent_commands;

use pawl_protocol::{
    AccountKeyPair, AccountRecord, DeviceCertificate, DeviceId, DeviceKeyPair, LocalDevice,
    VerifiedAccountRecord,
};
use pawl_wire::{AccountId, DeviceAddress, Username};
use prost::Message;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::api::command::CommandId;
use crate::storage::records::{self, Record, RecordError};

/// Version of the first signed device list.
const FIRST_RECORD: u64 = 1;

/// The account on this device, if there is one.
#[derive(Default)]
pub(crate) struct Account(pub(crate) Option<Box<OwnAccount>>);

/// An account whose keys are on this device.
pub(crate) struct OwnAccount {
    pub(crate) username: Username,
    /// Until the relay has accepted it.
    pub(crate) registering: Option<Registering>,
    pub(crate) keys: AccountKeyPair,
    pub(crate) device: LocalDevice,
    /// The signed device list, which introduces this account to others.
    pub(crate) record: VerifiedAccountRecord,
}

/// What a registration needs until it is done.
#[derive(Clone)]
pub(crate) struct Registering {
    pub(crate) invite: Option<String>,
    pub(crate) command: CommandId,
}

#[derive(Message)]
#[prost(skip_debug)]
struct AccountStored {
    #[prost(bool, tag = "1")]
    present: bool,
    #[prost(string, tag = "2")]
    username: String,
    #[prost(bool, tag = "3")]
    registering: bool,
    #[prost(string, optional, tag = "4")]
    invite: Option<String>,
    #[prost(string, tag = "5")]
    command: String,
    #[prost(bytes = "vec", tag = "6")]
    account_keys: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    device_keys: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    certificate: Vec<u8>,
    #[prost(bytes = "vec", tag = "9")]
    record: Vec<u8>,
}

impl OwnAccount {
    /// Makes an account with its first device.
    pub(crate) fn generate(
        username: Username,
        registering: Registering,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let keys = AccountKeyPair::generate(rng);
        let device = LocalDevice::certify(&keys, DeviceId::FIRST, DeviceKeyPair::generate(rng));
        let devices = vec![device.certificate().clone()];
        let record = AccountRecord::sign(&keys, username.as_str(), FIRST_RECORD, devices)
            .expect("a valid username and one device of this account");
        Self {
            username,
            registering: Some(registering),
            keys,
            device,
            record,
        }
    }

    /// This device as it stands in frames.
    pub(crate) fn address(&self) -> DeviceAddress {
        wire_address(self.device.address())
    }

    fn from_stored(stored: &AccountStored) -> Option<Self> {
        let certificate = DeviceCertificate::decode(&stored.certificate).ok()?;
        let device_keys = DeviceKeyPair::from_bytes(&stored.device_keys).ok()?;
        let registering = stored.registering.then(|| Registering {
            invite: stored.invite.clone(),
            command: stored.command.clone(),
        });
        Some(Self {
            username: Username::from_canonical(&stored.username).ok()?,
            registering,
            keys: AccountKeyPair::from_bytes(&stored.account_keys).ok()?,
            device: LocalDevice::new(device_keys, certificate).ok()?,
            record: AccountRecord::decode(&stored.record).ok()?.verify().ok()?,
        })
    }

    fn to_stored(&self) -> AccountStored {
        let registering = self.registering.clone();
        AccountStored {
            present: true,
            username: self.username.as_str().to_owned(),
            registering: registering.is_some(),
            invite: registering.as_ref().and_then(|r| r.invite.clone()),
            command: registering.map(|r| r.command).unwrap_or_default(),
            account_keys: self.keys.to_bytes().as_bytes().to_vec(),
            device_keys: self.device.keys().to_bytes().as_bytes().to_vec(),
            certificate: self.device.certificate().encode().to_vec(),
            record: self.record.record().encode(),
        }
    }
}

records::wiped!(AccountStored: account_keys, device_keys);

impl Record for Account {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let stored = self.0.as_ref().map(|own| own.to_stored());
        records::write(&stored.unwrap_or_default())
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let stored: AccountStored = records::read(bytes)?;
        if !stored.present {
            return Ok(Self(None));
        }
        OwnAccount::from_stored(&stored)
            .map(|own| Self(Some(Box::new(own))))
            .ok_or(RecordError::Damaged)
    }
}

impl Account {
    /// The account, once the relay has accepted it.
    pub(crate) fn ready(&self) -> Option<&OwnAccount> {
        self.0.as_deref().filter(|own| own.registering.is_none())
    }

    /// The account while the relay has not accepted it.
    pub(crate) fn registering(&self) -> Option<(&OwnAccount, &Registering)> {
        let own = self.0.as_deref()?;
        own.registering
            .as_ref()
            .map(|registering| (own, registering))
    }
}

/// A device's address as it stands in frames.
pub(crate) fn wire_address(address: pawl_protocol::Address) -> DeviceAddress {
    DeviceAddress {
        account: AccountId(*address.account.as_bytes()),
        device: address.device.get(),
    }
}
