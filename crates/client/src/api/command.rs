//! What a person (or a bot) asks of the engine. Every command has an id chosen by the asker; the id
//! is kept with the commit, so that asking again after a crash does nothing twice.

use pawl_derive::FromFields;
use serde::Serialize;

use crate::ids::ConversationId;

/// 32 hexadecimal digits, random, chosen once per command and kept on a retry.
pub type CommandId = String;

/// A change that is asked for; answered once by `Event::CommandDone`.
#[derive(Clone, PartialEq, Eq, Serialize, FromFields)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Command {
    /// Makes keys and registers them; done when the relay has accepted.
    CreateAccount {
        /// As typed; see `pawl_wire::Username::parse`.
        username: String,
        /// Where the relay asks for one.
        invite: Option<String>,
    },
    /// Finds a person and opens a conversation, whose id `Event::ConversationChanged` says; done when
    /// the relay has answered.
    StartConversation {
        /// As typed.
        username: String,
    },
    /// Sends a text; done when it is on this device's disk, sent or not, and clears the draft.
    SendText {
        /// Which.
        conversation: ConversationId,
        /// 1 to [`crate::MAX_TEXT`] bytes of UTF-8, not only white space.
        text: String,
    },
    /// Tries a message that was not sent once more.
    RetryMessage {
        /// Which.
        conversation: ConversationId,
        /// Its position.
        position: u64,
    },
    /// Keeps what is being written.
    SaveDraft {
        /// Which.
        conversation: ConversationId,
        /// May be empty.
        text: String,
    },
    /// The person has seen everything up to a position; tells the other.
    MarkRead {
        /// Which.
        conversation: ConversationId,
        /// Position of the newest message seen.
        through: u64,
    },
    /// The safety number was compared (or is no longer trusted). Where the identity has changed, this
    /// accepts it, too.
    MarkVerified {
        /// Which.
        conversation: ConversationId,
        /// Whether it matched.
        verified: bool,
        /// What was looked at: the payload of the number that was shown, or of the code that was
        /// scanned. Refused where the number is another one by now.
        number: Vec<u8>,
    },
    /// The changed identity is accepted; held messages go out to it.
    AcceptIdentity {
        /// Which.
        conversation: ConversationId,
        /// Payload of the number that was shown, as for `MarkVerified`.
        number: Vec<u8>,
    },
}

/// A question about what is on this device; changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromFields)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Query {
    /// Everything a page needs to draw itself.
    Snapshot,
    /// A page of messages, newest last.
    History {
        /// Which.
        conversation: ConversationId,
        /// Only what is older than this position; nothing for the newest page.
        before: Option<u64>,
        /// 1 to 200.
        limit: u32,
    },
    /// The safety number with one person.
    SafetyNumber {
        /// Which.
        conversation: ConversationId,
    },
}
