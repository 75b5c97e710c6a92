//! What a driver stores for the engine: opaque, versioned records in a few tables. The driver seals
//! them; the engine decides what is in them. Records hold secrets and are wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// The tables. Names are fixed for ever: they stand in users' stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Account, device keys, counters, recent command ids.
    Meta,
    /// People: account records, trust; and under longer keys the channels to their devices.
    Contacts,
    /// Conversation summaries, counters, receipts, drafts; and under longer keys what waits for the user to
    /// accept a changed identity.
    Conversations,
    /// Double Ratchet sessions and the index of their tags.
    Sessions,
    /// Private prekeys.
    Prekeys,
    /// What is to be sent.
    Outbox,
    /// Messages; never loaded whole, read in pages by key order.
    Messages,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 7] = [
        Self::Meta,
        Self::Contacts,
        Self::Conversations,
        Self::Sessions,
        Self::Prekeys,
        Self::Outbox,
        Self::Messages,
    ];

    /// The table's name in a store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Contacts => "contacts",
            Self::Conversations => "conversations",
            Self::Sessions => "sessions",
            Self::Prekeys => "prekeys",
            Self::Outbox => "outbox",
            Self::Messages => "messages",
        }
    }

    /// Whether its records go into a backup. What ratchets does not: a ratchet that is restored is a rewound
    /// one. An engine that is loaded without these tables begins its sessions and publishes its prekeys anew.
    #[must_use]
    pub const fn is_backed_up(self) -> bool {
        !matches!(self, Self::Sessions | Self::Prekeys)
    }

    /// Whether the engine is loaded with all of its records (all but [`Table::Messages`]).
    #[must_use]
    pub const fn is_loaded(self) -> bool {
        !matches!(self, Self::Messages)
    }
}

/// A record's key: up to 64 bytes, ordered bytewise. In [`Table::Messages`]: see `Engine::history`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

/// Records as a store has them, in the order of the keys that were asked for.
/// `None` where there is none or it is damaged.
pub type Records = Vec<Option<Zeroizing<Vec<u8>>>>;

/// One change to the store.
pub enum Change {
    /// Writes a record, over an older one if there is one.
    Put {
        /// Where.
        table: Table,
        /// Under which key.
        key: Key,
        /// The record.
        value: Zeroizing<Vec<u8>>,
    },
    /// Erases a record; no error where there is none.
    Delete {
        /// Where.
        table: Table,
        /// Under which key.
        key: Key,
    },
}
