//! Errors as a page can show them: closed sets of codes with what is needed to put them in words.
//! The words themselves belong to the page.

use pawl_wire::UsernameError;
use pawl_wire::limits::MAX_USERNAME;
use serde::{Deserialize, Serialize};

/// Why a command did not succeed. Nothing else is lost by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(
    tag = "code",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum CommandError {
    /// No username was given.
    #[error("a username is needed")]
    UsernameEmpty,
    /// More characters than allowed.
    #[error("the username is too long")]
    UsernameTooLong {
        /// How many are allowed.
        limit: u32,
    },
    /// A control character.
    #[error("the username holds a control character")]
    UsernameControlCharacter,
    /// A character outside plain ASCII letters, digits, dot, underscore, hyphen.
    #[error("the username holds a character that is not allowed")]
    UsernameCharacter {
        /// The character.
        character: String,
        /// Whether it is outside ASCII and may look like a plain letter.
        look_alike: bool,
    },
    /// Begins with something other than a letter or digit.
    #[error("a username begins with a letter or a digit")]
    UsernameStart,
    /// Another account has the name.
    #[error("the username is taken")]
    UsernameTaken,
    /// The invite code is missing, wrong or used.
    #[error("this relay asks for an invite code")]
    InviteNeeded,
    /// Nobody can register now.
    #[error("this relay takes no new accounts")]
    RegistrationClosed,
    /// The relay asks for more work than any relay may.
    #[error("this relay asks for more work than a new account may cost")]
    WorkTooMuch,
    /// The work was not done while the relay waited for it.
    #[error("this device did not finish the work that the relay asks for in time")]
    WorkTooSlow,
    /// There is an account on this device already.
    #[error("there is an account on this device already")]
    AccountExists,
    /// No account on this device yet.
    #[error("there is no account on this device")]
    NoAccount,
    /// Nobody has this username.
    #[error("nobody has this username")]
    UnknownRecipient,
    /// One's own username.
    #[error("that is your own username")]
    OwnUsername,
    /// No such conversation on this device.
    #[error("there is no such conversation")]
    UnknownConversation,
    /// No such message, or one that needs no retry.
    #[error("there is no such message")]
    UnknownMessage,
    /// Nothing to send.
    #[error("the message is empty")]
    MessageEmpty,
    /// More bytes than a message can hold.
    #[error("the message is too long")]
    MessageTooLong {
        /// Bytes allowed.
        limit: u32,
        /// Bytes given.
        length: u32,
    },
    /// There are as many conversations on this device as it holds.
    #[error("there is no room for another conversation on this device")]
    ConversationsFull {
        /// How many it holds.
        limit: u32,
    },
    /// Too many messages wait to be sent.
    #[error("too many messages wait to be sent")]
    OutboxFull,
    /// The relay cannot be reached, and this needs it.
    #[error("the relay cannot be reached")]
    Offline,
    /// The relay asks to slow down.
    #[error("too many requests")]
    RateLimited {
        /// Milliseconds.
        retry_after_ms: u64,
    },
    /// The relay has a fault of its own.
    #[error("the relay cannot do this now")]
    RelayUnavailable,
    /// What the relay has of this person is not signed by their account. The relay looks at no signature, so that
    /// person can have put it there, or somebody is in between.
    #[error("the keys that this person has at the relay are not signed as they must be")]
    KeysRefused,
    /// The safety number is not the one that was looked at or scanned: it changed meanwhile, or somebody
    /// is in between.
    #[error("this is not the safety number as it is now")]
    SafetyNumberDiffers,
    /// What was scanned is something else.
    #[error("this is not a safety number")]
    NotASafetyNumber,
    /// What was scanned is a safety number of another version.
    #[error("this is a safety number of another version")]
    SafetyNumberVersion,
    /// This relay and this page are of different versions.
    #[error("the relay speaks another version")]
    VersionMismatch,
    /// This device's store failed.
    #[error("this device's store failed")]
    StoreFailed,
}

impl From<UsernameError> for CommandError {
    fn from(error: UsernameError) -> Self {
        let limit = u32::try_from(MAX_USERNAME).unwrap_or(u32::MAX);
        let character = |c: char, look_alike| Self::UsernameCharacter {
            character: c.to_string(),
            look_alike,
        };
        match error {
            UsernameError::Empty => Self::UsernameEmpty,
            UsernameError::TooLong(_) => Self::UsernameTooLong { limit },
            UsernameError::ControlCharacter => Self::UsernameControlCharacter,
            UsernameError::NotAscii(c) => character(c, true),
            UsernameError::Forbidden(c) => character(c, false),
            UsernameError::BadStart => Self::UsernameStart,
        }
    }
}

/// Something the user must know about that no command asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(
    tag = "code",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum AlertCode {
    /// The relay has keys for this person that their account did not sign, whoever put them there; nothing was
    /// sent.
    KeysRefused {
        /// Who.
        username: String,
    },
    /// The relay has a list of this person's devices that is older than the known one, or contradicts it; nothing
    /// was sent. The known one may have come from that person, past the relay.
    DevicesRefused {
        /// Who.
        username: String,
    },
    /// Someone wrote under a name that the relay says is another's; it was not shown.
    ImpostorRefused {
        /// The name.
        username: String,
    },
    /// More people wrote for the first time than can be looked up at once; what they wrote was not taken.
    StrangersRefused,
    /// There is no place for more strangers now; what they write waits on this device until there is.
    StrangersWait,
    /// Somebody began to write anew, without a one-time key, more often than can be told from repetitions;
    /// what they wrote was not taken.
    HandshakeRefused {
        /// Who it says it is, where they are known here.
        username: Option<String>,
    },
    /// The person's mailbox is full; the messages go on trying.
    MailboxFull {
        /// Who.
        username: String,
    },
    /// Time and again the relay has other keys than this device gave it, or none: who writes for the first
    /// time may have to wait. They are given to it again, ever more slowly.
    PrekeysLost,
    /// The relay gave a message a number far beyond what it can have come to. The message was not taken, and the
    /// relay is asked for it again on another connection.
    MailMisnumbered,
    /// The relay does not know this device (any more), or its operator has shut it out.
    DeviceUnknown,
    /// This relay and this page are of different versions: reload.
    VersionMismatch,
    /// Another device or browser profile connects with these very keys.
    Replaced,
    /// This device's store has no room; what could not be written is refused or still the relay's.
    StoreFull,
    /// A record in this device's store cannot be read; the rest works.
    RecordCorrupted {
        /// Whose conversation, where that can be told.
        username: Option<String>,
    },
}

/// Why what is on disk cannot become an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A record that does not decode. The table says what is affected.
    #[error("a record in {0:?} cannot be read")]
    Corrupted(crate::Table),
    /// Written by a newer version of Pawl.
    #[error("the store was written by a newer version")]
    Newer,
    /// Written by a version of Pawl whose stores are not read any more: 0.2 or older.
    #[error("the store was written by an older version of Pawl, which this one cannot read")]
    Older,
}
