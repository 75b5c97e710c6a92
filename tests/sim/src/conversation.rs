//! How the engine's interface names a conversation: the one place of the harness that knows.
//! Worlds, laws and texts name it by the other's username.

use pawl_client::{Command, Engine};

/// What the interface calls an engine's conversation with somebody.
#[must_use]
pub fn conversation_with(_engine: &Engine, username: &str) -> String {
    username.to_owned()
}

/// With whom a conversation is that the interface names.
#[must_use]
pub fn other_in<'a>(_engine: &Engine, conversation: &'a str) -> &'a str {
    conversation
}

/// The command that sends a text to somebody.
#[must_use]
pub fn sending(engine: &Engine, to: &str, text: &str) -> Command {
    Command::SendText {
        conversation: conversation_with(engine, to),
        text: text.to_owned(),
    }
}
