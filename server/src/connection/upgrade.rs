//! The handshake: who may open a WebSocket, and what is told to others in plain text.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::Payload;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING,
};
use actix_web::http::{ConnectionType, StatusCode, Version};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use pawl_wire::limits::MAX_UNAUTHENTICATED_FRAME;

use super::authenticate::Peer;
use super::outgoing::Outgoing;
use super::pipe;
use super::reader::Reader;
use super::serve::serve;
use super::socket::Socket;
use crate::admission::Admission;
use crate::http::gated::Gate;
use crate::metrics::TurnedAway;
use crate::requests::PLACE_RETRY_SECONDS;
use crate::state::Relay;

/// Opens a WebSocket, or says in plain text why not.
pub(crate) async fn open(
    request: HttpRequest,
    body: web::Payload,
    relay: web::Data<Relay>,
) -> HttpResponse {
    let relay = relay.into_inner();
    let admission = relay.admission();
    let ip = admission.client(&request);
    if may_have_body(&request) {
        return refuse(admission, ip, TurnedAway::Body);
    }
    let authorities = match admission.authorities(&request) {
        Ok(authorities) => authorities,
        Err(why) => return refuse(admission, ip, why),
    };
    let peer = Peer { ip, authorities };
    let place = match admission.take_place(ip) {
        Ok(place) => place,
        Err(why) => return refuse(admission, ip, why),
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
    let visit = relay.top().connected(ip);
    let socket = Socket {
        reader: Reader::new(body.into_inner(), MAX_UNAUTHENTICATED_FRAME)
            .behind(request.conn_data::<Rc<Gate>>().cloned()),
        out: Outgoing::new(sender, Arc::clone(relay.metrics()), visit),
    };
    actix_web::rt::spawn(serve(relay, Box::new(peer), Box::new(socket), place));
    response.set_body(outgoing.boxed())
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

fn refuse(admission: &Admission, peer: IpAddr, why: TurnedAway) -> HttpResponse {
    admission.turn_away(peer, why);
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
