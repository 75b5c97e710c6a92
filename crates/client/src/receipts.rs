//! Receipts: telling others what arrived and what was seen, gathered into few messages; and believing
//! theirs, about texts that were sent. A receipt causes one only where it asks for it.

use crate::contacts::PeerId;
use crate::content::{Content, Receipt};
use crate::engine::Engine;
use crate::event::MessageStatus;
use crate::limits::{
    ANSWER_INTERVAL, ANSWERS_AT_ONCE, KEPT_RUNS, MAX_RECEIPTS_PER_STEP, RECEIPT_BATCH,
    RECEIPT_DELAY,
};
use crate::mending::Mending;
use crate::turn::Turn;

/// When receipts go out next.
#[derive(Default)]
pub(crate) struct Receipts {
    pub(crate) due: Option<u64>,
    gathered: usize,
}

impl Receipts {
    /// One more text to tell of.
    pub(crate) fn gather(&mut self, now: u64) {
        self.gathered += 1;
        if self.gathered >= RECEIPT_BATCH {
            self.hurry(now);
        } else {
            self.delay(now);
        }
    }

    /// Something to tell of soon.
    pub(crate) fn delay(&mut self, now: u64) {
        self.due = Some(
            self.due
                .map_or(now + RECEIPT_DELAY, |due| due.min(now + RECEIPT_DELAY)),
        );
    }

    /// No more is to be expected right now.
    pub(crate) fn hurry(&mut self, now: u64) {
        self.due = Some(now);
    }
}

impl Mending {
    /// Whether what the other asked waits for its answer; a clock that went back makes it wait no longer.
    fn answer_waits(&self, now: u64) -> bool {
        let wait = self.answered_until.saturating_sub(now + ANSWERS_AT_ONCE);
        self.echo != self.echoed && wait > 0 && wait <= ANSWER_INTERVAL
    }

    /// It is answered with what is written now.
    fn answer(&mut self, now: u64) {
        if self.echo != self.echoed {
            self.echoed = self.echo;
            let until = self.answered_until.max(now).min(now + ANSWERS_AT_ONCE);
            self.answered_until = until + ANSWER_INTERVAL;
        }
    }
}

impl Engine {
    /// Puts what is owed into the outbox, one receipt per person at a time: what comes while it is on
    /// its way waits for the next. So receipts can neither fill the outbox nor get lost.
    pub(crate) fn write_receipts(&mut self, turn: &mut Turn<'_>) {
        if !self.relay.is_online() || self.receipts.due.is_none_or(|due| due > turn.now) {
            return;
        }
        self.receipts.due = None;
        self.receipts.gathered = 0;
        let mut is_waiting = false;
        let owing: Vec<PeerId> = self
            .conversations
            .iter()
            .filter(|(peer, conversation)| {
                let contact = self.contacts.get(*peer);
                let waits = conversation.owes && conversation.mending.answer_waits(turn.now);
                is_waiting |= waits;
                conversation.owes
                    && !waits
                    && contact.is_some_and(|c| c.active.is_some())
                    && self.may_send_signal(*peer)
            })
            .map(|(peer, _)| peer)
            .collect();
        if is_waiting {
            self.receipts.due = Some(turn.now + ANSWER_INTERVAL / 8);
        }
        for (written, peer) in owing.into_iter().enumerate() {
            if written == MAX_RECEIPTS_PER_STEP {
                self.receipts.delay(turn.now);
                break;
            }
            if self.outbox.has_signal(peer) {
                self.receipts.delay(turn.now);
            } else {
                self.enqueue_receipt(peer, None, turn.now);
            }
        }
    }

    /// Whether a receipt to a person could go out.
    pub(crate) fn may_send_signal(&self, peer: PeerId) -> bool {
        let contact = self.contacts.get(peer);
        contact.is_some_and(|c| c.changed.is_empty()) && !self.sending.is_given_up(peer)
    }

