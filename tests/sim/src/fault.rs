//! Deliberate faults, each of which the simulator must find: what a driver or an engine could do wrong. None is in
//! any crate that ships. A driver's fault is another order in `driver.rs`; an engine's is made from outside, by
//! changing what it commits or what it is loaded with.

use pawl_client::{Change, Key, Table};

use crate::law::Law;
use crate::record::{
    body, changed, field, is_channel, value, with_one_of, without, without_received,
};

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Frames leave before the state that made them is on disk.
    SendBeforeCommit,
    /// What came is acknowledged before it is on disk.
    AcknowledgeBeforeCommit,
    /// Commands are answered, and lines shown, before they are on disk.
    ShowBeforeCommit,
    /// A process that dies in a commit leaves half of it.
    TornCommit,
    /// One-time private keys are erased when a first message comes, and not when it is opened.
    KeyErasedEarly,
    /// What was sealed and may have been sent is sealed anew after a restart.
    SealedAnew,
    /// What waits to be sent is only in memory.
    OutboxInMemory,
    /// A session is on disk as it began: what it sealed and opened since is only in memory.
    RatchetInMemory,
    /// Handshakes without one-time keys leave no fingerprint.
    ReplayAccepted,
    /// After a restart it is not known what came before.
    DedupeForgotten,
    /// Counters are only in memory: ids and numbers begin again.
    CountersInMemory,
    /// Whoever led before goes on writing.
    FenceForgotten,
    /// A page asks again under another id.
    CommandRenamed,
    /// The relay says that it has what it has not written.
    StoredTooEarly,
    /// The relay gives one one-time key to several.
    KeyGivenTwice,
    /// What an account that is not the pinned one writes under a name stands in the conversation.
    OthersShown,
    /// On disk a text that waits is for one device of the other only.
    OneDevice,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::SendBeforeCommit,
        Self::AcknowledgeBeforeCommit,
        Self::ShowBeforeCommit,
        Self::TornCommit,
        Self::KeyErasedEarly,
        Self::SealedAnew,
        Self::OutboxInMemory,
        Self::RatchetInMemory,
        Self::ReplayAccepted,
        Self::DedupeForgotten,
        Self::CountersInMemory,
        Self::FenceForgotten,
        Self::CommandRenamed,
        Self::StoredTooEarly,
        Self::KeyGivenTwice,
        Self::OthersShown,
        Self::OneDevice,
    ];

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|fault| format!("{fault:?}") == name)
    }

    /// The laws that it may break first; any other has been broken by something else.
    #[must_use]
    pub fn breaks(self) -> &'static [Law] {
        use Law::{
            Accepted, Arrives, NotSent, Once, Order, PrivateHalf, Replay, SealedOnce, Unnoticed,
        };
        match self {
            Self::SendBeforeCommit => &[Once, Order, Arrives, Unnoticed, NotSent],
            Self::ShowBeforeCommit => &[Once, Accepted, NotSent, Order],
            Self::TornCommit => &[Accepted, Arrives, Order, Unnoticed, Once],
            Self::KeyErasedEarly | Self::AcknowledgeBeforeCommit | Self::OutboxInMemory => {
                &[Order, Arrives, Unnoticed]
            }
            Self::RatchetInMemory => &[SealedOnce, Unnoticed, Arrives, Order],
            Self::SealedAnew => &[SealedOnce],
            Self::ReplayAccepted => &[Replay],
            Self::DedupeForgotten | Self::CommandRenamed => &[Once],
            Self::CountersInMemory => &[Once, Order, NotSent, PrivateHalf, Accepted],
            Self::FenceForgotten => &[Once, Unnoticed, Arrives, Order],
            Self::StoredTooEarly | Self::OneDevice => &[Order, Arrives],
            Self::OthersShown => &[NotSent],
            Self::KeyGivenTwice => &[Arrives, Order, Unnoticed, PrivateHalf],
        }
    }

    /// Whether a change gets to disk.
    pub(crate) fn keeps(self, change: &Change) -> bool {
        let (table, key) = match change {
            Change::Put { table, key, .. } | Change::Delete { table, key } => (*table, &key.0),
        };
        match self {
            Self::OutboxInMemory => table != Table::Outbox,
            Self::ReplayAccepted => table != Table::Prekeys || key.first() != Some(&FINGERPRINT),
            Self::CountersInMemory => table != Table::Meta || key != b"counters",
            _ => true,
        }
    }

    /// What an engine is loaded with where this is on disk.
    pub(crate) fn read(self, table: Table, key: &Key, record: &[u8]) -> Option<Vec<u8>> {
        match (self, table) {
            (Self::SealedAnew, Table::Outbox) => changed(record, PARTS, unsealed),
            (Self::DedupeForgotten, Table::Contacts) if is_channel(key) => without_received(record),
            (Self::OneDevice, Table::Outbox) => with_one_of(record, PARTS),
            (Self::DedupeForgotten, Table::Meta) if key.0.starts_with(b"seen") => None,
            _ => Some(record.to_vec()),
        }
    }
}

/// What waits aside of an account that is not pinned, as the line that it would be: its key, and its record.
pub(crate) fn as_line(key: &Key, record: &[u8]) -> Option<(Key, Vec<u8>)> {
    const CONVERSATION: usize = 16;
    const CONVERSATION_AND_ORDER: usize = 24;
    if key.0.len() != CONVERSATION_AND_ORDER {
        return None;
    }
    let mut rest = body(record);
    while let Some((number, length)) = field(rest) {
        if number == LINE {
            let mut place = key.clone();
            // Far behind all lines that there are.
            place.0[CONVERSATION + 1] = 1;
            return Some((place, value(&rest[..length])?.to_vec()));
        }
        rest = &rest[length..];
    }
    None
}

/// Of what waits aside: the line.
const LINE: u64 = 3;
/// First byte of a fingerprint's key among the prekeys.
const FINGERPRINT: u8 = 4;
/// Of an outbox entry: its parts.
const PARTS: u64 = 4;
/// Of a part: state, message id and envelope.
const SEALED: [u64; 3] = [3, 5, 6];
/// The state of a part that is to be sealed, and of one that is.
const WANTED: [u8; 2] = [0x18, 1];
const IS_SEALED: [u8; 2] = [0x18, 2];

/// A part of an outbox entry as if it had not been sealed.
fn unsealed(part: &[u8]) -> Option<Vec<u8>> {
    let mut rest = part;
    while let Some((_, length)) = field(rest) {
        if rest[..length] == IS_SEALED {
            return Some([&without(part, &SEALED)?[..], &WANTED].concat());
        }
        rest = &rest[length..];
    }
    Some(part.to_vec())
}

/// The envelopes of an outbox entry's parts, by the device that each is for.
pub(crate) fn envelopes(record: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    const ENVELOPE: u64 = 6;
    let mut all = Vec::new();
    let mut rest = body(record);
    while let Some((number, length)) = field(rest) {
        if let Some(part) = value(&rest[..length]).filter(|_| number == PARTS) {
            let of = |which: &[u64]| {
                let others: Vec<u64> = (1..=ENVELOPE).filter(|it| !which.contains(it)).collect();
                without(part, &others).unwrap_or_default()
            };
            let (device, envelope) = (of(&[1, 2]), of(&[ENVELOPE]));
            if !envelope.is_empty() {
                all.push((device, envelope));
            }
        }
        rest = &rest[length..];
    }
    all
}
