//! The law. Whatever happened: every text that was accepted is shown once where it was meant to be, and its sender
//! knows; nothing is shown that was not sent; each sender's texts stand in order; everybody can write to everybody;
//! and what is kept is bounded. Where only the weather was bad, all of that soon, with no new session and no alarm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pawl_client::{AlertCode, Key, MessageStatus, MessageView, Table};
use pawl_protocol::Envelope;
use pawl_wire::PublishedKeys;

use crate::disk;
use crate::people::{Device, NAMES, number_of};
use crate::plan::Kind;
use crate::world::{Ran, World};

/// Which part of the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// What a client says is what the relay's contract allows.
    Contract,
    /// The private half of a public key at the relay is on the device's disk.
    PrivateHalf,
    /// What is on disk loads.
    Loads,
    /// What is shown was sent, by that person to this one: by the account that is pinned, whatever has the name now.
    NotSent,
    /// It is shown once.
    Once,
    /// A session that was erased does not come back.
    Replay,
    /// An envelope, once there, is the only one of its message.
    SealedOnce,
    /// A text that was accepted stands in its sender's history.
    Accepted,
    /// It arrives, and its sender knows.
    Arrives,
    /// In the order in which it was written.
    Order,
    /// Nobody is alarmed, and no session begun anew, by bad weather.
    Unnoticed,
    /// What is kept has bounds, and nothing is left over.
    Bounded,
    /// When all is done nothing goes on.
    Calm,
    /// No engine panics.
    Panic,
}

/// Which law was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// See [`Law`].
    pub law: Law,
    /// In words.
    pub what: String,
}

impl Failure {
    pub(crate) fn new(law: Law, what: impl Into<String>) -> Self {
        Self {
            law,
            what: what.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.what)
    }
}

/// Private one-time prekeys of a kind, and signed and last-resort ones of a few weeks.
const MOST_PREKEYS: usize = 2 * 400 + 2 * 30;
/// Handshakes of one device without one-time keys.
const MOST_FINGERPRINTS: usize = 64;
/// Sessions with one device.
const MOST_SESSIONS: usize = 10;
/// Account, counters, and the blocks of two rings.
const MOST_META: usize = 2 + 5 + 32;
/// After so many hours silence has a device ask.
const A_NIGHT: u64 = 6;
/// One-time keys of a kind at the relay.
const ONE_TIME_KEYS: std::ops::RangeInclusive<usize> = 25..=100;
/// The kind of a private one-time prekey, as it stands in its key on disk.
const ONE_TIME: u8 = 2;

/// A frame that the relay is about to hear: whose private halves must be on disk.
pub(crate) fn private_halves(device: &Device, frame: &[u8]) -> Ran {
    match disk::keys_in(frame) {
        Some(keys) => private_halves_of(device, &keys),
        None => Ok(()),
    }
}

fn private_halves_of(device: &Device, keys: &PublishedKeys) -> Ran {
    match disk::lacking(&device.disk, keys).first() {
        None => Ok(()),
        Some((kind, id)) => {
            let what = format!("{}: kind {kind}, id {id}", device.name);
            Err(Failure::new(Law::PrivateHalf, what))
        }
    }
}

impl World {
    pub(crate) fn hear_alert(&mut self, who: usize, alert: &AlertCode) -> Ran {
        let is_weather = match alert {
            AlertCode::MailboxFull { .. } => self.had_refusals,
            AlertCode::Replaced => true,
            _ => false,
        };
        if is_weather || self.plan.kind == Kind::Damage {
            return Ok(());
        }
        let what = format!("{} hears {alert:?}", self.devices[who].name);
        Err(Failure::new(Law::Unnoticed, what))
    }

    /// All lines of a device's conversation with somebody as its store has them.
    pub(crate) fn lines(&self, who: usize, of: usize) -> Vec<MessageView> {
        let device = &self.devices[who];
        let Some(engine) = device.tabs.last().map(|tab| &tab.engine) else {
            return Vec::new();
        };
        disk::history(engine, &device.disk, NAMES[of])
    }

    /// The texts that were written on a device and are still there.
    pub(crate) fn history_of(&self, who: usize) -> BTreeSet<usize> {
        let others = (0..self.people).filter(|of| *of != self.devices[who].owner);
        let lines = others.flat_map(|of| self.lines(who, of));
        let own = lines.filter(|line| line.mine);
        own.filter_map(|line| number_of(&line.text)).collect()
    }

