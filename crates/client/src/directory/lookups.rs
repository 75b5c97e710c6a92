//! Asking the relay who has a name: to start a conversation, to confirm a stranger's name, to see
//! whether somebody's devices or account changed. The answer is believed only where it is signed.

use pawl_protocol::{AccountRecord, VerifiedAccountRecord};
use pawl_wire::{ClientFrame, DeviceAddress, Username};

use crate::account::Account;
use crate::account::counters::Counters;
use crate::account::recent_commands::RecentCommands;
use crate::api::command::CommandId;
use crate::api::error::CommandError;
use crate::channel::Channels;
use crate::channel::mending::RepairQueue;
use crate::channel::receipts::Receipts;
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::conversations::aside::Aside;
use crate::directory::contacts::Contacts;
use crate::directory::requests::Requests;
use crate::directory::strangers::Strangers;
use crate::engine::flows::devices::DeviceLists;
use crate::engine::flows::establishing::Claims;
use crate::engine::flows::failing::Failing;
use crate::engine::flows::meeting::Meeting;
use crate::engine::flows::trust::Trust;
use crate::ids::ContactId;
use crate::inbox::{Inbox, Receiving};
use crate::limits::{MAX_LOOKUPS, MAX_OWN_CONVERSATIONS, MAX_WAITING_COMMANDS};
use crate::outbox::Outbox;
use crate::prekeys::Prekeys;
use crate::rooms::Room;
use crate::storage::rings::Ring;
use crate::storage::sorted::{SortedMap, SortedSet};
use crate::storage::tracked::Kept;
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

    /// Asks what became of a person whom the relay says it does not know.
    pub(crate) fn refresh(&mut self, contact: ContactId) {
        if self.refreshing.insert(contact) {
            self.to_refresh.insert(contact);
        }
    }

    /// The same, since the relay does not know one of their devices.
    pub(crate) fn refresh_because_of(&mut self, device: DeviceAddress, contact: ContactId) {
        self.unknown.insert(device);
        self.refresh(contact);
    }

    /// Asks whether names that changed hands still are those others'.
    pub(crate) fn refresh_changed(&mut self, contacts: &Contacts) {
        for contact in contacts.changed().collect::<Vec<_>>() {
            self.refresh(contact);
        }
    }

    /// Asks for every name that somebody waits for, once per connection at a time.
    pub(crate) fn ask_all(&mut self, contacts: &Contacts, turn: &mut Turn<'_>) {
        while self.has_room()
            && let Some(contact) = self.to_refresh.pop_first()
        {
            let contact = contacts.get(contact);
            if let Some(username) = contact.map(|contact| contact.username().clone()) {
                self.look_up(username, turn);
            }
        }
        let starting = self.starting.values().cloned();
        for username in starting.collect::<SortedSet<_>>() {
            self.look_up(username, turn);
        }
    }

    fn look_up(&mut self, username: Username, turn: &mut Turn<'_>) {
        if self.ask(&username) {
            turn.send(&ClientFrame::LookUp { username });
        }
    }

    /// The connection is gone: commands are answered, everything else is asked for again.
    pub(crate) fn fail(
        &mut self,
        error: &CommandError,
        commands: &mut RecentCommands,
        turn: &mut Turn<'_>,
    ) {
        self.asked.clear();
        self.claims.clear();
        self.refreshing.clear();
        self.to_refresh.clear();
        self.unknown.clear();
        for (id, _) in std::mem::take(&mut self.starting) {
            commands.done(id, Err(error.clone()), turn);
        }
    }

    /// Whether one more `StartConversation` may wait.
    pub(crate) fn has_room_to_start(&self) -> bool {
        self.starting.len() < MAX_WAITING_COMMANDS
    }

    /// Lets a `StartConversation` wait for the relay's answer about this name.
    pub(crate) fn start(&mut self, id: CommandId, username: Username) {
        self.starting.insert(id, username);
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

/// Takes what the relay says of a name.
pub(crate) struct LookingUp<'e> {
    pub(crate) account: &'e Kept<Account>,
    pub(crate) commands: &'e mut RecentCommands,
    pub(crate) counters: &'e mut Kept<Counters>,
    pub(crate) seen: &'e mut Ring,
    pub(crate) contacts: &'e mut Contacts,
    pub(crate) conversations: &'e mut Conversations,
    pub(crate) aside: &'e mut Aside,
    pub(crate) channels: &'e mut Channels,
    pub(crate) sessions: &'e mut Sessions,
    pub(crate) prekeys: &'e mut Prekeys,
    pub(crate) outbox: &'e mut Outbox,
    pub(crate) strangers: &'e mut Strangers,
    pub(crate) requests: &'e mut Requests,
    pub(crate) lookups: &'e mut Lookups,
    pub(crate) inbox: &'e mut Inbox,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

/// Lends its rooms to the flows that it uses.
impl LookingUp<'_> {
    fn meeting(&mut self) -> Meeting<'_> {
        Meeting {
            account: self.account,
            counters: self.counters,
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
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

    fn failing(&mut self) -> Failing<'_> {
        Failing {
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            outbox: self.outbox,
        }
    }

    fn device_lists(&mut self) -> DeviceLists<'_> {
        DeviceLists {
            contacts: self.contacts,
            conversations: self.conversations,
            channels: self.channels,
            sessions: self.sessions,
            outbox: self.outbox,
            repairs: self.repairs,
        }
    }

    fn receiving(&mut self) -> Receiving<'_> {
        Receiving {
            account: self.account,
            counters: self.counters,
            seen: self.seen,
            contacts: self.contacts,
            conversations: self.conversations,
            aside: self.aside,
            channels: self.channels,
            sessions: self.sessions,
            prekeys: self.prekeys,
            outbox: self.outbox,
            strangers: self.strangers,
            requests: self.requests,
            inbox: self.inbox,
            repairs: self.repairs,
            receipts: self.receipts,
        }
    }
}

