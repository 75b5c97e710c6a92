//! From a listening port to the services: sockets and their options, actix's server, who answers which path.

use std::future::ready;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol as Http};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use actix_web::{App, Error, HttpRequest, web};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::config::{Config, Limits};
use crate::http::gated::Gated;
use crate::http::security::{self, Notice};
use crate::http::{assets, headers};
use crate::limits::places::Places;
use crate::relay::Relay;
use crate::{connection, health};

/// Connections that wait to be accepted: a crowd that comes back after a restart.
const BACKLOG: i32 = 1_024;

/// Threads that serve sockets; more than this many cores are better used by the store.
const MAX_WORKERS: usize = 8;

/// Connections beside the WebSockets, per worker: browsers that fetch the page's files.
const FILE_CONNECTIONS: usize = 512;

/// The same from one network address, which may be many people's.
pub(crate) const FILE_CONNECTIONS_PER_ADDRESS: usize = 128;

/// Bytes that the system holds of a socket in each direction, as far as it keeps to it: an envelope of the largest size.
pub(crate) const SOCKET_BUFFER: usize = 128 * 1024;

pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A port that was ours a moment ago may be taken again at once; one that is in use may not.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves WebSockets and the page on this port.
pub(crate) fn serve(
    relay: &Arc<Relay>,
    config: &Config,
    listener: TcpListener,
) -> std::io::Result<Server> {
    bound(SockRef::from(&listener));
    let address = listener.local_addr()?;
    let workers =
        std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_WORKERS));
    let per_worker = relay.limits.connections.div_ceil(workers) + FILE_CONNECTIONS;
    let (files, unsent) = (config.web, config.limits.unsent_timeout);
    let sockets = Arc::new(Places::new(&of_sockets(&config.limits)));
    let notice = web::Data::new(Notice::new(config));
    let relay = Arc::clone(relay);
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(per_worker)
        .shutdown_timeout(2)
        .disable_signals();
    let leaving = server.graceful_shutdown_signal();
    let make = move || {
        let app = App::new()
            .app_data(web::Data::from(Arc::clone(&relay)))
            .app_data(notice.clone())
            .wrap(headers::middleware())
            .route("/api/ws", web::get().to(connection::open))
            .route("/live", web::get().to(health::live))
            .route("/live", web::head().to(health::live))
            .route("/ready", web::get().to(health::ready))
            .route("/ready", web::head().to(health::ready))
            .route(security::PATH, web::get().to(security::show))
            .route(security::PATH, web::head().to(security::show))
            .default_service(web::to(move |request: HttpRequest| async move {
                assets::serve(&request, files)
            }))
            .into_factory()
            .map_err(|error: Error| error.error_response());
        let leaving = leaving.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let leaving = leaving.clone();
                async move { leaving.notified().await }
            })
            .client_disconnect_timeout(Duration::from_secs(1))
            .h1_write_buffer_size(connection::PIECE)
            .local_addr(address)
            .on_connect_ext(move |io: &Gated, data| {
                prepare(io.socket(), unsent);
                data.insert(io.gate());
            })
            // Its host and address nobody asks for: what counts is what a request says.
            .finish(map_config(app, |()| AppConfig::default()));
        let (relay, sockets) = (Arc::clone(&relay), Arc::clone(&sockets));
        fn_service(move |stream: TcpStream| ready(let_in(&relay, &sockets, stream))).and_then(http)
    };
    Ok(server.listen("pawl", listener, make)?.run())
}

/// How many sockets one address may have open, whatever they say.
fn of_sockets(limits: &Limits) -> Limits {
    let per_address = match limits.connections_per_address {
        0 => 0,
        websockets => websockets + FILE_CONNECTIONS_PER_ADDRESS,
    };
    Limits {
        connections: usize::MAX,
        connections_per_address: per_address,
        ..Limits::default()
    }
}

type Let = (Gated, Http, Option<SocketAddr>);

/// Lets a socket in, unless its address has too many. Who comes through a trusted proxy is not limited here.
fn let_in(relay: &Relay, sockets: &Places, stream: TcpStream) -> Result<Let, DispatchError> {
    let peer = stream.peer_addr().ok();
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let proxies = &relay.trusted_proxies;
    let place = if proxies.iter().any(|proxy| proxy.has(address)) {
        None
    } else {
        let place = sockets.take(address).map_err(|why| {
            relay.turn_away(address, why);
            DispatchError::Io(std::io::ErrorKind::ConnectionRefused.into())
        });
        Some(place?)
    };
    Ok((Gated::new(stream, place), Http::Http1, peer))
}

/// What the system would hold of a socket, up to six megabytes in each direction, counts in no process. Sockets that are
/// accepted take after the one that listens.
fn bound(listener: SockRef<'_>) {
    let send = listener.set_send_buffer_size(SOCKET_BUFFER);
    let both = send.and(listener.set_recv_buffer_size(SOCKET_BUFFER));
    if let Err(error) = both {
        tracing::warn!(%error, "the system's buffers of sockets stay as large as they are");
    }
}

/// A socket that does not take these still works, only less well.
fn prepare(socket: SockRef<'_>, unsent: Duration) {
    let nodelay = socket.set_tcp_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let nodelay = nodelay.and(socket.set_tcp_user_timeout(Some(unsent)));
    if let Err(error) = nodelay {
        tracing::debug!(%error, "a socket takes no options");
    }
}
