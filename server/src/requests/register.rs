//! `Register`: a new account with its first device.

use pawl_wire::limits::FRAME_VERSION;
use pawl_wire::{ConnectionError, Register, statement, work};

use super::challenged::{Challenged, Proved, verify};
use super::keys::are_keys;
use super::rejected::{FULL_RETRY_MS, Rejected};
use crate::limits::bans::Bans;
use crate::limits::rates::Rates;
use crate::limits::registrations::Registrations;
use crate::store::{DeviceId, Registered, Store, Whose};

pub(super) async fn register(
    register: Register,
    challenged: &Challenged<'_>,
    registrations: &Registrations,
    rates: &Rates,
    bans: &Bans,
    store: &Store,
) -> Result<Proved, Rejected> {
    if register.version != FRAME_VERSION {
        return Err(ConnectionError::UnsupportedVersion.into());
    }
    if register.keys.signed_prekey.is_none()
        || register.keys.last_resort_kem.is_none()
        || !are_keys(&register.keys)
    {
        return Err(ConnectionError::Malformed.into());
    }
    // What costs least comes first; and who does not work uses up nobody's registrations.
    let account = &register.device.account;
    let puzzle = work::Puzzle::new(registrations.work_bits(), &challenged.nonce, account);
    if !puzzle.is_solved_by(register.work) {
        return Err(ConnectionError::WorkNeeded.into());
    }
    rates.register(challenged.ip)?;
    if bans.is_name_banned(challenged.ip, register.username.as_str()) {
        return Err(Rejected::BANNED);
    }
    if !is_proved(&register, challenged) {
        return Err(ConnectionError::AuthFailed.into());
    }
    let (address, window) = (register.device, register.receive_window);
    let whose = Whose::stranger(challenged.ip);
    let registered = store.register(whose, register).await?;
    Ok(Proved {
        device: device(registered, registrations)?,
        address,
        last_seq: 0,
        window,
    })
}

/// Whether both the account and the device sign that they belong to each other and to the name.
fn is_proved(register: &Register, challenged: &Challenged<'_>) -> bool {
    let (account, signing_key) = (&register.device.account, &register.signing_key);
    challenged.proves(
        |connection| {
            statement::register(connection, register.device, signing_key, &register.username)
        },
        |statement| {
            verify(&account.0, statement, &register.account_signature)
                && verify(&signing_key.0, statement, &register.device_signature)
        },
    )
}

fn device(registered: Registered, registrations: &Registrations) -> Result<DeviceId, Rejected> {
    match registered {
        Registered::Done(device) => Ok(device),
        Registered::UsernameTaken => Err(ConnectionError::UsernameTaken.into()),
        Registered::OtherRecord => Err(ConnectionError::AuthFailed.into()),
        Registered::KeyReused => Err(ConnectionError::KeyReused.into()),
        Registered::InviteNeeded => Err(ConnectionError::InviteNeeded.into()),
        Registered::NoRoom => Err(Rejected {
            error: ConnectionError::Unavailable,
            retry_after_ms: FULL_RETRY_MS,
        }),
        Registered::Capped(capped) => {
            registrations.capped(capped);
            Err(ConnectionError::RegistrationClosed.into())
        }
        Registered::Closed => Err(ConnectionError::RegistrationClosed.into()),
    }
}
