//! What the engine tells a page: plain values, no keys and no ciphertext. Events are shown only
//! after the step that they came from is committed.

use serde::{Deserialize, Serialize};

use crate::api::command::CommandId;
use crate::api::error::{AlertCode, CommandError};
use crate::ids::ConversationId;
use crate::storage::records::RecordError;

/// Something to show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// Whether there is an account, and whose.
    PhaseChanged {
        /// The new phase.
        phase: Phase,
    },
    /// The connection to the relay.
    ConnectionChanged {
        /// Its new state.
        connection: Connection,
    },
    /// A conversation is new or something in its summary changed.
    ConversationChanged {
        /// The whole summary.
        conversation: ConversationView,
    },
    /// Lines that are new, or whose status changed, or the newest one where another notice stands in it now;
    /// in order of position.
    MessagesChanged {
        /// Which.
        conversation: ConversationId,
        /// Each whole.
        messages: Vec<MessageView>,
    },
    /// All own messages up to these positions have at least that status, receipts being many.
    StatusChanged {
        /// Which.
        conversation: ConversationId,
        /// Positions of own messages whose status changed, with the new one.
        changes: Vec<(u64, MessageStatus)>,
    },
    /// A command is done. Sent once per command, and again for a command that is asked again.
    CommandDone {
        /// Which.
        id: CommandId,
        /// Nothing where it succeeded.
        error: Option<CommandError>,
    },
    /// The user must know.
    Alert {
        /// What.
        alert: AlertCode,
    },
}

/// Where this device stands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Phase {
    /// No account on this device.
    NoAccount {
        /// What the relay asks of new accounts, once it has said so.
        registration: Option<RegistrationPolicy>,
    },
    /// Keys are made and on disk; the relay has not accepted them yet.
    Registering {
        /// The name that is asked for.
        username: String,
    },
    /// An account that the relay knows.
    Ready {
        /// Whose.
        username: String,
    },
}

/// Who may register at the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum RegistrationPolicy {
    /// Anyone.
    Open,
    /// Whoever has an invite code.
    Invite,
    /// Nobody now.
    Closed,
}

/// The connection to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Connection {
    /// Authenticated.
    Online,
    /// Being opened or authenticated.
    Connecting,
    /// None; another attempt is due.
    Offline,
}

/// A conversation as a list shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    /// Names it in commands, queries and addresses.
    pub id: ConversationId,
    /// The other's username.
    pub username: String,
    /// Received messages that the person has not seen.
    pub unread: u32,
    /// Position of the first of them.
    pub unread_from: Option<u64>,
    /// First characters of the newest message.
    pub preview: String,
    /// Where that one was written here: how far it has come.
    pub preview_status: Option<MessageStatus>,
    /// When something last happened, milliseconds since 1970; lists are ordered by it.
    pub active_at: u64,
    /// What is being written.
    pub draft: String,
    /// What is known of the other's identity.
    pub identity: IdentityState,
    /// Where it has changed: whether the one before had been verified.
    pub was_verified: bool,
    /// Where it has changed: how much waits of what the new one wrote.
    pub set_aside: u32,
}

/// What is known of a person's identity key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum IdentityState {
    /// Trusted on first use.
    Unverified,
    /// The safety number was compared.
    Verified,
    /// Another key than before: look. Sending waits until the user accepts, and so does what it wrote.
    Changed,
}

/// One line of a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// Rises within the conversation on this device.
    pub position: u64,
    /// Written here.
    pub mine: bool,
    /// The text; empty where `notice` is set.
    pub text: String,
    /// When it was written (own) or received, by this device's clock: milliseconds since 1970.
    pub at: u64,
    /// When it was sent, by the sender's clock, and never after `at`; 0 for a notice. Nothing vouches for
    /// it: a page shows it only where it fits between the line before and `at`.
    pub sent_at: u64,
    /// Own messages only.
    pub status: Option<MessageStatus>,
    /// Instead of a text: what happened here.
    pub notice: Option<NoticeCause>,
    /// How often in a row the name has changed hands, where this notice stands for others that it replaced;
    /// 0 elsewhere.
    pub times: u32,
}

