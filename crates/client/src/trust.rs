//! Trust in people's identity: pinned on first use, compared by safety number, changed. While it is
//! changed nothing is sent to them, and what the new account writes waits aside (`aside.rs`).

use pawl_protocol::{AccountKey, SafetyNumber, ScanError, VerifiedAccountRecord};

use crate::aside::Waiting;
use crate::engine::Engine;
use crate::error::CommandError;
use crate::event::{NoticeCause, SafetyNumberView};
use crate::ids::{ContactId, ConversationId};
use crate::limits::{MAX_HANDOVER_LINES, MAX_UNACCEPTED};
use crate::lines::Line;
use crate::number_map::NumberMap;
use crate::outbox::{Part, PartState};
use crate::turn::Turn;
use crate::unread::TextOf;

impl Engine {
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
            return self.refuse_keys(contact, false, turn);
        }
        let is_news = known.newest_account() != account;
        if self.contacts.move_last(contact, &account) {
            self.take_devices(contact, record);
        } else if let Some(forgotten) =
            (self.contacts).add_unaccepted(contact, record, MAX_UNACCEPTED)
        {
            self.drop_aside(conversation, forgotten);
            self.forget_account(&forgotten);
        }
        if is_news {
            self.tell_handover(conversation, NoticeCause::IdentityChanged, turn);
            self.show_waiting(conversation, turn);
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
        self.take_devices(contact, record);
        self.drop_all_aside(contact);
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
        let cause = match self.take_dropped(conversation) {
            true => NoticeCause::ReturnedAndDropped,
            false => NoticeCause::Returned,
        };
        self.tell_handover(conversation, cause, turn);
        self.show_waiting(conversation, turn);
        self.release_contact(contact);
        for device in devices {
            self.trouble(device);
        }
    }

    /// The name has changed hands. The newest line says who has it; where the lines before it say only
    /// that it went to and fro, that line is the one there is already, and counts.
    fn tell_handover(&mut self, id: ConversationId, cause: NoticeCause, turn: &mut Turn<'_>) {
        let Some(conversation) = self.conversations.edit(id) else {
            return;
        };
        let last = conversation.last_notice;
        if last == Some(cause) {
            return;
        }
        conversation.handovers = conversation.handovers.saturating_add(1);
        let is_handover = last.is_some_and(NoticeCause::is_handover);
        if conversation.handovers <= MAX_HANDOVER_LINES || !is_handover {
            return self.notice(id, cause, turn);
        }
        // The line that said so goes.
        conversation.dropped |= last == Some(NoticeCause::ReturnedAndDropped);
        let position = conversation.next_position - 1;
        let line = Line {
            times: conversation.handovers,
            ..Line::notice(cause, turn.now)
        };
        self.write_line(id, position, line, None, turn);
    }

    /// Whether something that waited aside was dropped and no line has said so.
    fn take_dropped(&mut self, conversation: ConversationId) -> bool {
        let conversation = self.conversations.edit(conversation);
        conversation.is_some_and(|it| std::mem::take(&mut it.dropped))
    }

    /// Own texts that are not sent yet wait for the user from now on, or no longer.
    fn show_waiting(&self, conversation: ConversationId, turn: &mut Turn<'_>) {
        for id in self.outbox.texts_of(conversation) {
            self.show_text(id, turn);
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
            self.drop_aside(conversation, *other);
        }
        for device in self.sessions.devices_of(&account) {
            self.channels.ensure(device, conversation, 1);
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
        self.note_version(contact);
        self.release_contact(contact);
        self.append_aside(conversation, texts, turn);
        self.show_waiting(conversation, turn);
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
            if entry.is_stored() || self.has_arrived(id) {
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
            self.channels.ensure(device, conversation, 1);
        }
        if let Some(conversation) = self.conversations.edit(conversation) {
            conversation.begin_with(account, own);
        }
    }

    /// What the account that is accepted has written stands under a line that says whose it is.
    fn append_aside(&mut self, id: ConversationId, texts: Vec<Waiting>, turn: &mut Turn<'_>) {
        if !texts.is_empty() {
            self.notice(id, NoticeCause::IdentityChanged, turn);
        }
        for Waiting {
            sender,
            number,
            line,
        } in texts
        {
            let text = TextOf {
                device: sender,
                number,
            };
            self.append_received(id, (number > 0).then_some(text), line, turn);
        }
        if self.take_dropped(id) {
            self.notice(id, NoticeCause::OthersDropped, turn);
        }
        // The next change is told, also where nothing stands between.
        if let Some(conversation) = self.conversations.edit(id) {
            conversation.last_notice = None;
            conversation.handovers = 0;
        }
    }

    /// Whom a command is about that names the safety number which the user looked at or scanned. Between
    /// their look and their click the relay may have put another key there: that one was never looked
    /// at.
    pub(crate) fn looked_at(
        &self,
        conversation: ConversationId,
        number: &[u8],
    ) -> Result<ContactId, CommandError> {
        let contact = self.contact_in(conversation)?;
        match self.number_with(contact)?.matches(number) {
            Ok(true) => Ok(contact),
            Ok(false) => Err(CommandError::SafetyNumberDiffers),
            Err(ScanError::NotASafetyNumber) => Err(CommandError::NotASafetyNumber),
            Err(ScanError::UnknownVersion(_)) => Err(CommandError::SafetyNumberVersion),
        }
    }

    fn number_with(&self, contact: ContactId) -> Result<SafetyNumber, CommandError> {
        let own = self.account.get().ready().ok_or(CommandError::NoAccount)?;
        let contact = self
            .contacts
            .get(contact)
            .ok_or(CommandError::UnknownConversation)?;
        Ok(SafetyNumber::between(
            &own.keys.public(),
            &contact.newest_account(),
        ))
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

    /// The safety number with the other of a conversation; after a change, with their new account.
    ///
    /// # Errors
    /// [`CommandError::NoAccount`], [`CommandError::UnknownConversation`].
    pub fn safety_number(
        &self,
        conversation: ConversationId,
    ) -> Result<SafetyNumberView, CommandError> {
        let id = self.contact_in(conversation)?;
        let number = self.number_with(id)?;
        let contact = self
            .contacts
            .get(id)
            .ok_or(CommandError::UnknownConversation)?;
        Ok(SafetyNumberView {
            groups: number.to_string().split(' ').map(str::to_owned).collect(),
            qr: number.qr_payload().to_vec(),
            identity: contact.identity(),
            messages: self.aside.views(conversation, contact.newest_account()),
        })
    }
}
