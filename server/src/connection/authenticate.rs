//! Before authentication: one challenge, one frame, five seconds, or a minute where a registration costs work.
//!
//! What the frame has to prove is in `crate::requests`. The connection is in the hub before the mailbox is
//! read, so that mail which arrives in between is announced, not missed.

use std::net::IpAddr;

use pawl_wire::limits::{FRAME_VERSION, MAX_FRAME};
use pawl_wire::{ClientFrame, ConnectionError, Nonce, RelayFrame};

use super::outgoing::End;
use super::reader::Incoming;
use super::socket::Socket;
use crate::limits::places::Place;
use crate::random;
use crate::requests::{self, Asker, Challenged, STORE_RETRY_MS};
use crate::routing::delivery::Delivery;
use crate::routing::hub::Live;
use crate::state::Relay;

/// What comes before authentication, pings included: each of them is answered, whether the peer reads or not.
pub(crate) const MAX_FIRST_FRAMES: usize = 16;

/// Who connects.
pub(super) struct Peer {
    pub(super) ip: IpAddr,
    /// The names of this relay that a signature may be for.
    pub(super) authorities: Vec<String>,
}

/// A device that has proved itself.
pub(super) struct Admitted {
    pub(super) asker: Asker,
    pub(super) live: Live,
    pub(super) delivery: Delivery,
}

/// Challenges the peer and lets it in, or says why not.
pub(super) async fn admit(
    relay: &Relay,
    peer: &Peer,
    socket: &mut Socket,
    place: &mut Place,
) -> Result<Admitted, End> {
    let challenged = Challenged {
        ip: peer.ip,
        authorities: &peer.authorities,
        nonce: fresh_nonce()?,
        epoch: relay.store().epoch(),
    };
    let work_bits = relay.registrations().work_bits();
    let challenge = RelayFrame::Challenge {
        versions: (FRAME_VERSION, FRAME_VERSION),
        nonce: challenged.nonce,
        epoch: challenged.epoch,
        registration: relay.registrations().mode(),
        work_bits,
    };
    socket.out.send(&challenge).await?;
    let patience = match work_bits {
        0 => relay.limits().auth_timeout,
        _ => relay.limits().work_timeout,
    };
    let first = tokio::time::timeout(patience, first_frame(socket)).await;
    let first = first.map_err(|_| ConnectionError::TimedOut)??;
    let proved = requests::first(first, relay, &challenged, place).await?;
    let asker = Asker {
        ip: peer.ip,
        device: proved.device,
        address: proved.address,
    };
    let live = relay.hub().connect(proved.device);
    let opened = relay
        .store()
        .open_mailbox(asker.whose(), proved.device, proved.last_seq)
        .await?
        .ok_or(ConnectionError::UnknownDevice)?;
    socket.reader.set_limit(MAX_FRAME);
    socket.out.send(&RelayFrame::AuthOk(opened.stock)).await?;
    Ok(Admitted {
        asker,
        live,
        delivery: Delivery::new(proved.window, proved.last_seq, opened.last_seq),
    })
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
