//! Who may connect: from where, from which page, and whether there is a place.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use tokio::sync::watch;

use crate::config::Config;
use crate::http::forwarded;
use crate::http::origin::{self, PublicOrigin, Refusal};
use crate::limits::network::Network;
use crate::limits::places::{Place, Places};
use crate::limits::seldom::Seldom;
use crate::metrics::{Metrics, TurnedAway};
use crate::store::{DeviceId, Store};
use crate::top::Top;

/// The newest devices of two earlier looks. Rows of devices rise, so who registered before a look has a lower one.
#[derive(Default)]
struct Newest {
    before: DeviceId,
    last: DeviceId,
}

pub(crate) struct Admission {
    places: Places,
    newest: Mutex<Newest>,
    /// Whether the relay goes down.
    closing: watch::Sender<bool>,
    trusted_proxies: Vec<Network>,
    public_origins: Vec<PublicOrigin>,
    metrics: Arc<Metrics>,
    top: Arc<Top>,
    foreign_was_said: Seldom,
    crowd_was_said: Seldom,
}

impl Admission {
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>, top: Arc<Top>) -> Self {
        Self {
            places: Places::new(&config.limits),
            newest: Mutex::default(),
            closing: watch::Sender::new(false),
            trusted_proxies: config.trusted_proxies.clone(),
            public_origins: config.public_origins.clone(),
            metrics,
            top,
            foreign_was_said: Seldom::default(),
            crowd_was_said: Seldom::default(),
        }
    }

    /// Whether this address is that of a proxy whose word on clients' addresses is believed.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|proxy| proxy.has(address))
    }

    /// Whose request this is.
    pub(crate) fn client(&self, request: &HttpRequest) -> IpAddr {
        let peer = request
            .peer_addr()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        forwarded::client(peer, request, &self.trusted_proxies)
    }

    /// The names of this relay that a signature may be for, where the page of this request may connect.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn authorities(&self, request: &HttpRequest) -> Result<Vec<String>, TurnedAway> {
        origin::check(request, &self.public_origins).map_err(|refusal| match refusal {
            Refusal::NoHost => TurnedAway::Host,
            Refusal::Foreign => TurnedAway::Origin,
        })
    }

    /// A place for one more connection, unless the relay is full, or full of this address, or going down.
    ///
    /// # Errors
    /// Which of these.
    pub(crate) fn take_place(&self, peer: IpAddr) -> Result<Place, TurnedAway> {
        let place = self.places.take(peer)?;
        if *self.closing.borrow() {
            return Err(TurnedAway::Closing);
        }
        self.metrics.connections.add(1);
        Ok(place)
    }

    /// Whether who is there on trial stays: if they were there before, or if there is room for everybody again.
    pub(crate) fn settle(&self, peer: IpAddr, place: &mut Place, was_there_before: bool) -> bool {
        let stays = place.settle(was_there_before);
        if !stays {
            self.turn_away(peer, TurnedAway::Full);
        }
        stays
    }

    /// Whether this device registered half a day ago or more, or before the relay started.
    pub(crate) fn was_there_before(&self, device: DeviceId) -> bool {
        device <= self.newest().before
    }

    /// Looks who is there now: those are who was there before, from the look after the next on.
    pub(crate) async fn look_at_newest(&self, store: &Store, is_start: bool) {
        match store.newest_device().await {
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

    pub(crate) fn open_connections(&self) -> u64 {
        self.places.taken() as u64
    }

    /// Nobody gets a place any more, and all who have one are told.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Turns true when the relay goes down.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}
