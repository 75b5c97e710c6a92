//! From "create an account" to an account that the relay knows. Keys are on disk before anything is
//! sent; a lost answer is asked for again with the same keys; a refusal leaves nothing behind.

use pawl_wire::limits::FRAME_VERSION;
use pawl_wire::{
    ClientFrame, ConnectionError, PublishedKeys, Register, SignatureBytes, SigningKeyBytes,
    Username, statement,
};

use crate::account::counters::Counters;
use crate::account::recent_commands::RecentCommands;
use crate::account::{Account, OwnAccount, Registering};
use crate::api::command::CommandId;
use crate::api::error::CommandError;
use crate::limits::RECEIVE_WINDOW;
use crate::prekeys::{Kind, Prekeys};
use crate::relay::Relay;
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// Makes the own account, and takes it back.
pub(crate) struct Registration<'e> {
    pub(crate) account: &'e mut Kept<Account>,
    pub(crate) commands: &'e mut RecentCommands,
    pub(crate) counters: &'e mut Kept<Counters>,
    pub(crate) prekeys: &'e mut Prekeys,
}

impl Registration<'_> {
    /// Makes keys for an account that the relay does not know yet; false where that is refused, or done.
    pub(crate) fn create_account(
        &mut self,
        id: CommandId,
        username: &str,
        invite: Option<String>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let invite = invite.filter(|invite| !invite.trim().is_empty());
        let is_long = |invite: &String| invite.len() > pawl_wire::limits::MAX_INVITE;
        let username = match (self.account.get().0.as_deref(), Username::parse(username)) {
            (Some(own), _) if own.registering.as_ref().is_some_and(|r| r.command == id) => {
                return false;
            }
            (Some(_), _) => Err(CommandError::AccountExists),
            (None, Err(error)) => Err(error.into()),
            (None, Ok(_)) if invite.as_ref().is_some_and(is_long) => {
                Err(CommandError::InviteNeeded)
            }
            (None, Ok(username)) => Ok(username),
        };
        let username = match username {
            Ok(username) => username,
            Err(error) => {
                self.commands.done(id, Err(error), turn);
                return false;
            }
        };
        let registering = Registering {
            invite,
            command: id,
        };
        let own = OwnAccount::generate(username, registering, turn.rng);
        self.account.edit().0 = Some(Box::new(own));
        (self.prekeys).rotate(self.account, self.counters, turn);
        true
    }

    /// The relay has let this device in: if that was a registration, it is done.
    pub(crate) fn complete_registration(&mut self, turn: &mut Turn<'_>) {
        if self.account.get().registering().is_none() {
            return;
        }
        let own = self.account.edit().0.as_mut();
        if let Some(registering) = own.and_then(|own| own.registering.take()) {
            self.commands.done(registering.command, Ok(()), turn);
        }
    }

    /// Nothing half-made is kept.
    pub(crate) fn refuse_registration(&mut self, error: CommandError, turn: &mut Turn<'_>) {
        let Some((_, registering)) = self.account.get().registering() else {
            return;
        };
        let command = registering.command.clone();
        *self.account.edit() = Account(None);
        self.prekeys.clear();
        self.commands.done(command, Err(error), turn);
    }
}

/// The frame that asks for the account; the same account on every attempt.
pub(crate) fn register_frame(
    prekeys: &Prekeys,
    connection: &statement::Connection<'_>,
    own: &OwnAccount,
    registering: &Registering,
    work: u64,
) -> ClientFrame {
    let signing_key = SigningKeyBytes(own.device.keys().signing_key());
    let bytes = statement::register(connection, own.address(), &signing_key, &own.username);
    let prefixed = "statements begin with their prefix";
    let account_signature = own.keys.sign_statement(&bytes).expect(prefixed);
    let device_signature = own.device.keys().sign_statement(&bytes).expect(prefixed);
    let newest = |kind| prekeys.newest(kind).and_then(|(id, _)| prekeys.public(id));
    ClientFrame::Register(Box::new(Register {
        version: FRAME_VERSION,
        username: own.username.clone(),
        device: own.address(),
        signing_key,
        account_record: own.record.record().encode(),
        keys: PublishedKeys {
            signed_prekey: newest(Kind::Signed),
            last_resort_kem: newest(Kind::LastResort),
            ..PublishedKeys::default()
        },
        invite: registering.invite.clone(),
        receive_window: RECEIVE_WINDOW,
        account_signature: SignatureBytes(account_signature),
        device_signature: SignatureBytes(device_signature),
        work,
    }))
}

/// What the end of a connection means to a registration that was under way.
pub(crate) fn refusal_of(
    code: ConnectionError,
    retry_after_ms: u64,
    relay: &Relay,
) -> Option<CommandError> {
    // After an attempt whose answer was lost, the account may exist: only a final answer ends it.
    let is_first = relay.is_first_attempt();
    Some(match code {
        ConnectionError::UsernameTaken => CommandError::UsernameTaken,
        ConnectionError::InviteNeeded => CommandError::InviteNeeded,
        ConnectionError::RegistrationClosed | ConnectionError::Banned => {
            CommandError::RegistrationClosed
        }
        ConnectionError::RateLimited if is_first => CommandError::RateLimited { retry_after_ms },
        ConnectionError::UnsupportedVersion if is_first => CommandError::VersionMismatch,
        ConnectionError::TimedOut if is_first && relay.is_working() => CommandError::WorkTooSlow,
        ConnectionError::Replaced | ConnectionError::TimedOut => return None,
        _ if is_first => CommandError::RelayUnavailable,
        _ => return None,
    })
}
