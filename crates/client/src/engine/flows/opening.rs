//! From an envelope to what it says: find the session, or begin one where it is a handshake; open; give what
//! it says to those whom it is about. What cannot be opened never blocks the queue (`inbox.rs`).

use pawl_protocol::{
    AccountKey, AccountRecord, Envelope, InitialMessage, OpenError, Plaintext, ResponderPreKeys,
    Session, SessionTag, VerifiedAccountRecord,
};
use pawl_wire::{DeviceAddress, Username};

use crate::account::counters::Counters;
use crate::account::{Account, wire_address};
use crate::api::error::AlertCode;
use crate::api::event::NoticeCause;
use crate::channel::Channels;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::RepairQueue;
use crate::channel::sessions::{Sessions, Slot};
use crate::content::{Content, ContentError, Text};
use crate::conversations::Conversations;
use crate::conversations::aside::Aside;
use crate::conversations::lines::Line;
use crate::conversations::unread::TextOf;
use crate::directory::contacts::Contacts;
use crate::directory::lookups::Answer;
use crate::directory::strangers::Strangers;
use crate::engine::flows::devices::lists;
use crate::engine::flows::meeting::Meeting;
use crate::engine::flows::mending::Evidence;
use crate::engine::flows::receipts::TakingReceipts;
use crate::engine::flows::trust::Trust;
use crate::ids::{ContactId, ConversationId};
use crate::limits::MAX_CONVERSATIONS;
use crate::numbers::Number;
use crate::outbox::Outbox;
use crate::prekeys::{Admission, Prekeys};
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// What became of a delivery.
pub(crate) enum Outcome {
    /// Dealt with, whatever it was.
    Done,
    /// Opened: its id is remembered.
    Opened,
    /// A name must be confirmed first.
    Confirm(Username),
    /// There is no place for this stranger now.
    Wait([u8; 32]),
}

/// Who has written something that was opened.
#[derive(Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) device: DeviceAddress,
    pub(crate) account: AccountKey,
}

impl Sender {
    fn of(session: &Session) -> Self {
        Self {
            device: wire_address(session.peer().address()),
            account: session.peer().account(),
        }
    }
}

/// What stands in a plaintext.
struct Opened {
    /// A signed account record, which may be anybody's.
    introduction: Option<Vec<u8>>,
    content: Result<Content, ContentError>,
}

impl Opened {
    fn read(plaintext: &Plaintext) -> Self {
        let (introduction, content) = Content::decode(plaintext.as_bytes());
        Self {
            introduction,
            content,
        }
    }
}

/// Opens one envelope.
pub(crate) struct Opening<'e> {
    pub(crate) account: &'e Kept<Account>,
    pub(crate) counters: &'e mut Kept<Counters>,
    pub(crate) contacts: &'e mut Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) aside: &'e mut Aside,
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e mut Sessions,
    pub(crate) prekeys: &'e mut Prekeys,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) strangers: &'e mut Strangers,
    pub(crate) confirmed: Option<&'e (Username, Answer)>,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

/// Lends its rooms to the flows that it uses.
impl Opening<'_> {
    fn meeting(&mut self) -> Meeting<'_> {
        Meeting {
            account: self.account,
            counters: self.counters,
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            sessions: self.sessions,
            outbox: self.outbox,
        }
    }

    fn trust(&mut self) -> Trust<'_> {
        Trust {
            contacts: self.contacts,
            conversations: self.conversations,
            aside: self.aside,
            channels: self.channels,
            sessions: self.sessions,
            outbox: self.outbox,
            repairs: self.repairs,
        }
    }

    fn evidence(&mut self) -> Evidence<'_> {
        Evidence {
            channels: self.channels,
            sessions: self.sessions,
            outbox: self.outbox,
            repairs: self.repairs,
        }
    }

    fn taking_receipts(&mut self) -> TakingReceipts<'_> {
        TakingReceipts {
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            sessions: self.sessions,
            outbox: self.outbox,
            repairs: self.repairs,
            receipts: self.receipts,
        }
    }
}

