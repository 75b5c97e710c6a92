//! What a connection has delivered and may deliver: window, order, acknowledgements.
//!
//! A state machine without I/O. What is unacknowledged is bounded in messages and in bytes, so a
//! device that reads slowly costs this much memory and no more; the rest waits in the store.

use std::collections::VecDeque;

use crate::spare::give_back;
use crate::store::Letter;

/// Unacknowledged bytes of envelopes on one connection, rounded up to the last message.
pub(crate) const WINDOW_BYTES: usize = 512 * 1024;

/// An acknowledgement of what was never delivered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotDelivered;

pub(crate) struct Delivery {
    window: usize,
    /// Everything up to here was delivered, or acknowledged before.
    cursor: u64,
    unacknowledged: VecDeque<(u64, usize)>,
    bytes: usize,
    /// The mailbox may hold something after the cursor.
    may_have_mail: bool,
    /// The end of the mailbox when the connection began, until `QueueEmpty` has said so.
    waiting_through: Option<u64>,
}

impl Delivery {
    /// `acknowledged`: what the device has on disk; `last_seq`: the end of its mailbox now.
    pub(crate) fn new(window: u32, acknowledged: u64, last_seq: u64) -> Self {
        Self {
            window: window as usize,
            cursor: acknowledged,
            unacknowledged: VecDeque::new(),
            bytes: 0,
            may_have_mail: true,
            waiting_through: Some(last_seq),
        }
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// New mail was announced.
    pub(crate) fn hint(&mut self) {
        self.may_have_mail = true;
    }

    /// How many messages and bytes to read now, if any. A hint that comes later counts anew.
    pub(crate) fn begin_read(&mut self) -> Option<(usize, usize)> {
        let messages = self.window.saturating_sub(self.unacknowledged.len());
        let bytes = WINDOW_BYTES.saturating_sub(self.bytes);
        if !self.may_have_mail || messages == 0 || bytes == 0 {
            return None;
        }
        self.may_have_mail = false;
        Some((messages, bytes))
    }

    /// True when a message has to be sent: it was not by another way. Called in the order of the mailbox.
    pub(crate) fn deliver(&mut self, letter: &Letter) -> bool {
        if letter.seq <= self.cursor {
            return false;
        }
        self.cursor = letter.seq;
        self.bytes += letter.envelope.len();
        self.unacknowledged
            .push_back((letter.seq, letter.envelope.len()));
        true
    }

    /// True when the device has all mail and has acknowledged it.
    pub(crate) fn has_everything(&self) -> bool {
        !self.may_have_mail && self.waiting_through.is_none() && self.unacknowledged.is_empty()
    }

    /// True when the device has mail that it has not acknowledged.
    pub(crate) fn awaits_acknowledgement(&self) -> bool {
        !self.unacknowledged.is_empty()
    }

    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// A read is done; gives the number for `QueueEmpty` when that is due, once per connection.
    pub(crate) fn end_read(&mut self, at_end: bool) -> Option<u64> {
        self.may_have_mail |= !at_end;
        let through = self.waiting_through?;
        if at_end || self.cursor >= through {
            self.waiting_through = None;
            return Some(through.max(self.cursor));
        }
        None
    }

    /// True when this acknowledges something new.
    ///
    /// # Errors
    /// [`NotDelivered`] when `through` is beyond what was delivered on this connection.
    pub(crate) fn acknowledge(&mut self, through: u64) -> Result<bool, NotDelivered> {
        if through > self.cursor {
            return Err(NotDelivered);
        }
        let mut any = false;
        while let Some((seq, size)) = self.unacknowledged.front()
            && *seq <= through
        {
            self.bytes -= size;
            self.unacknowledged.pop_front();
            any = true;
        }
        give_back(&mut self.unacknowledged);
        Ok(any)
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
