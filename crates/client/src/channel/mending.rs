//! Sessions that mend themselves: when to begin one anew because of a failure, what to ask the other
//! device, and when to tell the user. A message that does not open is only a hint; what the other device
//! says inside an opened message decides. Sending again is `engine/flows/resending.rs`. docs/PROTOCOL.md, "Mending".

use std::cmp::Reverse;

use pawl_protocol::SessionTag;
use pawl_wire::DeviceAddress;

use crate::account::counters::Counters;
use crate::api::event::NoticeCause;
use crate::channel::Channels;
use crate::channel::receipts::{Receipts, WritingReceipts, may_send_signal};
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::directory::contacts::{Contact, Contacts};
use crate::directory::lookups::Lookups;
use crate::engine::flows::resending::Resending;
use crate::ids::ConversationId;
use crate::limits::{
    MAX_MENDED_AT_ONCE, MAX_TROUBLED_PER_STEP, MEND_ROUNDS, MEND_STEP, SILENCE_TRIES,
};
use crate::outbox::Outbox;
use crate::rooms::Room;
use crate::storage::sorted::{SortedMap, SortedSet};
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// Waits for what lets it be done, and not for a time.
const NEVER: u64 = u64::MAX;

/// Lines that are being read from the store: numbers and positions.
pub(crate) struct Reading {
    pub(crate) device: DeviceAddress,
    pub(crate) conversation: ConversationId,
    pub(crate) wanted: Vec<(u64, u64)>,
}

/// Who has trouble, in memory.
#[derive(Default)]
pub(crate) struct RepairQueue {
    /// When the trouble with each device is to be looked at, or was.
    at: SortedMap<DeviceAddress, u64>,
    /// The same, the soonest last, where it is quickly taken out.
    queue: SortedSet<(Reverse<u64>, DeviceAddress)>,
    /// Whose session to write on is missing.
    broken: SortedSet<DeviceAddress>,
    /// When this connection began; 0 where there is none.
    online_at: u64,
    /// For how many devices sessions were begun since then.
    begun: (u64, usize),
    pub(crate) reading: Option<Reading>,
    /// Who waits until these are read.
    waiting: SortedSet<DeviceAddress>,
}

impl RepairQueue {
    pub(crate) fn schedule(&mut self, device: DeviceAddress, at: u64) {
        if let Some(before) = self.at.insert(device, at) {
            self.queue.remove(&(Reverse(before), device));
        }
        self.queue.insert((Reverse(at), device));
    }

    /// The trouble with a device is to be looked at in this step.
    pub(crate) fn trouble(&mut self, device: DeviceAddress) {
        self.schedule(device, 0);
    }

    fn unschedule(&mut self, device: DeviceAddress) {
        if let Some(at) = self.at.remove(&device) {
            self.queue.remove(&(Reverse(at), device));
        }
    }

    /// Whatever waited for what has just come is looked at again.
    pub(crate) fn retry(&mut self, device: DeviceAddress) {
        if self.at.contains_key(&device) {
            self.schedule(device, 0);
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
    fn take_due(&mut self, now: u64) -> Option<DeviceAddress> {
        let (Reverse(at), device) = self.queue.last().copied()?;
        if at > now {
            return None;
        }
        self.queue.pop_last();
        Some(device)
    }

    /// A connection begins: whoever could not be helped on the one before is looked at again.
    fn come_online(&mut self, now: u64) {
        self.online_at = now;
        self.reschedule(|_| 0);
    }

    fn reschedule(&mut self, change: impl Fn(u64) -> u64) {
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
    fn due(&self, is_online: bool) -> Option<u64> {
        let (Reverse(at), _) = self.queue.last().filter(|_| is_online)?;
        (*at != NEVER).then_some(*at)
    }

    fn clock_went_back(&mut self, by: u64) {
        self.reschedule(|at| match at {
            NEVER => NEVER,
            at => at.saturating_sub(by),
        });
    }

    fn connection_lost(&mut self) {
        self.online_at = 0;
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
            repairs.schedule(device, 0);
        }
    }
    for (device, tag) in broken {
        sessions.remove(tag);
        repairs.broken.insert(device);
        repairs.trouble(device);
    }
}

/// Takes what comes from a device, opened or not, as evidence of how its sessions are.
pub(crate) struct Evidence<'e> {
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e Sessions,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) repairs: &'e mut RepairQueue,
}

impl Evidence<'_> {
    /// Something came that does not open, and says that it is from this device. Anybody can make such a
    /// thing: it changes nothing but that the device is asked, at a bounded rate.
    pub(crate) fn hint(
        &mut self,
        device: DeviceAddress,
        tag: SessionTag,
        cause: NoticeCause,
        turn: &Turn<'_>,
    ) {
        let Some(repair) = self.channels.get(device).map(|it| &it.repair) else {
            return;
        };
        if !repair.is_news(tag) {
            return;
        }
        if let Some(repair) = self.channels.repair(device) {
            repair.suspect(tag, cause, turn.now);
        }
        self.repairs.trouble(device);
    }

    /// Something of a device of the pinned account was opened: it is written to on that session, unless
    /// the session only receives, and at once.
    pub(crate) fn heard_on(&mut self, device: DeviceAddress, tag: SessionTag) {
        if self.outbox.is_given_up(device) {
            self.repairs.trouble(device);
        }
        let only_receives = self.sessions.get(tag).is_none_or(|slot| slot.retired);
        self.channels.remember(device, tag);
        let is_news = self.channels.get(device).is_some_and(|channel| {
            !channel.replied || (channel.head != Some(tag) && !only_receives)
        });
        if is_news && let Some(channel) = self.channels.edit(device) {
            channel.replied = true;
            if !only_receives {
                channel.head = Some(tag);
            }
        }
        self.repairs.release(self.outbox, device);
    }
}