impl Opening<'_> {
    pub(crate) fn receive(&mut self, envelope: &[u8], turn: &mut Turn<'_>) -> Outcome {
        let Ok(envelope) = Envelope::decode(envelope) else {
            return Outcome::Done;
        };
        match envelope {
            _ if self.sessions.get(envelope.tag()).is_some() => self.open_known(&envelope, turn),
            Envelope::Initial(initial) => self.open_initial(&initial, turn),
            Envelope::Ratchet(_) => {
                let known = self.channels.of_tag(envelope.tag());
                self.unopened(known, envelope.tag(), NoticeCause::KeysGone, turn)
            }
        }
    }

    fn open_known(&mut self, envelope: &Envelope<'_>, turn: &mut Turn<'_>) -> Outcome {
        let tag = envelope.tag();
        let Some(slot) = self.sessions.edit(tag) else {
            return Outcome::Done;
        };
        let sender = Sender::of(&slot.session);
        match slot.session.open(envelope, turn.now.0) {
            Ok(plaintext) => {
                slot.used_at = turn.now;
                let opened = Opened::read(&plaintext);
                self.take_introduction(&sender.account, opened.introduction.as_deref());
                // By its own newest list the device may be none of theirs any more.
                if self.sessions.get(tag).is_some() {
                    self.opened(tag, sender, opened.content, turn);
                }
                Outcome::Opened
            }
            // A handshake that somebody else put this session's tag on.
            Err(OpenError::WrongSession) => Outcome::Done,
            // A key that is gone may be a duplicate under another name, or a peer that went back in time.
            Err(_) => self.unopened(Some(sender.device), tag, NoticeCause::Unreadable, turn),
        }
    }

    /// A newer device list of an account that is known, on a session with it.
    fn take_introduction(&mut self, account: &AccountKey, introduction: Option<&[u8]>) {
        let contact = self.contacts.of_account(account.as_bytes());
        let (Some(bytes), Some(contact)) = (introduction, contact) else {
            return;
        };
        // Most say what is known.
        let known = self.contacts.get(contact);
        if !known.is_some_and(|it| it.has_record(bytes))
            && let Some(record) = verified(bytes)
            && record.account() == *account
        {
            self.trust().device_lists().take_devices(contact, &record);
        }
    }

    /// A handshake: nothing of it is kept, and no prekey is used up, unless all of it is in order.
    fn open_initial(&mut self, initial: &InitialMessage<'_>, turn: &mut Turn<'_>) -> Outcome {
        let Some(own) = self.account.get().ready() else {
            return Outcome::Done;
        };
        if self.sessions.knows_base_key(initial.base_key()) {
            return Outcome::Done;
        }
        let claimed = initial.sender().ok().map(|sender| sender.address());
        let known = claimed.map(wire_address);
        let claimed = claimed.map(|address| address.account);
        let is_known = claimed.is_some_and(|account| self.has_written_to(&account));
        let admission = self.prekeys.admission(initial, is_known);
        if let (Admission::Crowded, Some(account)) = (admission, claimed) {
            return Outcome::Wait(*account.as_bytes());
        }
        if matches!(admission, Admission::Full | Admission::Crowded) {
            let contact = claimed.and_then(|it| self.contacts.pinned(it.as_bytes()));
            let username = contact.and_then(|contact| self.contacts.username(contact));
            self.strangers
                .alert(AlertCode::HandshakeRefused { username }, turn);
            return self.unopened(known, initial.tag(), NoticeCause::KeysGone, turn);
        }
        // Taken before, and its session is gone: a repetition, or one that the other goes on with.
        if admission == Admission::Replayed {
            return self.unopened(known, initial.tag(), NoticeCause::KeysGone, turn);
        }
        let Some(named) = self.prekeys.named_by(initial) else {
            return self.unopened(known, initial.tag(), NoticeCause::KeysGone, turn);
        };
        let prekeys = ResponderPreKeys {
            signed_prekey: &named.signed,
            kem_prekey: &named.kem,
            one_time_prekey: named.one_time.as_ref(),
        };
        let Ok((session, plaintext)) = Session::accept(&own.device, &prekeys, initial, turn.now.0)
        else {
            return self.unopened(known, initial.tag(), NoticeCause::Unreadable, turn);
        };
        let opened = Opened::read(&plaintext);
        let introduction = opened.introduction.as_deref().and_then(verified);
        let contact = match self.identify(&session, introduction.as_ref(), turn) {
            Ok(contact) => contact,
            Err(outcome) => return outcome,
        };
        self.prekeys.consume(initial, is_known);
        let (tag, sender) = (session.tag(), Sender::of(&session));
        self.sessions.insert(tag, Slot::new(session, turn.now));
        self.begin_channel(contact, sender.device);
        self.opened(tag, sender, opened.content, turn);
        let head = self.channels.get(sender.device).and_then(|it| it.head);
        self.sessions.drop_surplus(sender.device, head);
        Outcome::Opened
    }

    /// A device that has written, and is owed what is written from now on.
    fn begin_channel(&mut self, contact: ContactId, device: DeviceAddress) {
        let conversation = self.contacts.get(contact).map(|it| it.conversation());
        if let Some(id) = conversation {
            let next = self
                .conversations
                .get(id)
                .map_or(Number::FIRST, |it| it.next_number);
            self.channels.ensure(device, id, next);
        }
    }

    fn unopened(
        &mut self,
        known: Option<DeviceAddress>,
        tag: SessionTag,
        cause: NoticeCause,
        turn: &Turn<'_>,
    ) -> Outcome {
        let known = known.and_then(|device| {
            let contact = self.contacts.pinned(&device.account.0)?;
            Some((contact, device))
        });
        if let Some((contact, device)) = known {
            // Nothing may have been written to it or come from it yet.
            let devices = self.contacts.get(contact).map(|it| it.devices());
            if devices.is_some_and(|devices| devices.contains(&device)) {
                self.begin_channel(contact, device);
            }
            self.evidence().hint(device, tag, cause, turn);
        }
        Outcome::Done
    }

    /// Whose session this is. A stranger must introduce themselves with a name that the relay, too,
    /// says is theirs.
    fn identify(
        &mut self,
        session: &Session,
        introduction: Option<&VerifiedAccountRecord>,
        turn: &mut Turn<'_>,
    ) -> Result<ContactId, Outcome> {
        let account = session.peer().account();
        let introduction = introduction.filter(|record| record.account() == account);
        if let Some(contact) = self.contacts.of_account(account.as_bytes()) {
            // One that is older than what is known says nothing; the device must be on the newest list.
            introduction.map(|record| self.trust().device_lists().take_devices(contact, record));
            let known = self.contacts.get(contact);
            let known = known.and_then(|contact| contact.known_record(&account));
            return match known.filter(|record| lists(record, session)) {
                Some(_) => Ok(contact),
                None => Err(Outcome::Done),
            };
        }
        let introduction = introduction
            .filter(|record| lists(record, session))
            .ok_or(Outcome::Done)?;
        let username =
            Username::from_canonical(introduction.username()).map_err(|_| Outcome::Done)?;
        let confirmed = self.confirmed;
        match confirmed.filter(|(name, _)| *name == username) {
            None => Err(Outcome::Confirm(username)),
            Some((_, Answer::Account(record))) if record.account() == account => {
                // Of the stranger's list and the relay's, the newer one counts.
                let is_newest = introduction.supersedes(record).is_ok();
                let newest = if is_newest { introduction } else { record }.clone();
                if !lists(&newest, session) {
                    return Err(Outcome::Done);
                }
                self.meet(username, &newest, turn)
            }
            Some(_) => {
                let username = username.as_str().to_owned();
                self.strangers
                    .alert(AlertCode::ImpostorRefused { username }, turn);
                Err(Outcome::Done)
            }
        }
    }

    /// A stranger whose name is confirmed: somebody new, or somebody known under another account.
    fn meet(
        &mut self,
        username: Username,
        record: &VerifiedAccountRecord,
        turn: &mut Turn<'_>,
    ) -> Result<ContactId, Outcome> {
        let own = self.account.get().ready().map(|own| own.username.clone());
        if own.as_ref() == Some(&username) {
            return Err(Outcome::Done);
        }
        if let Some(contact) = self.contacts.named(username.as_str()) {
            self.trust().change_identity(contact, record, turn);
            Ok(contact)
        } else if self.contacts.len() < MAX_CONVERSATIONS {
            Ok(self.meeting().add_contact(username, record, turn))
        } else {
            Err(Outcome::Wait(*record.account().as_bytes()))
        }
    }

    /// Whether the person has written to this account, or compared its safety number. A stranger cannot bring
    /// that about.
    fn has_written_to(&self, account: &AccountKey) -> bool {
        let contact = self.contacts.pinned(account.as_bytes());
        let Some(contact) = contact.and_then(|contact| self.contacts.get(contact)) else {
            return false;
        };
        let conversation = self.conversations.get(contact.conversation());
        contact.verified || conversation.is_some_and(|it| it.next_number > Number::FIRST)
    }

    /// What a session of this device has opened, which is now on its way to disk.
    fn opened(
        &mut self,
        tag: SessionTag,
        sender: Sender,
        content: Result<Content, ContentError>,
        turn: &mut Turn<'_>,
    ) {
        let contact = self.contacts.of_account(sender.account.as_bytes());
        let Some(known) = contact.and_then(|contact| self.contacts.get(contact)) else {
            return;
        };
        let conversation = known.conversation();
        let is_pinned = known.account() == sender.account;
        if is_pinned {
            self.evidence().heard_on(sender.device, tag);
        }
        let notice = match content {
            Ok(Content::Text(text)) if is_pinned => {
                return self.receive_text(conversation, sender.device, text, turn);
            }
            Ok(Content::Text(text)) => {
                return self.trust().setting_aside().set_aside_text(
                    conversation,
                    sender,
                    text,
                    turn,
                );
            }
            Ok(Content::Receipt(receipt)) if is_pinned => {
                return self.taking_receipts().on_receipt(
                    conversation,
                    sender.device,
                    &receipt,
                    turn,
                );
            }
            // It is about the pinned account's texts.
            Ok(Content::Receipt(_)) => return,
            Err(ContentError::Newer) => NoticeCause::NewerVersion,
            Err(ContentError::Malformed) => NoticeCause::Unreadable,
        };
        if is_pinned {
            self.conversations.notice(conversation, notice, turn);
        } else {
            self.trust()
                .setting_aside()
                .set_aside_notice(conversation, sender, notice, turn);
        }
    }

    /// A text of a device of the pinned account, on this disk with this step. One whose number is known
    /// came before.
    fn receive_text(
        &mut self,
        id: ConversationId,
        device: DeviceAddress,
        text: Text,
        turn: &mut Turn<'_>,
    ) {
        self.channels.set_receipt_due(device, true);
        self.receipts.gather(turn.now);
        let Some(channel) = self.channels.edit(device) else {
            return;
        };
        let stream = channel.stream_mut(id);
        if std::mem::take(&mut stream.received_unknown) {
            stream
                .received
                .insert_range(Number::FIRST, text.number.previous());
        }
        // What there is no room to remember is not shown: its sender learns that, and sends it again.
        if stream.received.contains(text.number)
            || !stream.received.try_insert(text.after.next(), text.number)
        {
            return;
        }
        let number = text.number;
        let line = Line::received(text, turn.now);
        self.conversations
            .append_received(id, Some(TextOf { device, number }), line, turn);
    }
}

fn verified(record: &[u8]) -> Option<VerifiedAccountRecord> {
    AccountRecord::decode(record).ok()?.verify().ok()
}
