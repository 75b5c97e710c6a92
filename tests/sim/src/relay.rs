//! A model of the relay, rather than the relay's own store over SQLite in memory: a thousand worlds a minute begin,
//! are copied and go back in time, and each is a clone of a few maps. What it promises is what
//! docs/ARCHITECTURE.md and server/tests/relay say; crates/client/tests/engine and tests/browser hold engines against the
//! real one. Hearing a frame is one group commit: a crash loses what was not heard, and answers on their way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ed25519_dalek::{Signature, VerifyingKey};
use pawl_wire::limits::{FRAME_VERSION, MAX_RECEIVE_WINDOW};
use pawl_wire::{
    AccountId, Auth, BundleRefusal, ClaimId, ClientFrame, ConnectionError, DeviceAddress, Epoch,
    MessageId, Nonce, Register, Registration, RelayFrame, Submit, SubmitRefusal, Username,
    close_code, statement, work,
};

use crate::impostor::Lie;
use crate::law::{Failure, Law};
use crate::mailbox::Mailbox;

pub(crate) const AUTHORITY: &str = "relay.example:8080";

/// What a registration has to show: little, so that a world is not slowed down by it.
const WORK_BITS: u32 = 4;
/// A number that far beyond the last one was never given.
const FAR: u64 = 1 << 32;

/// What is on the relay's disk.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) epoch: Epoch,
    pub(crate) names: BTreeMap<Username, AccountId>,
    pub(crate) records: BTreeMap<AccountId, Vec<u8>>,
    pub(crate) boxes: BTreeMap<DeviceAddress, Mailbox>,
}

/// One connection: what is under way on it, and what the relay knows of it.
pub(crate) struct Wire {
    pub(crate) who: usize,
    pub(crate) device: Option<DeviceAddress>,
    nonce: Nonce,
    window: usize,
    sent: u64,
    unacknowledged: VecDeque<u64>,
    waiting_through: Option<u64>,
    pub(crate) up: VecDeque<Vec<u8>>,
    pub(crate) down: VecDeque<Vec<u8>>,
    /// Nothing moves before: up, down.
    pub(crate) stalled: [u64; 2],
    /// The relay has ended it, with this code; what it said before still comes.
    pub(crate) ended: Option<Option<u16>>,
    /// The client has left; what it sent before is still heard.
    pub(crate) left: bool,
}

/// What the relay is made to do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mood {
    /// So many of the next submits and claims are refused for now.
    pub(crate) sulks: u32,
    /// Messages in a mailbox, where that is bounded.
    pub(crate) narrow: Option<usize>,
    /// Gives out no one-time keys, though it has some.
    pub(crate) stingy: bool,
    /// So many of the next bundles have something exchanged.
    pub(crate) bad_bundles: u32,
    /// Gives each one-time key to everybody.
    pub(crate) keeps_keys: bool,
}

pub(crate) struct Relay {
    pub(crate) store: Store,
    /// What is really on its disk, where it says more: a deliberate fault.
    pub(crate) written: Option<Store>,
    pub(crate) wires: BTreeMap<u64, Wire>,
    pub(crate) mood: Mood,
    /// What it says to somebody about a name that is not so.
    pub(crate) lie: Option<Lie>,
    /// Every submit that it took.
    pub(crate) taken: Vec<Submit>,
    /// The bytes under each id that ever came.
    bytes: BTreeMap<MessageId, Vec<u8>>,
    /// Who claimed whose keys, under which claims.
    pub(crate) claims: BTreeMap<(usize, DeviceAddress), BTreeSet<ClaimId>>,
    next: u64,
}

type Heard = Result<(), Failure>;

