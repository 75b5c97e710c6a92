//! Who may register, and what it costs them.

use std::sync::Arc;

use pawl_wire::Registration;

use super::seldom::Seldom;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::store::Capped;

pub(crate) struct Registrations {
    mode: Registration,
    proof_of_work: u32,
    metrics: Arc<Metrics>,
    cap_was_said: Seldom,
}

impl Registrations {
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            mode: config.registration,
            proof_of_work: config.limits.proof_of_work,
            metrics,
            cap_was_said: Seldom::default(),
        }
    }

    pub(crate) fn mode(&self) -> Registration {
        self.mode
    }

    /// What a registration has to show. Nobody new gets in where registration is closed, however much they work.
    pub(crate) fn work_bits(&self) -> u32 {
        match self.mode {
            Registration::Open | Registration::Invite => self.proof_of_work,
            Registration::Closed => 0,
        }
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
}
