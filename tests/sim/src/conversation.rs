//! How the engine's interface names a conversation: the one place of the harness that knows.
//! Worlds, laws and texts name it by the other's username.

use pawl_client::{Command, ConversationId, Engine};

/// What the interface calls an engine's conversation with somebody; where there is none, an id that
/// nobody has.
#[must_use]
pub fn conversation_with(engine: &Engine, username: &str) -> ConversationId {
    let known = engine.conversation_with(username);
    known.unwrap_or(ConversationId::from_bytes([0; ConversationId::LEN]))
}

/// With whom a conversation is that the interface names.
#[must_use]
pub fn other_in(engine: &Engine, conversation: ConversationId) -> String {
    engine.username(conversation).unwrap_or_default()
}

/// The command that sends a text to somebody.
#[must_use]
pub fn sending(engine: &Engine, to: &str, text: &str) -> Command {
    Command::SendText {
        conversation: conversation_with(engine, to),
        text: text.to_owned(),
    }
}
