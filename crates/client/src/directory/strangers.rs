//! First messages of people whom this device does not know, sealed as they came. They wait on disk until
//! the relay has said whose the name is, and so hold up nobody else's mail; then they are opened in their
//! order. Knows nothing of whom to believe (`engine/flows/opening.rs`).

use pawl_wire::Username;
use prost::Message;
use zeroize::Zeroizing;

use crate::api::error::AlertCode;
use crate::directory::lookups::Lookups;
use crate::limits::{
    MAIL_LIFETIME, MAX_LOOKUPS, MAX_STRANGER_ALERTS, MAX_STRANGER_BYTES, MAX_STRANGER_NAMES,
    STRANGER_LOOKUP_INTERVAL,
};
use crate::numbers::Millis;
use crate::storage::records::{self, Record, RecordError};
use crate::storage::room::Room;
use crate::storage::sorted::SortedSet;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{Numbered, Tracked};
use crate::turn::Turn;

/// First byte of the key in [`Table::Prekeys`], whose private keys these messages need.
pub(crate) const WAITING: u8 = 5;

/// Rises within what waits.
type WaitingId = Numbered<WAITING>;

pub(crate) struct Waiting {
    /// The name that the message gives.
    username: Username,
    came_at: Millis,
    envelope: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct WaitingRecord {
    #[prost(string, tag = "1")]
    username: String,
    #[prost(uint64, tag = "2")]
    came_at: u64,
    #[prost(bytes = "vec", tag = "3")]
    envelope: Vec<u8>,
}

impl Record for Waiting {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&WaitingRecord {
            username: self.username.as_str().to_owned(),
            came_at: self.came_at.0,
            envelope: self.envelope.clone(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: WaitingRecord = records::read(bytes)?;
        let username = Username::from_canonical(&record.username);
        Ok(Self {
            username: username.map_err(|_| RecordError::Damaged)?,
            came_at: Millis(record.came_at),
            envelope: record.envelope,
        })
    }
}

/// What becomes of a stranger's message.
#[derive(PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is on disk with this step.
    Waits,
    /// No room for so much of people who are being looked up: it stays in the queue until they are.
    NoRoom,
    /// Too many people wait: it is refused.
    TooMany,
}

/// All that wait.
pub(crate) struct Strangers {
    waiting: Tracked<WaitingId, Waiting>,
    /// When a name was last asked for, and how many alerts this connection has caused.
    asked_at: Millis,
    alerts: u32,
}

impl Strangers {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Tracked::new(Table::Prekeys),
            asked_at: Millis::ZERO,
            alerts: 0,
        }
    }

    pub(crate) fn take(&mut self, username: &Username, envelope: &[u8], now: Millis) -> Taken {
        let names = self.names();
        if !names.contains(username) && names.len() >= MAX_STRANGER_NAMES {
            return Taken::TooMany;
        }
        let all = self.waiting.iter();
        let bytes: usize = all.map(|(_, waiting)| waiting.envelope.len()).sum();
        if bytes + envelope.len() > MAX_STRANGER_BYTES {
            return Taken::NoRoom;
        }
        let last = self.waiting.keys().next_back().map_or(0, |last| last.0);
        let waiting = Waiting {
            username: username.clone(),
            came_at: now,
            envelope: envelope.to_vec(),
        };
        self.waiting.insert(Numbered(last + 1), waiting);
        Taken::Waits
    }

    /// Hands out, and erases, what waits for a name, in the order in which it came.
    pub(crate) fn release(&mut self, username: &Username) -> Vec<Vec<u8>> {
        self.remove_where(|waiting| waiting.username == *username)
    }

    fn remove_where(&mut self, which: impl Fn(&Waiting) -> bool) -> Vec<Vec<u8>> {
        let all = self.waiting.iter();
        let gone: Vec<_> = all.filter(|(_, w)| which(w)).map(|(n, _)| n).collect();
        let gone = gone.into_iter().filter_map(|n| self.waiting.remove(n));
        gone.map(|waiting| waiting.envelope).collect()
    }

    /// When the next name may be asked for, if there is one.
    pub(crate) fn due_with(&self, lookups: &Lookups) -> Option<Millis> {
        self.next_name(lookups)?;
        Some(self.asked_at + STRANGER_LOOKUP_INTERVAL)
    }

    fn next_name(&self, lookups: &Lookups) -> Option<Username> {
        let has_room = lookups.asked() < MAX_LOOKUPS;
        let mut all = self.waiting.iter().map(|(_, waiting)| &waiting.username);
        all.find(|name| has_room && !lookups.is_asked(name))
            .cloned()
    }

    /// Tells of what strangers did, a few times per connection: anybody can cause it.
    pub(crate) fn alert(&mut self, alert: AlertCode, turn: &mut Turn<'_>) {
        if self.alerts < MAX_STRANGER_ALERTS {
            self.alerts += 1;
            turn.alert(alert);
        }
    }

    /// The next name that is to be asked for now.
    pub(crate) fn next_due(&self, lookups: &Lookups, now: Millis) -> Option<Username> {
        let due = self.due_with(lookups)?;
        let is_time = due <= now || self.asked_at > now;
        is_time.then(|| self.next_name(lookups))?
    }

    /// A name was asked for.
    pub(crate) fn note_asked(&mut self, now: Millis) {
        self.asked_at = now;
    }

    fn names(&self) -> SortedSet<Username> {
        self.waiting
            .iter()
            .map(|(_, w)| w.username.clone())
            .collect()
    }
}

impl Room for Strangers {
    fn takes(&self, table: Table, key: &Key) -> bool {
        table == Table::Prekeys && key.0.first() == Some(&WAITING)
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        self.waiting.load_record(key, value)
    }

    fn erase(&mut self, key: &Key) -> bool {
        self.waiting.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.waiting.flush(changes);
    }

    fn connection_lost(&mut self) {
        self.alerts = 0;
    }

    fn is_idle(&self) -> bool {
        self.waiting.len() == 0
    }

    fn drop_expired(&mut self, now: Millis) {
        self.remove_where(|waiting| now.since(waiting.came_at) > MAIL_LIFETIME);
    }
}
