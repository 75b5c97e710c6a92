//! What time does: old sessions and prekeys are erased, current prekeys replaced.

use crate::engine::Engine;
use crate::limits::HOUSEKEEPING_INTERVAL;
use crate::sorted::SortedSet;
use crate::turn::Turn;

impl Engine {
    pub(crate) fn keep_house(&mut self, turn: &mut Turn<'_>) {
        if turn.now < self.housekeeping_at || self.account.get().0.is_none() {
            return;
        }
        self.housekeeping_at = turn.now + HOUSEKEEPING_INTERVAL;
        self.rotate_prekeys(turn);
        self.prekeys.drop_expired(turn.now);
        self.strangers.drop_expired(turn.now);
        let active: SortedSet<_> = self
            .contacts
            .iter()
            .filter_map(|(_, contact)| contact.active)
            .collect();
        self.sessions
            .drop_expired(|tag| active.contains(&tag), turn.now);
    }
}
