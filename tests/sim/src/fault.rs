//! Deliberate faults, each of which the simulator must find: what a driver or an engine could do wrong. None is in
//! any crate that ships. A driver's fault is another order in `driver.rs`; an engine's is made from outside, by
//! changing what it commits or what it is loaded with.

use pawl_client::{Change, Key, Table};

use crate::law::Law;
use crate::record::{field, varint, without_fields};

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
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 16] = [
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
            Self::StoredTooEarly => &[Order, Arrives],
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
            (Self::SealedAnew, Table::Outbox) => without_fields(record, &SEALED),
            (Self::DedupeForgotten, Table::Conversations) => without_fields(record, &RECEIVED),
            (Self::DedupeForgotten, Table::Meta) if key.0.starts_with(b"seen") => None,
            _ => Some(record.to_vec()),
        }
    }
}

/// What waits aside of an account that is not pinned, as the line that it would be: its key, and its record.
pub(crate) fn as_line(key: &Key, record: &[u8]) -> Option<(Key, Vec<u8>)> {
    const PEER_AND_ORDER: usize = 16;
    let mut rest = record.get(5..).filter(|_| key.0.len() == PEER_AND_ORDER)?;
    while let Some((number, length)) = field(rest) {
        if number == LINE {
            let (_, tag) = varint(rest)?;
            let (_, head) = varint(rest.get(tag..)?)?;
            let mut place = key.clone();
            // Far behind all lines that there are.
            place.0[PEER_AND_ORDER / 2 + 1] = 1;
            return Some((place, rest[tag + head..length].to_vec()));
        }
        rest = &rest[length..];
    }
    None
}

/// Of what waits aside: the line.
const LINE: u64 = 3;
/// First byte of a fingerprint's key among the prekeys.
const FINGERPRINT: u8 = 4;
/// Of an outbox entry: id, recipient and envelope.
const SEALED: [u64; 4] = [4, 5, 6, 7];
/// Of a conversation: what was received, what was seen.
const RECEIVED: [u64; 2] = [16, 18];

/// Which message an outbox entry is sealed to: its id and its envelope's bytes; nothing where it is not sealed.
pub(crate) fn sealed_bytes(record: &[u8]) -> Option<&[u8]> {
    let mut rest = record.get(5..)?;
    while let Some((number, length)) = field(rest) {
        if number == SEALED[3] {
            return Some(&rest[..length]);
        }
        rest = &rest[length..];
    }
    None
}
