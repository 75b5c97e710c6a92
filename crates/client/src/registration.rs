//! From "create an account" to an account that the relay knows. Keys are on disk before anything is
//! sent; a lost answer is asked for again with the same keys; a refusal leaves nothing behind.

use pawl_wire::limits::FRAME_VERSION;
use pawl_wire::{
    ClientFrame, ConnectionError, PublishedKeys, Register, SignatureBytes, SigningKeyBytes,
    Username, statement,
};

use crate::account::{Account, OwnAccount, Registering};
use crate::command::CommandId;
use crate::engine::Engine;
use crate::error::CommandError;
use crate::limits::RECEIVE_WINDOW;
use crate::prekeys::{Kind, PrekeyId};
use crate::turn::Turn;

impl Engine {
    pub(crate) fn create_account(
        &mut self,
        id: CommandId,
        username: &str,
        invite: Option<String>,
        turn: &mut Turn<'_>,
    ) {
        match self.account.get().0.as_deref() {
            Some(own) if own.registering.as_ref().is_some_and(|r| r.command == id) => return,
            Some(_) => return self.done(id, Err(CommandError::AccountExists), turn),
            None => {}
        }
        let username = match Username::parse(username) {
            Ok(username) => username,
            Err(error) => return self.done(id, Err(error.into()), turn),
        };
        let invite = invite.filter(|invite| !invite.trim().is_empty());
        if invite
            .as_ref()
            .is_some_and(|i| i.len() > pawl_wire::limits::MAX_INVITE)
        {
            return self.done(id, Err(CommandError::InviteNeeded), turn);
        }
        let registering = Registering {
            invite,
            command: id,
        };
        let own = OwnAccount::generate(username, registering, turn.rng);
        self.account.edit().0 = Some(Box::new(own));
        self.rotate_prekeys(turn);
        self.relay.register_attempts = 0;
        self.relay.hurry(turn.now);
    }

    /// The frame that asks for the account; the same account on every attempt.
    pub(crate) fn register_frame(
        &self,
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
        let newest = |kind| {
            self.prekeys
                .newest(kind)
                .and_then(|(id, _)| self.prekeys.public(id))
        };
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

    /// The relay has let this device in: if that was a registration, it is done.
    pub(crate) fn complete_registration(&mut self, turn: &mut Turn<'_>) {
        if self.account.get().registering().is_none() {
            return;
        }
        let own = self.account.edit().0.as_mut();
        if let Some(registering) = own.and_then(|own| own.registering.take()) {
            self.done(registering.command, Ok(()), turn);
        }
    }

    /// What the end of a connection means to a registration that was under way.
    pub(crate) fn on_registration_error(
        &mut self,
        code: ConnectionError,
        retry_after_ms: u64,
        turn: &mut Turn<'_>,
    ) {
        // After an attempt whose answer was lost, the account may exist: only a final answer ends it.
        let is_first = self.relay.is_first_attempt();
        let error = match code {
            ConnectionError::UsernameTaken => CommandError::UsernameTaken,
            ConnectionError::InviteNeeded => CommandError::InviteNeeded,
            ConnectionError::RegistrationClosed | ConnectionError::Banned => {
                CommandError::RegistrationClosed
            }
            ConnectionError::RateLimited if is_first => {
                CommandError::RateLimited { retry_after_ms }
            }
            ConnectionError::UnsupportedVersion if is_first => CommandError::VersionMismatch,
            ConnectionError::TimedOut if is_first && self.relay.is_working() => {
                CommandError::WorkTooSlow
            }
            ConnectionError::Replaced | ConnectionError::TimedOut => return,
            _ if is_first => CommandError::RelayUnavailable,
            _ => return,
        };
        self.refuse_registration(error, turn);
    }

    /// Nothing half-made is kept.
    pub(crate) fn refuse_registration(&mut self, error: CommandError, turn: &mut Turn<'_>) {
        let Some((_, registering)) = self.account.get().registering() else {
            return;
        };
        let command = registering.command.clone();
        *self.account.edit() = Account(None);
        self.prekeys.clear();
        self.done(command, Err(error), turn);
    }

    /// Makes the next signed prekey and last-resort prekey where there is none or it is old.
    pub(crate) fn rotate_prekeys(&mut self, turn: &mut Turn<'_>) {
        for kind in [Kind::Signed, Kind::LastResort] {
            let newest = self.prekeys.newest(kind);
            if newest.is_none_or(|(_, made_at)| crate::prekeys::is_due(made_at, turn.now)) {
                self.new_prekey(kind, turn);
            }
        }
    }

    /// One more prekey of a kind, on disk with this step.
    pub(crate) fn new_prekey(
        &mut self,
        kind: Kind,
        turn: &mut Turn<'_>,
    ) -> Option<pawl_wire::KeyRecord> {
        let own = self.account.get().0.as_deref()?;
        let last = &mut self.counters.edit().prekeys[kind as usize];
        *last = last.checked_add(1)?;
        let id = PrekeyId(kind, *last);
        Some(
            self.prekeys
                .generate(id, own.device.keys(), turn.now, turn.rng),
        )
    }
}
