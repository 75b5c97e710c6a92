//! From a delivery to a line: dedupe, find the session, open, commit, acknowledge. Deliveries are taken
//! in the relay's order. What cannot be opened never blocks the queue; a stranger's name is confirmed
//! with the relay before anything of theirs is shown, and until then their messages wait on disk
//! (`strangers.rs`). Where there is no room for more, what came after waits in memory, unacknowledged, so
//! that a crash loses nothing.

use std::collections::VecDeque;

use pawl_protocol::{
    AccountKey, AccountRecord, Envelope, InitialMessage, OpenError, Plaintext, ResponderPreKeys,
    Session, SessionTag, VerifiedAccountRecord,
};
use pawl_wire::{ClientFrame, DeviceAddress, MessageId, Username};

use crate::account::wire_address;
use crate::channel::sessions::Slot;
use crate::content::{Content, ContentError};
use crate::devices::lists;
use crate::engine::Engine;
use crate::error::AlertCode;
use crate::event::NoticeCause;
use crate::ids::ContactId;
use crate::limits::{MAX_CONVERSATIONS, MAX_SEQ_LEAP, RECEIVE_WINDOW};
use crate::lookups::Answer;
use crate::prekeys::Admission;
use crate::rooms::Room;
use crate::strangers::Taken;
use crate::turn::Turn;

/// Deliveries of this connection that are not dealt with.
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: VecDeque<Delivery>,
    /// The name of the stranger whose message is the first that waits, for want of room on disk.
    pub(crate) confirming: Option<Username>,
    /// What the relay said about it.
    confirmed: Option<(Username, Answer)>,
    /// The relay has said that nothing is left of what waited when the connection began.
    pub(crate) caught_up: bool,
    /// The connection before ended because of a number that was too far ahead.
    has_leapt: bool,
}

struct Delivery {
    seq: u64,
    message_id: MessageId,
    envelope: Vec<u8>,
}

/// What became of a delivery.
enum Outcome {
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

impl Room for Inbox {
    fn connection_lost(&mut self) {
        *self = Self {
            has_leapt: self.has_leapt,
            ..Self::default()
        };
    }

    /// Whether all that waited at the relay is on this disk.
    fn is_idle(&self) -> bool {
        self.caught_up && self.waiting.is_empty()
    }
}

impl Engine {
    pub(crate) fn on_deliver(
        &mut self,
        seq: u64,
        message_id: MessageId,
        envelope: Vec<u8>,
        turn: &mut Turn<'_>,
    ) {
        if self.inbox.waiting.len() >= RECEIVE_WINDOW as usize || self.leaps(seq, turn) {
            return self.disconnect(turn);
        }
        self.inbox.waiting.push_back(Delivery {
            seq,
            message_id,
            envelope,
        });
        self.receive_waiting(turn);
    }

    /// Whether a number is further ahead than any relay can have come, which is told. A relay that still says such
    /// a number on the next connection does count so: it was told the number of one that lied, and goes on above
    /// it.
    fn leaps(&mut self, seq: u64, turn: &mut Turn<'_>) -> bool {
        let is_far = seq.saturating_sub(self.counters.get().last_seq) > MAX_SEQ_LEAP;
        self.inbox.has_leapt = is_far && !self.inbox.has_leapt;
        if self.inbox.has_leapt {
            turn.alert(AlertCode::MailMisnumbered);
        }
        self.inbox.has_leapt
    }

    /// The relay has said who has the name that a stranger gave.
    pub(crate) fn on_name_confirmed(
        &mut self,
        username: &Username,
        answer: Answer,
        turn: &mut Turn<'_>,
    ) {
        self.inbox.confirmed = Some((username.clone(), answer));
        for envelope in self.strangers.release(username) {
            if let Outcome::Wait(account) = self.receive(&envelope, turn) {
                self.request(account, &envelope, turn);
            }
        }
        if self.inbox.confirming.is_some() {
            // There may be room now, or the answer was about the one that waits for it.
            self.inbox.confirming = None;
            self.receive_waiting(turn);
        }
        self.inbox.confirmed = None;
    }

