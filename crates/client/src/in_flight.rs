//! What this connection has sent and the relay has not answered, what can be sent next, and who is to be
//! left alone for a while. Knows nothing of what is sent (`sending.rs`).

use pawl_wire::{DeviceAddress, MessageId};

use crate::limits::{RESUBMIT_FIRST, RESUBMIT_LAST, backoff};
use crate::outbox::EntryId;
use crate::rooms::Room;
use crate::sorted::{SortedMap, SortedSet};

/// What this connection has sent, what can be sent next, and who is to be left alone for a while.
#[derive(Default)]
pub(crate) struct Sending {
    pub(crate) in_flight: SortedSet<MessageId>,
    /// Devices that something can be sent to, by the order of what is first.
    pub(crate) ready: SortedSet<(EntryId, DeviceAddress)>,
    held: SortedMap<DeviceAddress, Hold>,
    /// When each of them may be tried again, the soonest first.
    held_until: SortedSet<(u64, DeviceAddress)>,
    /// Devices to which nothing goes out by itself: no receipts, until they or the user give a reason.
    pub(crate) given_up: SortedSet<DeviceAddress>,
}

/// After refusals: nothing is sent to this device until then.
#[derive(Default)]
struct Hold {
    until: u64,
    refusals: u32,
    alerted: bool,
}

impl Sending {
    pub(crate) fn is_given_up(&self, device: DeviceAddress) -> bool {
        self.given_up.contains(&device)
    }

    /// Waits before the next attempt, at least as long as the relay says.
    pub(crate) fn hold(&mut self, device: DeviceAddress, retry_after_ms: u64, now: u64) {
        let hold = self.held.get_or_default(device);
        self.held_until.remove(&(hold.until, device));
        let wait = backoff(RESUBMIT_FIRST, RESUBMIT_LAST, hold.refusals);
        hold.until = now + wait.max(retry_after_ms.min(RESUBMIT_LAST));
        hold.refusals = hold.refusals.saturating_add(1);
        self.held_until.insert((hold.until, device));
    }

    pub(crate) fn is_held(&self, device: DeviceAddress, now: u64) -> bool {
        self.held.get(&device).is_some_and(|hold| hold.until > now)
    }

    /// Whether the user has not been told yet why this device is left alone.
    pub(crate) fn tells(&mut self, device: DeviceAddress) -> bool {
        let hold = self.held.get_mut(&device);
        hold.is_some_and(|hold| !std::mem::replace(&mut hold.alerted, true))
    }

    pub(crate) fn release(&mut self, device: DeviceAddress) {
        if let Some(hold) = self.held.remove(&device) {
            self.held_until.remove(&(hold.until, device));
        }
    }

    /// Whose wait is over now.
    pub(crate) fn end_holds(&mut self, now: u64) -> Vec<DeviceAddress> {
        let mut over = Vec::new();
        while let Some((until, device)) = self.held_until.first().copied()
            && until <= now
        {
            self.held_until.remove(&(until, device));
            over.push(device);
        }
        over
    }
}

impl Room for Sending {
    fn due(&self, is_online: bool) -> Option<u64> {
        let (until, _) = self.held_until.first().filter(|_| is_online)?;
        Some(*until)
    }

    fn clock_went_back(&mut self, by: u64) {
        let earlier = |until: u64| until.saturating_sub(by);
        for hold in self.held.values_mut() {
            hold.until = earlier(hold.until);
        }
        let held = std::mem::take(&mut self.held_until).into_iter();
        self.held_until = held
            .map(|(until, device)| (earlier(until), device))
            .collect();
    }

    fn connection_lost(&mut self) {
        self.in_flight.clear();
        self.ready.clear();
        self.given_up.clear();
    }

    fn is_idle(&self) -> bool {
        self.in_flight.len() == 0
    }
}