    /// All of it. `fresh`: the first text that was written when all was well again.
    pub(crate) fn check(&self, fresh: Option<usize>) -> Ran {
        for device in self.present().map(|who| &self.devices[who]) {
            if !device.page.is_content() {
                let what = format!("{}: something asked is not answered", device.name);
                return Err(Failure::new(Law::Accepted, what));
            }
        }
        for (from, to) in self.pairs() {
            self.check_pair(from, to, fresh)?;
        }
        self.check_bounds()
    }

    /// Each device with everybody else.
    pub(crate) fn pairs(&self) -> Vec<(usize, usize)> {
        let all = self.present();
        let pairs = all.flat_map(|from| (0..self.people).map(move |to| (from, to)));
        let are_others = |(from, to): &(usize, usize)| self.devices[*from].owner != *to;
        pairs.filter(are_others).collect()
    }

    /// From a device to somebody: all that is for them is on each of their devices.
    fn check_pair(&self, from: usize, to: usize, fresh: Option<usize>) -> Ran {
        let written = self.lines(from, to);
        let kept = self.kept(from, to, &written)?;
        for device in self.devices_of(to) {
            let names = [from, device].map(|who| self.devices[who].name.as_str());
            let names = names.join(" to ");
            let received = self.received(from, device)?;
            for (number, status) in &kept {
                let arrived = [MessageStatus::Delivered, MessageStatus::Read];
                let is_known = status.is_some_and(|status| arrived.contains(&status));
                let is_there = received.contains(number);
                if !is_there || !is_known {
                    let what = format!("{names}: {number} is {status:?}, there: {is_there}");
                    return Err(Failure::new(Law::Arrives, what));
                }
            }
            self.check_order(&received, fresh, &names)?;
            self.check_unnoticed(from, device, &names, &written)?;
        }
        Ok(())
    }

    /// The texts to somebody in the history of the device that they were written on, and how far they have come.
    fn kept(
        &self,
        from: usize,
        to: usize,
        written: &[MessageView],
    ) -> Result<BTreeMap<usize, Option<MessageStatus>>, Failure> {
        let names = format!("{} to {}", self.devices[from].name, NAMES[to]);
        let mut kept = BTreeMap::new();
        for line in written.iter().filter(|line| line.mine) {
            let Some(number) = number_of(&line.text) else {
                return Err(Failure::new(
                    Law::Accepted,
                    format!("{names}: {:?}", line.text),
                ));
            };
            let text = self.texts.get(number);
            if text.is_none_or(|it| (it.from, it.to) != (from, to)) {
                let what = format!("{names}: {number} stands where it was not written");
                return Err(Failure::new(Law::NotSent, what));
            }
            if kept.insert(number, line.status).is_some() {
                let what = format!("{names}: {number} stands twice with its sender");
                return Err(Failure::new(Law::Once, what));
            }
        }
        for (number, text) in self.texts.iter().enumerate() {
            let is_theirs = (text.from, text.to) == (from, to) && text.accepted && !text.undone;
            if is_theirs && !kept.contains_key(&number) {
                let what = format!("{names}: {number} is gone from its sender's history");
                return Err(Failure::new(Law::Accepted, what));
            }
        }
        Ok(kept)
    }

    fn check_order(&self, received: &[usize], fresh: Option<usize>, names: &str) -> Ran {
        let first = match (self.plan.kind, self.had_refusals) {
            (Kind::Weather, false) => Some(0),
            // Where the relay refuses a text, or it was sent again, a later one may pass it.
            _ => fresh,
        };
        let ordered = received.iter().filter(|number| Some(**number) >= first);
        if first.is_some() && !ordered.is_sorted() {
            let what = format!("{names}: {received:?}");
            return Err(Failure::new(Law::Order, what));
        }
        Ok(())
    }

    /// The numbers of the texts of one device that another one has, which has none but those of people to its own.
    fn received(&self, from: usize, at: usize) -> Result<Vec<usize>, Failure> {
        let (by, to) = (self.devices[from].owner, self.devices[at].owner);
        let lines = self.lines(at, by).into_iter();
        let theirs = lines.filter(|line| !line.mine && line.notice.is_none());
        let mut seen = BTreeSet::new();
        let mut received = Vec::new();
        for line in theirs {
            let text = number_of(&line.text).and_then(|number| {
                let text = self.texts.get(number)?;
                ((text.by, text.to) == (by, to)).then_some((number, text.from))
            });
            let Some((number, of)) = text else {
                return Err(Failure::new(Law::NotSent, line.text));
            };
            if !seen.insert(number) {
                let what = format!("{number} stands twice with {}", self.devices[at].name);
                return Err(Failure::new(Law::Once, what));
            }
            if of == from {
                received.push(number);
            }
        }
        Ok(received)
    }

