//! Keeping the relay's stock of this device's public prekeys full, current and this device's own. The relay
//! says what it has, with a digest; what is missing is made, committed and uploaded in one step, in batches that
//! fit a frame. Where it has something else than it was given (a relay or a device that went back in time), all
//! of a kind is published anew. How often is bounded: a relay can say what it likes.

use pawl_wire::limits::{LOW_ONE_TIME_KEYS, MAX_KEYS_PER_PUBLISH, MAX_ONE_TIME_KEYS};
use pawl_wire::{ClientFrame, KeyRecord, KeyStock, PublishedKeys, digest};

use crate::account::Account;
use crate::account::counters::Counters;
use crate::api::error::AlertCode;
use crate::limits::{PREKEY_ID_JUMP, REPAIR_COST};
use crate::numbers::Millis;
use crate::prekeys::{Kind, PrekeyId, Prekeys};
use crate::storage::room::Room;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// The one-time kinds, in the order of the arrays below.
const ONE_TIME: [Kind; 2] = [Kind::OneTime, Kind::OneTimeKem];

/// What the relay has, as far as this connection knows.
#[derive(Default)]
pub(crate) struct Publishing {
    has: Option<Has>,
    /// One kind ran low: it is filled to the brim before this ends.
    filling: bool,
    /// The relay has other one-time keys than it was given, and nothing was done about it yet.
    drifted: bool,
    /// The request under way, and how many one-time keys it has.
    pending: Option<(u32, [usize; 2])>,
    /// Nothing may be uploaded before.
    due: Option<Millis>,
    /// The user knows that the relay does not keep this device's keys.
    told: bool,
}

#[derive(Clone, Copy)]
struct Has {
    /// Ids of the signed and the last-resort prekey; 0 where it is none of this device's.
    signed: [u32; 2],
    one_time: [usize; 2],
    /// So many of the newest one-time keys are on this device's disk and not known to be with the relay.
    unsure: [usize; 2],
}

impl Publishing {
    pub(crate) fn on_published(&mut self, request: u32) {
        let Some((_, uploaded)) = self.pending.take_if(|(pending, _)| *pending == request) else {
            return;
        };
        if let Some(has) = &mut self.has {
            for (i, uploaded) in uploaded.into_iter().enumerate() {
                has.one_time[i] += uploaded;
                has.unsure[i] -= uploaded;
            }
        }
    }
}

impl Room for Publishing {
    fn due(&self, is_online: bool) -> Option<Millis> {
        self.due.filter(|_| is_online)
    }

    fn clock_went_back(&mut self, by: u64) {
        self.due = self.due.map(|due| due.earlier_by(by));
    }

    fn connection_lost(&mut self) {
        *self = Self {
            told: self.told,
            ..Self::default()
        };
    }

    fn is_idle(&self) -> bool {
        self.pending.is_none()
    }
}

impl Publishing {
    /// The relay tells what it has. While an upload is under way that is about to change. After the relay was
    /// restored nothing that it has can be relied on: it may have been given to somebody before.
    pub(crate) fn on_stock(
        &mut self,
        prekeys: &mut Prekeys,
        stock: &KeyStock,
        is_restored: bool,
        turn: &Turn<'_>,
    ) {
        if self.pending.is_some() {
            return;
        }
        let digests = stock.digests;
        let own = |kind, id, digest| {
            let key = prekeys.public(PrekeyId(kind, id));
            let is_own = key.is_some_and(|key| digest::of_key(&key) == digest);
            if is_own { id } else { 0 }
        };
        let mut has = Has {
            signed: [
                own(Kind::Signed, stock.signed_prekey, digests.signed_prekey),
                own(
                    Kind::LastResort,
                    stock.last_resort_kem,
                    digests.last_resort_kem,
                ),
            ],
            one_time: [stock.one_time_prekeys, stock.one_time_kems]
                .map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            unsure: [0; 2],
        };
        let digests = [digests.one_time_prekeys, digests.one_time_kems];
        for (i, kind) in ONE_TIME.into_iter().enumerate() {
            let count = has.one_time[i];
            let unsure = prekeys.compare(kind, count, digests[i], turn.now);
            match unsure.filter(|_| !is_restored || count == 0) {
                Some(unsure) => has.unsure[i] = unsure,
                None => {
                    has.one_time[i] = 0;
                    self.drifted = true;
                }
            }
            self.filling |= has.one_time[i] < LOW_ONE_TIME_KEYS;
        }
        self.has = Some(has);
    }

