//! Receipts: telling other devices what arrived from them and what was seen, gathered into few messages;
//! and believing theirs, about texts that were sent. A receipt causes one only where it asks for it.

use pawl_protocol::{Envelope, SessionTag};
use pawl_wire::DeviceAddress;

use crate::account::counters::Counters;
use crate::api::event::MessageStatus;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::RepairQueue;
use crate::channel::sessions::Sessions;
use crate::channel::{Channels, Stream};
use crate::content::{Content, Receipt};
use crate::conversations::Conversations;
use crate::directory::contacts::{Contact, Contacts};
use crate::engine::flows::status::Statuses;
use crate::ids::ConversationId;
use crate::limits::{ANSWER_INTERVAL, KEPT_RUNS, MAX_RECEIPTS_PER_STEP};
use crate::numbers::{Millis, Number, Position};
use crate::outbox::{Entry, Outbox, Part};
use crate::storage::ranges::RangeSet;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// Puts receipts into the outbox.
pub(crate) struct WritingReceipts<'e> {
    pub(crate) counters: &'e mut Kept<Counters>,
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

impl WritingReceipts<'_> {
    /// Puts what is owed into the outbox, one receipt per device at a time: what comes while it is on
    /// its way waits for the next. So receipts can neither fill the outbox nor get lost.
    pub(crate) fn write_receipts(&mut self, turn: &mut Turn<'_>) {
        if !self.receipts.take_due(turn.now) {
            return;
        }
        let mut written = 0;
        for device in self.channels.owed() {
            let channel = self.channels.get(device);
            if channel.is_some_and(|channel| channel.repair.answer_waits(turn.now)) {
                self.receipts.wait(turn.now + ANSWER_INTERVAL / 8);
                continue;
            }
            let has_head = channel.is_some_and(|channel| channel.head.is_some());
            if !has_head || !may_send_signal(self.contacts, self.outbox, device) {
                continue;
            }
            if written == MAX_RECEIPTS_PER_STEP {
                self.receipts.delay(turn.now);
                break;
            }
            // One that is on its way says, when the relay has it, that the next may follow.
            if !self.outbox.has_signal(device) {
                written += 1;
                self.enqueue_receipt(device, None, turn.now);
            }
        }
    }

    /// Puts a receipt into the outbox, which asks for one where the answer may ask so often in turn, or
    /// where one is to be asked for anyway.
    pub(crate) fn enqueue_receipt(
        &mut self,
        device: DeviceAddress,
        rounds: Option<u32>,
        now: Millis,
    ) {
        let Some((_, id)) = self.contacts.other_end(device) else {
            return;
        };
        let newest = self
            .conversations
            .get(id)
            .map_or(Number::ZERO, |it| it.newest_number());
        self.channels.set_receipt_due(device, false);
        let Some(channel) = self.channels.edit(device) else {
            return;
        };
        let stream = channel.stream_mut(id);
        let mut receipt = Receipt {
            delivered: stream.received.clone(),
            read: stream.seen.clone(),
            ..Receipt::default()
        };
        if stream.received_unknown {
            receipt
                .delivered
                .insert_range(Number::FIRST, Number(u64::MAX / 2));
        }
        let repair = &mut channel.repair;
        let rounds = rounds.or(repair.asks_next().then_some(0));
        repair.answer(now);
        receipt.echo = repair.echo();
        if let Some(rounds) = rounds {
            receipt.ask = repair.ask(newest, rounds > 0, now);
            receipt.rounds = rounds;
            receipt.unreadable = repair.unreadable();
            self.repairs.trouble(device);
        }
        self.enqueue_signal(device, id, receipt, now);
    }

    /// Puts a receipt for one device into the outbox.
    fn enqueue_signal(
        &mut self,
        device: DeviceAddress,
        conversation: ConversationId,
        receipt: Receipt,
        now: Millis,
    ) {
        let parts = vec![Part::wanted(device, false)];
        let entry = Entry::new(Position::ZERO, now, Content::Receipt(receipt), parts);
        let order = self.counters.edit().next_outbox();
        (self.outbox).add(order, conversation, Number::ZERO, entry);
        self.outbox.wake(device);
    }
}

/// Believes what other devices say of own texts.
pub(crate) struct TakingReceipts<'e> {
    pub(crate) contacts: &'e Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e mut Sessions,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

/// Lends its rooms to the flows that it uses.
impl TakingReceipts<'_> {
    fn statuses(&self) -> Statuses<'_> {
        Statuses {
            contacts: self.contacts,
            conversations: self.conversations,
            outbox: self.outbox,
        }
    }
}

