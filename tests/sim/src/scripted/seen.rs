//! What clients were told, and what their stores have.

use pawl_client::{
    AlertCode, CommandError, ConversationId, Event, IdentityState, MessageStatus, MessageView,
    SafetyNumberView,
};

use super::World;
use crate::conversation::conversation_with;
use crate::disk;

impl World {
    /// What commands call a client's conversation with somebody.
    pub fn conversation(&self, i: usize, with: &str) -> ConversationId {
        conversation_with(&self.clients[i].engine, with)
    }

    /// Whether a client believes that somebody is who they were.
    pub fn identity(&self, i: usize, of: &str) -> Option<IdentityState> {
        let conversation = self.conversation(i, of);
        self.clients[i].engine.identity(conversation)
    }

    /// # Panics
    /// Where there is no such conversation.
    pub fn safety_number(&self, i: usize, of: &str) -> SafetyNumberView {
        let conversation = self.conversation(i, of);
        let number = self.clients[i].engine.safety_number(conversation);
        number.expect("a conversation")
    }

    /// The last answer to a command.
    pub fn answer(&self, i: usize, id: &str) -> Option<Option<CommandError>> {
        self.clients[i]
            .events
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::CommandDone { id: done, error } if done == id => Some(error.clone()),
                _ => None,
            })
    }

    /// Every alert that was shown.
    pub fn alerts(&self, i: usize) -> Vec<AlertCode> {
        let alert = |event: &Event| match event {
            Event::Alert { alert } => Some(alert.clone()),
            _ => None,
        };
        self.clients[i].events.iter().filter_map(alert).collect()
    }

    /// All lines of a conversation as the store has them.
    pub fn history(&self, i: usize, with: &str) -> Vec<MessageView> {
        let client = &self.clients[i];
        disk::history(&client.engine, &client.disk, with)
    }

    /// Texts received in a conversation, in order.
    pub fn received(&self, i: usize, with: &str) -> Vec<String> {
        let lines = self.history(i, with).into_iter();
        let texts = lines.filter(|line| !line.mine && line.notice.is_none());
        texts.map(|line| line.text).collect()
    }

    /// Texts that wait for a changed identity to be accepted, as its review shows them.
    pub fn review(&self, i: usize, with: &str) -> Vec<String> {
        let messages = self.safety_number(i, with).messages.into_iter();
        messages.map(|message| message.text).collect()
    }

    /// Statuses of the own texts of a conversation, in order.
    pub fn statuses(&self, i: usize, with: &str) -> Vec<MessageStatus> {
        self.history(i, with)
            .iter()
            .filter_map(|line| line.status)
            .collect()
    }
}
