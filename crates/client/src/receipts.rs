//! Receipts: telling others what arrived and what was seen, gathered into few messages; and believing
//! theirs, about texts that were sent. A receipt never causes a receipt.

use crate::contacts::PeerId;
use crate::content::{Content, Receipt};
use crate::engine::Engine;
use crate::event::MessageStatus;
use crate::limits::{MAX_RECEIPTS_PER_STEP, RECEIPT_BATCH, RECEIPT_DELAY};
use crate::ranges::RangeSet;
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

impl Engine {
    /// Puts what is owed into the outbox, one receipt per person at a time: what comes while it is on
    /// its way waits for the next. So receipts can neither fill the outbox nor get lost.
    pub(crate) fn write_receipts(&mut self, turn: &mut Turn<'_>) {
        if !self.relay.is_online() || self.receipts.due.is_none_or(|due| due > turn.now) {
            return;
        }
        self.receipts.due = None;
        self.receipts.gathered = 0;
        let owing: Vec<PeerId> = self
            .conversations
            .iter()
            .filter(|(_, conversation)| conversation.owes_receipts())
            .map(|(peer, _)| peer)
            .filter(|peer| {
                let contact = self.contacts.get(*peer);
                contact.is_some_and(|c| c.changed.is_empty() && c.active.is_some())
            })
            .collect();
        for (written, peer) in owing.into_iter().enumerate() {
            if written == MAX_RECEIPTS_PER_STEP {
                self.receipts.delay(turn.now);
                break;
            }
            if self.outbox.has_signal(peer) {
                self.receipts.delay(turn.now);
            } else if let Some(conversation) = self.conversations.edit(peer) {
                let receipt = Receipt {
                    delivered: std::mem::take(&mut conversation.owed_delivered),
                    read: std::mem::take(&mut conversation.owed_read),
                };
                self.enqueue(peer, 0, 0, &Content::Receipt(receipt));
            }
        }
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
            conversation.owed_read.insert_range(first, last);
        }
        turn.shown.insert(peer);
        self.receipts.delay(turn.now);
    }

    /// What the other says of our texts. Numbers that were never sent are ignored.
    pub(crate) fn on_receipt(&mut self, peer: PeerId, receipt: &Receipt, turn: &mut Turn<'_>) {
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        let sent = conversation.next_number - 1;
        let read = up_to(&receipt.read, sent);
        let mut delivered = up_to(&receipt.delivered, sent);
        delivered.extend(&read);
        let changes: Vec<_> = conversation
            .own
            .iter()
            .filter(|(number, _)| delivered.contains(*number))
            .map(|(number, position)| (number, position, conversation.status_of_sent(number)))
            .collect();
        conversation.delivered.extend(&delivered);
        conversation.read.extend(&read);
        let is_read = conversation.read.clone();
        conversation
            .own
            .drop_settled(|number| is_read.contains(number));
        for (number, position, before) in changes {
            self.show_receipt(peer, number, position, before, turn);
        }
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
            if entry.sealed.is_some() {
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

fn up_to(ranges: &RangeSet, sent: u64) -> RangeSet {
    let mut known = RangeSet::default();
    for (first, last) in ranges.iter() {
        known.insert_range(first, last.min(sent));
    }
    known
}