impl TakingReceipts<'_> {
    /// What a device says of our texts. Numbers that were never sent are ignored, and those of texts to
    /// accounts that were pinned before.
    pub(crate) fn on_receipt(
        &mut self,
        id: ConversationId,
        device: DeviceAddress,
        receipt: &Receipt,
        turn: &mut Turn<'_>,
    ) {
        let Some(conversation) = self.conversations.edit(id) else {
            return;
        };
        let contact = self.contacts.get(conversation.contact);
        let sent = conversation.newest_sent(contact.is_some_and(Contact::is_changed));
        let read = receipt.read.without(&conversation.former, sent);
        let mut delivered = receipt.delivered.without(&conversation.former, sent);
        delivered.extend(&read);
        let own = &conversation.own;
        let mut news = own.between(&delivered, &conversation.delivered, usize::MAX);
        news.extend(own.between(&read, &conversation.read, usize::MAX));
        let changes: Vec<_> = news
            .into_iter()
            .map(|(number, position)| (number, position, conversation.status_of_sent(number)))
            .collect();
        conversation.delivered.extend(&delivered);
        conversation.read.extend(&read);
        let fresh = self.take_known(id, device, delivered, turn.now);
        self.forget_settled(id);
        for range in fresh.iter() {
            for entry in self.outbox.texts_in(id, range) {
                self.outbox.settle(entry, device);
            }
        }
        for (number, position, before) in changes {
            self.show_receipt(id, number, position, before, turn);
        }
        self.on_asked(device, receipt, turn);
    }

    /// Positions of texts that were read, and that every device has or need not have, are not needed any
    /// more.
    fn forget_settled(&mut self, id: ConversationId) {
        let contact = self.contacts.in_conversation(id);
        let Some(contact) = contact.and_then(|contact| self.contacts.get(contact)) else {
            return;
        };
        // By its channels, since the list may be lost to damage.
        let devices = self.channels.of_account(&contact.account()).into_iter();
        let streams = devices.filter_map(|device| self.channels.stream(device, id));
        let settled: Vec<_> = streams.map(Stream::settled).collect();
        if let Some(conversation) = self.conversations.edit(id) {
            let read = conversation.read.clone();
            let common = settled.iter().fold(read, |common, settled| {
                let others = common.without(settled, Number::MAX);
                common.without(&others, Number::MAX)
            });
            conversation.own.drop_settled(&common, KEPT_RUNS);
        }
    }

    /// What a device has by its last word. Gives what it did not have before.
    fn take_known(
        &mut self,
        id: ConversationId,
        device: DeviceAddress,
        delivered: RangeSet,
        now: Millis,
    ) -> RangeSet {
        let (Some(conversation), Some(channel)) =
            (self.conversations.get(id), self.channels.edit(device))
        else {
            return delivered;
        };
        let repair = &mut channel.repair;
        repair.resent.keep(|number| !delivered.contains(number));
        let stream = channel.stream_mut(id);
        let fresh = delivered.without(&stream.known, Number::MAX);
        stream.delivered.extend(&delivered);
        stream.known = delivered;
        let all_arrived = conversation.all_arrived(stream);
        channel.repair.hear_receipt(all_arrived, now);
        fresh
    }

    /// What the other device asks, and whether it has answered what was asked.
    fn on_asked(&mut self, device: DeviceAddress, receipt: &Receipt, turn: &mut Turn<'_>) {
        let Some(repair) = self.channels.repair(device) else {
            return;
        };
        repair.hear_echo(receipt.echo);
        if receipt.ask > 0 {
            repair.hear_question(receipt.ask, receipt.rounds);
            self.channels.set_receipt_due(device, true);
            self.receipts.delay(turn.now);
        }
        self.write_elsewhere(device, &receipt.unreadable);
        self.repairs.trouble(device);
    }

    fn show_receipt(
        &self,
        id: ConversationId,
        number: Number,
        position: Position,
        before: MessageStatus,
        turn: &mut Turn<'_>,
    ) {
        let after = self.statuses().of(id, number);
        if after != before {
            turn.show_status(id, position, after);
        }
    }

    /// Sessions that the other cannot read, as it says inside one that works: nothing more is written
    /// on them, and what was sealed on them and waits is sealed anew.
    fn write_elsewhere(&mut self, device: DeviceAddress, unreadable: &[SessionTag]) {
        let head = self.channels.get(device).and_then(|channel| channel.head);
        let mut tags = self.sessions.of_device(device);
        tags.retain(|tag| unreadable.contains(tag) && head != Some(*tag));
        if tags.is_empty() {
            return;
        }
        self.sessions.retire(&tags);
        self.outbox.unseal(device, |envelope| {
            let envelope = Envelope::decode(envelope);
            envelope.is_ok_and(|envelope| !tags.contains(&envelope.tag()))
        });
    }
}

/// Whether a receipt to a device could go out.
pub(crate) fn may_send_signal(contacts: &Contacts, outbox: &Outbox, device: DeviceAddress) -> bool {
    let contact = contacts.pinned(&device.account.0);
    contact.is_some_and(|id| {
        let known = contacts.get(id);
        known.is_some_and(|it| !it.is_changed()) && !outbox.is_given_up(device)
    })
}

/// The person has seen everything up to a position.
pub(crate) fn mark_read(
    conversations: &mut Conversations,
    channels: &mut Channels,
    receipts: &mut Receipts,
    (id, through): (ConversationId, Position),
    turn: &mut Turn<'_>,
) {
    let Some(conversation) = conversations.edit(id) else {
        return;
    };
    let seen = conversation.unread.take_through(through);
    if seen.is_empty() {
        return;
    }
    for (first, count) in seen {
        if let Some(first) = first
            && let Some(channel) = channels.edit(first.device)
        {
            let last = first.number + (count - 1);
            let stream = channel.stream_mut(id);
            stream.seen.insert_range(first.number, last);
            channels.set_receipt_due(first.device, true);
        }
    }
    turn.shown.insert(id);
    receipts.delay(turn.now);
}
