//! How the program ends when it does not succeed: one line for a person, one code for a script. The codes
//! stand in `pawl --help` and in docs/TERMINAL.md; they never change their meaning.

use pawl_client::CommandError;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Other = 1,
    Usage = 2,
    Unreachable = 3,
    Refused = 4,
    Unknown = 5,
    Identity = 6,
    Busy = 7,
    Secret = 8,
    NotAStore = 9,
    Newer = 10,
    StoreFailed = 11,
    NotSent = 12,
    Older = 13,
    Interrupted = 130,
    BrokenPipe = 141,
    Terminated = 143,
}

impl Code {
    /// Every code and what it means.
    pub(crate) const ALL: [(Self, &'static str); 16] = [
        (Self::Other, "anything not listed here"),
        (
            Self::Usage,
            "what was typed cannot be done: an option, a name, a text, a file",
        ),
        (
            Self::Unreachable,
            "no answer from the relay in time; what was written goes out next time",
        ),
        (Self::Refused, "the relay refused"),
        (
            Self::Unknown,
            "no such person, no such conversation, or no account in this store",
        ),
        (
            Self::Identity,
            "somebody's identity has changed, or a safety number is another one: look",
        ),
        (Self::Busy, "another pawl has this store open"),
        (Self::Secret, "wrong passphrase or wrong key file"),
        (Self::NotAStore, "not a store of Pawl, or a damaged one"),
        (Self::Newer, "a store of a newer version of Pawl"),
        (
            Self::StoreFailed,
            "the store cannot be written: the disk is full, or it fails",
        ),
        (
            Self::NotSent,
            "the message could not be delivered and is shown as not sent",
        ),
        (
            Self::Older,
            "a store of an older version of Pawl, which this one cannot read",
        ),
        (
            Self::Interrupted,
            "Ctrl-C; what was written goes out next time",
        ),
        (
            Self::BrokenPipe,
            "nobody reads the output any more; what was not printed is printed next time",
        ),
        (
            Self::Terminated,
            "the system asked the program to end; as Ctrl-C",
        ),
    ];
}

/// Why, in one line (or none, where there is nothing to say), and the code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) line: String,
}

impl Failure {
    pub(crate) fn new(code: Code, line: impl Into<String>) -> Self {
        let line = line.into();
        Self { code, line }
    }

    /// Whether the program cannot go on, whatever else it does.
    pub(crate) fn is_final(&self) -> bool {
        use Code as C;
        let stores = [C::Busy, C::NotAStore, C::Newer, C::Older, C::StoreFailed];
        self.code == C::Other || stores.contains(&self.code)
    }

    /// What a script or a person asked cannot be done.
    pub(crate) fn usage(line: impl Into<String>) -> Self {
        Self::new(Code::Usage, line)
    }
}

/// What the engine says to a command.
impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        use CommandError as E;
        let code = match error {
            E::UsernameEmpty
            | E::UsernameTooLong { .. }
            | E::UsernameControlCharacter
            | E::UsernameCharacter { .. }
            | E::UsernameStart
            | E::AccountExists
            | E::OwnUsername
            | E::UnknownMessage
            | E::MessageEmpty
            | E::MessageTooLong { .. }
            | E::NotASafetyNumber
            | E::SafetyNumberVersion => Code::Usage,
            E::UsernameTaken
            | E::InviteNeeded
            | E::RegistrationClosed
            | E::WorkTooMuch
            | E::WorkTooSlow
            | E::ConversationsFull { .. }
            | E::OutboxFull
            | E::RateLimited { .. }
            | E::RelayUnavailable
            | E::VersionMismatch => Code::Refused,
            E::NoAccount | E::UnknownRecipient | E::UnknownConversation => Code::Unknown,
            E::Offline => Code::Unreachable,
            E::KeysRefused | E::SafetyNumberDiffers => Code::Identity,
            E::StoreFailed => Code::StoreFailed,
        };
        let line = match &error {
            E::MessageTooLong { limit, length } => {
                format!("{error}: {length} bytes, and {limit} are the most")
            }
            E::ConversationsFull { limit } => format!("{error}: {limit} are the most"),
            E::UsernameTooLong { limit } => format!("{error}: {limit} characters are the most"),
            E::UsernameCharacter { character, .. } => {
                format!("{error}: {}", character.escape_unicode())
            }
            E::RateLimited { retry_after_ms } => {
                format!("{error}; try again in {} s", retry_after_ms.div_ceil(1_000))
            }
            _ => error.to_string(),
        };
        Self::new(code, line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_the_documentation() {
        let page = include_str!("../../../docs/TERMINAL.md");
        for (code, meaning) in Code::ALL {
            let row = format!("| {} | {meaning}", code as u8);
            let row = row.replace("in time;", "in time (`--timeout`, 30 seconds);");
            assert!(page.contains(&row), "{row}");
        }
    }
}
