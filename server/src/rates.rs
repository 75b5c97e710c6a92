//! How often one network address may do what costs others: register, look up names, claim keys.
//!
//! Owns the buckets and their bound. Behind a reverse proxy the address is what a
//! trusted proxy says (`forwarded`). Nothing here is logged.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};

use pawl_wire::DeviceAddress;

use crate::config::Limits;
use crate::network::Network;
use crate::store::DeviceId;

/// Addresses, accounts or pairs followed per limit, about 100 bytes each. When all are in use, a new one waits.
pub(crate) const MAX_FOLLOWED: usize = 50_000;

/// What a new address is told to wait when all places are taken: time for some to fall free.
const FULL_RETRY_MS: u64 = 10_000;

type Instant = <MonotonicClock as Clock>::Instant;
type Buckets<K> = RateLimiter<K, HashMapStateStore<K>, MonotonicClock, NoOpMiddleware<Instant>>;
type OneBucket = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>;

/// Milliseconds to wait before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast(pub(crate) u64);

pub(crate) struct Rates {
    registrations: Buckets<IpAddr>,
    look_ups: Buckets<IpAddr>,
    claims: Buckets<IpAddr>,
    claims_of_account: Buckets<DeviceId>,
    claims_of_pair: Buckets<(DeviceId, DeviceAddress)>,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            registrations: buckets(Quota::per_minute(limits.registrations_per_minute)),
            look_ups: buckets(Quota::per_minute(limits.look_ups_per_minute)),
            claims: buckets(Quota::per_minute(limits.claims_per_minute)),
            claims_of_account: buckets(Quota::per_minute(limits.claims_per_account)),
            claims_of_pair: buckets(Quota::per_hour(limits.claims_per_target)),
        }
    }

    pub(crate) fn register(&self, peer: IpAddr) -> Result<(), TooFast> {
        check(&self.registrations, Network::subscriber(peer))
    }

    pub(crate) fn look_up(&self, peer: IpAddr) -> Result<(), TooFast> {
        check(&self.look_ups, Network::subscriber(peer))
    }

    /// Whether there is such a target makes no difference.
    pub(crate) fn claim(
        &self,
        peer: IpAddr,
        asker: DeviceId,
        target: DeviceAddress,
    ) -> Result<(), TooFast> {
        check(&self.claims, Network::subscriber(peer))?;
        check(&self.claims_of_account, asker)?;
        check(&self.claims_of_pair, (asker, target))
    }

    /// Forgets addresses that have been quiet; called on a schedule.
    pub(crate) fn forget_quiet(&self) {
        for buckets in [&self.registrations, &self.look_ups, &self.claims] {
            forget(buckets);
        }
        forget(&self.claims_of_account);
        forget(&self.claims_of_pair);
    }
}

fn buckets<K: Hash + Eq + Clone>(quota: Quota) -> Buckets<K> {
    RateLimiter::hashmap_with_clock(quota, MonotonicClock)
}

fn forget<K: Hash + Eq + Clone>(buckets: &Buckets<K>) {
    buckets.retain_recent();
    buckets.shrink_to_fit();
}

fn check<K: Hash + Eq + Clone>(buckets: &Buckets<K>, who: K) -> Result<(), TooFast> {
    if buckets.len() >= MAX_FOLLOWED {
        buckets.retain_recent();
        if buckets.len() >= MAX_FOLLOWED {
            return Err(TooFast(FULL_RETRY_MS));
        }
    }
    buckets.check_key(&who).map_err(wait)
}

fn wait(not_until: NotUntil<Instant>) -> TooFast {
    let wait = not_until.wait_time_from(MonotonicClock.now());
    TooFast(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
}

/// How often one connection may submit.
pub(crate) struct SubmitRate(OneBucket);

impl SubmitRate {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self(RateLimiter::direct_with_clock(
            Quota::per_second(per_second),
            MonotonicClock,
        ))
    }

    pub(crate) fn check(&self) -> Result<(), TooFast> {
        self.0.check().map_err(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: DeviceId = DeviceId(1);
    const BOB: DeviceId = DeviceId(2);

    fn target(device: u32) -> DeviceAddress {
        let account = pawl_wire::AccountId([7; 32]);
        DeviceAddress { account, device }
    }

    fn addresses() -> [IpAddr; 2] {
        ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().expect("an address"))
    }

    #[test]
    fn one_address_is_slowed_down_and_another_is_not() {
        let limits = Limits {
            claims_per_minute: NonZeroU32::MIN,
            ..Limits::default()
        };
        let rates = Rates::new(&limits);
        let [a, b] = addresses();
        assert_eq!(rates.claim(a, ALICE, target(1)), Ok(()));
        let refused = rates.claim(a, BOB, target(2));
        assert!(matches!(refused, Err(TooFast(ms)) if ms > 0 && ms <= 60_000));
        assert_eq!(rates.claim(b, BOB, target(2)), Ok(()));
        assert_eq!(rates.look_up(a), Ok(()));
    }

    #[test]
    fn one_account_is_slowed_down_wherever_it_asks_from() {
        let limits = Limits {
            claims_per_account: NonZeroU32::MIN,
            ..Limits::default()
        };
        let rates = Rates::new(&limits);
        let [a, b] = addresses();
        assert_eq!(rates.claim(a, ALICE, target(1)), Ok(()));
        assert!(rates.claim(b, ALICE, target(2)).is_err());
        assert_eq!(rates.claim(b, BOB, target(2)), Ok(()));
    }

    #[test]
    fn one_account_empties_no_stock_and_others_are_not_in_its_way() {
        let limits = Limits {
            claims_per_target: NonZeroU32::MIN,
            ..Limits::default()
        };
        let rates = Rates::new(&limits);
        let [a, _] = addresses();
        assert_eq!(rates.claim(a, ALICE, target(1)), Ok(()));
        let refused = rates.claim(a, ALICE, target(1));
        assert!(matches!(refused, Err(TooFast(ms)) if ms > 60_000 && ms <= 3_600_000));
        assert_eq!(rates.claim(a, ALICE, target(2)), Ok(()));
        assert_eq!(rates.claim(a, BOB, target(1)), Ok(()));
    }
}
