//! What the model relay answers, frame by frame.

use ed25519_dalek::{Signature, VerifyingKey};
use pawl_wire::limits::MAX_RECEIVE_WINDOW;
use pawl_wire::{
    Auth, BundleRefusal, ClaimId, ClientFrame, ConnectionError, DeviceAddress, Nonce,
    PublishedKeys, Register, Registration, RelayFrame, Submit, SubmitRefusal, Username, statement,
    work,
};

use super::{AUTHORITY, Heard, Mailbox, Relay};
use crate::law::{Failure, Law};

/// A number that far beyond the last one was never given.
const FAR: u64 = 1 << 32;
/// The largest number that a relay takes from a device.
pub const MAX_SEQ: u64 = 1 << 53;
/// The one code that lets somebody in where invites are needed.
const INVITE: &str = "welcome";

fn breach(what: impl Into<String>) -> Failure {
    Failure::new(Law::Contract, what)
}

impl Relay {
    /// Hears the next frame of a connection, and answers.
    pub(crate) fn hear(&mut self, id: u64) -> Heard {
        let Some(wire) = self.wires.get_mut(&id) else {
            return Ok(());
        };
        let Some(bytes) = wire.up.pop_front() else {
            return Ok(());
        };
        let (device, who) = (wire.device, wire.who);
        let frame = ClientFrame::decode(&bytes).map_err(|error| breach(format!("{error}")))?;
        match (device, frame) {
            (None, ClientFrame::Auth(auth)) => self.on_auth(id, &auth)?,
            (None, ClientFrame::Register(register)) => self.on_register(id, *register)?,
            (Some(_), ClientFrame::Submit(submit)) => self.on_submit(id, submit)?,
            (Some(device), ClientFrame::Ack { through }) => self.on_ack(id, device, through)?,
            (Some(_), ClientFrame::LookUp { username }) => self.on_look_up(id, who, username),
            (Some(_), ClientFrame::FetchBundle { claim, device }) => {
                self.on_claim(id, who, claim, device);
            }
            (Some(device), ClientFrame::Publish { request, keys }) => {
                self.on_publish(id, device, request, keys);
            }
            (Some(_), ClientFrame::Ping { token }) => self.say(id, RelayFrame::Pong { token }),
            _ => return Err(breach("a frame at the wrong point")),
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

    fn speaks(&self, version: u32) -> Result<(), ConnectionError> {
        let (lowest, highest) = self.versions;
        let is_spoken = (lowest..=highest).contains(&version);
        let unspoken = ConnectionError::UnsupportedVersion;
        is_spoken.then_some(()).ok_or(unspoken)
    }

    fn on_auth(&mut self, id: u64, auth: &Auth) -> Heard {
        let connection = self.connection(id);
        if let Err(code) = self.speaks(auth.version) {
            self.end(id, code);
            return Ok(());
        }
        if auth.last_seq > MAX_SEQ {
            self.end(id, ConnectionError::Malformed);
            return Ok(());
        }
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

    fn on_register(&mut self, id: u64, register: Register) -> Heard {
        let connection = self.connection(id);
        if let Err(code) = self.speaks(register.version) {
            self.end(id, code);
            return Ok(());
        }
        let device = register.device;
        let key = &register.signing_key;
        let puzzle = work::Puzzle::new(self.work_bits, &connection.nonce, &device.account);
        if !puzzle.is_solved_by(register.work) {
            return Err(breach("no work for this challenge"));
        }
        let bytes = statement::register(&connection, device, key, &register.username);
        verify(&device.account.0, &bytes, &register.account_signature.0)?;
        verify(&key.0, &bytes, &register.device_signature.0)?;
        let window = register.receive_window;
        match self.enter(register) {
            Ok(()) => self.let_in(id, device, 0, window),
            Err(code) => self.end(id, code),
        }
        Ok(())
    }

    /// A new account, or one whose answer was lost: then its keys are published, and its record
    /// stays.
    fn enter(&mut self, register: Register) -> Result<(), ConnectionError> {
        let device = register.device;
        let holder = self.store.names.get(&register.username);
        if holder.is_some_and(|holder| *holder != device.account) {
            return Err(ConnectionError::UsernameTaken);
        }
        if let Some(mailbox) = self.store.boxes.get_mut(&device) {
            if holder.is_none() || mailbox.signing_key != register.signing_key {
                return Err(ConnectionError::AuthFailed);
            }
            let is_taken = mailbox.publish(&register.keys);
            return is_taken.then_some(()).ok_or(ConnectionError::KeyReused);
        }
        match self.registration {
            Registration::Closed => return Err(ConnectionError::RegistrationClosed),
            Registration::Invite if register.invite.as_deref() != Some(INVITE) => {
                return Err(ConnectionError::InviteNeeded);
            }
            Registration::Invite | Registration::Open => {}
        }
        let mailbox = Mailbox::new(register.signing_key, &register.keys);
        let mailbox = mailbox.ok_or(ConnectionError::Malformed)?;
        let account = device.account;
        self.store.boxes.insert(device, mailbox);
        self.store.records.insert(account, register.account_record);
        self.store.names.insert(register.username, account);
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
        let Some(mailbox) = self.store.boxes.get_mut(&device) else {
            return;
        };
        let (stock, through) = (mailbox.stock(), mailbox.seq);
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.device = Some(device);
            wire.sent = last_seq;
            wire.window = window.min(MAX_RECEIVE_WINDOW) as usize;
            wire.waiting_through = Some(through);
        }
        self.say(id, RelayFrame::AuthOk(stock));
    }

    fn on_submit(&mut self, id: u64, submit: Submit) -> Heard {
        self.submitted.push(submit.clone());
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
        let longest = self.mood.short.unwrap_or(usize::MAX);
        let reply = match self.store.boxes.get_mut(&submit.recipient) {
            _ if submit.envelope.len() > longest => refuse(SubmitRefusal::TooLarge, 0),
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
        self.say(id, reply);
        Ok(())
    }

    fn on_ack(&mut self, id: u64, device: DeviceAddress, through: u64) -> Heard {
        *self.acknowledgements.entry(device).or_default() += 1;
        let Some(wire) = self.wires.get_mut(&id) else {
            return Ok(());
        };
        if self.leaps && through.saturating_sub(wire.sent) > FAR {
            // Something that lies told it such a number; an honest relay takes that for malformed.
            self.end(id, ConnectionError::Malformed);
            return Ok(());
        }
        if through > wire.sent {
            return Err(breach("an acknowledgement of what was not delivered"));
        }
        wire.unacknowledged.retain(|seq| *seq > through);
        if let Some(mailbox) = self.store.boxes.get_mut(&device) {
            mailbox.acknowledge(through);
        }
        Ok(())
    }

    fn on_look_up(&mut self, id: u64, who: usize, username: Username) {
        let account = self.store.names.get(&username);
        let record = account.and_then(|it| self.store.records.get(it)).cloned();
        let lie = self.lie.as_ref();
        let lie = lie.filter(|lie| lie.to == who && lie.username == username);
        let record = lie.map(|lie| lie.record.clone()).or(record);
        self.say(id, RelayFrame::Account { username, record });
    }

    fn on_publish(&mut self, id: u64, device: DeviceAddress, request: u32, keys: PublishedKeys) {
        let mailbox = self.store.boxes.get_mut(&device);
        let is_taken = mailbox.is_some_and(|mailbox| mailbox.publish(&keys));
        self.published.push((device, keys));
        if is_taken {
            self.say(id, RelayFrame::Published { request });
        } else {
            self.end(id, ConnectionError::KeyReused);
        }
    }

    fn on_claim(&mut self, id: u64, who: usize, claim: ClaimId, device: DeviceAddress) {
        let refuse = |cause, retry_after_ms| RelayFrame::NoBundle {
            claim,
            cause,
            retry_after_ms,
        };
        if self.mood.sulks > 0 {
            self.mood.sulks -= 1;
            return self.say(id, refuse(BundleRefusal::RateLimited, 500));
        }
        let mood = self.mood;
        let record = self.store.records.get(&device.account);
        let mailbox = self.store.boxes.get_mut(&device).zip(record);
        let claimed = mailbox.and_then(|(mailbox, record)| {
            let bundle = mailbox.claim(claim, record, mood.stingy, mood.keeps_keys)?;
            let stock = mailbox.is_low().then(|| mailbox.stock());
            Some((bundle, stock))
        });
        let Some((mut bundle, low)) = claimed else {
            return self.say(id, refuse(BundleRefusal::UnknownDevice, 0));
        };
        self.claims.entry((who, device)).or_default().insert(claim);
        if mood.bad_bundles > 0 {
            self.mood.bad_bundles -= 1;
            let record = match mood.bad_bundles % 2 {
                0 => &mut bundle.signed_prekey.record,
                _ => &mut bundle.kem_prekey.record,
            };
            record[9] ^= 1;
        }
        let bundle = Box::new(bundle);
        self.say(id, RelayFrame::Bundle { claim, bundle });
        let owner = self.wires.iter();
        let owner = owner.filter(|(_, wire)| wire.device == Some(device));
        let owner = owner.map(|(owner, _)| *owner).next_back();
        if let (Some(owner), Some(stock)) = (owner, low) {
            self.say(owner, RelayFrame::KeysLow(stock));
        }
    }
}

fn verify(key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> Heard {
    let key = VerifyingKey::from_bytes(key);
    let signature = Signature::from_bytes(signature);
    key.and_then(|key| key.verify_strict(bytes, &signature))
        .map_err(|_| breach("a statement that does not verify"))
}