impl LookingUp<'_> {
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
        self.receiving().on_name_confirmed(username, answer, turn);
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
                Answer::Account(_) if self.contacts.is_full() => Err(conversations_full()),
                Answer::Account(record) => {
                    let contact = self.meeting().add_contact(username.clone(), record, turn);
                    self.receiving().retry_requests_of(contact, turn);
                    Ok(())
                }
            };
            self.commands.done(id, result, turn);
        }
    }

    fn on_refreshed(&mut self, id: ContactId, answer: &Answer, turn: &mut Turn<'_>) {
        let Some(contact) = self.contacts.get(id) else {
            return;
        };
        if contact.is_changed() {
            // Nothing is to be sent until the user has looked: all that counts is whose the name is now.
            if let Answer::Account(record) = answer {
                self.trust().change_identity(id, record, turn);
            }
            return;
        }
        let devices = contact.devices();
        match answer {
            Answer::Nobody => self.failing().fail_all(id, turn),
            Answer::Refused => self.failing().refuse_keys(id, false, turn),
            Answer::Account(record) if record.account() != contact.account() => {
                self.trust().change_identity(id, record, turn);
            }
            Answer::Account(record) if contact.has_record(&record.record().encode()) => {
                // The relay contradicts itself, and a retry does not help; unless it is a session that says
                // to be with a device which was never there.
                if !self.device_lists().end_unlisted(id, record) {
                    for device in &devices {
                        if self.lookups.unknown.contains(device) {
                            self.failing().fail_device(*device, turn);
                        }
                    }
                }
            }
            Answer::Account(record) => {
                if !self.device_lists().take_devices(id, record) {
                    self.failing().refuse_keys(id, true, turn);
                }
            }
        }
        for device in devices {
            self.lookups.unknown.remove(&device);
            self.outbox.wake(device);
        }
    }
}

/// The answer where no conversation can be begun.
pub(crate) fn conversations_full() -> CommandError {
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
