//! The relay as a whole: opens the store, listens, sweeps, and goes down in order.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use futures_util::{Stream, StreamExt, stream};
use pawl_wire::{Epoch, Registration};
use tokio::sync::watch;

use crate::config::{Config, Limits};
use crate::health::Health;
use crate::http::origin::PublicOrigin;
use crate::lifecycle::supervisor;
use crate::limits::bans::Bans;
use crate::limits::network::Network;
use crate::limits::places::{Place, Places};
use crate::limits::rates::Rates;
use crate::limits::seldom::Seldom;
use crate::metrics::{Metrics, TurnedAway};
use crate::routing::hub::Hub;
use crate::serving::{listen, serve};
use crate::store::{Capped, DeviceId, OpenError, Store, Wake};
use crate::top::{LOOKS_PER_TURN, Top};
use crate::{control, health, random};

/// Between two looks at the clocks: what a relay that is killed has not counted.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What is past its time is looked for with the first of so many looks at the clocks; minutes do not matter to days.
const LOOKS_PER_SWEEP: u64 = 10;

/// Who is new for the places that are kept is so for half a day to a day.
const LOOKS_PER_HALF_DAY: u64 = 12 * 60;

/// Between two slices of one sweep, so that the writer serves others in between.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// How long connections may take to say goodbye; then they are cut.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(8);

/// How often the end of the last connection is looked for.
const CLOSE_POLL: Duration = Duration::from_millis(20);

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

/// The newest devices of two earlier looks. Rows of devices rise, so who registered before a look has a lower one.
#[derive(Default)]
struct Newest {
    before: DeviceId,
    last: DeviceId,
}

/// What all connections share.
pub(crate) struct Relay {
    pub(crate) store: Store,
    pub(crate) hub: Arc<Hub>,
    pub(crate) rates: Rates,
    pub(crate) bans: Bans,
    pub(crate) registration: Registration,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) top: Arc<Top>,
    pub(crate) health: Health,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) limits: Limits,
    pub(crate) public_origins: Vec<PublicOrigin>,
    pub(crate) drain: watch::Sender<bool>,
    places: Places,
    newest: Mutex<Newest>,
    foreign_was_said: Seldom,
    crowd_was_said: Seldom,
    cap_was_said: Seldom,
}

impl Relay {
    fn open(config: &Config) -> Result<Self, StartError> {
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
        Ok(Self {
            store,
            hub,
            rates: Rates::new(&config.limits),
            bans: Bans::default(),
            registration: config.registration,
            metrics,
            top: Arc::default(),
            health: Health::default(),
            trusted_proxies: config.trusted_proxies.clone(),
            limits: config.limits.clone(),
            public_origins: config.public_origins.clone(),
            drain: watch::Sender::new(false),
            places: Places::new(&config.limits),
            newest: Mutex::default(),
            foreign_was_said: Seldom::default(),
            crowd_was_said: Seldom::default(),
            cap_was_said: Seldom::default(),
        })
    }

    /// Somebody was told that there are accounts enough.
    pub(crate) fn capped(&self, capped: Capped) {
        self.metrics.capped(capped);
        if self.cap_was_said.is_due() {
            let flag = match capped {
                Capped::Accounts => "--accounts",
                Capped::AccountsPerDay => "--accounts-per-day",
            };
            tracing::warn!("a new account is not taken: {flag} is reached");
        }
    }

    /// A place for one more connection, unless the relay is full, or full of this address, or going down.
    ///
    /// # Errors
    /// Which of these.
    pub(crate) fn take_place(&self, peer: IpAddr) -> Result<Place, TurnedAway> {
        let place = self.places.take(peer)?;
        if *self.drain.borrow() {
            return Err(TurnedAway::Closing);
        }
        self.metrics.connections.add(1);
        Ok(place)
    }

    /// Whether this device registered half a day ago or more, or before the relay started.
    pub(crate) fn was_there_before(&self, device: DeviceId) -> bool {
        device <= self.newest().before
    }

