//! What time does: old sessions, keys and messages are erased, current prekeys replaced.
//!
//! A clock can be wrong for a while. So nothing is erased that was not due at the last look, too, an
//! interval ago, and nothing counts as dated in the future that was not so then. A clock that jumps and
//! comes back within an interval has then done nothing but replace a prekey early; one that stays wrong for
//! longer is taken for the time. The price is an interval more for what is to be erased, or, on a device that
//! was off, until its second look.

use crate::engine::Engine;
use crate::limits::{HOUSEKEEPING_INTERVAL, MAX_SWEPT_SESSIONS};
use crate::sorted::SortedSet;
use crate::turn::Turn;

impl Engine {
    /// When old things are to be looked for.
    pub(crate) fn housekeeping_due(&self) -> u64 {
        let kept_at = self.counters.get().house_kept_at;
        kept_at.saturating_add(HOUSEKEEPING_INTERVAL)
    }

    pub(crate) fn keep_house(&mut self, turn: &mut Turn<'_>) {
        let kept_at = self.counters.get().house_kept_at;
        let is_due = turn.now.abs_diff(kept_at) >= HOUSEKEEPING_INTERVAL;
        if !is_due || self.account.get().0.is_none() {
            return;
        }
        let (earlier, later) = (kept_at.min(turn.now), kept_at.max(turn.now));
        self.prekeys.date_back(later, turn.now);
        self.rotate_prekeys(turn);
        self.prekeys.drop_expired(earlier);
        self.strangers.drop_expired(earlier);
        self.requests.drop_expired(earlier);
        if self.keep_sessions(earlier, later, turn.now) {
            self.counters.edit().house_kept_at = turn.now;
            self.retry_requests(turn);
        }
    }

    /// Whether all sessions were looked at.
    fn keep_sessions(&mut self, earlier: u64, later: u64, now: u64) -> bool {
        let active: SortedSet<_> = self
            .contacts
            .iter()
            .filter_map(|(_, contact)| contact.active)
            .collect();
        let dropped = self
            .sessions
            .drop_expired(|tag| active.contains(&tag), earlier);
        let swept = self.sessions.sweep(MAX_SWEPT_SESSIONS, |slot| {
            let is_ahead = slot.used_at.max(slot.begun_at) > later;
            if is_ahead {
                slot.used_at = slot.used_at.min(now);
                slot.begun_at = slot.begun_at.min(now);
            }
            slot.session.expire(earlier) || is_ahead
        });
        dropped && swept
    }
}
