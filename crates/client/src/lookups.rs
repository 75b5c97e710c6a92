//! Asking the relay who has a name: to start a conversation, to confirm a stranger's name, to see
//! whether somebody's devices or account changed. The answer is believed only where it is signed.

use pawl_protocol::{AccountKey, AccountRecord, VerifiedAccountRecord};
use pawl_wire::{ClientFrame, DeviceAddress, Username};

use crate::bundles::Claims;
use crate::command::CommandId;
use crate::contacts::Contact;
use crate::conversations::Conversation;
use crate::engine::Engine;
use crate::error::CommandError;
use crate::ids::{ContactId, ConversationId};
use crate::limits::{MAX_LOOKUPS, MAX_OWN_CONVERSATIONS, MAX_WAITING_COMMANDS};
use crate::rooms::Room;
use crate::sorted::{SortedMap, SortedSet};
use crate::turn::Turn;

/// What was asked on this connection, and who waits for an answer.
#[derive(Default)]
pub(crate) struct Lookups {
    asked: SortedSet<Username>,
    /// `StartConversation` commands by the name they asked for.
    starting: SortedMap<CommandId, Username>,
    /// People whose devices or account the relay says are no longer there.
    refreshing: SortedSet<ContactId>,
    /// Devices that the relay says it does not know.
    unknown: SortedSet<DeviceAddress>,
    /// Those of them whose names are still to be asked for.
    to_refresh: SortedSet<ContactId>,
    pub(crate) claims: Claims,
}

impl Lookups {
    pub(crate) fn is_refreshing(&self, contact: ContactId) -> bool {
        self.refreshing.contains(&contact)
    }

    /// Whether a name is being asked for on this connection, and how many are.
    pub(crate) fn is_asked(&self, name: &Username) -> bool {
        self.asked.contains(name)
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.len()
    }

    fn has_room(&self) -> bool {
        self.asked.len() < MAX_LOOKUPS
    }

    /// Whether a name is to be asked for now.
    pub(crate) fn ask(&mut self, name: &Username) -> bool {
        self.has_room() && self.asked.insert(name.clone())
    }

    pub(crate) fn is_starting(&self, id: &CommandId) -> bool {
        self.starting.contains_key(id)
    }
}

impl Room for Lookups {
    fn is_idle(&self) -> bool {
        self.asked.len() == 0 && self.claims.len() == 0
    }
}

/// What the relay says about a name.
pub(crate) enum Answer {
    Nobody,
    /// Signed by the account, which says itself that this is its name.
    Account(Box<VerifiedAccountRecord>),
    /// Not signed, or of another name.
    Refused,
}

impl Engine {
    pub(crate) fn start_conversation(
        &mut self,
        id: CommandId,
        username: &str,
        turn: &mut Turn<'_>,
    ) {
        let username = match Username::parse(username) {
            Ok(username) => username,
            Err(error) => return self.done(id, Err(error.into()), turn),
        };
        let refusal = match self.account.get().ready() {
            None => Some(CommandError::NoAccount),
            Some(own) if own.username == username => Some(CommandError::OwnUsername),
            Some(_) if self.contacts.named(username.as_str()).is_some() => {
                return self.done(id, Ok(()), turn);
            }
            Some(_) if self.is_full() => Some(conversations_full()),
            Some(_) if !self.relay.is_online() && !self.relay.is_trying() => {
                Some(CommandError::Offline)
            }
            Some(_) if self.lookups.starting.len() >= MAX_WAITING_COMMANDS => {
                Some(CommandError::RateLimited { retry_after_ms: 0 })
            }
            Some(_) => None,
        };
        match refusal {
            Some(error) => self.done(id, Err(error), turn),
            None => drop(self.lookups.starting.insert(id, username)),
        }
    }

    /// Asks what became of a person whom the relay says it does not know.
    pub(crate) fn refresh(&mut self, contact: ContactId) {
        if self.lookups.refreshing.insert(contact) {
            self.lookups.to_refresh.insert(contact);
        }
    }

    /// The same, since the relay does not know one of their devices.
    pub(crate) fn refresh_because_of(&mut self, device: DeviceAddress, contact: ContactId) {
        self.lookups.unknown.insert(device);
        self.refresh(contact);
    }

    /// Asks whether names that changed hands still are those others'.
    pub(crate) fn refresh_changed(&mut self) {
        for contact in self.contacts.changed().collect::<Vec<_>>() {
            self.refresh(contact);
        }
    }

    /// Asks for every name that somebody waits for, once per connection at a time.
    pub(crate) fn ask_lookups(&mut self, turn: &mut Turn<'_>) {
        if !self.relay.is_online() {
            return;
        }
        while self.lookups.has_room()
            && let Some(contact) = self.lookups.to_refresh.pop_first()
        {
            let contact = self.contacts.get(contact);
            if let Some(username) = contact.map(|contact| contact.username().clone()) {
                self.ask_lookup(username, turn);
            }
        }
        let starting = self.lookups.starting.values().cloned();
        for username in starting.collect::<SortedSet<_>>() {
            self.ask_lookup(username, turn);
        }
    }

    fn ask_lookup(&mut self, username: Username, turn: &mut Turn<'_>) {
        if self.lookups.ask(&username) {
            turn.send(&ClientFrame::LookUp { username });
        }
    }

