//! Deliveries in the relay's order. Where there is no room on disk for a stranger's message, it and what came
//! after it wait in memory, unacknowledged, so that a crash loses nothing. What is done with them is
//! `engine/flows/receiving.rs`.

use std::collections::VecDeque;

use pawl_wire::{MessageId, Username};

use crate::api::error::AlertCode;
use crate::directory::lookups::Answer;
use crate::limits::{MAX_SEQ_LEAP, RECEIVE_WINDOW};
use crate::storage::room::Room;
use crate::turn::Turn;

/// Deliveries of this connection that are not dealt with.
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: VecDeque<Delivery>,
    /// The name of the stranger whose message is the first that waits, for want of room on disk.
    confirming: Option<Username>,
    /// What the relay said about it.
    confirmed: Option<(Username, Answer)>,
    /// The relay has said that nothing is left of what waited when the connection began.
    caught_up: bool,
    /// The connection before ended because of a number that was too far ahead.
    has_leapt: bool,
}

/// An envelope as the relay delivers it.
pub(crate) struct Delivery {
    pub(crate) seq: u64,
    pub(crate) message_id: MessageId,
    pub(crate) envelope: Vec<u8>,
}

impl Inbox {
    /// The name of the stranger who holds up the queue.
    pub(crate) fn confirming(&self) -> Option<&Username> {
        self.confirming.as_ref()
    }

    /// Whether as much waits as the relay may send before it is acknowledged.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= RECEIVE_WINDOW as usize
    }

    /// Whether a number is further ahead than any relay can have come, which is told. A relay that still says such
    /// a number on the next connection does count so: it was told the number of one that lied, and goes on above
    /// it.
    pub(crate) fn leaps(&mut self, seq: u64, last_seq: u64, turn: &mut Turn<'_>) -> bool {
        let is_far = seq.saturating_sub(last_seq) > MAX_SEQ_LEAP;
        self.has_leapt = is_far && !self.has_leapt;
        if self.has_leapt {
            turn.alert(AlertCode::MailMisnumbered);
        }
        self.has_leapt
    }

    pub(crate) fn push(&mut self, delivery: Delivery) {
        self.waiting.push_back(delivery);
    }

    /// The next delivery, unless a stranger holds it up.
    pub(crate) fn pop(&mut self) -> Option<Delivery> {
        let is_held_up = self.confirming.is_some();
        (!is_held_up).then(|| self.waiting.pop_front())?
    }

    /// A delivery, and what comes after it, waits until a stranger's name is confirmed.
    pub(crate) fn hold_up(&mut self, username: Username, delivery: Delivery) {
        self.confirming = Some(username);
        self.waiting.push_front(delivery);
    }

    /// Nobody holds up the queue any more. Says whether somebody did.
    pub(crate) fn go_on(&mut self) -> bool {
        self.confirming.take().is_some()
    }

    /// What the relay said about the name that is dealt with.
    pub(crate) fn confirmed(&self) -> Option<&(Username, Answer)> {
        self.confirmed.as_ref()
    }

    pub(crate) fn confirm(&mut self, confirmed: Option<(Username, Answer)>) {
        self.confirmed = confirmed;
    }

    /// All that waited at the relay when the connection began has come.
    pub(crate) fn caught_up(&mut self) {
        self.caught_up = true;
    }

    pub(crate) const fn is_caught_up(&self) -> bool {
        self.caught_up
    }
}

impl Room for Inbox {
    fn connection_lost(&mut self) {
        *self = Self {
            has_leapt: self.has_leapt,
            ..Self::default()
        };
    }

    /// Whether all that waited at the relay is on this disk.
    fn is_idle(&self) -> bool {
        self.caught_up && self.waiting.is_empty()
    }
}
