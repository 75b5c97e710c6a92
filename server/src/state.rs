//! What all connections share: parts that keep their own state. Who asks one thing of them is given
//! that part, and only who hands parts on is given all.

use std::sync::Arc;

use crate::admission::Admission;
use crate::config::{Config, Limits};
use crate::limits::bans::Bans;
use crate::limits::rates::Rates;
use crate::limits::registrations::Registrations;
use crate::metrics::Metrics;
use crate::routing::hub::Hub;
use crate::store::Store;
use crate::top::Top;

pub(crate) struct Relay {
    admission: Admission,
    bans: Arc<Bans>,
    hub: Arc<Hub>,
    limits: Limits,
    metrics: Arc<Metrics>,
    rates: Rates,
    registrations: Registrations,
    store: Arc<Store>,
    top: Arc<Top>,
}

impl Relay {
    /// Of this store, which counts in these `metrics` and wakes who is in this `hub`.
    pub(crate) fn new(config: &Config, store: Store, hub: Arc<Hub>, metrics: Arc<Metrics>) -> Self {
        let top = Arc::<Top>::default();
        Self {
            admission: Admission::new(config, Arc::clone(&metrics), Arc::clone(&top)),
            bans: Arc::default(),
            hub,
            limits: config.limits.clone(),
            rates: Rates::new(&config.limits),
            registrations: Registrations::new(config, Arc::clone(&metrics)),
            metrics,
            store: Arc::new(store),
            top,
        }
    }

    /// Who may connect.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Who is shut out.
    pub(crate) fn bans(&self) -> &Arc<Bans> {
        &self.bans
    }

    /// Which devices are connected.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// What an operator may set.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What happened, in sums.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// How often one network address may do what costs others.
    pub(crate) fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Who may register.
    pub(crate) fn registrations(&self) -> &Registrations {
        &self.registrations
    }

    /// Accounts, public keys and mail.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Who causes what.
    pub(crate) fn top(&self) -> &Arc<Top> {
        &self.top
    }
}
