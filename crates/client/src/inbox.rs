//! From a delivery to a line: dedupe, find the session, open, commit, acknowledge. Deliveries are taken
//! in the relay's order. What cannot be opened never blocks the queue; a stranger's name is confirmed
//! with the relay before anything of theirs is shown, and until then their messages wait on disk
//! (`directory/strangers.rs`). Where there is no room for more, what came after waits in memory, unacknowledged, so
//! that a crash loses nothing.

use std::collections::VecDeque;

use pawl_wire::{MessageId, Username};

use crate::account::Account;
use crate::account::counters::Counters;
use crate::api::error::AlertCode;
use crate::channel::Channels;
use crate::channel::mending::RepairQueue;
use crate::channel::receipts::Receipts;
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::conversations::aside::Aside;
use crate::directory::contacts::Contacts;
use crate::directory::lookups::Answer;
use crate::directory::requests::{Request, Requests};
use crate::directory::strangers::{Strangers, Taken};
use crate::engine::flows::opening::{Opening, Outcome};
use crate::ids::ContactId;
use crate::limits::{MAX_CONVERSATIONS, MAX_SEQ_LEAP, RECEIVE_WINDOW};
use crate::outbox::Outbox;
use crate::prekeys::Prekeys;
use crate::rooms::Room;
use crate::storage::rings::Ring;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// Deliveries of this connection that are not dealt with.
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: VecDeque<Delivery>,
    /// The name of the stranger whose message is the first that waits, for want of room on disk.
    confirming: Option<Username>,
    /// What the relay said about it.
    confirmed: Option<(Username, Answer)>,
    /// The relay has said that nothing is left of what waited when the connection began.
    caught_up: bool,
    /// The connection before ended because of a number that was too far ahead.
    has_leapt: bool,
}

struct Delivery {
    seq: u64,
    message_id: MessageId,
    envelope: Vec<u8>,
}

impl Inbox {
    /// The name of the stranger who holds up the queue.
    pub(crate) fn confirming(&self) -> Option<&Username> {
        self.confirming.as_ref()
    }

    /// All that waited at the relay when the connection began has come.
    pub(crate) fn caught_up(&mut self) {
        self.caught_up = true;
    }

    pub(crate) const fn is_caught_up(&self) -> bool {
        self.caught_up
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
            confirmed: self.inbox.confirmed.as_ref(),
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
        if self.inbox.waiting.len() >= RECEIVE_WINDOW as usize || self.leaps(seq, turn) {
            return false;
        }
        self.inbox.waiting.push_back(Delivery {
            seq,
            message_id,
            envelope,
        });
        self.receive_waiting(turn);
        true
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
            if let Outcome::Wait(account) = self.opening().receive(&envelope, turn) {
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
