//! Sending texts again that the other's device says it does not have. Their contents are read from the
//! store, where the conversation's own lines stand; number and id stay, so that who has a text already
//! knows it. Decides nothing about sessions (`mending.rs`). docs/PROTOCOL.md, "Mending".

use pawl_protocol::AccountKey;
use zeroize::Zeroizing;

use crate::contacts::PeerId;
use crate::content::{Content, Text};
use crate::conversations::Conversation;
use crate::engine::Engine;
use crate::error::CommandError;
use crate::event::NoticeCause;
use crate::limits::{
    ASKED_BACK_LIFETIME, DAY, HOLE_PATIENCE, MAX_RESENT, MEND_FIRST, MEND_LAST, RESEND_BATCH,
    RESEND_TRIES, RESENDS_PER_DAY, backoff,
};
use crate::lines::{self, Line};
use crate::mending::Mending;
use crate::number_map::NumberMap;
use crate::records::Record;
use crate::turn::Turn;

impl Mending {
    fn tries_of(&self, number: u64) -> u64 {
        let (resent, _) = self.resent.as_chunks::<2>();
        let found = resent.iter().find(|[resent, _]| *resent == number);
        found.map_or(0, |[_, tries]| *tries)
    }

    fn count_try(&mut self, number: u64) {
        let tries = self.tries_of(number) + 1;
        self.keep_resent(|resent| resent != number);
        self.resent.extend([number, tries]);
        let surplus = self.resent.len().saturating_sub(2 * MAX_RESENT);
        self.resent.drain(..surplus);
    }

    /// Forgets about texts that arrived, or never will.
    pub(crate) fn keep_resent(&mut self, keep: impl Fn(u64) -> bool) {
        let (resent, _) = self.resent.as_chunks::<2>();
        let kept = resent.iter().filter(|[number, _]| keep(*number));
        self.resent = kept.flatten().copied().collect();
    }

    /// When these texts may go out again: with each try later, and so many a day.
    pub(crate) fn resend_at(&self, holes: &[(u64, u64)]) -> u64 {
        let tries = holes.iter().map(|(number, _)| self.tries_of(*number));
        let waits = u32::try_from(tries.max().unwrap_or(0)).unwrap_or(u32::MAX);
        let paced = match waits.checked_sub(1) {
            Some(waits) => self.resent_at + backoff(MEND_FIRST, MEND_LAST, waits),
            None => self.hole_since + HOLE_PATIENCE,
        };
        if self.resent_today >= RESENDS_PER_DAY {
            paced.max(self.day_at + DAY)
        } else {
            paced
        }
    }

    /// How many more texts may be sent again within a day of the first.
    fn resends_left(&mut self, now: u64) -> usize {
        if now.abs_diff(self.day_at) >= DAY {
            (self.day_at, self.resent_today) = (now, 0);
        }
        let left = RESENDS_PER_DAY.saturating_sub(self.resent_today);
        usize::try_from(left).unwrap_or(usize::MAX)
    }
}

impl Engine {
    /// When texts are to be sent again to a person; reads them where that is now. While an answer is
    /// awaited, nothing is: it may say that they arrived.
    pub(crate) fn resend_due(&mut self, peer: PeerId, turn: &mut Turn<'_>) -> Option<u64> {
        let conversation = self.conversations.get(peer)?;
        if conversation.mending.asked > 0 || !self.may_send_signal(peer) {
            return None;
        }
        let holes = conversation.holes(RESEND_BATCH);
        if holes.is_empty() {
            if conversation.mending.hole_since > 0 {
                self.conversations.edit(peer)?.mending.hole_since = 0;
            }
            return None;
        }
        if conversation.mending.hole_since == 0 {
            self.conversations.edit(peer)?.mending.hole_since = turn.now;
        }
        let due = self.conversations.get(peer)?.mending.resend_at(&holes);
        if due <= turn.now && self.mender.reading.is_none() {
            self.read_again(peer, holes, turn);
        }
        Some(due)
    }

    /// Asks for the lines of texts that the other does not have; gives up on those tried too often.
    fn read_again(&mut self, peer: PeerId, mut holes: Vec<(u64, u64)>, turn: &mut Turn<'_>) {
        holes.retain(|(number, _)| self.outbox.text(peer, *number).is_none());
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        holes.truncate(conversation.mending.resends_left(turn.now));
        let is_hopeless =
            |(number, _): &(u64, u64)| conversation.mending.tries_of(*number) >= RESEND_TRIES;
        let (hopeless, holes): (Vec<_>, Vec<_>) = holes.into_iter().partition(is_hopeless);
        for (number, position) in hopeless {
            self.give_up(peer, number, position, turn);
        }
        let keys = holes
            .iter()
            .map(|(_, position)| lines::key(peer, *position));
        turn.reads.extend(keys);
        if !holes.is_empty() {
            self.mender.reading = Some((peer, holes));
        }
    }

