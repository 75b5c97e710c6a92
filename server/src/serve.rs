//! The relay as a whole: opens the store, listens, serves, and goes down in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};

use crate::config::Config;
use crate::control;
use crate::http::listen::listen;
use crate::lifecycle::close::close;
use crate::lifecycle::supervisor;
use crate::lifecycle::sweep::sweep;
use crate::routes::{serve, watched};
use crate::state::Relay;
use crate::store::OpenError;

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
    let relay = Arc::new(Relay::open(&config)?);
    let bans = relay.bans.refresh(&relay.store, &relay.hub).await;
    bans.map_err(|error| StartError::Bans {
        folder: config.data.clone(),
        reason: error.to_string(),
    })?;
    relay.look_at_newest(true).await;
    let server = serve(&relay, &config, listener).map_err(StartError::Serve)?;
    let handle = server.handle();
    let watched = config.metrics.map(|address| watched(&relay, address));
    let watched = watched.transpose()?;
    let serving = actix_web::rt::spawn(server);
    let asked = control::start(Arc::clone(&relay), config.data.clone());
    let sweeping = actix_web::rt::spawn(sweep(Arc::clone(&relay)));
    let watching = Arc::clone(&relay);
    let watching = actix_web::rt::spawn(async move { watching.watch().await });
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        data = %config.data.display(),
        registration = ?config.registration,
        new_store = relay.store.is_new(),
        "the relay serves"
    );
    ready(address);
    supervisor::tell("READY=1");
    signals.next().await;
    tracing::info!("the relay goes down");
    supervisor::tell("STOPPING=1");
    relay.health.leave();
    tokio::select! {
        () = tokio::time::sleep(config.drain_wait) => (),
        _ = signals.next() => tracing::info!("another signal: the goodbyes begin now"),
    }
    sweeping.abort();
    watching.abort();
    close(&relay, &handle, signals).await;
    // The task ends with the server that was just stopped; its result says nothing new.
    let _ = serving.await;
    if let Some(watched) = watched {
        watched.stop(false).await;
    }
    // Before another relay may have the folder.
    asked.stop().await;
    relay.store.stop().await;
    Ok(())
}