/// How far an own message has come. Never goes back, but from `NotSent` on a retry, and between `Sending` and
/// `Waiting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum MessageStatus {
    /// On this device's disk.
    Sending,
    /// The same, until the user has looked at the other's changed identity.
    Waiting,
    /// The relay has it.
    Sent,
    /// The other's device has it on disk.
    Delivered,
    /// The other has seen it.
    Read,
    /// The relay refused it, and why a retry is the user's decision.
    NotSent,
}

/// A line that is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum NoticeCause {
    /// The other's identity key changed.
    IdentityChanged,
    /// A message came for a session or prekey that this device no longer has.
    KeysGone,
    /// A message came that does not open: altered on its way or out of step.
    Unreadable,
    /// A message came in a format of a newer version.
    NewerVersion,
    /// A record of this device's own store is damaged.
    Damaged,
    /// An older version wrote this when the name was the account's again; texts above it may be others'.
    IdentityReturned,
    /// The name is again the account's that it was before it changed hands.
    Returned,
    /// The same, and what others had written under that name is dropped.
    ReturnedAndDropped,
    /// A changed identity was accepted, and what further ones had written under that name is dropped.
    OthersDropped,
    /// The other's device says that it no longer has what it had, and was sent it again.
    SentAgain,
}

impl NoticeCause {
    /// Whether it says who has the name now.
    pub(crate) const fn is_handover(self) -> bool {
        matches!(
            self,
            Self::IdentityChanged | Self::Returned | Self::ReturnedAndDropped
        )
    }

    /// As it stands in records, where 0 is none.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::IdentityChanged => 1,
            Self::KeysGone => 2,
            Self::Unreadable => 3,
            Self::NewerVersion => 4,
            Self::Damaged => 5,
            Self::IdentityReturned => 6,
            Self::SentAgain => 7,
            Self::Returned => 8,
            Self::ReturnedAndDropped => 9,
            Self::OthersDropped => 10,
        }
    }

    /// Reads what [`Self::number`] gave.
    pub(crate) fn from_number(number: u32) -> Result<Option<Self>, RecordError> {
        Ok(Some(match number {
            0 => return Ok(None),
            1 => Self::IdentityChanged,
            2 => Self::KeysGone,
            3 => Self::Unreadable,
            4 => Self::NewerVersion,
            5 => Self::Damaged,
            6 => Self::IdentityReturned,
            7 => Self::SentAgain,
            8 => Self::Returned,
            9 => Self::ReturnedAndDropped,
            10 => Self::OthersDropped,
            _ => return Err(RecordError::Damaged),
        }))
    }
}

/// Everything a page needs to draw itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Account or none.
    pub phase: Phase,
    /// To the relay.
    pub connection: Connection,
    /// Newest first.
    pub conversations: Vec<ConversationView>,
}

/// A safety number to compare.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SafetyNumberView {
    /// Twelve groups of five digits.
    pub groups: Vec<String>,
    /// Payload of the QR code.
    pub qr: Vec<u8>,
    /// Whether it was compared before.
    pub identity: IdentityState,
    /// What the account of this number has written, where it is not accepted yet.
    pub messages: Vec<MessageView>,
}

/// Answer to a query.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum QueryReply {
    /// To `Query::Snapshot`.
    Snapshot {
        /// The state.
        snapshot: Snapshot,
    },
    /// To `Query::History`.
    History {
        /// In order of position.
        messages: Vec<MessageView>,
        /// Whether there are older ones.
        more: bool,
    },
    /// To `Query::SafetyNumber`.
    SafetyNumber {
        /// The number.
        safety_number: SafetyNumberView,
    },
    /// The question was about something that is not there.
    Failed {
        /// Why.
        error: CommandError,
    },
}
