//! Making prekeys: the private half is on disk with the step that gives out the public one.

use pawl_protocol::{DeviceKeyPair, KemPreKeyPair, OneTimePreKeyPair, SignedPreKeyPair};
use pawl_wire::{KeyRecord, digest};
use rand_core::CryptoRng;

use super::{Kind, PrekeyId, Prekeys, is_due, kem_kind};
use crate::account::Account;
use crate::account::counters::Counters;
use crate::numbers::Millis;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

impl Prekeys {
    /// Makes the next signed prekey and last-resort prekey where there is none or it is old.
    pub(crate) fn rotate(
        &mut self,
        account: &Kept<Account>,
        counters: &mut Kept<Counters>,
        turn: &mut Turn<'_>,
    ) {
        for kind in [Kind::Signed, Kind::LastResort] {
            let newest = self.newest(kind);
            if newest.is_none_or(|(_, made_at)| is_due(made_at, turn.now)) {
                self.make(kind, account, counters, turn);
            }
        }
    }

    /// One more prekey of a kind, on disk with this step.
    pub(crate) fn make(
        &mut self,
        kind: Kind,
        account: &Kept<Account>,
        counters: &mut Kept<Counters>,
        turn: &mut Turn<'_>,
    ) -> Option<KeyRecord> {
        let own = account.get().0.as_deref()?;
        let last = &mut counters.edit().prekeys[kind as usize];
        *last = last.checked_add(1)?;
        let id = PrekeyId(kind, *last);
        Some(self.generate(id, own.device.keys(), turn.now, turn.rng))
    }

    /// Makes one prekey and gives its public half. Here and in [`Self::public`] only are there public halves,
    /// and both take them from what this step commits or an earlier one did: none leaves before its private one
    /// is on disk.
    fn generate(
        &mut self,
        id: PrekeyId,
        device: &DeviceKeyPair,
        now: Millis,
        rng: &mut dyn CryptoRng,
    ) -> KeyRecord {
        let PrekeyId(kind, number) = id;
        let (secret, record) = match kind {
            Kind::Signed => {
                let pair = SignedPreKeyPair::generate(number, device, rng);
                (pair.to_bytes(), pair.public().encode().to_vec())
            }
            Kind::OneTime => {
                let pair = OneTimePreKeyPair::generate(number, rng);
                (pair.to_bytes(), pair.public().encode().to_vec())
            }
            Kind::LastResort | Kind::OneTimeKem => {
                let pair = KemPreKeyPair::generate(kem_kind(kind), number, device, rng);
                (pair.to_bytes(), pair.public().encode())
            }
        };
        let key = KeyRecord { id: number, record };
        self.insert(id, &secret, digest::of_key(&key), now);
        key
    }
}
