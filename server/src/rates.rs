//! How often one network address may do what costs others: register, look up names, claim keys.
//!
//! Owns the buckets and their bound. Behind a reverse proxy every client has the proxy's address; the
//! limits then hold for all of them together (docs/OPERATIONS.md). Nothing here is logged.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};

use crate::config::Limits;

/// Addresses followed per limit, about 100 bytes each. When all are in use, a new one waits.
const MAX_ADDRESSES: usize = 50_000;

/// What a new address is told to wait when all places are taken: time for some to fall free.
const FULL_RETRY_MS: u64 = 10_000;

type Instant = <MonotonicClock as Clock>::Instant;
type Buckets =
    RateLimiter<IpAddr, HashMapStateStore<IpAddr>, MonotonicClock, NoOpMiddleware<Instant>>;
type OneBucket = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>;

/// Milliseconds to wait before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast(pub(crate) u64);

pub(crate) struct Rates {
    registrations: Buckets,
    look_ups: Buckets,
    claims: Buckets,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let buckets = |per_minute| {
            RateLimiter::hashmap_with_clock(Quota::per_minute(per_minute), MonotonicClock)
        };
        Self {
            registrations: buckets(limits.registrations_per_minute),
            look_ups: buckets(limits.look_ups_per_minute),
            claims: buckets(limits.claims_per_minute),
        }
    }

    pub(crate) fn register(&self, peer: IpAddr) -> Result<(), TooFast> {
        check(&self.registrations, peer)
    }

    pub(crate) fn look_up(&self, peer: IpAddr) -> Result<(), TooFast> {
        check(&self.look_ups, peer)
    }

    pub(crate) fn claim(&self, peer: IpAddr) -> Result<(), TooFast> {
        check(&self.claims, peer)
    }

    /// Forgets addresses that have been quiet; called on a schedule.
    pub(crate) fn forget_quiet(&self) {
        for buckets in [&self.registrations, &self.look_ups, &self.claims] {
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
    }
}

fn check(buckets: &Buckets, peer: IpAddr) -> Result<(), TooFast> {
    if buckets.len() >= MAX_ADDRESSES {
        buckets.retain_recent();
        if buckets.len() >= MAX_ADDRESSES {
            return Err(TooFast(FULL_RETRY_MS));
        }
    }
    buckets.check_key(&network(peer)).map_err(wait)
}

/// One subscriber of IPv6 has at least a /64 of addresses, so that is what counts as one.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
        v4 => v4,
    }
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

    #[test]
    fn one_address_is_slowed_down_and_another_is_not() {
        let limits = Limits {
            claims_per_minute: NonZeroU32::MIN,
            ..Limits::default()
        };
        let rates = Rates::new(&limits);
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse::<IpAddr>().expect("an address"));
        assert_eq!(rates.claim(a), Ok(()));
        assert!(matches!(rates.claim(a), Err(TooFast(ms)) if ms > 0 && ms <= 60_000));
        assert_eq!(rates.claim(b), Ok(()));
        assert_eq!(rates.look_up(a), Ok(()));
    }

    #[test]
    fn a_subscribers_ipv6_network_counts_as_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