/// Mends what is known to be in trouble.
pub(crate) struct Mending<'e> {
    pub(crate) counters: &'e mut Kept<Counters>,
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e mut Sessions,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) lookups: &'e mut Lookups,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

/// Lends its rooms to the flows that it uses.
impl Mending<'_> {
    fn writing_receipts(&mut self) -> WritingReceipts<'_> {
        WritingReceipts {
            counters: self.counters,
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            outbox: self.outbox,
            repairs: self.repairs,
            receipts: self.receipts,
        }
    }

    fn resending(&mut self) -> Resending<'_> {
        Resending {
            counters: self.counters,
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            outbox: self.outbox,
            repairs: self.repairs,
            receipts: self.receipts,
        }
    }
}

impl Mending<'_> {
    /// Looks after everybody who is in trouble, where it is time.
    pub(crate) fn mend(&mut self, turn: &mut Turn<'_>) {
        if self.repairs.online_at == 0 {
            self.repairs.come_online(turn.now);
            self.lookups.refresh_changed(self.contacts);
        }
        let (since, mut begun) = self.repairs.begun;
        let is_over = turn.now.abs_diff(since) >= MEND_STEP;
        let since = if is_over { turn.now } else { since };
        begun = if is_over { 0 } else { begun };
        // What is looked at is scheduled again when all others were.
        let mut next = Vec::new();
        while next.len() < MAX_TROUBLED_PER_STEP
            && let Some(device) = self.repairs.take_due(turn.now)
        {
            if begun == MAX_MENDED_AT_ONCE {
                next.push((device, Some(turn.now + MEND_STEP)));
                continue;
            }
            begun += usize::from(self.mend_channel(device, turn));
            next.push((device, self.next_trouble(device, turn)));
        }
        for (device, at) in next {
            match at {
                Some(at) => self.repairs.schedule(device, at),
                None => self.repairs.unschedule(device),
            }
        }
        self.repairs.begun = (since, begun);
    }

    /// When the trouble with this device is to be looked at again; nothing where there is none. Notices
    /// and texts to send again that are due are dealt with.
    fn next_trouble(&mut self, device: DeviceAddress, turn: &mut Turn<'_>) -> Option<u64> {
        let (_, conversation) = self.contacts.other_end(device)?;
        let is_broken = self.repairs.broken.contains(&device);
        let online_at = self.repairs.online_at;
        let repair = &self.channels.get(device)?.repair;
        let notice_due = repair.notice_due(online_at);
        if notice_due.is_some_and(|due| due <= turn.now)
            && let Some(cause) = self.channels.repair(device)?.tell()
        {
            self.conversations.notice(conversation, cause, turn);
        }
        let resend = self.resending().resend_due(device, conversation, turn);
        let repair = &self.channels.get(device)?.repair;
        if !repair.is_troubled() && !is_broken && resend.is_none() {
            return None;
        }
        let due = [repair.due(is_broken), repair.notice_due(online_at), resend];
        // What is due and could not be done now waits for what lets it be done.
        let later = |due: &u64| *due > turn.now;
        let due = due.into_iter().flatten().filter(later).min();
        Some(due.unwrap_or(NEVER))
    }

    /// Asks, and begins a session anew for it unless nothing but silence is the reason, where that is
    /// due and may be.
    fn mend_channel(&mut self, device: DeviceAddress, turn: &mut Turn<'_>) -> bool {
        let is_broken = self.repairs.broken.contains(&device);
        let may_send = may_send_signal(self.contacts, self.outbox, device);
        let Some(channel) = self.channels.get(device) else {
            return false;
        };
        let mut repair = channel.repair.clone();
        repair.forget(turn.now);
        if repair != channel.repair
            && let Some(known) = self.channels.repair(device)
        {
            known.clone_from(&repair);
        }
        let is_due = repair.due(is_broken).is_some_and(|due| due <= turn.now);
        if !is_due || !may_send {
            return false;
        }
        // Silence is no failure: mostly they are away, and the session there is serves.
        let is_silence = repair.is_only_silent() && !is_broken;
        repair.count_mending(is_silence.then_some(SILENCE_TRIES));
        if let Some(known) = self.channels.repair(device) {
            *known = repair;
        }
        self.repairs.broken.remove(&device);
        if !is_silence {
            self.begin_anew(device);
        }
        for id in self.outbox.signals_to(device) {
            self.outbox.remove(id);
        }
        self.writing_receipts()
            .enqueue_receipt(device, Some(MEND_ROUNDS), turn.now);
        true
    }

    /// Every session with a device so far only receives; the next thing to send claims a fresh bundle.
    fn begin_anew(&mut self, device: DeviceAddress) {
        if let Some(channel) = self.channels.edit(device) {
            channel.head = None;
        }
        let tags = self.sessions.of_device(device);
        self.sessions.retire(&tags);
    }
}
