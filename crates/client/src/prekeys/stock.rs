//! Which one-time prekeys the relay still has, found by its digest, and what becomes of the private halves of
//! those that it has no more: somebody may have claimed them and not have written yet.

use pawl_wire::KeyRecord;

use crate::limits::{GONE_PREKEY_LIFETIME, MAX_PRIVATE_ONE_TIME};
use crate::numbers::Millis;
use crate::prekeys::{Kind, PrekeyId, Prekeys};

impl Prekeys {
    /// One-time keys that the relay may have, by rising id, with their digests.
    fn live(&self, kind: Kind) -> Vec<(PrekeyId, u64)> {
        let all = self.keys.iter().filter(|(id, _)| id.0 == kind);
        let live = all.filter(|(_, prekey)| prekey.gone_at == Millis::ZERO);
        live.map(|(id, prekey)| (id, prekey.digest)).collect()
    }

    /// Finds what the relay has among what it was given, and notes what it gave out since. It gives out the
    /// lowest id first and takes only higher ones, so what it has is a run of these keys; those behind are of
    /// an upload that did not arrive, and their number is the answer. None where it has anything else.
    pub(crate) fn compare(
        &mut self,
        kind: Kind,
        count: usize,
        digest: u64,
        now: Millis,
    ) -> Option<usize> {
        let live = self.live(kind);
        let most = live.len().checked_sub(count)?;
        let is_run = |begin: &usize| {
            let run = &live[*begin..*begin + count];
            run.iter().fold(0, |all, (_, digest)| all ^ digest) == digest
        };
        let begin = (0..=most).rev().find(is_run)?;
        for (id, _) in &live[..begin] {
            if let Some(prekey) = self.keys.edit(*id) {
                prekey.gone_at = now.max(Millis(1));
            }
        }
        Some(most - begin)
    }

    /// The public halves of the oldest among so many of the newest one-time keys.
    pub(crate) fn newest_public(&self, kind: Kind, newest: usize, wanted: usize) -> Vec<KeyRecord> {
        let live = self.live(kind);
        let from = live.len().saturating_sub(newest);
        let ids = live[from..].iter().take(wanted);
        ids.filter_map(|(id, _)| self.public(*id)).collect()
    }

    /// Erases one-time keys that the relay refused to take.
    pub(crate) fn forget_newest(&mut self, kind: Kind, count: usize) {
        let live = self.live(kind);
        for (id, _) in live.iter().rev().take(count) {
            self.keys.remove(*id);
        }
    }

    /// Erases what is too much: first what the relay has no more, the oldest first.
    pub(crate) fn drop_surplus(&mut self, kind: Kind) {
        let of_kind = || self.keys.iter().filter(|(id, _)| id.0 == kind);
        let surplus = of_kind().count().saturating_sub(MAX_PRIVATE_ONE_TIME);
        let gone = of_kind().filter(|(_, prekey)| prekey.gone_at > Millis::ZERO);
        let live = of_kind().filter(|(_, prekey)| prekey.gone_at == Millis::ZERO);
        let dropped = gone.chain(live).take(surplus);
        let dropped: Vec<_> = dropped.map(|(id, _)| id).collect();
        for id in dropped {
            self.keys.remove(id);
        }
    }

    /// Erases what the relay gave out so long ago that no message can name it any more.
    pub(crate) fn drop_gone(&mut self, now: Millis) {
        let is_old =
            |gone_at: Millis| gone_at > Millis::ZERO && now.since(gone_at) > GONE_PREKEY_LIFETIME;
        let old = self.keys.iter().filter(|(_, key)| is_old(key.gone_at));
        let old: Vec<_> = old.map(|(id, _)| id).collect();
        for id in old {
            self.keys.remove(id);
        }
    }
}
