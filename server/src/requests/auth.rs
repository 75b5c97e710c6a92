//! `Auth`: a device that is registered proves itself.

use pawl_wire::limits::FRAME_VERSION;
use pawl_wire::{Auth, ConnectionError, statement};

use super::challenged::{Challenged, Proved, verify};
use super::rejected::Rejected;
use crate::limits::bans::Bans;
use crate::store::{Store, Whose};

/// Sequence numbers end here (2^53): a device that claims more is not believed, and a client in
/// JavaScript can hold all of them.
const MAX_SEQ: u64 = 1 << 53;

pub(super) async fn auth(
    auth: &Auth,
    challenged: &Challenged<'_>,
    store: &Store,
    bans: &Bans,
) -> Result<Proved, Rejected> {
    if auth.version != FRAME_VERSION {
        return Err(ConnectionError::UnsupportedVersion.into());
    }
    if auth.last_seq > MAX_SEQ {
        return Err(ConnectionError::Malformed.into());
    }
    let whose = Whose::stranger(challenged.ip);
    let known = store.find_device(whose, auth.device).await?;
    let known = known.ok_or(ConnectionError::UnknownDevice)?;
    let is_proved = challenged.proves(
        |connection| statement::auth(connection, auth.device, auth.last_seq),
        |statement| verify(&known.signing_key.0, statement, &auth.signature),
    );
    if !is_proved {
        return Err(ConnectionError::AuthFailed.into());
    }
    if bans.is_device_banned(challenged.ip, known.id) {
        return Err(Rejected::BANNED);
    }
    Ok(Proved {
        device: known.id,
        address: auth.device,
        last_seq: auth.last_seq,
        window: auth.receive_window,
    })
}
