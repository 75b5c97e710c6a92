//! Sessions that mend themselves: when to begin one anew because of a failure, what to ask the other
//! device, and when to tell the user. A message that does not open is only a hint; what the other device
//! says inside an opened message decides. Sending again is `resending.rs`. docs/PROTOCOL.md, "Mending".

use pawl_protocol::SessionTag;
use pawl_wire::DeviceAddress;

use crate::account::counters::Counters;
use crate::api::event::NoticeCause;
use crate::channel::Channels;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::{NEVER, RepairQueue};
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::directory::contacts::Contacts;
use crate::directory::lookups::Lookups;
use crate::engine::flows::receipts::{WritingReceipts, may_send_signal};
use crate::engine::flows::resending::Resending;
use crate::limits::{MAX_TROUBLED_PER_STEP, MEND_ROUNDS, MEND_STEP, SILENCE_TRIES};
use crate::numbers::Millis;
use crate::outbox::Outbox;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

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
        if self.repairs.begin_connection(turn.now) {
            self.lookups.refresh_changed(self.contacts);
        }
        self.repairs.forget_begun(turn.now);
        // What is looked at is scheduled again when all others were.
        let mut next = Vec::new();
        while next.len() < MAX_TROUBLED_PER_STEP
            && let Some(device) = self.repairs.take_due(turn.now)
        {
            if !self.repairs.may_begin() {
                next.push((device, Some(turn.now + MEND_STEP)));
                continue;
            }
            if self.mend_channel(device, turn) {
                self.repairs.count_begun();
            }
            next.push((device, self.next_trouble(device, turn)));
        }
        for (device, at) in next {
            match at {
                Some(at) => self.repairs.schedule(device, at),
                None => self.repairs.unschedule(device),
            }
        }
    }

    /// When the trouble with this device is to be looked at again; nothing where there is none. Notices
    /// and texts to send again that are due are dealt with.
    fn next_trouble(&mut self, device: DeviceAddress, turn: &mut Turn<'_>) -> Option<Millis> {
        let (_, conversation) = self.contacts.other_end(device)?;
        let is_broken = self.repairs.is_broken(device);
        let online_at = self.repairs.online_at();
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
        let later = |due: &Millis| *due > turn.now;
        let due = due.into_iter().flatten().filter(later).min();
        Some(due.unwrap_or(NEVER))
    }

    /// Asks, and begins a session anew for it unless nothing but silence is the reason, where that is
    /// due and may be.
    fn mend_channel(&mut self, device: DeviceAddress, turn: &mut Turn<'_>) -> bool {
        let is_broken = self.repairs.is_broken(device);
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
        self.repairs.forget_broken(device);
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