    /// Puts a receipt into the outbox, which asks for one where the answer may ask so often in turn, or
    /// where one is to be asked for anyway.
    pub(crate) fn enqueue_receipt(&mut self, peer: PeerId, rounds: Option<u32>, now: u64) {
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        conversation.owes = false;
        let newest = conversation.next_number - 1;
        let mending = &mut conversation.mending;
        let rounds = rounds.or(mending.ask_next.then_some(0));
        mending.answer(now);
        let mut receipt = Receipt {
            delivered: conversation.received.clone(),
            read: conversation.seen.clone(),
            echo: mending.echo,
            ..Receipt::default()
        };
        if mending.amnesia {
            receipt.delivered.insert_range(1, u64::MAX / 2);
        }
        if let Some(rounds) = rounds {
            mending.ask(newest, rounds > 0, now);
            mending.ask_next = false;
            receipt.ask = mending.asked;
            receipt.rounds = rounds;
            receipt.unreadable = mending.unreadable();
            self.trouble(peer);
        }
        self.enqueue(peer, 0, 0, false, &Content::Receipt(receipt));
    }

    /// The person has seen everything up to a position.
    pub(crate) fn mark_read(&mut self, peer: PeerId, through: u64, turn: &mut Turn<'_>) {
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        let seen = conversation.unseen.take_through(through);
        if seen.is_empty() {
            return;
        }
        for (first, last) in seen {
            conversation.seen.insert_range(first, last);
        }
        conversation.owes = true;
        turn.shown.insert(peer);
        self.receipts.delay(turn.now);
    }

    /// What the other says of our texts. Numbers that were never sent are ignored, and those of texts to
    /// accounts that were pinned before.
    pub(crate) fn on_receipt(&mut self, peer: PeerId, receipt: &Receipt, turn: &mut Turn<'_>) {
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        let sent = conversation.next_number - 1;
        let read = receipt.read.without(&conversation.former, sent);
        let mut delivered = receipt.delivered.without(&conversation.former, sent);
        delivered.extend(&read);
        let mut news = conversation
            .own
            .between(&delivered, &conversation.delivered, usize::MAX);
        news.extend(
            conversation
                .own
                .between(&read, &conversation.read, usize::MAX),
        );
        let changes: Vec<_> = news
            .into_iter()
            .map(|(number, position)| (number, position, conversation.status_of_sent(number)))
            .collect();
        conversation.delivered.extend(&delivered);
        conversation.read.extend(&read);
        conversation.own.drop_settled(&conversation.read, KEPT_RUNS);
        conversation
            .mending
            .keep_resent(|number| !delivered.contains(number));
        conversation.known = delivered;
        conversation.mending.silent_since = match conversation.all_arrived() {
            true => 0,
            false => turn.now,
        };
        for (number, position, before) in changes {
            self.show_receipt(peer, number, position, before, turn);
        }
        self.on_asked(peer, receipt, turn);
    }

    /// What the other asks, and whether it has answered what was asked.
    fn on_asked(&mut self, peer: PeerId, receipt: &Receipt, turn: &mut Turn<'_>) {
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        let mending = &mut conversation.mending;
        if receipt.echo > 0 && receipt.echo == mending.asked {
            mending.answered();
            // No more is on its way: what is missing now is missing.
            mending.hole_since = 1;
        }
        if receipt.ask > 0 {
            mending.echo = receipt.ask;
            mending.ask_next |= receipt.rounds > 0;
            conversation.owes = true;
            self.receipts.delay(turn.now);
        }
        self.write_elsewhere(peer, &receipt.unreadable);
        self.trouble(peer);
    }

    fn show_receipt(
        &mut self,
        peer: PeerId,
        number: u64,
        position: u64,
        before: MessageStatus,
        turn: &mut Turn<'_>,
    ) {
        if let Some((id, entry)) = self.outbox.text(peer, number) {
            // They have what the relay has not confirmed yet; what was never sealed they cannot have.
            if entry.sealed.is_some() || entry.again {
                self.settle(id, turn);
            }
            return;
        }
        let after = self
            .conversations
            .get(peer)
            .map(|c| c.status_of_sent(number));
        if let Some(after) = after.filter(|after| *after != before) {
            turn.show_status(peer, position, after);
        }
    }
}