    fn receive_waiting(&mut self, turn: &mut Turn<'_>) {
        while self.inbox.confirming.is_none()
            && let Some(delivery) = self.inbox.waiting.pop_front()
        {
            if delivery.seq > self.counters.get().last_seq {
                let outcome = if self.seen.contains(&delivery.message_id.0) {
                    Outcome::Done
                } else {
                    self.receive(&delivery.envelope, turn)
                };
                match outcome {
                    Outcome::Done => {}
                    Outcome::Opened => self.seen.push(delivery.message_id.0),
                    Outcome::Wait(account) => {
                        self.request(account, &delivery.envelope, turn);
                        self.seen.push(delivery.message_id.0);
                    }
                    Outcome::Confirm(username) => {
                        if self.put_aside(&username, &delivery, turn) == Taken::NoRoom {
                            self.inbox.confirming = Some(username);
                            self.inbox.waiting.push_front(delivery);
                            break;
                        }
                    }
                }
                self.counters.edit().last_seq = delivery.seq;
            }
            turn.acknowledge = true;
        }
    }

    /// Tells the relay, once for all of this step, what is on disk when the step's frames leave.
    pub(crate) fn acknowledge(&self, turn: &mut Turn<'_>) {
        if std::mem::take(&mut turn.acknowledge) {
            let through = self.counters.get().last_seq;
            turn.send(&ClientFrame::Ack { through });
        }
    }

    /// Lets a stranger's message wait until the name is confirmed.
    fn put_aside(
        &mut self,
        username: &Username,
        delivery: &Delivery,
        turn: &mut Turn<'_>,
    ) -> Taken {
        let taken = self.strangers.take(username, &delivery.envelope, turn.now);
        match taken {
            Taken::Waits => self.seen.push(delivery.message_id.0),
            Taken::TooMany => self.alert_of_strangers(AlertCode::StrangersRefused, turn),
            Taken::NoRoom => {}
        }
        taken
    }

    /// What waited for a place; false where it has to go on waiting.
    pub(crate) fn receive_late(&mut self, envelope: &[u8], turn: &mut Turn<'_>) -> bool {
        match self.receive(envelope, turn) {
            Outcome::Done | Outcome::Opened => true,
            Outcome::Wait(_) => false,
            Outcome::Confirm(username) => {
                self.strangers.take(&username, envelope, turn.now) == Taken::Waits
            }
        }
    }

    fn receive(&mut self, envelope: &[u8], turn: &mut Turn<'_>) -> Outcome {
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
        match slot.session.open(envelope, turn.now) {
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
            self.take_devices(contact, &record);
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
            self.alert_of_strangers(AlertCode::HandshakeRefused { username }, turn);
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
        let Ok((session, plaintext)) = Session::accept(&own.device, &prekeys, initial, turn.now)
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
            let next = self.conversations.get(id).map_or(1, |it| it.next_number);
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
            self.hint(device, tag, cause, turn);
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
            introduction.map(|record| self.take_devices(contact, record));
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
        let confirmed = self.inbox.confirmed.as_ref();
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
                self.alert_of_strangers(AlertCode::ImpostorRefused { username }, turn);
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
            self.change_identity(contact, record, turn);
            Ok(contact)
        } else if self.contacts.len() < MAX_CONVERSATIONS {
            Ok(self.add_contact(username, record, turn))
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
        contact.verified || conversation.is_some_and(|it| it.next_number > 1)
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
            self.heard_on(sender.device, tag);
        }
        let notice = match content {
            Ok(Content::Text(text)) if is_pinned => {
                return self.receive_text(conversation, sender.device, text, turn);
            }
            Ok(Content::Text(text)) => {
                return self.set_aside_text(conversation, sender, text, turn);
            }
            Ok(Content::Receipt(receipt)) if is_pinned => {
                return self.on_receipt(conversation, sender.device, &receipt, turn);
            }
            // It is about the pinned account's texts.
            Ok(Content::Receipt(_)) => return,
            Err(ContentError::Newer) => NoticeCause::NewerVersion,
            Err(ContentError::Malformed) => NoticeCause::Unreadable,
        };
        if is_pinned {
            self.notice(conversation, notice, turn);
        } else {
            self.set_aside_notice(conversation, sender, notice, turn);
        }
    }
}

fn verified(record: &[u8]) -> Option<VerifiedAccountRecord> {
    AccountRecord::decode(record).ok()?.verify().ok()
}
