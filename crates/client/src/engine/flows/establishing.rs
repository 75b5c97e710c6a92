//! Beginning a session with a device: claim its prekey bundle, verify it against the pinned account, and
//! only then make a session of it. What is not signed by that account is refused, and nothing is sent.

use pawl_protocol::{
    AccountRecord, DeviceId, KemPreKey, OneTimePreKey, PreKeyBundle, Session, SignedPreKey,
    VerifiedAccountRecord, VerifiedPreKeyBundle,
};
use pawl_wire::{Bundle, BundleRefusal, ClaimId, DeviceAddress, KeyRecord};

use crate::account::OwnAccount;
use crate::channel::Channels;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::RepairQueue;
use crate::channel::sessions::{Sessions, Slot};
use crate::conversations::Conversations;
use crate::directory::contacts::{Contact, Contacts};
use crate::directory::lookups::Lookups;
use crate::engine::flows::devices::DeviceLists;
use crate::engine::flows::failing::Failing;
use crate::outbox::Outbox;
use crate::turn::Turn;

/// Begins sessions with the bundles that the relay gives.
pub(crate) struct Establishing<'e> {
    pub(crate) own: &'e OwnAccount,
    pub(crate) contacts: &'e mut Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e mut Sessions,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) lookups: &'e mut Lookups,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

/// Lends its rooms to the flows that it uses.
impl Establishing<'_> {
    fn device_lists(&mut self) -> DeviceLists<'_> {
        DeviceLists {
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            sessions: self.sessions,
            outbox: self.outbox,
            repairs: self.repairs,
        }
    }

    fn failing(&mut self) -> Failing<'_> {
        Failing {
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            outbox: self.outbox,
        }
    }
}

impl Establishing<'_> {
    pub(crate) fn on_bundle(&mut self, claim: ClaimId, bundle: &Bundle, turn: &mut Turn<'_>) {
        let Some(device) = self.lookups.take_claim(claim) else {
            return;
        };
        // What was asked for before their identity or their devices changed is no longer wanted.
        let Some(channel) = self.channels.edit(device) else {
            return;
        };
        if channel.claim != Some(claim) {
            return self.outbox.wake(device);
        }
        channel.claim = None;
        let has_head = channel
            .head
            .is_some_and(|tag| self.sessions.get(tag).is_some());
        let Some(id) = self.contacts.pinned(&device.account.0) else {
            return;
        };
        // They may have written in the meantime, or changed.
        let contact = self.contacts.get(id);
        let Some(contact) = contact.filter(|it| !has_head && !it.is_changed()) else {
            return self.outbox.wake(device);
        };
        let mut is_old = false;
        let session = verify(contact, device, bundle).and_then(|(record, keys)| {
            is_old = !self.device_lists().take_devices(id, &record);
            (!is_old).then_some(())?;
            Session::initiate(&self.own.device, keys, turn.rng).ok()
        });
        let Some(session) = session else {
            self.contacts.tell_refused(id, is_old, turn);
            return self.failing().fail_device(device, turn);
        };
        let tag = session.tag();
        self.sessions.insert(tag, Slot::new(session, turn.now));
        self.sessions.drop_surplus(device, Some(tag));
        if let Some(channel) = self.channels.edit(device) {
            channel.head = Some(tag);
        }
        self.channels.remember(device, tag);
        self.receipts.delay(turn.now);
        self.outbox.wake(device);
    }

    pub(crate) fn on_no_bundle(
        &mut self,
        claim: ClaimId,
        cause: BundleRefusal,
        retry_after_ms: u64,
        turn: &mut Turn<'_>,
    ) {
        let Some(device) = self.lookups.take_claim(claim) else {
            return;
        };
        match cause {
            BundleRefusal::UnknownDevice => {
                // A bundle that came before may have brought a list without this device.
                if let Some(contact) = self.contacts.pinned(&device.account.0)
                    && let Some(known) = self.contacts.get(contact)
                    && let devices = known.devices()
                    && (devices.is_empty() || devices.contains(&device))
                {
                    self.lookups.refresh_because_of(device, contact);
                }
            }
            BundleRefusal::RateLimited | BundleRefusal::Unavailable => {
                self.outbox.hold(device, retry_after_ms, turn.now);
            }
        }
    }
}

/// The bundle's device list and keys, where both are the pinned account's and the device is listed.
fn verify(
    contact: &Contact,
    device: DeviceAddress,
    bundle: &Bundle,
) -> Option<(VerifiedAccountRecord, VerifiedPreKeyBundle)> {
    let record = AccountRecord::decode(&bundle.account_record)
        .ok()?
        .verify()
        .ok()?;
    let certificate = record.device(DeviceId::new(device.device)?)?.clone();
    let keys = PreKeyBundle {
        certificate,
        signed_prekey: numbered(
            &bundle.signed_prekey,
            SignedPreKey::decode,
            SignedPreKey::id,
        )?,
        kem_prekey: numbered(&bundle.kem_prekey, KemPreKey::decode, KemPreKey::id)?,
        one_time_prekey: match &bundle.one_time_prekey {
            Some(key) => Some(numbered(key, OneTimePreKey::decode, OneTimePreKey::id)?),
            None => None,
        },
    };
    let keys = keys.verify(&contact.account()).ok()?;
    Some((record, keys))
}

/// A key record whose id is the one that the relay orders it by.
fn numbered<T, E>(
    key: &KeyRecord,
    decode: impl Fn(&[u8]) -> Result<T, E>,
    id: impl Fn(&T) -> u32,
) -> Option<T> {
    decode(&key.record)
        .ok()
        .filter(|decoded| id(decoded) == key.id)
}
