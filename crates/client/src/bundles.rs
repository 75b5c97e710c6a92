//! Beginning a session with a device: claim its prekey bundle, verify it against the pinned account, and
//! only then make a session of it. What is not signed by that account is refused, and nothing is sent.

use pawl_protocol::{
    AccountRecord, DeviceId, KemPreKey, OneTimePreKey, PreKeyBundle, Session, SignedPreKey,
    VerifiedAccountRecord, VerifiedPreKeyBundle,
};
use pawl_wire::{Bundle, BundleRefusal, ClaimId, ClientFrame, DeviceAddress, KeyRecord};

use crate::channel::sessions::Slot;
use crate::contacts::Contact;
use crate::engine::Engine;
use crate::error::AlertCode;
use crate::ids::ContactId;
use crate::limits::MAX_CLAIMS;
use crate::sorted::SortedMap;
use crate::turn::Turn;

/// Claims of this connection.
pub(crate) type Claims = SortedMap<ClaimId, DeviceAddress>;

impl Engine {
    /// Claims a bundle of a device that is to be written to and has no session; false where so many are
    /// asked for that answers come first.
    pub(crate) fn claim_bundle(&mut self, device: DeviceAddress, turn: &mut Turn<'_>) -> bool {
        let claims = &self.lookups.claims;
        if claims.values().any(|asked| *asked == device) {
            return true;
        }
        if claims.len() >= MAX_CLAIMS {
            return false;
        }
        let Some(channel) = self.channels.get(device) else {
            return true;
        };
        let known = channel.claim;
        let claim = known.unwrap_or_else(|| ClaimId(turn.random()));
        if known.is_none()
            && let Some(channel) = self.channels.edit(device)
        {
            channel.claim = Some(claim);
        }
        self.lookups.claims.insert(claim, device);
        turn.send(&ClientFrame::FetchBundle { claim, device });
        true
    }

    pub(crate) fn on_bundle(&mut self, claim: ClaimId, bundle: &Bundle, turn: &mut Turn<'_>) {
        let Some(device) = self.lookups.claims.remove(&claim) else {
            return;
        };
        // What was asked for before their identity or their devices changed is no longer wanted.
        let Some(channel) = self.channels.edit(device) else {
            return;
        };
        if channel.claim != Some(claim) {
            return self.wake(device);
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
            return self.wake(device);
        };
        let mut is_old = false;
        let session = verify(contact, device, bundle).and_then(|(record, keys)| {
            is_old = !self.take_devices(id, &record);
            (!is_old).then_some(())?;
            let own = self.account.get().ready()?;
            Session::initiate(&own.device, keys, turn.rng).ok()
        });
        let Some(session) = session else {
            self.tell_refused(id, is_old, turn);
            return self.fail_device(device, turn);
        };
        let tag = session.tag();
        self.sessions.insert(tag, Slot::new(session, turn.now));
        self.sessions.drop_surplus(device, Some(tag));
        if let Some(channel) = self.channels.edit(device) {
            channel.head = Some(tag);
        }
        self.channels.remember(device, tag);
        self.receipts.delay(turn.now);
        self.wake(device);
    }

    /// The keys are not signed by this person, or are by an old list of their devices: say so, send
    /// nothing.
    pub(crate) fn refuse_keys(&mut self, contact: ContactId, is_old: bool, turn: &mut Turn<'_>) {
        self.tell_refused(contact, is_old, turn);
        self.fail_all(contact, turn);
    }

    fn tell_refused(&self, contact: ContactId, is_old: bool, turn: &mut Turn<'_>) {
        if let Some(username) = self.contacts.username(contact) {
            turn.alert(match is_old {
                true => AlertCode::DevicesRefused { username },
                false => AlertCode::KeysRefused { username },
            });
        }
    }

    pub(crate) fn on_no_bundle(
        &mut self,
        claim: ClaimId,
        cause: BundleRefusal,
        retry_after_ms: u64,
        turn: &mut Turn<'_>,
    ) {
        let Some(device) = self.lookups.claims.remove(&claim) else {
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
                    self.refresh_because_of(device, contact);
                }
            }
            BundleRefusal::RateLimited | BundleRefusal::Unavailable => {
                self.sending.hold(device, retry_after_ms, turn.now);
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