    /// Uploads the next batch of what is missing.
    pub(crate) fn publish(
        &mut self,
        account: &Kept<Account>,
        counters: &mut Kept<Counters>,
        prekeys: &mut Prekeys,
        turn: &mut Turn<'_>,
    ) {
        let (Some(has), None) = (self.has, self.pending) else {
            return;
        };
        let outdated = [Kind::Signed, Kind::LastResort].map(|kind| {
            let (newest, _) = prekeys.newest(kind)?;
            (newest.1 != has.signed[kind as usize]).then_some(newest)
        });
        let wanted = [0, 1].map(|i| self.wanted(&has, i));
        if outdated == [None; 2] && wanted == [0; 2] {
            self.filling = false;
            return;
        }
        let cost = if self.drifted { REPAIR_COST } else { 1 };
        if !self.may_publish(cost, counters, turn) {
            return;
        }
        self.drifted = false;
        let [signed_prekey, last_resort_kem] = outdated.map(|id| prekeys.public(id?));
        let [one_time_prekeys, one_time_kems] =
            [0, 1].map(|i| self.batch((i, wanted[i]), account, counters, prekeys, turn));
        let keys = PublishedKeys {
            signed_prekey,
            last_resort_kem,
            one_time_prekeys,
            one_time_kems,
        };
        if let Some(has) = &mut self.has {
            for (held, id) in has.signed.iter_mut().zip(outdated) {
                *held = id.map_or(*held, |id| id.1);
            }
        }
        let uploaded = [keys.one_time_prekeys.len(), keys.one_time_kems.len()];
        let request = counters.edit().next_publish();
        self.pending = Some((request, uploaded));
        turn.send(&ClientFrame::Publish { request, keys });
    }

    /// How many one-time keys of a kind the next batch has.
    fn wanted(&self, has: &Has, i: usize) -> usize {
        let missing = match has.unsure[i] {
            0 if self.filling => MAX_ONE_TIME_KEYS.saturating_sub(has.one_time[i]),
            unsure => unsure,
        };
        missing.min(MAX_KEYS_PER_PUBLISH)
    }

    /// What was made for an upload that did not arrive goes again, the same keys under the same ids; only then
    /// are others made. So the relay's keys have no gaps, and no key is made for nothing.
    fn batch(
        &mut self,
        (i, wanted): (usize, usize),
        account: &Kept<Account>,
        counters: &mut Kept<Counters>,
        prekeys: &mut Prekeys,
        turn: &mut Turn<'_>,
    ) -> Vec<KeyRecord> {
        let unsure = self.has.map_or(0, |has| has.unsure[i]);
        if unsure > 0 {
            return prekeys.newest_public(ONE_TIME[i], unsure, wanted);
        }
        let made = (0..wanted).map_while(|_| prekeys.make(ONE_TIME[i], account, counters, turn));
        let made: Vec<_> = made.collect();
        if let Some(has) = &mut self.has {
            has.unsure[i] = made.len();
        }
        made
    }

    /// Whether so much may be uploaded now; if not, when, and the user is told that the relay loses keys.
    fn may_publish(
        &mut self,
        cost: u64,
        counters: &mut Kept<Counters>,
        turn: &mut Turn<'_>,
    ) -> bool {
        self.due = counters.get().when_to_upload(cost, turn.now);
        if self.due.is_none() {
            counters.edit().count_upload(cost, turn.now);
        } else if !std::mem::replace(&mut self.told, true) {
            turn.alert(AlertCode::PrekeysLost);
        }
        self.due.is_none()
    }

    /// The relay has seen these ids with other keys: forget what it did not take, leave a gap, and make the
    /// signed ones anew.
    pub(crate) fn skip_prekey_ids(
        &mut self,
        account: &Kept<Account>,
        counters: &mut Kept<Counters>,
        prekeys: &mut Prekeys,
        turn: &mut Turn<'_>,
    ) {
        let is_asked = self.pending.is_some() || account.get().registering().is_some();
        if !is_asked || !self.may_publish(REPAIR_COST, counters, turn) {
            return;
        }
        let unsure = self.has.map_or([0; 2], |has| has.unsure);
        for (kind, unsure) in ONE_TIME.into_iter().zip(unsure) {
            prekeys.forget_newest(kind, unsure);
        }
        for last in &mut counters.edit().prekeys {
            *last = last.saturating_add(PREKEY_ID_JUMP);
        }
        prekeys.make(Kind::Signed, account, counters, turn);
        prekeys.make(Kind::LastResort, account, counters, turn);
    }
}
