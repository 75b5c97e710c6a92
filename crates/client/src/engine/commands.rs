//! Commands: taken to whom they are about, answered once. A command that succeeded and is asked again is only
//! answered again; one that failed has changed nothing and is tried anew.

use pawl_protocol::{SafetyNumber, ScanError};
use pawl_wire::Username;

use super::Engine;
use crate::api::command::{Command, CommandId};
use crate::api::error::CommandError;
use crate::directory::lookups::conversations_full;
use crate::engine::flows::receipts::mark_read;
use crate::ids::{ContactId, ConversationId};
use crate::numbers::Position;
use crate::turn::Turn;

impl Engine {
    pub(crate) fn on_command(&mut self, id: CommandId, command: Command, turn: &mut Turn<'_>) {
        if self.commands.is_done(&id) {
            turn.done.push((id, None));
            return;
        }
        if self.lookups.is_starting(&id) {
            return;
        }
        let result = match command {
            Command::CreateAccount { username, invite } => {
                let mut registration = self.registration();
                if registration.create_account(id, &username, invite, turn) {
                    self.relay.set_attempts(0);
                    self.relay.hurry(turn.now);
                }
                return;
            }
            Command::StartConversation { username } => {
                return self.start_conversation(id, &username, turn);
            }
            Command::SendText { conversation, text } => self.send_text(conversation, text, turn),
            Command::RetryMessage {
                conversation,
                position,
            } => self.contact_in(conversation).and_then(|_| {
                self.resending()
                    .retry(conversation, Position(position), turn)
            }),
            Command::SaveDraft { conversation, text } => self
                .contact_in(conversation)
                .and_then(|_| self.composing().save_draft(conversation, text, turn)),
            Command::MarkRead {
                conversation,
                through,
            } => self
                .contact_in(conversation)
                .map(|_| self.mark_read(conversation, Position(through), turn)),
            Command::MarkVerified {
                conversation,
                verified,
                number,
            } => self
                .looked_at(conversation, &number)
                .map(|contact| self.trust().mark_verified(contact, verified, turn)),
            Command::AcceptIdentity {
                conversation,
                number,
            } => self
                .looked_at(conversation, &number)
                .map(|contact| self.trust().accept_identity(contact, turn)),
        };
        self.commands.done(id, result, turn);
    }

    /// The other of a conversation.
    pub(crate) fn contact_in(
        &self,
        conversation: ConversationId,
    ) -> Result<ContactId, CommandError> {
        if self.account.get().ready().is_none() {
            return Err(CommandError::NoAccount);
        }
        self.contacts
            .in_conversation(conversation)
            .ok_or(CommandError::UnknownConversation)
    }

    fn send_text(
        &mut self,
        conversation: ConversationId,
        text: String,
        turn: &mut Turn<'_>,
    ) -> Result<(), CommandError> {
        let contact = self.contact_in(conversation)?;
        if self.composing().send_text(conversation, text, turn)? {
            // Whoever is written to needs no place among strangers.
            self.receiving().retry_requests_of(contact, turn);
        }
        Ok(())
    }

    fn mark_read(&mut self, conversation: ConversationId, through: Position, turn: &mut Turn<'_>) {
        let (conversations, channels) = (&mut self.conversations, &mut self.channels);
        let seen = (conversation, through);
        mark_read(conversations, channels, &mut self.receipts, seen, turn);
    }

    fn start_conversation(&mut self, id: CommandId, username: &str, turn: &mut Turn<'_>) {
        let username = match Username::parse(username) {
            Ok(username) => username,
            Err(error) => return self.commands.done(id, Err(error.into()), turn),
        };
        let refusal = match self.account.get().ready() {
            None => Some(CommandError::NoAccount),
            Some(own) if own.username == username => Some(CommandError::OwnUsername),
            Some(_) if self.contacts.named(username.as_str()).is_some() => {
                return self.commands.done(id, Ok(()), turn);
            }
            Some(_) if self.contacts.is_full() => Some(conversations_full()),
            Some(_) if !self.relay.is_online() && !self.relay.is_trying() => {
                Some(CommandError::Offline)
            }
            Some(_) if !self.lookups.has_room_to_start() => {
                Some(CommandError::RateLimited { retry_after_ms: 0 })
            }
            Some(_) => None,
        };
        match refusal {
            Some(error) => self.commands.done(id, Err(error), turn),
            None => self.lookups.start(id, username),
        }
    }

    /// Whom a command is about that names the safety number which the user looked at or scanned. Between
    /// their look and their click the relay may have put another key there: that one was never looked
    /// at.
    fn looked_at(
        &self,
        conversation: ConversationId,
        number: &[u8],
    ) -> Result<ContactId, CommandError> {
        let contact = self.contact_in(conversation)?;
        match self.number_with(contact)?.matches(number) {
            Ok(true) => Ok(contact),
            Ok(false) => Err(CommandError::SafetyNumberDiffers),
            Err(ScanError::NotASafetyNumber) => Err(CommandError::NotASafetyNumber),
            Err(ScanError::UnknownVersion(_)) => Err(CommandError::SafetyNumberVersion),
        }
    }

    pub(super) fn number_with(&self, contact: ContactId) -> Result<SafetyNumber, CommandError> {
        let own = self.account.get().ready().ok_or(CommandError::NoAccount)?;
        let contact = self
            .contacts
            .get(contact)
            .ok_or(CommandError::UnknownConversation)?;
        Ok(SafetyNumber::between(
            &own.keys.public(),
            &contact.newest_account(),
        ))
    }
}