    /// Looks who is there now: those are who was there before, from the look after the next on.
    async fn look_at_newest(&self, is_start: bool) {
        match self.store.newest_device().await {
            Ok(now) => {
                let mut newest = self.newest();
                newest.before = if is_start { now } else { newest.last };
                newest.last = now;
            }
            Err(error) => tracing::error!(%error, "the newest device cannot be read"),
        }
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts somebody who is turned away; what an operator may have set wrong is said now and then, without a word
    /// of what that somebody sent.
    pub(crate) fn turn_away(&self, peer: IpAddr, why: TurnedAway) {
        self.metrics.turned_away(why);
        self.top.turned_away(peer);
        match why {
            TurnedAway::Origin if self.foreign_was_said.is_due() => {
                let known: Vec<_> = self
                    .public_origins
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                tracing::warn!(
                    public_origin = ?known,
                    "a page of another origin was refused: if it is this relay's own, --public-origin is not what its browser shows"
                );
            }
            TurnedAway::Address if self.crowd_was_said.is_due() => tracing::warn!(
                "one network address has as many connections as it may: if it is a proxy's, --trusted-proxy is missing"
            ),
            _ => (),
        }
    }

    /// What a registration has to show. Nobody new gets in where registration is closed, however much they work.
    pub(crate) fn work_bits(&self) -> u32 {
        match self.registration {
            Registration::Open | Registration::Invite => self.limits.proof_of_work,
            Registration::Closed => 0,
        }
    }

    pub(crate) fn open_connections(&self) -> u64 {
        self.places.taken() as u64
    }
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

/// Serves the metrics, on an address of their own.
fn watched(relay: &Arc<Relay>, address: SocketAddr) -> Result<ServerHandle, StartError> {
    let fail = |source| StartError::Listen { address, source };
    let relay = Arc::clone(relay);
    let make = move || {
        App::new()
            .app_data(web::Data::from(Arc::clone(&relay)))
            .route("/metrics", web::get().to(health::metrics))
    };
    let server = HttpServer::new(make)
        .workers(1)
        .disable_signals()
        .listen(listen(address).map_err(fail)?)
        .map_err(fail)?
        .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(handle)
}

async fn sweep(relay: Arc<Relay>) {
    let mut has_days = false;
    for look in 0_u64.. {
        if let Err(error) = relay.store.go_on().await {
            tracing::error!(%error, "the relay's time does not go on");
        }
        if look > 0 && look.is_multiple_of(LOOKS_PER_HALF_DAY) {
            relay.look_at_newest(false).await;
        }
        if look > 0 && look.is_multiple_of(LOOKS_PER_TURN) {
            relay.top.turn();
        }
        if look.is_multiple_of(LOOKS_PER_SWEEP) {
            relay.rates.forget_quiet();
            has_days = has_days || begin_days(&relay).await;
            erase(&relay).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the store keeps the days of accounts' last use as the settings want it.
async fn begin_days(relay: &Relay) -> bool {
    let begun = relay.store.begin_days().await;
    if let Err(error) = &begun {
        tracing::error!(%error, "cannot note the days on which accounts are used");
    }
    begun.is_ok()
}

/// What is past its time, all of it.
async fn erase(relay: &Relay) {
    loop {
        let swept = match relay.store.sweep().await {
            Ok(false) => relay.store.sweep_accounts(relay.hub.devices()).await,
            other => other,
        };
        match swept {
            Ok(true) => tokio::time::sleep(SWEEP_PAUSE).await,
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, "cannot erase what is past its time");
                return;
            }
        }
    }
}

async fn close(
    relay: &Relay,
    server: &ServerHandle,
    mut signals: Pin<&mut impl Stream<Item = ()>>,
) {
    relay.drain.send_replace(true);
    let all_gone = async {
        while relay.places.taken() > 0 {
            tokio::time::sleep(CLOSE_POLL).await;
        }
    };
    tokio::select! {
        gone = tokio::time::timeout(CLOSE_TIMEOUT, all_gone) => {
            if gone.is_err() {
                tracing::warn!("some connections did not close in time");
            }
            server.stop(true).await;
        }
        _ = signals.next() => {
            tracing::warn!("another signal: the connections are cut");
            server.stop(false).await;
        }
    }
}
