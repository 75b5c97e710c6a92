//! What clients ask, one file a request: which limits hold, what the store is asked for, what is
//! answered.
//!
//! Here stands which frame is whose: a new request is a file and an arm. Each request is given what
//! it uses and no more. None knows the socket that it came from.

mod ack;
mod answer;
mod asker;
mod auth;
mod bundle;
mod challenged;
mod keys;
mod look_up;
mod ping;
mod publish;
mod register;
mod rejected;
mod submit;

use std::sync::Arc;

use pawl_wire::{ClientFrame, ConnectionError};

pub(crate) use self::answer::Answer;
pub(crate) use self::asker::Asker;
pub(crate) use self::challenged::{Challenged, Proved};
pub(crate) use self::rejected::{PLACE_RETRY_SECONDS, Rejected, STORE_RETRY_MS};
pub(crate) use self::submit::Sending;

use crate::limits::places::Place;
use crate::routing::delivery::Delivery;
use crate::state::Relay;

/// Takes the first frame of a connection. Who is there on trial stays if there is a place for them.
///
/// # Errors
/// [`Rejected`]: nobody is let in.
pub(crate) async fn first(
    frame: ClientFrame,
    relay: &Relay,
    challenged: &Challenged<'_>,
    place: &mut Place,
) -> Result<Proved, Rejected> {
    let (admission, peer) = (relay.admission(), challenged.ip);
    let (store, bans) = (relay.store(), relay.bans());
    match frame {
        ClientFrame::Auth(auth) => {
            let proved = auth::auth(&auth, challenged, store, bans).await?;
            let was_there = admission.was_there_before(proved.device);
            if !admission.settle(peer, place, was_there) {
                return Err(Rejected::FULL);
            }
            Ok(proved)
        }
        ClientFrame::Register(register) => {
            relay.top().registered(peer);
            if !admission.settle(peer, place, false) {
                return Err(Rejected::FULL);
            }
            let (registrations, rates) = (relay.registrations(), relay.rates());
            register::register(*register, challenged, registrations, rates, bans, store).await
        }
        _ => Err(ConnectionError::Malformed.into()),
    }
}

/// Takes one request of a device that has proved itself, and gives what it will be answered, if
/// anything. What is rare is boxed, so that the frequent ones need little room.
///
/// # Errors
/// [`Rejected`]: the connection ends.
pub(crate) async fn take(
    frame: ClientFrame,
    relay: &Relay,
    asker: Asker,
    sending: &Sending,
    delivery: &mut Delivery,
) -> Result<Option<Answer>, Rejected> {
    let (store, rates) = (relay.store(), relay.rates());
    let answer = match frame {
        ClientFrame::Auth(_) | ClientFrame::Register(_) => Err(ConnectionError::Malformed.into()),
        ClientFrame::Ack { through } => {
            return ack::ack(through, asker, delivery, store)
                .await
                .map(|()| None);
        }
        ClientFrame::Submit(submit) => {
            let most = relay.limits().message_bytes;
            submit::submit(submit, asker, sending, most, relay.top(), store).await
        }
        ClientFrame::LookUp { username } => {
            Box::pin(look_up::look_up(username, asker, rates, store)).await
        }
        ClientFrame::FetchBundle { claim, device } => {
            let hub = Arc::clone(relay.hub());
            Box::pin(bundle::bundle(claim, device, asker, rates, hub, store)).await
        }
        ClientFrame::Publish { request, keys } => {
            Box::pin(publish::publish(request, keys, asker, rates, store)).await
        }
        ClientFrame::Ping { token } => Ok(ping::ping(token)),
    };
    answer.map(Some)
}
