//! Before authentication: one challenge, one frame, five seconds, or a minute where a registration costs work.
//!
//! Verifies what `pawl_wire::statement` lays out. The connection is in the hub before the mailbox is
//! read, so that mail which arrives in between is announced, not missed.

use std::net::IpAddr;
use std::sync::Arc;

use ed25519_dalek::{Signature, VerifyingKey};
use pawl_wire::limits::{FRAME_VERSION, MAX_FRAME};
use pawl_wire::{
    Auth, ClientFrame, ConnectionError, DeviceAddress, Nonce, Register, RelayFrame, SignatureBytes,
    statement, work,
};

use super::outgoing::{End, STORE_RETRY_MS};
use super::reader::Incoming;
use super::requests::{FULL_RETRY_MS, are_keys};
use super::socket::Socket;
use crate::limits::bans;
use crate::limits::places::Place;
use crate::random;
use crate::routing::delivery::Delivery;
use crate::routing::hub::Live;
use crate::state::Relay;
use crate::store::{DeviceId, Registered, Whose};

/// Sequence numbers end here (2^53): a device that claims more is not believed, and a client in
/// JavaScript can hold all of them.
const MAX_SEQ: u64 = 1 << 53;

/// What comes before authentication, pings included: each of them is answered, whether the peer reads or not.
pub(crate) const MAX_FIRST_FRAMES: usize = 16;

/// What somebody is told to wait who gets no place: others leave at any time.
pub(super) const PLACE_RETRY_SECONDS: u32 = 10;

/// Who connects.
pub(super) struct Peer {
    pub(super) ip: IpAddr,
    /// The names of this relay that a signature may be for.
    pub(super) authorities: Vec<String>,
}

/// A device that has proved itself.
pub(super) struct Admitted {
    pub(super) device: DeviceId,
    pub(super) address: DeviceAddress,
    pub(super) live: Live,
    pub(super) delivery: Delivery,
}

/// Challenges the peer and lets it in, or says why not.
pub(super) async fn admit(
    relay: &Arc<Relay>,
    peer: &Peer,
    socket: &mut Socket,
    place: &mut Place,
) -> Result<Admitted, End> {
    let nonce = fresh_nonce()?;
    let work_bits = relay.registrations().work_bits();
    let challenge = RelayFrame::Challenge {
        versions: (FRAME_VERSION, FRAME_VERSION),
        nonce,
        epoch: relay.store().epoch(),
        registration: relay.registrations().mode(),
        work_bits,
    };
    socket.out.send(&challenge).await?;
    let patience = match work_bits {
        0 => relay.limits().auth_timeout,
        _ => relay.limits().work_timeout,
    };
    let first = tokio::time::timeout(patience, first_frame(socket)).await;
    let (address, (device, last_seq, window)) =
        match first.map_err(|_| ConnectionError::TimedOut)?? {
            ClientFrame::Auth(auth) => {
                let known = known(relay, peer, nonce, &auth).await?;
                settle(
                    relay,
                    peer,
                    place,
                    relay.admission().was_there_before(known.0),
                )?;
                (auth.device, known)
            }
            ClientFrame::Register(register) => {
                relay.top().registered(peer.ip);
                settle(relay, peer, place, false)?;
                (register.device, new(relay, peer, nonce, *register).await?)
            }
            _ => return Err(ConnectionError::Malformed.into()),
        };
    let live = relay.hub().connect(device);
    let opened = relay
        .store()
        .open_mailbox(Whose::device(peer.ip, device), device, last_seq)
        .await?
        .ok_or(ConnectionError::UnknownDevice)?;
    socket.reader.set_limit(MAX_FRAME);
    socket.out.send(&RelayFrame::AuthOk(opened.stock)).await?;
    Ok(Admitted {
        device,
        address,
        live,
        delivery: Delivery::new(window, last_seq, opened.last_seq),
    })
}

fn settle(
    relay: &Relay,
    peer: &Peer,
    place: &mut Place,
    was_there_before: bool,
) -> Result<(), End> {
    if relay.admission().settle(peer.ip, place, was_there_before) {
        return Ok(());
    }
    let wait = u64::from(PLACE_RETRY_SECONDS) * 1_000;
    Err(End::Error(ConnectionError::Unavailable, wait))
}

fn fresh_nonce() -> Result<Nonce, End> {
    random::bytes().map(Nonce).map_err(|error| {
        tracing::error!(%error, "the system gives no randomness");
        End::Error(ConnectionError::Unavailable, STORE_RETRY_MS)
    })
}

