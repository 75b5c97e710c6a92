//! What the relay says of a name: commands that waited for it are answered, devices and accounts that changed
//! are taken, and strangers who gave that name are let in or not. The answer is believed only where it is
//! signed.

use pawl_protocol::AccountRecord;
use pawl_wire::{ClientFrame, Username};

use crate::account::Account;
use crate::account::counters::Counters;
use crate::account::recent_commands::RecentCommands;
use crate::api::command::CommandId;
use crate::api::error::CommandError;
use crate::channel::Channels;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::RepairQueue;
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::conversations::aside::Aside;
use crate::directory::contacts::Contacts;
use crate::directory::lookups::{Answer, Lookups, conversations_full};
use crate::directory::requests::Requests;
use crate::directory::strangers::Strangers;
use crate::engine::flows::meeting::Meeting;
use crate::engine::flows::receiving::Receiving;
use crate::engine::flows::trust::Trust;
use crate::ids::ContactId;
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::prekeys::Prekeys;
use crate::storage::rings::Ring;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

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
        if !self.lookups.take_asked(username) {
            return;
        }
        let answer = read_answer(username, record.as_deref());
        let ours = self.lookups.take_starting(username);
        self.answer_commands(ours, username, &answer, turn);
        if let Some(contact) = self.contacts.named(username.as_str())
            && self.lookups.take_refreshing(contact)
        {
            self.on_refreshed(contact, &answer, turn);
        }
        self.receiving().on_name_confirmed(username, answer, turn);
    }

    fn answer_commands(
        &mut self,
        commands: Vec<CommandId>,
        username: &Username,
        answer: &Answer,
        turn: &mut Turn<'_>,
    ) {
        for id in commands {
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
            Answer::Nobody => self.trust().failing().fail_all(id, turn),
            Answer::Refused => self.trust().failing().refuse_keys(id, false, turn),
            Answer::Account(record) if record.account() != contact.account() => {
                self.trust().change_identity(id, record, turn);
            }
            Answer::Account(record) if contact.has_record(&record.record().encode()) => {
                // The relay contradicts itself, and a retry does not help; unless it is a session that says
                // to be with a device which was never there.
                if !self.trust().device_lists().end_unlisted(id, record) {
                    for device in &devices {
                        if self.lookups.is_unknown(*device) {
                            self.trust().failing().fail_device(*device, turn);
                        }
                    }
                }
            }
            Answer::Account(record) => {
                if !self.trust().device_lists().take_devices(id, record) {
                    self.trust().failing().refuse_keys(id, true, turn);
                }
            }
        }
        for device in devices {
            self.lookups.forget_unknown(device);
            self.outbox.wake(device);
        }
    }
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

/// Asks for one more name that somebody waits for, at a pace that leaves the relay's patience with
/// this address to others. One that holds up the queue does not wait for its turn.
pub(crate) fn ask_strangers(
    strangers: &mut Strangers,
    inbox: &Inbox,
    lookups: &mut Lookups,
    turn: &mut Turn<'_>,
) {
    let name = inbox
        .confirming()
        .filter(|name| !lookups.is_asked(name))
        .cloned();
    let name = name.or_else(|| strangers.next_due(lookups, turn.now));
    if let Some(username) = name
        && lookups.ask(&username)
    {
        strangers.note_asked(turn.now);
        turn.send(&ClientFrame::LookUp { username });
    }
}
