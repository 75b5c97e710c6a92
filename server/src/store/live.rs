//! Mailboxes of devices that are connected and have everything: their mail goes past the disk.
//!
//! Owned by the writer's thread, in whose order everything happens. An envelope for such a mailbox gets
//! its number and goes to the connection at once. When the device acknowledges it within `Limits::live_grace`,
//! it is never written; otherwise it is, under the same number. Its sender hears `Stored` only then. Numbers are
//! handed out from a range that is reserved on disk, so that none comes twice after a crash, and a device
//! that is ahead of what was written loses nothing. Knows no SQL and no socket.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use pawl_wire::{DeviceAddress, MessageId, Submit};
use tokio::time::Instant;

use super::jobs::Reply;
use super::{DeviceId, Lane, Letter, StoreError, Submitted};
use crate::clock;
use crate::spare::give_back;

/// Numbers reserved in one write.
const RESERVE: u64 = 4_096;

/// Bytes of envelopes that one mailbox may have here: as much as its connection's window.
const MAX_BYTES: usize = 512 * 1024;

/// Ids that never reached the disk and are still known, about 80 bytes each. A sender that comes back later
/// has its envelope delivered again, and the recipient knows it.
const MAX_RECENT: usize = 50_000;

/// Ids on disk that are known without asking it, 4 bytes each.
pub(super) const MAX_KNOWN: usize = 1_000;

/// The way to a device's connection.
pub(crate) trait Outlet: Send + Sync {
    /// Mail for it, in the order of the mailbox.
    fn push(&self, letter: Letter);
    /// There is mail that did not come by this way.
    fn wake(&self);
    /// The device has a newer connection.
    fn is_replaced(&self) -> bool;
}

/// A connection that has everything and waits for more.
pub(crate) struct Listener {
    pub(crate) device: DeviceId,
    pub(crate) address: DeviceAddress,
    pub(crate) outlet: Arc<dyn Outlet>,
    /// Everything up to here was delivered to it and acknowledged.
    pub(crate) cursor: u64,
    /// Messages that it may have unacknowledged.
    pub(crate) window: usize,
}

/// What the disk says of a mailbox whose connection has everything.
pub(super) enum OnDisk {
    /// There is mail that the connection does not have.
    More,
    /// The account is erased, and its connection ends.
    Erased,
    /// More ids are known than are held here: its mail takes the way through the disk.
    TooManyIds,
    Nothing(Empty),
}

/// A mailbox that holds nothing new.
pub(super) struct Empty {
    pub(super) last_seq: u64,
    /// The last number of what is acknowledged and still there, 0 for nothing: the next acknowledgement erases it.
    pub(super) lingering: u64,
    /// Ids that are on disk.
    pub(super) known: Vec<MessageId>,
}

/// An envelope whose sender waits for an answer.
pub(super) struct Submission {
    pub(super) from: DeviceId,
    pub(super) submit: Submit,
    pub(super) lane: Lane,
    pub(super) reply: Reply<Submitted>,
}

impl Submission {
    pub(super) fn answer(self, result: Result<Submitted, StoreError>) {
        if result.is_err() {
            self.lane.block();
        }
        // Nobody waits any more when the connection is gone.
        let _ = self.reply.send(result);
    }
}

/// What has to be written, in this order.
pub(super) enum Write {
    /// An envelope under its number; its connection has it.
    Envelope(DeviceId, u64, Submission),
    /// The same, for whichever connection the device has then.
    Unread(DeviceId, u64, Submission),
    /// The mailbox goes on behind this number.
    LastSeq(DeviceId, u64),
}

/// Something that was taken in, or has to take the way through the disk.
pub(super) enum Taken {
    Here,
    Disk(Submission),
}

struct Held {
    seq: u64,
    size: usize,
    /// `None` once it is written.
    unwritten: Option<Submission>,
}

