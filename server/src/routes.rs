//! Who answers which path, on the relay's port and on that of the metrics; actix's server.

use std::future::ready;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol as Http};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App, Error, HttpRequest, HttpServer, web};
use socket2::SockRef;

use crate::admission::Admission;
use crate::config::{Config, Limits};
use crate::connection;
use crate::health::Health;
use crate::http::gated::Gated;
use crate::http::listen::{bound, listen, prepare};
use crate::http::security::{self, Notice};
use crate::http::{assets, headers, health as pages};
use crate::limits::places::Places;
use crate::state::Relay;

/// Threads that serve sockets; more than this many cores are better used by the store.
const MAX_WORKERS: usize = 8;

/// Connections beside the WebSockets, per worker: browsers that fetch the page's files.
const FILE_CONNECTIONS: usize = 512;

/// The same from one network address, which may be many people's.
pub(crate) const FILE_CONNECTIONS_PER_ADDRESS: usize = 128;

/// Serves WebSockets and the page on this port.
pub(crate) fn serve(
    relay: &Arc<Relay>,
    health: &Arc<Health>,
    config: &Config,
    listener: TcpListener,
) -> std::io::Result<Server> {
    bound(SockRef::from(&listener));
    let address = listener.local_addr()?;
    let workers =
        std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_WORKERS));
    let per_worker = config.limits.connections.div_ceil(workers) + FILE_CONNECTIONS;
    let (files, unsent) = (config.web, config.limits.unsent_timeout);
    let sockets = Arc::new(Places::new(&of_sockets(&config.limits)));
    let notice = Notice::new(&config.security_contacts, &config.public_origins);
    let notice = web::Data::new(notice);
    let (relay, health) = (Arc::clone(relay), Arc::clone(health));
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(per_worker)
        .shutdown_timeout(2)
        .disable_signals();
    let leaving = server.graceful_shutdown_signal();
    let make = move || {
        let app = App::new()
            .app_data(web::Data::from(Arc::clone(&relay)))
            .app_data(web::Data::from(Arc::clone(&health)))
            .app_data(notice.clone())
            .wrap(headers::middleware())
            .route("/api/ws", web::get().to(connection::open))
            .route("/live", web::get().to(pages::live))
            .route("/live", web::head().to(pages::live))
            .route("/ready", web::get().to(pages::ready))
            .route("/ready", web::head().to(pages::ready))
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
        fn_service(move |stream: TcpStream| ready(let_in(relay.admission(), &sockets, stream)))
            .and_then(http)
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
fn let_in(
    admission: &Admission,
    sockets: &Places,
    stream: TcpStream,
) -> Result<Let, DispatchError> {
    let peer = stream.peer_addr().ok();
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let place = if admission.is_proxy(address) {
        None
    } else {
        let place = sockets.take(address).map_err(|why| {
            admission.turn_away(address, why);
            DispatchError::Io(std::io::ErrorKind::ConnectionRefused.into())
        });
        Some(place?)
    };
    Ok((Gated::new(stream, place), Http::Http1, peer))
}

/// Serves the metrics, on an address of their own.
pub(crate) fn serve_metrics(
    relay: &Arc<Relay>,
    health: &Arc<Health>,
    address: SocketAddr,
) -> std::io::Result<ServerHandle> {
    let (relay, health) = (Arc::clone(relay), Arc::clone(health));
    let make = move || {
        App::new()
            .app_data(web::Data::from(Arc::clone(&relay)))
            .app_data(web::Data::from(Arc::clone(&health)))
            .route("/metrics", web::get().to(pages::metrics))
    };
    let server = HttpServer::new(make)
        .workers(1)
        .disable_signals()
        .listen(listen(address)?)?
        .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(handle)
}
