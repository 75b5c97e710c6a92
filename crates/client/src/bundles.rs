//! Beginning a session with somebody: claim a prekey bundle, verify it against the pinned account, and
//! only then make a session of it. What is not signed by that account is refused, and nothing is sent.

use pawl_protocol::{
    AccountRecord, KemPreKey, OneTimePreKey, PreKeyBundle, Session, SignedPreKey,
    VerifiedAccountRecord, VerifiedPreKeyBundle,
};
use pawl_wire::{Bundle, BundleRefusal, ClaimId, ClientFrame, KeyRecord};

use crate::account::wire_address;
use crate::contacts::{Contact, PeerId};
use crate::engine::Engine;
use crate::error::AlertCode;
use crate::sessions::Slot;
use crate::sorted::SortedMap;
use crate::turn::Turn;

/// Claims of this connection.
pub(crate) type Claims = SortedMap<ClaimId, PeerId>;

impl Engine {
    /// Claims a bundle for everybody who is to be written to and has no session.
    pub(crate) fn claim_bundles(&mut self, turn: &mut Turn<'_>) {
        if !self.relay.is_online() {
            return;
        }
        let waiting: Vec<PeerId> = self
            .outbox
            .ids()
            .filter(|id| {
                self.outbox
                    .get(*id)
                    .is_some_and(|e| e.sealed.is_none() && !e.failed)
            })
            .map(|id| id.peer)
            .collect();
        for peer in waiting {
            let is_asked = self.lookups.claims.values().any(|asked| *asked == peer);
            if !is_asked && !self.lookups.is_refreshing(peer) {
                self.claim_bundle(peer, turn);
            }
        }
    }

    fn claim_bundle(&mut self, peer: PeerId, turn: &mut Turn<'_>) {
        let is_held = self.sending.is_held(peer, turn.now);
        let Some(contact) = self.contacts.get(peer) else {
            return;
        };
        if is_held || !contact.changed.is_empty() || contact.active.is_some() {
            return;
        }
        let device = contact
            .verified_record()
            .map(|record| record.devices()[0].address());
        let Some(device) = device else {
            // The device list was lost to damage; the relay's must be of the pinned account.
            self.refresh(peer);
            return;
        };
        let claim = contact.claim.unwrap_or_else(|| ClaimId(turn.random()));
        if contact.claim.is_none()
            && let Some(contact) = self.contacts.edit(peer)
        {
            contact.claim = Some(claim);
        }
        self.lookups.claims.insert(claim, peer);
        let device = wire_address(device);
        turn.send(&ClientFrame::FetchBundle { claim, device });
    }

    pub(crate) fn on_bundle(&mut self, claim: ClaimId, bundle: &Bundle, turn: &mut Turn<'_>) {
        let Some(peer) = self.lookups.claims.remove(&claim) else {
            return;
        };
        let Some(contact) = self.contacts.edit(peer) else {
            return;
        };
        // What was asked for before their identity or their devices changed is no longer wanted.
        if contact.claim != Some(claim) {
            return;
        }
        contact.claim = None;
        // They may have written in the meantime, or changed.
        if contact.active.is_some() || !contact.changed.is_empty() {
            return;
        }
        let account = contact.account;
        let mut is_old = false;
        let session = verify(contact, bundle).and_then(|(record, keys)| {
            is_old = !self.take_devices(peer, &record);
            (!is_old).then_some(())?;
            let own = self.account.get().ready()?;
            Session::initiate(&own.device, keys, turn.rng).ok()
        });
        let Some(session) = session else {
            return self.refuse_keys(peer, is_old, turn);
        };
        let tag = session.tag();
        self.sessions.insert(tag, Slot::new(session, turn.now));
        self.sessions.drop_surplus(&account, Some(tag));
        if let Some(contact) = self.contacts.edit(peer) {
            contact.active = Some(tag);
            contact.remember(tag);
            self.receipts.delay(turn.now);
        }
    }

    /// The keys are not signed by this person, or are by an old list of their devices: say so, send nothing.
    pub(crate) fn refuse_keys(&mut self, peer: PeerId, is_old: bool, turn: &mut Turn<'_>) {
        if let Some(username) = self.username_of(peer) {
            turn.alert(match is_old {
                true => AlertCode::DevicesRefused { username },
                false => AlertCode::KeysRefused { username },
            });
        }
        self.fail_all(peer, turn);
    }

    pub(crate) fn on_no_bundle(
        &mut self,
        claim: ClaimId,
        cause: BundleRefusal,
        retry_after_ms: u64,
        turn: &mut Turn<'_>,
    ) {
        let Some(peer) = self.lookups.claims.remove(&claim) else {
            return;
        };
        match cause {
            BundleRefusal::UnknownDevice => self.refresh(peer),
            BundleRefusal::RateLimited | BundleRefusal::Unavailable => {
                self.sending.hold(peer, retry_after_ms, turn.now);
            }
        }
    }
}

/// The bundle's device list and keys, where both are the pinned account's and the device is listed.
fn verify(
    contact: &Contact,
    bundle: &Bundle,
) -> Option<(VerifiedAccountRecord, VerifiedPreKeyBundle)> {
    let record = AccountRecord::decode(&bundle.account_record)
        .ok()?
        .verify()
        .ok()?;
    let wanted = contact.verified_record()?.devices()[0].address();
    let certificate = record.device(wanted.device)?.clone();
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
    let keys = keys.verify(&contact.account).ok()?;
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
