//! From a delivery to a line: dedupe, find the session, open, commit, acknowledge. Deliveries are taken
//! in the relay's order. What cannot be opened never blocks the queue; a stranger's name is confirmed
//! with the relay before anything of theirs is shown, and until then their messages wait on disk
//! (`directory/strangers.rs`).

use pawl_wire::{MessageId, Username};

use crate::account::Account;
use crate::account::counters::Counters;
use crate::api::error::AlertCode;
use crate::channel::Channels;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::RepairQueue;
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::conversations::aside::Aside;
use crate::directory::contacts::Contacts;
use crate::directory::lookups::Answer;
use crate::directory::requests::{Request, Requests};
use crate::directory::strangers::{Strangers, Taken};
use crate::engine::flows::opening::{Opening, Outcome};
use crate::ids::ContactId;
use crate::inbox::{Delivery, Inbox};
use crate::limits::MAX_CONVERSATIONS;
use crate::outbox::Outbox;
use crate::prekeys::Prekeys;
use crate::storage::rings::Ring;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// Deals with deliveries, and with what waited for a name or a place.
pub(crate) struct Receiving<'e> {
    pub(crate) account: &'e Kept<Account>,
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
    pub(crate) inbox: &'e mut Inbox,
    pub(crate) repairs: &'e mut RepairQueue,
    pub(crate) receipts: &'e mut Receipts,
}

/// Lends its rooms to the flows that it uses.
impl Receiving<'_> {
    fn opening(&mut self) -> Opening<'_> {
        Opening {
            account: self.account,
            counters: self.counters,
            contacts: self.contacts,
            conversations: self.conversations,
            aside: self.aside,
            channels: self.channels,
            sessions: self.sessions,
            prekeys: self.prekeys,
            outbox: self.outbox,
            strangers: self.strangers,
            confirmed: self.inbox.confirmed(),
            repairs: self.repairs,
            receipts: self.receipts,
        }
    }
}

impl Receiving<'_> {
    /// Takes a delivery; false where no relay that follows its own contract sends it.
    pub(crate) fn on_deliver(
        &mut self,
        seq: u64,
        message_id: MessageId,
        envelope: Vec<u8>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let last_seq = self.counters.get().last_seq;
        if self.inbox.is_full() || self.inbox.leaps(seq, last_seq, turn) {
            return false;
        }
        self.inbox.push(Delivery {
            seq,
            message_id,
            envelope,
        });
        self.receive_waiting(turn);
        true
    }

    /// The relay has said who has the name that a stranger gave.
    pub(crate) fn on_name_confirmed(
        &mut self,
        username: &Username,
        answer: Answer,
        turn: &mut Turn<'_>,
    ) {
        self.inbox.confirm(Some((username.clone(), answer)));
        for envelope in self.strangers.release(username) {
            if let Outcome::Wait(account) = self.opening().receive(&envelope, turn) {
                self.request(account, &envelope, turn);
            }
        }
        if self.inbox.go_on() {
            // There may be room now, or the answer was about the one that waits for it.
            self.receive_waiting(turn);
        }
        self.inbox.confirm(None);
    }

    fn receive_waiting(&mut self, turn: &mut Turn<'_>) {
        while let Some(delivery) = self.inbox.pop() {
            if delivery.seq > self.counters.get().last_seq {
                let outcome = if self.seen.contains(&delivery.message_id.0) {
                    Outcome::Done
                } else {
                    self.opening().receive(&delivery.envelope, turn)
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
                            return self.inbox.hold_up(username, delivery);
                        }
                    }
                }
                self.counters.edit().last_seq = delivery.seq;
            }
            turn.acknowledge = true;
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
            Taken::TooMany => self.strangers.alert(AlertCode::StrangersRefused, turn),
            Taken::NoRoom => {}
        }
        taken
    }

    /// What waited for a place; false where it has to go on waiting.
    pub(crate) fn receive_late(&mut self, envelope: &[u8], turn: &mut Turn<'_>) -> bool {
        match self.opening().receive(envelope, turn) {
            Outcome::Done | Outcome::Opened => true,
            Outcome::Wait(_) => false,
            Outcome::Confirm(username) => {
                self.strangers.take(&username, envelope, turn.now) == Taken::Waits
            }
        }
    }

    /// Lets a stranger's message wait for a place, and says so where it is the first.
    pub(crate) fn request(&mut self, account: [u8; 32], envelope: &[u8], turn: &mut Turn<'_>) {
        let is_first = self.requests.is_empty();
        if !self.requests.add(account, envelope, turn.now) {
            self.strangers.alert(AlertCode::StrangersRefused, turn);
        } else if is_first {
            turn.alert(AlertCode::StrangersWait);
        }
    }

    /// Opens what waits, where there may be a place again; the rest goes on waiting. Whoever has a conversation
    /// needs none.
    pub(crate) fn retry_requests(&mut self, turn: &mut Turn<'_>) {
        let contacts = &self.contacts;
        let has_room = contacts.len() < MAX_CONVERSATIONS;
        let is_known = |account: &[u8; 32]| contacts.of_account(account).is_some();
        let requests = (self.requests).take_of(|account| has_room || is_known(account));
        self.open_requests(requests, turn);
    }

    /// Opens what waits of a person whom the user has just begun a conversation with, or written to for the first
    /// time.
    pub(crate) fn retry_requests_of(&mut self, id: ContactId, turn: &mut Turn<'_>) {
        let Some(contact) = self.contacts.get(id) else {
            return;
        };
        let requests = self.requests.take_of(|account| contact.has(account));
        self.open_requests(requests, turn);
    }

    fn open_requests(&mut self, requests: Vec<Request>, turn: &mut Turn<'_>) {
        for request in requests {
            if !self.receive_late(&request.envelope, turn) {
                self.requests.keep(request);
            }
        }
    }
}