    /// The connection is gone: commands are answered, everything else is asked for again.
    pub(crate) fn fail_lookups(&mut self, error: &CommandError, turn: &mut Turn<'_>) {
        self.lookups.asked.clear();
        self.lookups.claims.clear();
        self.lookups.refreshing.clear();
        self.lookups.to_refresh.clear();
        self.lookups.unknown.clear();
        for (id, _) in std::mem::take(&mut self.lookups.starting) {
            self.done(id, Err(error.clone()), turn);
        }
    }

    pub(crate) fn on_account(
        &mut self,
        username: &Username,
        record: Option<Vec<u8>>,
        turn: &mut Turn<'_>,
    ) {
        if !self.lookups.asked.remove(username) {
            return;
        }
        let answer = read_answer(username, record.as_deref());
        let (ours, rest) = std::mem::take(&mut self.lookups.starting)
            .into_iter()
            .partition(|(_, name)| name == username);
        self.lookups.starting = rest;
        self.answer_commands(ours, username, &answer, turn);
        if let Some(contact) = self.contacts.named(username.as_str())
            && self.lookups.refreshing.remove(&contact)
        {
            self.on_refreshed(contact, &answer, turn);
        }
        self.on_name_confirmed(username, answer, turn);
    }

    fn answer_commands(
        &mut self,
        commands: SortedMap<CommandId, Username>,
        username: &Username,
        answer: &Answer,
        turn: &mut Turn<'_>,
    ) {
        for (id, _) in commands {
            let result = match answer {
                _ if self.contacts.named(username.as_str()).is_some() => Ok(()),
                Answer::Nobody => Err(CommandError::UnknownRecipient),
                Answer::Refused => Err(CommandError::KeysRefused),
                Answer::Account(record)
                    if self
                        .contacts
                        .of_account(record.account().as_bytes())
                        .is_some() =>
                {
                    Err(CommandError::KeysRefused)
                }
                // Others came while the relay was asked.
                Answer::Account(_) if self.is_full() => Err(conversations_full()),
                Answer::Account(record) => {
                    let contact = self.add_contact(username.clone(), record, turn);
                    self.retry_requests_of(contact, turn);
                    Ok(())
                }
            };
            self.done(id, result, turn);
        }
    }

    fn is_full(&self) -> bool {
        self.contacts.len() >= MAX_OWN_CONVERSATIONS
    }

    /// Pins an account on first use and opens the conversation with it.
    pub(crate) fn add_contact(
        &mut self,
        username: Username,
        record: &VerifiedAccountRecord,
        turn: &mut Turn<'_>,
    ) -> ContactId {
        let contact = self.counters.edit().next_contact();
        let id = self.free_id(&record.account());
        let account = record.account();
        // Where records were lost, lines and numbers of before are still there: none can be as high as
        // the time.
        let is_known =
            !self.outbox.texts_of(id).is_empty() || !self.channels.of_account(&account).is_empty();
        let first = if is_known { turn.now } else { 1 };
        let mut conversation = Conversation::new(contact, username.clone(), account, first);
        conversation.active_at = turn.now;
        conversation.list_version = record.version();
        let mut new = Contact::new(username, account, id);
        new.update(record);
        self.contacts.insert(contact, new);
        self.conversations.insert(id, conversation);
        turn.shown.insert(id);
        contact
    }

    /// The id of a conversation with somebody new. It is taken where they are the account that a
    /// contact had before that one's identity changed; then it is the next one.
    fn free_id(&self, account: &AccountKey) -> ConversationId {
        let own = self.account.get().0.as_deref();
        let own = own.map_or(*account, |own| own.keys.public());
        let mut id = ConversationId::of_two(&own, account);
        while self.contacts.in_conversation(id).is_some() {
            id = id.next();
        }
        id
    }

    fn on_refreshed(&mut self, id: ContactId, answer: &Answer, turn: &mut Turn<'_>) {
        let Some(contact) = self.contacts.get(id) else {
            return;
        };
        if contact.is_changed() {
            // Nothing is to be sent until the user has looked: all that counts is whose the name is now.
            if let Answer::Account(record) = answer {
                self.change_identity(id, record, turn);
            }
            return;
        }
        let devices = contact.devices();
        match answer {
            Answer::Nobody => self.fail_all(id, turn),
            Answer::Refused => self.refuse_keys(id, false, turn),
            Answer::Account(record) if record.account() != contact.account() => {
                self.change_identity(id, record, turn);
            }
            Answer::Account(record) if contact.has_record(&record.record().encode()) => {
                // The relay contradicts itself, and a retry does not help; unless it is a session that says
                // to be with a device which was never there.
                if !self.end_unlisted(id, record) {
                    for device in &devices {
                        if self.lookups.unknown.contains(device) {
                            self.fail_device(*device, turn);
                        }
                    }
                }
            }
            Answer::Account(record) => {
                if !self.take_devices(id, record) {
                    self.refuse_keys(id, true, turn);
                }
            }
        }
        for device in devices {
            self.lookups.unknown.remove(&device);
            self.wake(device);
        }
    }
}

fn conversations_full() -> CommandError {
    let limit = u32::try_from(MAX_OWN_CONVERSATIONS).unwrap_or(u32::MAX);
    CommandError::ConversationsFull { limit }
}

fn read_answer(username: &Username, record: Option<&[u8]>) -> Answer {
    let Some(bytes) = record else {
        return Answer::Nobody;
    };
    match AccountRecord::decode(bytes).map(AccountRecord::verify) {
        Ok(Ok(record)) if record.username() == username.as_str() => {
            Answer::Account(Box::new(record))
        }
        _ => Answer::Refused,
    }
}