/// First bytes of the ids that are on disk, sorted; those that match are looked up there. Four of them are enough: a
/// match by chance costs one way through the disk.
struct Known(Option<Vec<u32>>);

impl Known {
    fn new(ids: Vec<MessageId>) -> Self {
        let mut starts: Vec<_> = ids.into_iter().map(start_of).collect();
        starts.sort_unstable();
        Self(Some(starts))
    }

    fn may_hold(&self, id: MessageId) -> bool {
        self.0
            .as_ref()
            .is_none_or(|ids| ids.binary_search(&start_of(id)).is_ok())
    }

    fn add(&mut self, id: MessageId) {
        if let Some(ids) = &mut self.0 {
            let start = start_of(id);
            if let Err(place) = ids.binary_search(&start) {
                ids.insert(place, start);
            }
            if ids.len() > MAX_KNOWN {
                self.0 = None;
            }
        }
    }
}

fn start_of(id: MessageId) -> u32 {
    let [a, b, c, d, ..] = id.0;
    u32::from_le_bytes([a, b, c, d])
}

struct Mailbox {
    listener: Listener,
    last_seq: u64,
    /// Numbers up to here may be handed out.
    reserved: u64,
    /// Letters up to here were pushed.
    pushed: u64,
    /// Unacknowledged, in order.
    held: VecDeque<Held>,
    bytes: usize,
    /// The last number that was written.
    written: u64,
    known: Known,
}

impl Mailbox {
    fn has_room(&self, size: usize) -> bool {
        self.held.len() < self.listener.window && self.bytes + size <= MAX_BYTES
    }

    fn knows(&self, id: MessageId) -> bool {
        let here = |held: &Held| {
            let unwritten = held.unwritten.as_ref();
            unwritten.is_some_and(|unwritten| unwritten.submit.message_id == id)
        };
        self.known.may_hold(id) || self.held.iter().any(here)
    }

    /// Called when all numbers that were handed out are reserved.
    fn push(&mut self) {
        let first = self.held.partition_point(|held| held.seq <= self.pushed);
        for held in self.held.range(first..) {
            if let Some(unwritten) = &held.unwritten {
                self.listener.outlet.push(Letter {
                    seq: held.seq,
                    message_id: unwritten.submit.message_id,
                    envelope: unwritten.submit.envelope.clone(),
                });
            }
            self.pushed = held.seq;
        }
    }

    /// Takes out what is unwritten, up to a number.
    fn write_through(
        &mut self,
        through: u64,
        write: fn(DeviceId, u64, Submission) -> Write,
        writes: &mut Vec<Write>,
    ) {
        for held in &mut self.held {
            if held.seq > through {
                break;
            }
            if let Some(unwritten) = held.unwritten.take() {
                self.known.add(unwritten.submit.message_id);
                self.written = held.seq;
                writes.push(write(self.listener.device, held.seq, unwritten));
            }
        }
    }
}

/// The ids that never reached the disk, each with a keyed hash of whom it was for: whether that device is there
/// when its sender asks again or not.
#[derive(Default)]
struct Recent {
    key: RandomState,
    ids: HashSet<(u64, MessageId)>,
    order: VecDeque<(u64, MessageId)>,
}

impl Recent {
    fn has(&self, submit: &Submit) -> bool {
        self.ids.contains(&self.id(submit))
    }

    fn id(&self, submit: &Submit) -> (u64, MessageId) {
        (self.key.hash_one(submit.recipient), submit.message_id)
    }