async fn first_frame(socket: &mut Socket) -> Result<ClientFrame, End> {
    for _ in 0..MAX_FIRST_FRAMES {
        match socket.reader.next().await? {
            Incoming::Message(bytes) => {
                return ClientFrame::decode(&bytes).map_err(|_| ConnectionError::Malformed.into());
            }
            Incoming::Ping(payload) => socket.out.pong(&payload).await?,
            Incoming::Pong => (),
            Incoming::Close => return Err(End::Closed),
        }
    }
    Err(ConnectionError::Malformed.into())
}

async fn known(
    relay: &Relay,
    peer: &Peer,
    nonce: Nonce,
    auth: &Auth,
) -> Result<(DeviceId, u64, u32), End> {
    if auth.version != FRAME_VERSION {
        return Err(ConnectionError::UnsupportedVersion.into());
    }
    if auth.last_seq > MAX_SEQ {
        return Err(ConnectionError::Malformed.into());
    }
    let known = relay
        .store()
        .find_device(Whose::stranger(peer.ip), auth.device)
        .await?;
    let known = known.ok_or(ConnectionError::UnknownDevice)?;
    let proved = statements(relay, peer, nonce, |connection| {
        statement::auth(connection, auth.device, auth.last_seq)
    })
    .any(|statement| verify(&known.signing_key.0, &statement, &auth.signature));
    if !proved {
        return Err(ConnectionError::AuthFailed.into());
    }
    if relay.bans().is_device_banned(peer.ip, known.id) {
        return Err(End::Error(ConnectionError::Banned, bans::RETRY_MS));
    }
    Ok((known.id, auth.last_seq, auth.receive_window))
}

async fn new(
    relay: &Relay,
    peer: &Peer,
    nonce: Nonce,
    register: Register,
) -> Result<(DeviceId, u64, u32), End> {
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
    let puzzle = work::Puzzle::new(
        relay.registrations().work_bits(),
        &nonce,
        &register.device.account,
    );
    if !puzzle.is_solved_by(register.work) {
        return Err(ConnectionError::WorkNeeded.into());
    }
    if let Err(wait) = relay.rates().register(peer.ip) {
        return Err(End::Error(ConnectionError::RateLimited, wait.0));
    }
    if relay
        .bans()
        .is_name_banned(peer.ip, register.username.as_str())
    {
        return Err(End::Error(ConnectionError::Banned, bans::RETRY_MS));
    }
    let (account, signing_key) = (register.device.account, register.signing_key);
    let proved = statements(relay, peer, nonce, |connection| {
        statement::register(
            connection,
            register.device,
            &signing_key,
            &register.username,
        )
    })
    .any(|statement| {
        verify(&account.0, &statement, &register.account_signature)
            && verify(&signing_key.0, &statement, &register.device_signature)
    });
    if !proved {
        return Err(ConnectionError::AuthFailed.into());
    }
    let window = register.receive_window;
    let whose = Whose::stranger(peer.ip);
    match relay.store().register(whose, register).await? {
        Registered::Done(device) => Ok((device, 0, window)),
        Registered::UsernameTaken => Err(ConnectionError::UsernameTaken.into()),
        Registered::OtherRecord => Err(ConnectionError::AuthFailed.into()),
        Registered::KeyReused => Err(ConnectionError::KeyReused.into()),
        Registered::InviteNeeded => Err(ConnectionError::InviteNeeded.into()),
        Registered::NoRoom => Err(End::Error(ConnectionError::Unavailable, FULL_RETRY_MS)),
        Registered::Capped(capped) => {
            relay.registrations().capped(capped);
            Err(ConnectionError::RegistrationClosed.into())
        }
        Registered::Closed => Err(ConnectionError::RegistrationClosed.into()),
    }
}

/// The statement as it reads for each name that this relay has.
fn statements<'a>(
    relay: &'a Relay,
    peer: &'a Peer,
    nonce: Nonce,
    write: impl Fn(&statement::Connection<'_>) -> Vec<u8> + 'a,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    peer.authorities.iter().map(move |authority| {
        write(&statement::Connection {
            authority,
            nonce,
            epoch: relay.store().epoch(),
        })
    })
}

fn verify(key: &[u8; 32], statement: &[u8], signature: &SignatureBytes) -> bool {
    let signature = Signature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(statement, &signature).is_ok())
}
