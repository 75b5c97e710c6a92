//! Whose sessions are to be mended, and when: in memory, found again after loading. What is done is
//! `engine/flows/mending.rs`.

use std::cmp::Reverse;

use pawl_wire::DeviceAddress;

use crate::channel::Channels;
use crate::channel::sessions::Sessions;
use crate::directory::contacts::Contact;
use crate::ids::ConversationId;
use crate::limits::{MAX_MENDED_AT_ONCE, MEND_STEP};
use crate::numbers::{Millis, Number, Position};
use crate::outbox::Outbox;
use crate::storage::room::Room;
use crate::storage::sorted::{SortedMap, SortedSet};

/// Waits for what lets it be done, and not for a time.
pub(crate) const NEVER: Millis = Millis(u64::MAX);

/// Lines that are being read from the store: numbers and positions.
pub(crate) struct Reading {
    pub(crate) device: DeviceAddress,
    pub(crate) conversation: ConversationId,
    pub(crate) wanted: Vec<(Number, Position)>,
}

/// Who has trouble.
#[derive(Default)]
pub(crate) struct RepairQueue {
    /// When the trouble with each device is to be looked at, or was.
    at: SortedMap<DeviceAddress, Millis>,
    /// The same, the soonest last, where it is quickly taken out.
    queue: SortedSet<(Reverse<Millis>, DeviceAddress)>,
    /// Whose session to write on is missing.
    broken: SortedSet<DeviceAddress>,
    /// When this connection began; 0 where there is none.
    online_at: Millis,
    /// For how many devices sessions were begun since then.
    begun: (Millis, usize),
    reading: Option<Reading>,
    /// Who waits until these are read.
    waiting: SortedSet<DeviceAddress>,
}

impl RepairQueue {
    pub(crate) fn schedule(&mut self, device: DeviceAddress, at: Millis) {
        if let Some(before) = self.at.insert(device, at) {
            self.queue.remove(&(Reverse(before), device));
        }
        self.queue.insert((Reverse(at), device));
    }

    /// The trouble with a device is to be looked at in this step.
    pub(crate) fn trouble(&mut self, device: DeviceAddress) {
        self.schedule(device, Millis::ZERO);
    }

    pub(crate) fn unschedule(&mut self, device: DeviceAddress) {
        if let Some(at) = self.at.remove(&device) {
            self.queue.remove(&(Reverse(at), device));
        }
    }

    /// Whatever waited for what has just come is looked at again.
    pub(crate) fn retry(&mut self, device: DeviceAddress) {
        if self.at.contains_key(&device) {
            self.schedule(device, Millis::ZERO);
        }
    }

    /// A device is left alone no longer: what is for it is tried at once.
    pub(crate) fn release(&mut self, outbox: &mut Outbox, device: DeviceAddress) {
        if outbox.release(device) {
            self.retry(device);
        }
    }

    /// The same for all devices of a person, those included that are not known now.
    pub(crate) fn release_all(&mut self, outbox: &mut Outbox, contact: &Contact) {
        for device in contact.devices() {
            self.release(outbox, device);
        }
        outbox.wake(contact.all_devices());
    }

    /// Lines are being read for another device: this one is looked at when they are there.
    pub(crate) fn wait_for_lines(&mut self, device: DeviceAddress) {
        self.waiting.insert(device);
    }

    /// The lines that were asked for are there. Gives for whom.
    pub(crate) fn take_reading(&mut self) -> Option<Reading> {
        let reading = self.reading.take();
        for device in std::mem::take(&mut self.waiting) {
            self.retry(device);
        }
        reading
    }

    /// One whose time has come, to be scheduled again or not.
    pub(crate) fn take_due(&mut self, now: Millis) -> Option<DeviceAddress> {
        let (Reverse(at), device) = self.queue.last().copied()?;
        if at > now {
            return None;
        }
        self.queue.pop_last();
        Some(device)
    }

    /// Whether this is a connection's first step: whoever could not be helped on the one before is looked at
    /// again.
    pub(crate) fn begin_connection(&mut self, now: Millis) -> bool {
        if self.online_at > Millis::ZERO {
            return false;
        }
        self.online_at = now;
        self.reschedule(|_| Millis::ZERO);
        true
    }

    /// When this connection began.
    pub(crate) const fn online_at(&self) -> Millis {
        self.online_at
    }

    /// Whether the session to write on is missing.
    pub(crate) fn is_broken(&self, device: DeviceAddress) -> bool {
        self.broken.contains(&device)
    }

    pub(crate) fn forget_broken(&mut self, device: DeviceAddress) {
        self.broken.remove(&device);
    }

    /// The sessions that were begun so long ago are counted no longer.
    pub(crate) fn forget_begun(&mut self, now: Millis) {
        if now.between(self.begun.0) >= MEND_STEP {
            self.begun = (now, 0);
        }
    }

    /// Whether sessions may be begun for one more device now.
    pub(crate) const fn may_begin(&self) -> bool {
        self.begun.1 < MAX_MENDED_AT_ONCE
    }

    pub(crate) fn count_begun(&mut self) {
        self.begun.1 += 1;
    }

    /// Whether lines are being read.
    pub(crate) const fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Lines were asked for.
    pub(crate) fn read(&mut self, reading: Reading) {
        self.reading = Some(reading);
    }

    fn reschedule(&mut self, change: impl Fn(Millis) -> Millis) {
        for at in self.at.values_mut() {
            *at = change(*at);
        }
        let queue = std::mem::take(&mut self.queue).into_iter();
        self.queue = queue
            .map(|(Reverse(at), device)| (Reverse(change(at)), device))
            .collect();
    }
}

impl Room for RepairQueue {
    fn due(&self, is_online: bool) -> Option<Millis> {
        let (Reverse(at), _) = self.queue.last().filter(|_| is_online)?;
        (*at != NEVER).then_some(*at)
    }

    fn clock_went_back(&mut self, by: u64) {
        self.reschedule(|at| match at {
            NEVER => NEVER,
            at => at.earlier_by(by),
        });
    }

    fn connection_lost(&mut self) {
        self.online_at = Millis::ZERO;
    }
}

/// After loading: who was in trouble, and whose session is not there or says to be another's.
pub(crate) fn find_trouble(
    channels: &Channels,
    sessions: &mut Sessions,
    repairs: &mut RepairQueue,
) {
    let mut broken = Vec::new();
    for (device, channel) in channels.iter() {
        let slot = channel.head.map(|tag| (tag, sessions.get(tag)));
        if let Some((tag, slot)) = slot
            && slot.map(|slot| slot.device()) != Some(device)
        {
            broken.push((device, tag));
        }
        if channel.repair.is_troubled() {
            repairs.schedule(device, Millis::ZERO);
        }
    }
    for (device, tag) in broken {
        sessions.remove(tag);
        repairs.broken.insert(device);
        repairs.trouble(device);
    }
}