    /// A text that cannot be sent again, or was in vain: the user sees that it was not sent.
    fn give_up(&mut self, peer: PeerId, number: u64, position: u64, turn: &mut Turn<'_>) {
        if let Some(conversation) = self.conversations.edit(peer) {
            conversation.lost.insert(number);
            conversation.mending.keep_resent(|resent| resent != number);
            turn.show_status(peer, position, conversation.status_of_sent(number));
        }
        self.trouble(peer);
    }

    /// The user tries again what was given up.
    pub(crate) fn retry_lost(
        &mut self,
        peer: PeerId,
        position: u64,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        let lost = |c: &Conversation| c.own.number_at(position).filter(|it| c.lost.contains(*it));
        let number = self.conversations.get(peer).and_then(lost);
        let (Some(number), Some(conversation)) = (number, self.conversations.edit(peer)) else {
            return Err(CommandError::UnknownMessage);
        };
        conversation.lost.remove(number);
        let mending = &mut conversation.mending;
        mending.processed = mending.processed.max(number);
        mending.hole_since = 1;
        let status = conversation.status_of_sent(number);
        turn.show_status(peer, position, status);
        self.sending.release(peer);
        self.trouble(peer);
        Ok(())
    }

    /// The lines that were asked for: into the outbox with them, and then the other is asked whether
    /// they arrived.
    pub(crate) fn on_lines(&mut self, rows: &[Option<Zeroizing<Vec<u8>>>], turn: &mut Turn<'_>) {
        let Some((peer, wanted)) = self.mender.reading.take() else {
            return;
        };
        self.trouble(peer);
        for ((number, position), row) in wanted.into_iter().zip(rows) {
            let line = row.as_ref().and_then(|bytes| Line::decode(bytes).ok());
            match line.filter(|line| line.own_number == Some(number)) {
                Some(line) if !self.outbox.is_full() => {
                    self.send_again(peer, number, position, line, turn);
                }
                Some(_) => {}
                None => self.give_up(peer, number, position, turn),
            }
        }
        if let Some(conversation) = self.conversations.edit(peer) {
            conversation.mending.resent_at = turn.now;
            conversation.mending.ask_next = true;
            conversation.owes = true;
            self.receipts.hurry(turn.now);
        }
    }

    /// Another account is pinned: what was sent to the one before is not for it, what the relay has not
    /// confirmed is.
    pub(crate) fn begin_conversation_with(&mut self, peer: PeerId, account: AccountKey) {
        let mut own = NumberMap::default();
        for id in self.outbox.ids_of(peer) {
            let entry = self.outbox.get(id);
            match entry.filter(|entry| id.number > 0 && !entry.again) {
                Some(entry) => own.push(id.number, entry.position),
                None => drop(self.outbox.remove(id)),
            }
        }
        if let Some(conversation) = self.conversations.edit(peer) {
            conversation.begin_with(account, own);
        }
    }

    fn send_again(
        &mut self,
        peer: PeerId,
        number: u64,
        position: u64,
        line: Line,
        turn: &mut Turn<'_>,
    ) {
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        let mending = &mut conversation.mending;
        // While the line was read another account may have been pinned, for which it was not meant.
        let is_theirs = conversation.own.number_at(position) == Some(number);
        let is_known = conversation.known.contains(number);
        if !is_theirs || is_known || self.outbox.text(peer, number).is_some() {
            return;
        }
        let had_arrived = conversation.delivered.contains(number);
        // Whoever has the other's keys now could ask for it, too: what is long over stays over.
        if had_arrived && turn.now.saturating_sub(line.at) > ASKED_BACK_LIFETIME {
            return conversation.settle_delivered(number);
        }
        mending.count_try(number);
        mending.resent_today += 1;
        let text = Text {
            number,
            after: conversation.own.before(number),
            id: line.id,
            text: line.text,
            sent_at: line.sent_at,
        };
        self.enqueue(peer, number, position, true, &Content::Text(text));
        if had_arrived {
            self.notice(peer, NoticeCause::SentAgain, turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_for_the_texts_tried_last() {
        let mut mending = Mending::default();
        for number in (1..=500).chain([500, 500]) {
            mending.count_try(number);
        }
        assert_eq!(mending.resent.len(), 2 * MAX_RESENT);
        assert_eq!((mending.tries_of(1), mending.tries_of(500)), (0, 3));
    }
}
