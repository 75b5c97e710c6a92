//! What all connections of a relay share.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pawl_wire::{Epoch, Registration};
use tokio::sync::watch;

use crate::config::{Config, Limits};
use crate::health::Health;
use crate::http::origin::PublicOrigin;
use crate::limits::bans::Bans;
use crate::limits::network::Network;
use crate::limits::places::{Place, Places};
use crate::limits::rates::Rates;
use crate::limits::seldom::Seldom;
use crate::metrics::{Metrics, TurnedAway};
use crate::random;
use crate::routing::hub::Hub;
use crate::serve::StartError;
use crate::store::{Capped, DeviceId, Store, Wake};
use crate::top::Top;

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
    pub(crate) fn open(config: &Config) -> Result<Self, StartError> {
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
    pub(crate) async fn look_at_newest(&self, is_start: bool) {
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