impl Relay {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            written: None,
            wires: BTreeMap::new(),
            mood: Mood::default(),
            lie: None,
            taken: Vec::new(),
            bytes: BTreeMap::new(),
            claims: BTreeMap::new(),
            next: 0,
        }
    }

    /// A client's socket is open.
    pub(crate) fn accept(&mut self, who: usize) -> u64 {
        self.next += 1;
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&self.next.to_be_bytes());
        let wire = Wire {
            who,
            device: None,
            nonce: Nonce(nonce),
            window: 0,
            sent: 0,
            unacknowledged: VecDeque::new(),
            waiting_through: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            stalled: [0; 2],
            ended: None,
            left: false,
        };
        self.wires.insert(self.next, wire);
        let challenge = RelayFrame::Challenge {
            versions: (FRAME_VERSION, FRAME_VERSION),
            nonce: Nonce(nonce),
            epoch: self.store.epoch,
            registration: Registration::Open,
            work_bits: WORK_BITS,
        };
        self.say(self.next, &challenge);
        self.next
    }

    fn say(&mut self, id: u64, frame: &RelayFrame) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.down.push_back(frame.encode());
        }
    }

    /// The last frame of a connection.
    pub(crate) fn end(&mut self, id: u64, code: ConnectionError) {
        let frame = RelayFrame::Error {
            code,
            retry_after_ms: 0,
        };
        self.say(id, &frame);
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.ended = Some(Some(close_code::of(code)));
            wire.up.clear();
        }
    }

    /// A connection breaks: so many frames still arrive in each direction. Those that the relay still hears are on a
    /// connection that nobody listens to.
    pub(crate) fn split(&mut self, id: u64, up: usize, down: usize) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let mut heard = std::mem::take(&mut wire.up);
        heard.truncate(up);
        wire.down.truncate(down);
        wire.ended = Some(None);
        if heard.is_empty() {
            return;
        }
        let unheard = Wire {
            up: heard,
            down: VecDeque::new(),
            ended: None,
            left: true,
            unacknowledged: std::mem::take(&mut wire.unacknowledged),
            ..*wire
        };
        self.next += 1;
        self.wires.insert(self.next, unheard);
    }

    /// The process dies and begins again from its disk.
    pub(crate) fn restart(&mut self) {
        if let Some(written) = self.written.take() {
            self.store = written;
        }
        self.wires.retain(|_, wire| !wire.left);
    }

    /// Hears the next frame of a connection, and answers.
    pub(crate) fn hear(&mut self, id: u64) -> Heard {
        let Some(wire) = self.wires.get_mut(&id) else {
            return Ok(());
        };
        let Some(bytes) = wire.up.pop_front() else {
            return Ok(());
        };
        let (device, who) = (wire.device, wire.who);
        let frame = ClientFrame::decode(&bytes)
            .map_err(|error| Failure::new(Law::Contract, format!("{error}")))?;
        match (device, frame) {
            (None, ClientFrame::Auth(auth)) => self.on_auth(id, &auth)?,
            (None, ClientFrame::Register(register)) => self.on_register(id, &register)?,
            (Some(_), ClientFrame::Submit(submit)) => self.on_submit(id, submit)?,
            (Some(device), ClientFrame::Ack { through }) => self.on_ack(id, device, through)?,
            (Some(_), ClientFrame::LookUp { username }) => {
                let account = self.store.names.get(&username);
                let record = account.and_then(|it| self.store.records.get(it)).cloned();
                let lie = self.lie.as_ref();
                let lie = lie.filter(|lie| lie.to == who && lie.username == username);
                let record = lie.map(|lie| lie.record.clone()).or(record);
                self.say(id, &RelayFrame::Account { username, record });
            }
            (Some(_), ClientFrame::FetchBundle { claim, device }) => {
                self.on_claim(id, who, claim, device);
            }
            (Some(device), ClientFrame::Publish { request, keys }) => {
                let mailbox = self.store.boxes.get_mut(&device);
                if mailbox.is_some_and(|mailbox| mailbox.publish(&keys)) {
                    self.say(id, &RelayFrame::Published { request });
                } else {
                    self.end(id, ConnectionError::KeyReused);
                }
            }
            (Some(_), ClientFrame::Ping { token }) => self.say(id, &RelayFrame::Pong { token }),
            _ => return Err(Failure::new(Law::Contract, "a frame at the wrong point")),
        }
        self.deliver_all();
        Ok(())
    }

    fn connection(&self, id: u64) -> statement::Connection<'static> {
        let nonce = self.wires.get(&id).map_or(Nonce([0; 32]), |it| it.nonce);
        statement::Connection {
            authority: AUTHORITY,
            nonce,
            epoch: self.store.epoch,
        }
    }

    fn on_auth(&mut self, id: u64, auth: &Auth) -> Heard {
        let connection = self.connection(id);
        let Some(mailbox) = self.store.boxes.get_mut(&auth.device) else {
            self.end(id, ConnectionError::UnknownDevice);
            return Ok(());
        };
        let bytes = statement::auth(&connection, auth.device, auth.last_seq);
        verify(&mailbox.signing_key.0, &bytes, &auth.signature.0)?;
        mailbox.open(auth.last_seq);
        self.let_in(id, auth.device, auth.last_seq, auth.receive_window);
        Ok(())
    }

    fn on_register(&mut self, id: u64, register: &Register) -> Heard {
        let connection = self.connection(id);
        let device = register.device;
        let key = &register.signing_key;
        let puzzle = work::Puzzle::new(WORK_BITS, &connection.nonce, &device.account);
        if !puzzle.is_solved_by(register.work) {
            return Err(Failure::new(Law::Contract, "no work for this challenge"));
        }
        let bytes = statement::register(&connection, device, key, &register.username);
        verify(&device.account.0, &bytes, &register.account_signature.0)?;
        verify(&key.0, &bytes, &register.device_signature.0)?;
        let holder = self.store.names.get(&register.username);
        if holder.is_some_and(|holder| *holder != device.account) {
            self.end(id, ConnectionError::UsernameTaken);
            return Ok(());
        }
        if !self.store.boxes.contains_key(&device) {
            let Some(mailbox) = Mailbox::new(*key, &register.keys) else {
                self.end(id, ConnectionError::Malformed);
                return Ok(());
            };
            self.store.boxes.insert(device, mailbox);
        }
        let record = register.account_record.clone();
        self.store.records.insert(device.account, record);
        let names = &mut self.store.names;
        names.insert(register.username.clone(), device.account);
        self.let_in(id, device, 0, register.receive_window);
        Ok(())
    }

    /// The newest connection of a device is the only one.
    fn let_in(&mut self, id: u64, device: DeviceAddress, last_seq: u64, window: u32) {
        let older = self.wires.iter();
        let older: Vec<u64> = older
            .filter(|(other, wire)| **other != id && wire.ended.is_none())
            .filter(|(_, wire)| wire.device == Some(device))
            .map(|(other, _)| *other)
            .collect();
        for other in older {
            self.end(other, ConnectionError::Replaced);
        }
        let Some(mailbox) = self.store.boxes.get(&device) else {
            return;
        };
        let (stock, through) = (mailbox.stock(), mailbox.seq);
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.device = Some(device);
            wire.sent = last_seq;
            wire.window = window.min(MAX_RECEIVE_WINDOW) as usize;
            wire.waiting_through = Some(through);
        }
        self.say(id, &RelayFrame::AuthOk(stock));
    }

    fn on_submit(&mut self, id: u64, submit: Submit) -> Heard {
        let message_id = submit.message_id;
        let known = self.bytes.get(&message_id);
        if known.is_some_and(|known| *known != submit.envelope) {
            let what = "other bytes under an id that was used";
            return Err(Failure::new(Law::SealedOnce, what));
        }
        self.bytes.insert(message_id, submit.envelope.clone());
        let refuse = |cause, retry_after_ms| RelayFrame::Refused {
            message_id,
            cause,
            retry_after_ms,
        };
        let room = self.mood.narrow.unwrap_or(usize::MAX);
        let reply = match self.store.boxes.get_mut(&submit.recipient) {
            _ if self.mood.sulks > 0 => {
                self.mood.sulks -= 1;
                let causes = [SubmitRefusal::RateLimited, SubmitRefusal::Unavailable];
                refuse(causes[self.mood.sulks as usize % 2], 700)
            }
            None => refuse(SubmitRefusal::UnknownRecipient, 0),
            Some(mailbox) if mailbox.knows(message_id) => RelayFrame::Stored {
                message_id,
                duplicate: true,
            },
            Some(mailbox) if mailbox.mail.len() >= room => refuse(SubmitRefusal::MailboxFull, 0),
            Some(mailbox) => {
                mailbox.store(message_id, submit.envelope.clone());
                self.taken.push(submit);
                RelayFrame::Stored {
                    message_id,
                    duplicate: false,
                }
            }
        };
        self.say(id, &reply);
        Ok(())
    }

    fn on_ack(&mut self, id: u64, device: DeviceAddress, through: u64) -> Heard {
        let Some(wire) = self.wires.get_mut(&id) else {
            return Ok(());
        };
        if through.saturating_sub(wire.sent) > FAR {
            // It was told such a number by a relay that lies; the honest one takes that for malformed.
            self.end(id, ConnectionError::Malformed);
            return Ok(());
        }
        if through > wire.sent {
            let what = "an acknowledgement of what was not delivered";
            return Err(Failure::new(Law::Contract, what));
        }
        wire.unacknowledged.retain(|seq| *seq > through);
        if let Some(mailbox) = self.store.boxes.get_mut(&device) {
            mailbox.acknowledge(through);
        }
        Ok(())
    }

    fn on_claim(&mut self, id: u64, who: usize, claim: ClaimId, device: DeviceAddress) {
        let refuse = |cause, retry_after_ms| RelayFrame::NoBundle {
            claim,
            cause,
            retry_after_ms,
        };
        if self.mood.sulks > 0 {
            self.mood.sulks -= 1;
            return self.say(id, &refuse(BundleRefusal::RateLimited, 500));
        }
        let mood = self.mood;
        let record = self.store.records.get(&device.account);
        let Some((mailbox, record)) = self.store.boxes.get_mut(&device).zip(record) else {
            return self.say(id, &refuse(BundleRefusal::UnknownDevice, 0));
        };
        let mut bundle = mailbox.claim(claim, record, mood.stingy, mood.keeps_keys);
        self.claims.entry((who, device)).or_default().insert(claim);
        if mood.bad_bundles > 0 {
            self.mood.bad_bundles -= 1;
            let record = match mood.bad_bundles % 2 {
                0 => &mut bundle.signed_prekey.record,
                _ => &mut bundle.kem_prekey.record,
            };
            record[9] ^= 1;
        }
        let (is_low, stock) = (mailbox.is_low(), mailbox.stock());
        let bundle = Box::new(bundle);
        self.say(id, &RelayFrame::Bundle { claim, bundle });
        let owner = self.wires.iter();
        let owner = owner.filter(|(_, wire)| wire.device == Some(device));
        if let Some(owner) = owner.map(|(owner, _)| *owner).next_back()
            && is_low
        {
            self.say(owner, &RelayFrame::KeysLow(stock));
        }
    }

    /// Delivers what the windows allow, in the order of the mailboxes.
    pub(crate) fn deliver_all(&mut self) {
        for wire in self.wires.values_mut().filter(|it| it.ended.is_none()) {
            let Some(mailbox) = wire.device.and_then(|it| self.store.boxes.get(&it)) else {
                continue;
            };
            let sent = wire.sent;
            for letter in mailbox.mail.iter().filter(|it| it.seq > sent) {
                if wire.unacknowledged.len() >= wire.window {
                    break;
                }
                wire.sent = letter.seq;
                wire.unacknowledged.push_back(letter.seq);
                let frame = RelayFrame::Deliver {
                    seq: letter.seq,
                    message_id: letter.message_id,
                    envelope: letter.envelope.clone(),
                };
                wire.down.push_back(frame.encode());
            }
            let last = mailbox.mail.back().map_or(wire.sent, |last| last.seq);
            if let Some(through) = wire.waiting_through.filter(|_| wire.sent >= last) {
                wire.waiting_through = None;
                let through = through.max(wire.sent);
                wire.down
                    .push_back(RelayFrame::QueueEmpty { through }.encode());
            }
        }
    }

    /// Goes back to an older copy of its disk. One that says so has a new epoch, and its one-time keys count for
    /// nothing, since it may have given them out.
    pub(crate) fn go_back(&mut self, copy: Store, says_so: bool) {
        let epoch = self.store.epoch;
        self.store = copy;
        self.store.epoch = epoch;
        if says_so {
            self.store.epoch.0[0] = epoch.0[0].wrapping_add(1);
            let boxes = self.store.boxes.values_mut();
            boxes.for_each(Mailbox::drop_one_time_keys);
        }
    }
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Epoch([1; 16]),
            names: BTreeMap::new(),
            records: BTreeMap::new(),
            boxes: BTreeMap::new(),
        }
    }

    /// Forgets everybody else.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.names.retain(|name, _| is_kept(name.as_str()));
        let accounts: BTreeSet<_> = self.names.values().copied().collect();
        self.records.retain(|account, _| accounts.contains(account));
        self.boxes
            .retain(|device, _| accounts.contains(&device.account));
    }

    /// Where somebody's mail goes.
    pub(crate) fn address(&self, name: &str) -> Option<DeviceAddress> {
        let mut names = self.names.iter();
        let (_, account) = names.find(|(username, _)| username.as_str() == name)?;
        Some(DeviceAddress {
            account: *account,
            device: 1,
        })
    }
}

fn verify(key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> Heard {
    let key = VerifyingKey::from_bytes(key);
    let signature = Signature::from_bytes(signature);
    key.and_then(|key| key.verify_strict(bytes, &signature))
        .map_err(|_| Failure::new(Law::Contract, "a statement that does not verify"))
}
