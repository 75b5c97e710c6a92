//! Trust in people's identity: pinned on first use, compared by safety number, changed. While it is
//! changed nothing is sent to them, and what the new account writes waits aside (`conversations/aside.rs`).

use pawl_protocol::{AccountKey, VerifiedAccountRecord};

use crate::api::event::NoticeCause;
use crate::channel::Channels;
use crate::channel::repair_queue::RepairQueue;
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::conversations::aside::Aside;
use crate::conversations::number_map::NumberMap;
use crate::directory::contacts::Contacts;
use crate::engine::flows::devices::DeviceLists;
use crate::engine::flows::failing::Failing;
use crate::engine::flows::setting_aside::SettingAside;
use crate::engine::flows::status::Statuses;
use crate::ids::ContactId;
use crate::limits::MAX_UNACCEPTED;
use crate::numbers::Number;
use crate::outbox::{Outbox, Part, PartState};
use crate::turn::Turn;

/// Changes which account is whose, by what the relay says and the user decides.
pub(crate) struct Trust<'e> {
    pub(crate) contacts: &'e mut Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) aside: &'e mut Aside,
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e mut Sessions,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) repairs: &'e mut RepairQueue,
}

/// Lends its rooms to the flows that it uses, which whoever uses this one has from here.
impl Trust<'_> {
    pub(crate) fn device_lists(&mut self) -> DeviceLists<'_> {
        DeviceLists {
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            sessions: self.sessions,
            outbox: self.outbox,
            repairs: self.repairs,
        }
    }

    pub(crate) fn setting_aside(&mut self) -> SettingAside<'_> {
        SettingAside {
            contacts: self.contacts,
            conversations: self.conversations,
            aside: self.aside,
            channels: self.channels,
        }
    }

    pub(crate) fn failing(&mut self) -> Failing<'_> {
        Failing {
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            outbox: self.outbox,
        }
    }

    fn statuses(&self) -> Statuses<'_> {
        Statuses {
            contacts: self.contacts,
            conversations: self.conversations,
            outbox: self.outbox,
        }
    }
}

