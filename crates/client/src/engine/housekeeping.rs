//! What time does: old sessions, keys and messages are erased, current prekeys replaced.
//!
//! A clock can be wrong for a while. So nothing is erased that was not due at the last look, too, an
//! interval ago, and nothing counts as dated in the future that was not so then. A clock that jumps and
//! comes back within an interval has then done nothing but replace a prekey early; one that stays wrong
//! for longer is taken for the time. The price is an interval more for what is to be erased, or, on a
//! device that was off, until its second look.
//!
//! A look takes as many steps as there is to look at: each looks at so many sessions.

use pawl_protocol::SessionTag;

use super::Engine;
use crate::limits::{
    HOUSEKEEPING_INTERVAL, MAX_DROPPED_PER_STEP, MAX_LOOKED_AT_SESSIONS, MAX_SWEPT_SESSIONS,
};
use crate::numbers::Millis;
use crate::storage::room::Room;
use crate::turn::Turn;

/// How far the look that is under way has come.
#[derive(Default)]
pub(crate) struct Housekeeping {
    /// The next session.
    next: Option<SessionTag>,
}

impl Room for Housekeeping {}

impl Engine {
    /// When old things are to be looked for.
    pub(crate) fn housekeeping_due(&self) -> Millis {
        let kept_at = self.counters.get().house_kept_at;
        kept_at + HOUSEKEEPING_INTERVAL
    }

    pub(crate) fn keep_house(&mut self, turn: &mut Turn<'_>) {
        let kept_at = self.counters.get().house_kept_at;
        let is_due = turn.now.between(kept_at) >= HOUSEKEEPING_INTERVAL;
        if !is_due || self.account.get().0.is_none() {
            return;
        }
        let (earlier, later) = (kept_at.min(turn.now), kept_at.max(turn.now));
        if self.housekeeping.next.is_none() {
            self.prekeys.date_back(later, turn.now);
            (self.prekeys).rotate(&self.account, &mut self.counters, turn);
            for room in self.rooms() {
                room.drop_expired(earlier);
            }
        }
        let is_done = self.outbox.drop_old(earlier);
        if self.keep_sessions(earlier, later, turn.now) && is_done {
            self.counters.edit().house_kept_at = turn.now;
            self.receiving().retry_requests(turn);
        }
    }

    /// Whether all sessions were looked at.
    fn keep_sessions(&mut self, earlier: Millis, later: Millis, now: Millis) -> bool {
        let first = SessionTag::from_bytes([0; 16]);
        let first = self.housekeeping.next.take().unwrap_or(first);
        let (mut dropped, mut swept) = (0, 0);
        let tags = self.sessions.tags_from(first, MAX_LOOKED_AT_SESSIONS + 1);
        for (looked_at, tag) in tags.into_iter().enumerate() {
            let is_enough = looked_at == MAX_LOOKED_AT_SESSIONS
                || dropped == MAX_DROPPED_PER_STEP
                || swept == MAX_SWEPT_SESSIONS;
            if is_enough {
                self.housekeeping.next = Some(tag);
                return false;
            }
            if self.drop_expired(tag, earlier) {
                dropped += 1;
            } else if self.sessions.sweep(tag, earlier, later, now) {
                swept += 1;
            }
        }
        true
    }

    /// Drops a session that is not written on and was not used for as long as mail may wait.
    fn drop_expired(&mut self, tag: SessionTag, now: Millis) -> bool {
        let Some(slot) = self.sessions.get(tag).filter(|slot| slot.is_expired(now)) else {
            return false;
        };
        let channel = self.channels.get(slot.device());
        let is_head = channel.is_some_and(|channel| channel.head == Some(tag));
        if !is_head {
            self.sessions.remove(tag);
        }
        !is_head
    }
}