    fn add(&mut self, submit: &Submit) {
        let id = self.id(submit);
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

/// An envelope that is written at this time, unless it is acknowledged by then.
struct Due {
    at: Instant,
    device: DeviceId,
    seq: u64,
    lane: usize,
}

/// All live mailboxes.
pub(super) struct LiveMail {
    grace: Duration,
    by_address: HashMap<DeviceAddress, DeviceId>,
    mailboxes: HashMap<DeviceId, Box<Mailbox>>,
    recent: Recent,
    /// When what was taken has to be written, in order; also of what is acknowledged by now.
    due: VecDeque<Due>,
    /// Mailboxes that need numbers.
    unreserved: Vec<DeviceId>,
    /// Mailboxes whose device acknowledged what this sender wrote, since [`LiveMail::take_heard`].
    heard: Vec<(DeviceId, DeviceId)>,
}

impl LiveMail {
    /// `grace`: how long an envelope may wait for its acknowledgement before it is written.
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace,
            by_address: HashMap::new(),
            mailboxes: HashMap::new(),
            recent: Recent::default(),
            due: VecDeque::new(),
            unreserved: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// When the first envelope has to be written.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.front().map(|due| due.at)
    }

    /// True when this connection's mailbox is live already.
    pub(super) fn has(&self, device: DeviceId, outlet: &Arc<dyn Outlet>) -> bool {
        let mailbox = self.mailboxes.get(&device);
        mailbox.is_some_and(|mailbox| Arc::ptr_eq(outlet, &mailbox.listener.outlet))
    }

    /// True when a connection of this device is live.
    pub(super) fn is_live(&self, device: DeviceId) -> bool {
        self.mailboxes.contains_key(&device)
    }

    /// From now on this mailbox is live; it was not before.
    pub(super) fn begin(&mut self, listener: Listener, empty: Empty) {
        let device = listener.device;
        self.by_address.insert(listener.address, device);
        let mailbox = Mailbox {
            last_seq: empty.last_seq,
            reserved: empty.last_seq,
            pushed: empty.last_seq,
            held: VecDeque::new(),
            bytes: 0,
            written: empty.lingering,
            known: Known::new(empty.known),
            listener,
        };
        self.mailboxes.insert(device, Box::new(mailbox));
    }

    /// Takes an envelope for a live mailbox; others, and those that the disk may know, take the way through it.
    pub(super) fn take(&mut self, submission: Submission, writes: &mut Vec<Write>) -> Taken {
        // What is behind a failure must not overtake it.
        if let Err(error) = submission.lane.check() {
            submission.answer(Err(error));
            return Taken::Here;
        }
        let submit = &submission.submit;
        if self.recent.has(submit) {
            submission.answer(Ok(Submitted::Duplicate));
            return Taken::Here;
        }
        let device = self.by_address.get(&submit.recipient).copied();
        let Some((device, mailbox)) =
            device.and_then(|device| Some((device, self.mailboxes.get_mut(&device)?)))
        else {
            return Taken::Disk(submission);
        };
        if mailbox.knows(submit.message_id) || !mailbox.has_room(submit.envelope.len()) {
            // What came before it is written before it.
            self.end(device, None, writes);
            return Taken::Disk(submission);
        }
        mailbox.last_seq += 1;
        mailbox.bytes += submit.envelope.len();
        self.due.push_back(Due {
            at: clock::deadline(self.grace),
            device,
            seq: mailbox.last_seq,
            lane: submission.lane.number(),
        });
        mailbox.held.push_back(Held {
            seq: mailbox.last_seq,
            size: submit.envelope.len(),
            unwritten: Some(submission),
        });
        if mailbox.last_seq > mailbox.reserved {
            if self.unreserved.last() != Some(&device) {
                self.unreserved.push(device);
            }
        } else {
            mailbox.push();
        }
        Taken::Here
    }

    /// The device has everything up to a number; true when some of that is on disk.
    pub(super) fn acknowledge(&mut self, device: DeviceId, through: u64) -> bool {
        let Some(mailbox) = self.mailboxes.get_mut(&device) else {
            return true;
        };
        while mailbox.held.front().is_some_and(|held| held.seq <= through) {
            let Some(held) = mailbox.held.pop_front() else {
                break;
            };
            mailbox.bytes -= held.size;
            if let Some(unwritten) = held.unwritten {
                self.recent.add(&unwritten.submit);
                self.heard.push((device, unwritten.from));
                unwritten.answer(Ok(Submitted::Stored(device)));
            }
        }
        give_back(&mut mailbox.held);
        // Up to the last that was written; after that, none of it is on disk.
        let on_disk = mailbox.written > 0;
        if through >= mailbox.written {
            mailbox.written = 0;
        }
        on_disk
    }

    /// Mailboxes and the senders whose mail they acknowledged.
    pub(super) fn take_heard(&mut self) -> Vec<(DeviceId, DeviceId)> {
        std::mem::take(&mut self.heard)
    }

    /// The mailbox goes back to the disk: its connection ended (only if it is still this one), or has too much.
    pub(super) fn end(
        &mut self,
        device: DeviceId,
        only: Option<&Arc<dyn Outlet>>,
        writes: &mut Vec<Write>,
    ) {
        let is_other = |outlet| !self.has(device, outlet);
        if only.is_some_and(is_other) {
            return;
        }
        let Some(mut mailbox) = self.mailboxes.remove(&device) else {
            return;
        };
        self.by_address.remove(&mailbox.listener.address);
        mailbox.write_through(u64::MAX, Write::Unread, writes);
        // On disk stands the end of the range.
        if mailbox.reserved != mailbox.last_seq {
            writes.push(Write::LastSeq(device, mailbox.last_seq));
        }
        mailbox.listener.outlet.wake();
    }

    /// Everything goes back to the disk.
    pub(super) fn end_all(&mut self, writes: &mut Vec<Write>) {
        let all: Vec<_> = self.mailboxes.keys().copied().collect();
        for device in all {
            self.end(device, None, writes);
        }
    }

    /// What waited long enough.
    pub(super) fn write_due(&mut self, now: Instant, writes: &mut Vec<Write>) {
        while self.due.front().is_some_and(|due| due.at <= now)
            && let Some(due) = self.due.pop_front()
        {
            self.write_one(due.device, due.seq, writes);
        }
    }

    /// The connection of this lane is not read before it is answered: an acknowledgement that it sends would not be
    /// heard, and somebody's answer, perhaps this connection's own, would wait for that in vain.
    pub(super) fn hurry(&mut self, lane: &Lane, writes: &mut Vec<Write>) {
        let of_lane = self.due.iter().filter(|due| due.lane == lane.number());
        let of_lane: Vec<_> = of_lane.map(|due| (due.device, due.seq)).collect();
        for (device, seq) in of_lane {
            self.write_one(device, seq, writes);
        }
    }

    /// Writes an envelope and those before it.
    fn write_one(&mut self, device: DeviceId, seq: u64, writes: &mut Vec<Write>) {
        let Some(mailbox) = self.mailboxes.get_mut(&device) else {
            return;
        };
        if seq > mailbox.pushed {
            // Its connection would never get what is written before it was pushed.
            self.end(device, None, writes);
        } else {
            mailbox.write_through(seq, Write::Envelope, writes);
        }
    }

    /// Mailboxes that need numbers, with the last that is to be reserved.
    pub(super) fn take_unreserved(&mut self) -> Vec<(DeviceId, u64)> {
        let devices = std::mem::take(&mut self.unreserved);
        let through = |device| {
            let mailbox = self.mailboxes.get(&device)?;
            (mailbox.last_seq > mailbox.reserved).then(|| (device, mailbox.last_seq + RESERVE))
        };
        devices.into_iter().filter_map(through).collect()
    }

    /// These are reserved on disk: what waited for its number goes out.
    pub(super) fn reserved(&mut self, ranges: Vec<(DeviceId, u64)>) {
        for (device, through) in ranges {
            if let Some(mailbox) = self.mailboxes.get_mut(&device) {
                mailbox.reserved = through;
                mailbox.push();
            }
        }
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
