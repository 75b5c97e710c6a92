//! How much of a mailbox each sender may fill, so that one sender does not shut out the others.
//!
//! Owned by the writer's thread, in memory only. A sender is a keyed hash; its key is made with the process and
//! never leaves it. A sender is *known* to a mailbox once the mailbox's device has acknowledged mail of theirs.
//! After a restart nobody is known, and what waits on disk belongs to no sender. Knows no SQL and no socket.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use super::DeviceId;
use crate::config::Limits;

/// Known senders of one mailbox, 16 bytes each and as much again in the table of senders.
const MAX_KNOWN: usize = 256;

/// Mailboxes that are followed. One that has no waiting mail gives way.
const MAX_MAILBOXES: usize = 20_000;

/// Waiting messages that are followed in all mailboxes together, 24 bytes each. Beyond it the largest mailbox is
/// followed no longer.
const MAX_WAITING: usize = 1_000_000;

/// What waits in a mailbox, as the disk has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Waiting {
    fn add(&mut self, size: u64) {
        self.messages += 1;
        self.bytes += size;
    }

    fn take(&mut self, size: u64) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size);
    }

    fn with(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(other.messages),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// A sender, as one mailbox sees them.
#[derive(Default)]
struct Sender {
    is_known: bool,
    waiting: Waiting,
}

struct Message {
    seq: u64,
    sender: u64,
    size: u32,
}

#[derive(Default)]
struct Mailbox {
    senders: HashMap<u64, Sender>,
    /// What waits of all strangers together, and of all that are known.
    strangers: Waiting,
    acquaintances: Waiting,
    /// Those that are known; who was heard longest ago is forgotten first.
    known: VecDeque<u64>,
    /// In the order of the mailbox.
    waiting: VecDeque<Message>,
}

impl Mailbox {
    fn sum(&mut self, is_known: bool) -> &mut Waiting {
        match is_known {
            true => &mut self.acquaintances,
            false => &mut self.strangers,
        }
    }

    fn put(&mut self, sender: u64, seq: u64, size: u64) {
        let entry = self.senders.entry(sender).or_default();
        entry.waiting.add(size);
        let is_known = entry.is_known;
        self.sum(is_known).add(size);
        self.waiting.push_back(Message {
            seq,
            sender,
            size: u32::try_from(size).unwrap_or(u32::MAX),
        });
    }

    /// The first message, where it is one up to this number, waits no longer; who wrote it.
    fn take(&mut self, through: u64) -> Option<u64> {
        let first = self.waiting.front().filter(|first| first.seq <= through)?;
        let (sender, size) = (first.sender, u64::from(first.size));
        self.waiting.pop_front();
        let entry = self.senders.entry(sender).or_default();
        entry.waiting.take(size);
        let is_known = entry.is_known;
        self.sum(is_known).take(size);
        Some(sender)
    }

    fn set_known(&mut self, sender: u64, is_known: bool) {
        let entry = self.senders.entry(sender).or_default();
        if entry.is_known != is_known {
            entry.is_known = is_known;
            let waiting = entry.waiting;
            let from = self.sum(!is_known);
            *from = from.without(waiting);
            let to = self.sum(is_known);
            *to = to.with(waiting);
        }
    }

    fn learn(&mut self, sender: u64) {
        if self.known.back() == Some(&sender) {
            return;
        }
        self.known.retain(|known| *known != sender);
        self.known.push_back(sender);
        self.set_known(sender, true);
        if self.known.len() > MAX_KNOWN
            && let Some(oldest) = self.known.pop_front()
        {
            self.set_known(oldest, false);
            let is_idle = |it: &Sender| it.waiting == Waiting::default();
            if self.senders.get(&oldest).is_some_and(is_idle) {
                self.senders.remove(&oldest);
            }
        }
    }

    /// Strangers without waiting mail.
    fn forget_idle(&mut self) {
        let is_followed = |it: &Sender| it.is_known || it.waiting != Waiting::default();
        self.senders.retain(|_, sender| is_followed(sender));
    }

    fn forget_waiting(&mut self) -> usize {
        let forgotten = self.waiting.len();
        self.waiting = VecDeque::new();
        (self.strangers, self.acquaintances) = Default::default();
        self.senders.retain(|_, sender| {
            sender.waiting = Waiting::default();
            sender.is_known
        });
        forgotten
    }
}

/// What each sender has waiting in each mailbox.
#[derive(Default)]
pub(super) struct Shares {
    key: RandomState,
    mailboxes: HashMap<DeviceId, Mailbox>,
    /// Messages in all of them.
    followed: usize,
}

impl Shares {
    fn sender(&self, mailbox: DeviceId, from: DeviceId) -> u64 {
        self.key.hash_one((mailbox.0, from.0))
    }

    /// Whether the sender may put this into a mailbox in which so much waits.
    ///
    /// A known sender may fill a third of what is left beside their own: a quarter where nobody else writes, and every
    /// further one leaves three quarters of what was left. All strangers together may fill half of the mailbox, each of
    /// them `limits.stranger_messages`.
    pub(super) fn has_room(
        &self,
        mailbox: DeviceId,
        from: DeviceId,
        size: u64,
        waiting: Waiting,
        limits: &Limits,
    ) -> bool {
        let all = Waiting {
            messages: limits.mailbox_messages,
            bytes: limits.mailbox_bytes,
        };
        let left = all.without(waiting);
        if left.messages == 0 || left.bytes < size {
            return false;
        }
        let here = self.mailboxes.get(&mailbox);
        let sender = here.and_then(|here| here.senders.get(&self.sender(mailbox, from)));
        let own = sender.map_or_else(Waiting::default, |sender| sender.waiting);
        if sender.is_some_and(|sender| sender.is_known) {
            return own.messages.saturating_mul(3) < left.messages
                && own.bytes.saturating_mul(3) < left.bytes;
        }
        let (strangers, acquaintances) = here.map_or_else(Default::default, |here| {
            (here.strangers, here.acquaintances)
        });
        // What was there before this process began is nobody's.
        let nobodys = waiting.without(acquaintances).without(strangers);
        let half = all.without(nobodys);
        let room = Waiting {
            messages: half.messages.div_ceil(2),
            bytes: half.bytes.div_ceil(2),
        }
        .without(strangers);
        own.messages < limits.stranger_messages && room.messages > 0 && size <= room.bytes
    }

    /// An envelope is in a mailbox under this number.
    pub(super) fn put(&mut self, mailbox: DeviceId, from: DeviceId, seq: u64, size: u64) {
        self.make_room(mailbox);
        let sender = self.sender(mailbox, from);
        let here = self.mailboxes.entry(mailbox).or_default();
        here.put(sender, seq, size);
        self.followed += 1;
    }

    /// The device has everything up to this number: who wrote it is known to it.
    pub(super) fn acknowledge(&mut self, mailbox: DeviceId, through: u64) {
        let Some(here) = self.mailboxes.get_mut(&mailbox) else {
            return;
        };
        while let Some(sender) = here.take(through) {
            self.followed = self.followed.saturating_sub(1);
            here.learn(sender);
        }
        crate::spare::give_back(&mut here.waiting);
    }

    /// What waited up to this number is erased; that makes nobody known.
    pub(super) fn erase(&mut self, mailbox: DeviceId, through: u64) {
        let Some(here) = self.mailboxes.get_mut(&mailbox) else {
            return;
        };
        while here.take(through).is_some() {
            self.followed = self.followed.saturating_sub(1);
        }
        here.forget_idle();
        crate::spare::give_back(&mut here.waiting);
    }

    /// The device has acknowledged what went to it past the disk.
    pub(super) fn learn(&mut self, mailbox: DeviceId, from: DeviceId) {
        self.make_room(mailbox);
        let sender = self.sender(mailbox, from);
        self.mailboxes.entry(mailbox).or_default().learn(sender);
    }

    /// A commit failed: nobody knows any more what waits. It is nobody's; who is known stays known.
    pub(super) fn lose_count(&mut self) {
        for mailbox in self.mailboxes.values_mut() {
            mailbox.forget_waiting();
        }
        self.followed = 0;
    }

    fn make_room(&mut self, mailbox: DeviceId) {
        if self.followed >= MAX_WAITING {
            let largest = self.mailboxes.values_mut();
            if let Some(largest) = largest.max_by_key(|it| it.waiting.len()) {
                self.followed -= largest.forget_waiting();
            }
        }
        if self.mailboxes.len() >= MAX_MAILBOXES && !self.mailboxes.contains_key(&mailbox) {
            let idle = self.mailboxes.iter().find(|(_, it)| it.waiting.is_empty());
            let gone = idle.or_else(|| self.mailboxes.iter().next());
            if let Some(gone) = gone.map(|(device, _)| *device)
                && let Some(mailbox) = self.mailboxes.remove(&gone)
            {
                self.followed -= mailbox.waiting.len();
            }
        }
    }
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