    fn check_unnoticed(&self, from: usize, to: usize, names: &str, lines: &[MessageView]) -> Ran {
        if self.plan.kind == Kind::Damage {
            return Ok(());
        }
        if let Some(notice) = lines.iter().find_map(|line| line.notice) {
            let what = format!("{names}: a line that says {notice:?}");
            return Err(Failure::new(Law::Unnoticed, what));
        }
        let address = self.address(to);
        let claims = address.and_then(|it| self.relay.claims.get(&(from, it)));
        match claims.map_or(0, BTreeSet::len) {
            // Whoever hears nothing for a night asks, at last on another session.
            _ if self.slept >= A_NIGHT => Ok(()),
            0 | 1 => Ok(()),
            many => {
                let what = format!("{names}: {many} sessions begun");
                Err(Failure::new(Law::Unnoticed, what))
            }
        }
    }

    /// Nobody writes any more to a device that is gone. `from`: the first submit that counts.
    pub(crate) fn nothing_goes_to_the_gone(&self, from: usize) -> Ran {
        let gone = (0..self.devices.len()).filter(|who| self.devices[*who].is_gone);
        for who in gone {
            let address = self.address(who);
            let mut submits = self.relay.submitted[from..].iter();
            if submits.any(|submit| Some(submit.recipient) == address) {
                let what = format!("{} is gone and written to", self.devices[who].name);
                return Err(Failure::new(Law::Calm, what));
            }
        }
        Ok(())
    }

    /// The one-time key that a first message used is erased with its opening.
    fn check_used_keys(&self) -> Ran {
        for submit in &self.relay.taken {
            let Ok(Envelope::Initial(initial)) = Envelope::decode(&submit.envelope) else {
                continue;
            };
            let to = self.device_at(submit.recipient);
            let to = to.map(|who| &self.devices[who]);
            if let (Some(to), Some(id)) = (to, initial.one_time_prekey_id()) {
                let stored = [&[ONE_TIME], id.to_be_bytes().as_slice()].concat();
                if to.disk.contains_key(&(Table::Prekeys, Key(stored))) {
                    let what = format!("{}: one-time key {id} was used and is there", to.name);
                    return Err(Failure::new(Law::Bounded, what));
                }
            }
        }
        Ok(())
    }

    fn check_bounds(&self) -> Ran {
        if self.plan.kind == Kind::Weather {
            self.check_used_keys()?;
        }
        for who in self.present() {
            let device = &self.devices[who];
            let others = self.people - 1;
            let of_others = |it: &&Device| it.owner != device.owner;
            let ever = self.devices.iter().filter(of_others).count();
            let present = self.present().map(|who| &self.devices[who]);
            let channels = present.filter(of_others).count();
            let most = [
                (Table::Meta, MOST_META),
                (Table::Contacts, others + channels),
                (Table::Conversations, others),
                (Table::Sessions, channels * MOST_SESSIONS),
                (Table::Prekeys, MOST_PREKEYS + ever * MOST_FINGERPRINTS),
                (Table::Outbox, 0),
            ];
            for (table, most) in most {
                let count = device.count(table);
                if count > most {
                    let what = format!("{}: {count} in {table:?}", device.name);
                    return Err(Failure::new(Law::Bounded, what));
                }
            }
            self.check_relay(who)?;
        }
        Ok(())
    }

    /// What the relay has of a device.
    fn check_relay(&self, who: usize) -> Ran {
        let (device, address) = (&self.devices[who], self.address(who));
        let mailbox = address.and_then(|it| self.relay.store.boxes.get(&it));
        let Some(mailbox) = mailbox else {
            let what = format!("{} has no mailbox", device.name);
            return Err(Failure::new(Law::Bounded, what));
        };
        if !mailbox.mail.is_empty() {
            let what = format!("{}: {} wait", device.name, mailbox.mail.len());
            return Err(Failure::new(Law::Bounded, what));
        }
        for stock in [&mailbox.one_time, &mailbox.kems] {
            if !ONE_TIME_KEYS.contains(&stock.len()) {
                let what = format!("{}: {} one-time keys", device.name, stock.len());
                return Err(Failure::new(Law::Bounded, what));
            }
        }
        private_halves_of(device, &mailbox.held())
    }
}
