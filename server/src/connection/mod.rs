//! `GET /api/ws`: from an HTTP request to a served connection.
//!
//! Owns who may connect (shape of the handshake, origin, number of connections) and the life of a connection; the frames are
//! `pawl_wire`'s, the answers are the store's.

mod authenticate;
mod outgoing;
mod pipe;
mod reader;
mod requests;
mod session;

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::Payload;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING,
};
use actix_web::http::{ConnectionType, StatusCode, Version};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use pawl_wire::limits::{
    KEM_RECORD, MAX_UNAUTHENTICATED_FRAME, ONE_TIME_PREKEY_RECORD, SIGNED_PREKEY_RECORD,
};
use pawl_wire::{KeyRecord, PublishedKeys};

pub(crate) use self::authenticate::MAX_FIRST_FRAMES;
pub(crate) use self::outgoing::SEND_TIMEOUT;
pub(crate) use self::pipe::{MAX_UNTAKEN, MAX_WAITING, PIECE};
pub(crate) use self::reader::MAX_FRAGMENTS;
pub(crate) use self::session::MAX_UNANSWERED;

use self::outgoing::{End, Outgoing};
use self::reader::Reader;
use crate::http::forwarded;
use crate::http::gated::Gate;
use crate::http::origin::{self, Refusal};
use crate::limits::places::Place;
use crate::metrics::TurnedAway;
use crate::relay::Relay;

/// After a fault of the store: time for a full disk to be noticed, not for a crowd to come at once.
pub(crate) const STORE_RETRY_MS: u64 = 2_000;

/// What somebody is told to wait who gets no place: others leave at any time.
const PLACE_RETRY_SECONDS: u32 = 10;

/// Who connects.
struct Peer {
    ip: IpAddr,
    /// The names of this relay that a signature may be for.
    authorities: Vec<String>,
}

struct Socket {
    reader: Reader,
    out: Outgoing,
}

/// Opens a WebSocket, or says in plain text why not.
pub(crate) async fn open(
    request: HttpRequest,
    body: web::Payload,
    relay: web::Data<Relay>,
) -> HttpResponse {
    let relay = relay.into_inner();
    let ip = peer_address(&request, &relay);
    if may_have_body(&request) {
        return refuse(&relay, ip, TurnedAway::Body);
    }
    let authorities = match origin::check(&request, &relay.public_origins) {
        Ok(authorities) => authorities,
        Err(Refusal::NoHost) => return refuse(&relay, ip, TurnedAway::Host),
        Err(Refusal::Foreign) => return refuse(&relay, ip, TurnedAway::Origin),
    };
    let peer = Peer { ip, authorities };
    let place = match relay.take_place(ip) {
        Ok(place) => place,
        Err(why) => return refuse(&relay, ip, why),
    };
    // The handshake is actix-ws's. What comes in afterwards is read by our own reader, and what goes out lies in our
    // own pipe: actix-ws's channel keeps its 32 places for as long as a connection lives.
    let Ok(no_body) = web::Payload::from_request(&request, &mut Payload::None).await else {
        return say(StatusCode::INTERNAL_SERVER_ERROR, "no connection");
    };
    let response = match actix_ws::handle(&request, no_body) {
        Ok((response, ..)) => response,
        Err(error) => return error.error_response(),
    };
    let (sender, outgoing) = pipe::pipe();
    let visit = relay.top.connected(ip);
    let socket = Socket {
        reader: Reader::new(body.into_inner(), MAX_UNAUTHENTICATED_FRAME)
            .behind(request.conn_data::<Rc<Gate>>().cloned()),
        out: Outgoing::new(sender, Arc::clone(&relay.metrics), visit),
    };
    actix_web::rt::spawn(serve(relay, Box::new(peer), Box::new(socket), place));
    response.set_body(outgoing.boxed())
}

async fn serve(relay: Arc<Relay>, peer: Box<Peer>, mut socket: Box<Socket>, mut place: Place) {
    let mut drain = relay.drain.subscribe();
    // What is needed for a moment only does not lie in a connection's memory for hours.
    let admitted = tokio::select! {
        admitted = Box::pin(authenticate::admit(&relay, &peer, &mut socket, &mut place)) => admitted,
        _ = drain.wait_for(|draining| *draining) => Err(End::Restart),
    };
    let end = match admitted {
        Ok(admitted) => {
            let ip = peer.ip;
            drop(peer);
            session::Connection::new(&relay, ip, &mut socket, admitted)
                .run()
                .await
        }
        Err(end) => end,
    };
    let Socket { reader, out } = *socket;
    Box::pin(out.finish(end)).await;
    // Read no further: what the peer still sends is discarded with the connection.
    drop(reader);
}

/// Whether more of this request may follow its head. A proxy that passes the head on takes what follows an answer of
/// 101 for the WebSocket's bytes; the HTTP decoder here would take them for a body and then for the proxy's next
/// request, with a client's address that a client made up. HTTP/1.0 has no WebSockets.
fn may_have_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let is_empty = |length: &HeaderValue| length.as_bytes().iter().all(|digit| *digit == b'0');
    request.version() < Version::HTTP_11
        || headers.contains_key(TRANSFER_ENCODING)
        || !headers.get_all(CONTENT_LENGTH).all(is_empty)
}

fn peer_address(request: &HttpRequest, relay: &Relay) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    forwarded::client(peer, request, &relay.trusted_proxies)
}

fn refuse(relay: &Relay, peer: IpAddr, why: TurnedAway) -> HttpResponse {
    relay.turn_away(peer, why);
    let (status, text) = match why {
        TurnedAway::Full => (StatusCode::SERVICE_UNAVAILABLE, "the relay is full"),
        TurnedAway::Closing => (StatusCode::SERVICE_UNAVAILABLE, "the relay is closing"),
        TurnedAway::Address => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many connections from this network address",
        ),
        TurnedAway::Origin => (StatusCode::FORBIDDEN, "this page may not connect here"),
        TurnedAway::Host => (StatusCode::BAD_REQUEST, "a Host header is needed"),
        TurnedAway::Body => (StatusCode::BAD_REQUEST, "a WebSocket handshake has no body"),
    };
    let mut response = say(status, text);
    if why == TurnedAway::Body {
        response
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    if matches!(
        why,
        TurnedAway::Full | TurnedAway::Closing | TurnedAway::Address
    ) {
        response
            .headers_mut()
            .insert(RETRY_AFTER, PLACE_RETRY_SECONDS.into());
    }
    response
}

fn say(status: StatusCode, why: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(why)
}

/// Ids begin at 1; 0 stands for "none" in a stock. Each kind of record has one length: what is longer would only fill
/// the disk.
fn are_keys(keys: &PublishedKeys) -> bool {
    let are = |keys: &[KeyRecord], length| {
        let is = |key: &KeyRecord| key.id != 0 && key.record.len() == length;
        keys.iter().all(is)
    };
    are(keys.signed_prekey.as_slice(), SIGNED_PREKEY_RECORD)
        && are(keys.last_resort_kem.as_slice(), KEM_RECORD)
        && are(&keys.one_time_prekeys, ONE_TIME_PREKEY_RECORD)
        && are(&keys.one_time_kems, KEM_RECORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_task<A, B, C, D, F: Future>(_: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// What a connection's task holds it holds for hours, 9,000 times: what is needed for a moment belongs on the heap.
    #[test]
    fn a_connections_task_is_small() {
        let (task, socket) = (size_of_task(serve), size_of::<Socket>());
        assert!(task <= 1_280, "{task}");
        assert!(socket <= 136, "{socket}");
    }
}