impl Trust<'_> {
    /// The username belongs to another account now: the user must look.
    pub(crate) fn change_identity(
        &mut self,
        contact: ContactId,
        record: &VerifiedAccountRecord,
        turn: &mut Turn<'_>,
    ) {
        let account = record.account();
        let Some(known) = self.contacts.get(contact) else {
            return;
        };
        let conversation = known.conversation();
        if known.account() == account {
            return self.give_back(contact, record, turn);
        }
        let other = self.contacts.of_account(account.as_bytes());
        if other.is_some_and(|other| other != contact) {
            // Somebody else whom the user knows: they cannot be both.
            return self.failing().refuse_keys(contact, false, turn);
        }
        let is_news = known.newest_account() != account;
        if !known.is_changed()
            && let Some(conversation) = self.conversations.edit(conversation)
        {
            conversation.hold_from(None);
        }
        if self.contacts.move_last(contact, &account) {
            self.device_lists().take_devices(contact, record);
        } else if let Some(forgotten) =
            (self.contacts).add_unaccepted(contact, record, MAX_UNACCEPTED)
        {
            self.setting_aside().drop_aside(conversation, forgotten);
            self.forget_account(&forgotten);
        }
        if is_news {
            self.conversations
                .tell_handover(conversation, NoticeCause::IdentityChanged, turn);
            self.statuses().show_all(conversation, turn);
        }
        turn.shown.insert(conversation);
    }

    /// The username is the pinned account's again: there is nothing to accept any more, what waited is
    /// for whom it was written, and what others wrote was never theirs. What is verified is the account,
    /// so that it still is.
    fn give_back(
        &mut self,
        contact: ContactId,
        record: &VerifiedAccountRecord,
        turn: &mut Turn<'_>,
    ) {
        self.device_lists().take_devices(contact, record);
        self.setting_aside().drop_all_aside(contact);
        let others = self.contacts.drop_unaccepted(contact);
        for other in &others {
            self.forget_account(other);
        }
        let known = self.contacts.get(contact);
        let (Some(known), false) = (known, others.is_empty()) else {
            return;
        };
        let conversation = known.conversation();
        let devices = known.devices();
        if let Some(conversation) = self.conversations.edit(conversation) {
            conversation.hold_no_more();
        }
        let cause = match self.conversations.take_dropped(conversation) {
            true => NoticeCause::ReturnedAndDropped,
            false => NoticeCause::Returned,
        };
        self.conversations.tell_handover(conversation, cause, turn);
        self.statuses().show_all(conversation, turn);
        self.repairs.release_all(self.outbox, known);
        for device in devices {
            self.repairs.trouble(device);
        }
    }

    /// An account that is nobody's any more, with all that there is with its devices.
    pub(crate) fn forget_account(&mut self, account: &AccountKey) {
        if self.contacts.of_account(account.as_bytes()).is_some() {
            return;
        }
        for device in self.sessions.devices_of(account) {
            for tag in self.sessions.of_device(device) {
                self.sessions.remove(tag);
            }
        }
        for device in self.channels.of_account(account) {
            for id in self.outbox.signals_to(device) {
                self.outbox.remove(id);
            }
            self.channels.remove(device);
        }
    }

    /// The user accepts the changed identity: what waited goes out to it, sealed for nobody else.
    pub(crate) fn accept_identity(&mut self, contact: ContactId, turn: &mut Turn<'_>) {
        let Some(known) = self.contacts.get(contact).filter(|it| it.is_changed()) else {
            return;
        };
        let (conversation, account) = (known.conversation(), known.newest_account());
        let texts = self.aside.take(conversation, account);
        let Some((previous, others)) = self.contacts.accept(contact) else {
            return;
        };
        for other in &others {
            self.setting_aside().drop_aside(conversation, *other);
        }
        for device in self.sessions.devices_of(&account) {
            self.channels.ensure(device, conversation, Number::FIRST);
        }
        for device in self.channels.of_account(&account) {
            let head = self.sessions.newest_of(device);
            if let Some(channel) = self.channels.edit(device) {
                channel.begin(conversation, head);
            }
            for tag in self.sessions.of_device(device) {
                self.channels.remember(device, tag);
            }
            self.channels.note_receipt(device);
        }
        self.begin_conversation_with(contact, account);
        for account in others.iter().chain([&previous]) {
            self.forget_account(account);
        }
        if let Some(known) = self.contacts.get(contact) {
            self.conversations.note_version(known);
            self.repairs.release_all(self.outbox, known);
        }
        self.conversations.append_aside(conversation, texts, turn);
        self.statuses().show_all(conversation, turn);
        turn.shown.insert(conversation);
    }

    /// Another account is pinned: what was sent to the one before is not for it, what the relay has not
    /// confirmed is.
    fn begin_conversation_with(&mut self, contact: ContactId, account: AccountKey) {
        let Some(known) = self.contacts.get(contact) else {
            return;
        };
        let (conversation, devices) = (known.conversation(), known.devices());
        let mut own = NumberMap::default();
        for id in self.outbox.texts_of(conversation) {
            let Some(entry) = self.outbox.get(id) else {
                continue;
            };
            if entry.is_stored() || (self.conversations).has_arrived(id.conversation, id.number) {
                self.outbox.remove(id);
                continue;
            }
            own.push(id.number, entry.position);
            let state = match entry.is_refused() {
                true => PartState::Refused,
                false => PartState::Wanted,
            };
            self.outbox.change(id, |parts| {
                *parts = devices
                    .iter()
                    .map(|device| Part {
                        state: state.clone(),
                        ..Part::wanted(*device, false)
                    })
                    .collect();
            });
        }
        for device in devices {
            self.channels.ensure(device, conversation, Number::FIRST);
        }
        if let Some(conversation) = self.conversations.edit(conversation) {
            conversation.begin_with(account, own);
        }
    }

    /// The user compared the safety number that is shown, which is that of the newest account. To doubt
    /// that one says nothing of the pinned one.
    pub(crate) fn mark_verified(
        &mut self,
        contact: ContactId,
        verified: bool,
        turn: &mut Turn<'_>,
    ) {
        if verified {
            self.accept_identity(contact, turn);
        }
        if let Some(contact) = self.contacts.edit(contact) {
            if !contact.is_changed() {
                contact.verified = verified;
            }
            turn.shown.insert(contact.conversation());
        }
    }
}
