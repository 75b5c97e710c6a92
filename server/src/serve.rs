//! The relay as a whole: opens the store, listens, serves, and goes down in order.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use futures_util::{Stream, StreamExt, stream};
use pawl_wire::Epoch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::health::Health;
use crate::http::listen::listen;
use crate::lifecycle::close::close;
use crate::lifecycle::supervisor;
use crate::lifecycle::sweep::sweep;
use crate::metrics::Metrics;
use crate::routing::hub::Hub;
use crate::state::Relay;
use crate::store::{OpenError, Store, Wake};
use crate::{control, random, routes};

/// Why a relay cannot start. Each text is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("cannot use the data folder {folder}: {source}")]
    Store {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// Nobody may slip in because the list of those who are shut out cannot be read.
    #[error("cannot read who is shut out in {folder}: {reason}")]
    Bans {
        /// Where.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// No randomness for the epoch.
    #[error("the system gives no randomness: {0}")]
    Random(getrandom::Error),
    /// A fault while serving.
    #[error("cannot serve: {0}")]
    Serve(std::io::Error),
}

/// Serves until `stop` is done, then goes down in order: `Drain`, the last commits, close 1012.
/// `ready` gets the address that it listens on.
///
/// # Errors
/// [`StartError`].
pub async fn run(
    config: Config,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    run_through(config, ready, stream::once(stop).chain(stream::pending())).await
}

/// The same until the first of `signals`. Each one more cuts short what is still waited for: first the time for a
/// load balancer to notice, then the goodbyes.
///
/// # Errors
/// [`StartError`].
pub async fn run_through(
    config: Config,
    ready: impl FnOnce(SocketAddr),
    signals: impl Stream<Item = ()>,
) -> Result<(), StartError> {
    let mut signals = pin!(signals);
    let fail = |source| StartError::Listen {
        address: config.listen,
        source,
    };
    let listener = match supervisor::listener().map_err(fail)? {
        Some(handed_over) => handed_over,
        None => listen(config.listen).map_err(fail)?,
    };
    let address = listener.local_addr().map_err(fail)?;
    let relay = Arc::new(open(&config).await?);
    let running = Running::start(relay, &config, listener)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        data = %config.data.display(),
        registration = ?config.registration,
        new_store = running.relay.store().is_new(),
        "the relay serves"
    );
    ready(address);
    supervisor::tell("READY=1");
    signals.next().await;
    tracing::info!("the relay goes down");
    supervisor::tell("STOPPING=1");
    running.health.leave();
    tokio::select! {
        () = tokio::time::sleep(config.drain_wait) => (),
        _ = signals.next() => tracing::info!("another signal: the goodbyes begin now"),
    }
    running.stop(signals).await;
    Ok(())
}

/// Opens the store, and reads what is known before anybody is served.
async fn open(config: &Config) -> Result<Relay, StartError> {
    let epoch = Epoch(random::bytes().map_err(StartError::Random)?);
    let hub: Arc<Hub> = Arc::default();
    let awake = Arc::clone(&hub);
    let wake: Wake = Arc::new(move |device| awake.mail(device));
    let metrics = Arc::<Metrics>::default();
    let store = Store::open(config, epoch, Arc::clone(&metrics), wake).map_err(|source| {
        StartError::Store {
            folder: config.data.clone(),
            source,
        }
    })?;
    let relay = Relay::new(config, store, hub, metrics);
    let bans = relay.bans().refresh(relay.store(), relay.hub()).await;
    bans.map_err(|error| StartError::Bans {
        folder: config.data.clone(),
        reason: error.to_string(),
    })?;
    relay.admission().look_at_newest(relay.store(), true).await;
    Ok(relay)
}

/// A relay that serves: its state, and all that has to be ended.
struct Running {
    relay: Arc<Relay>,
    health: Arc<Health>,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    metrics: Option<ServerHandle>,
    asked: control::Stop,
    sweeping: JoinHandle<()>,
    watching: JoinHandle<()>,
}

impl Running {
    fn start(
        relay: Arc<Relay>,
        config: &Config,
        listener: TcpListener,
    ) -> Result<Self, StartError> {
        let (store, hub) = (relay.store(), relay.hub());
        let (bans, top) = (relay.bans(), relay.top());
        let health = Health::new(Arc::clone(store), Arc::clone(bans), Arc::clone(hub));
        let health = Arc::new(health);
        let server = routes::serve(&relay, &health, config, listener).map_err(StartError::Serve)?;
        let handle = server.handle();
        let metrics = config.metrics.map(|address| {
            let fail = |source| StartError::Listen { address, source };
            routes::serve_metrics(&relay, &health, address).map_err(fail)
        });
        let metrics = metrics.transpose()?;
        let serving = actix_web::rt::spawn(server);
        let folder = config.data.clone();
        let asked = control::start(Arc::clone(store), Arc::clone(hub), Arc::clone(top), folder);
        let sweeping = actix_web::rt::spawn(sweep(Arc::clone(&relay)));
        let watching = Arc::clone(&health);
        let watching = actix_web::rt::spawn(async move { watching.watch().await });
        Ok(Self {
            relay,
            health,
            server: handle,
            serving,
            metrics,
            asked,
            sweeping,
            watching,
        })
    }

    /// Ends all in order. One more of `signals` cuts the goodbyes short.
    async fn stop(self, signals: Pin<&mut impl Stream<Item = ()>>) {
        self.sweeping.abort();
        self.watching.abort();
        close(self.relay.admission(), &self.server, signals).await;
        // The task ends with the server that was just stopped; its result says nothing new.
        let _ = self.serving.await;
        if let Some(metrics) = self.metrics {
            metrics.stop(false).await;
        }
        // Before another relay may have the folder.
        self.asked.stop().await;
        self.relay.store().stop().await;
    }
}
