//! Keeping the relay's stock of this device's public prekeys full and current. The relay says what it
//! has; what is missing is made, committed and uploaded in one step, in batches that fit a frame.

use pawl_wire::limits::{LOW_ONE_TIME_KEYS, MAX_KEYS_PER_PUBLISH, MAX_ONE_TIME_KEYS};
use pawl_wire::{ClientFrame, KeyRecord, KeyStock, PublishedKeys};

use crate::engine::Engine;
use crate::limits::PREKEY_ID_JUMP;
use crate::prekeys::Kind;
use crate::turn::Turn;

/// What the relay has, as far as this connection knows.
#[derive(Default)]
pub(crate) struct Publishing {
    stock: Option<KeyStock>,
    /// One kind ran low: it is filled to the brim before this ends.
    filling: bool,
    /// The request under way, and what the relay has once it is answered.
    pending: Option<(u32, KeyStock)>,
}

impl Publishing {
    pub(crate) fn forget_connection(&mut self) {
        *self = Self::default();
    }

    /// The relay tells what it has. While an upload is under way the numbers are about to change.
    pub(crate) fn on_stock(&mut self, stock: KeyStock) {
        if self.pending.is_none() {
            let low = stock.one_time_prekeys.min(stock.one_time_kems);
            self.filling |= usize::try_from(low).unwrap_or(usize::MAX) < LOW_ONE_TIME_KEYS;
            self.stock = Some(stock);
        }
    }

    pub(crate) fn on_published(&mut self, request: u32) {
        if let Some((pending, stock)) = self.pending
            && pending == request
        {
            self.pending = None;
            self.stock = Some(stock);
        }
    }
}

impl Engine {
    /// Uploads the next batch of what is missing.
    pub(crate) fn publish(&mut self, turn: &mut Turn<'_>) {
        let (Some(mut stock), None) = (self.publishing.stock, self.publishing.pending) else {
            return;
        };
        if !self.relay.is_online() || self.account.get().ready().is_none() {
            return;
        }
        let mut keys = PublishedKeys {
            signed_prekey: self.outdated(Kind::Signed, &mut stock.signed_prekey),
            last_resort_kem: self.outdated(Kind::LastResort, &mut stock.last_resort_kem),
            ..PublishedKeys::default()
        };
        if self.publishing.filling {
            keys.one_time_prekeys = self.batch(Kind::OneTime, &mut stock.one_time_prekeys, turn);
            keys.one_time_kems = self.batch(Kind::OneTimeKem, &mut stock.one_time_kems, turn);
            self.publishing.filling =
                !(keys.one_time_prekeys.is_empty() && keys.one_time_kems.is_empty());
        }
        if keys == PublishedKeys::default() {
            return;
        }
        let request = self.counters.edit().next_publish();
        self.publishing.pending = Some((request, stock));
        turn.send(&ClientFrame::Publish { request, keys });
    }

    /// The current prekey of a kind, where the relay has another one.
    fn outdated(&self, kind: Kind, relay_has: &mut u32) -> Option<KeyRecord> {
        let (newest, _) = self.prekeys.newest(kind)?;
        if newest.1 == *relay_has {
            return None;
        }
        *relay_has = newest.1;
        self.prekeys.public(newest)
    }

    fn batch(&mut self, kind: Kind, relay_has: &mut u32, turn: &mut Turn<'_>) -> Vec<KeyRecord> {
        let held = usize::try_from(*relay_has).unwrap_or(usize::MAX);
        let missing = MAX_ONE_TIME_KEYS
            .saturating_sub(held)
            .min(MAX_KEYS_PER_PUBLISH);
        let batch: Vec<_> = (0..missing)
            .filter_map(|_| self.new_prekey(kind, turn))
            .collect();
        *relay_has += u32::try_from(batch.len()).expect("at most one batch");
        batch
    }

    /// The relay has seen these ids with other keys: leave a gap, and make the signed ones anew.
    pub(crate) fn skip_prekey_ids(&mut self, turn: &mut Turn<'_>) {
        for last in &mut self.counters.edit().prekeys {
            *last = last.saturating_add(PREKEY_ID_JUMP);
        }
        self.new_prekey(Kind::Signed, turn);
        self.new_prekey(Kind::LastResort, turn);
    }
}
