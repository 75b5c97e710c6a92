//! How often one network address may do what costs others: register, look up names, claim keys.
//!
//! Owns which tables of buckets there are and what counts in them. Behind a reverse proxy the address is what a
//! trusted proxy says (`forwarded`). Nothing here is logged.

use std::cell::Cell;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pawl_wire::DeviceAddress;
use tokio::time::Instant;

use crate::clock;
use crate::config::Limits;
use crate::limits::buckets::{Key, MAX_FOLLOWED, Pace, Step, Table};
use crate::limits::network::{LEVELS, Network, SHARES};
use crate::store::DeviceId;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// What a client may have saved up: it makes four uploads an hour, and a hundred at once after a day (`UPLOAD_BURST` of
/// crates/client).
const UPLOADS_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// Milliseconds to wait before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast(pub(crate) u64);

/// Of nanoseconds, rounded up: who comes back then gets what they waited for.
fn wait(nanoseconds: u64) -> TooFast {
    TooFast(nanoseconds.div_ceil(1_000_000))
}

impl Key for Network {
    type Coarse = Self;

    fn coarse(&self) -> Self {
        self.wider()
    }
}

impl Key for DeviceId {
    type Coarse = Self;

    fn coarse(&self) -> Self {
        *self
    }
}

/// Who claims whose keys. Anybody can make up targets, so newcomers count by who claims.
impl Key for (DeviceId, DeviceAddress) {
    type Coarse = DeviceId;

    fn coarse(&self) -> DeviceId {
        self.0
    }
}

/// A limit per network address: of IPv6, per /64, /56 and /48.
struct PerNetwork([Table<Network>; LEVELS]);

impl PerNetwork {
    fn new(per_minute: NonZeroU32) -> Self {
        Self(SHARES.map(|share| {
            let count = per_minute.saturating_mul(share);
            Table::new(Pace::new(count, MINUTE), MAX_FOLLOWED)
        }))
    }

    /// The narrowest network comes first: what it is refused costs its neighbours nothing, and what those around it are
    /// refused does not take a place for it.
    fn ask(&mut self, peer: IpAddr, now: u64) -> Result<Vec<Step<Network>>, TooFast> {
        let tables = self.0.iter_mut().zip(Network::around(peer));
        tables
            .map(|(table, network)| table.ask(network, now).map_err(wait))
            .collect()
    }

    fn take(&mut self, steps: Vec<Step<Network>>) {
        for (table, step) in self.0.iter_mut().zip(steps) {
            table.take(step);
        }
    }

    fn one(&mut self, peer: IpAddr, now: u64) -> Result<(), TooFast> {
        let steps = self.ask(peer, now)?;
        self.take(steps);
        Ok(())
    }
}

struct Tables {
    registrations: PerNetwork,
    look_ups: PerNetwork,
    claims: PerNetwork,
    claims_of_account: Table<DeviceId>,
    uploads: Table<DeviceId>,
    claims_of_pair: Table<(DeviceId, DeviceAddress)>,
}

pub(crate) struct Rates {
    begun: Instant,
    tables: Mutex<Tables>,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let tables = Tables {
            registrations: PerNetwork::new(limits.registrations_per_minute),
            look_ups: PerNetwork::new(limits.look_ups_per_minute),
            claims: PerNetwork::new(limits.claims_per_minute),
            claims_of_account: Table::new(
                Pace::new(limits.claims_per_account, MINUTE),
                MAX_FOLLOWED,
            ),
            uploads: Table::new(
                Pace::with_burst(
                    limits.uploads_per_account.max(UPLOADS_AT_ONCE),
                    limits.uploads_per_account,
                    HOUR,
                ),
                MAX_FOLLOWED,
            ),
            claims_of_pair: Table::new(Pace::new(limits.claims_per_target, HOUR), MAX_FOLLOWED),
        };
        Self {
            begun: clock::now(),
            tables: Mutex::new(tables),
        }
    }

    pub(crate) fn register(&self, peer: IpAddr) -> Result<(), TooFast> {
        self.tables().registrations.one(peer, self.now())
    }

    pub(crate) fn look_up(&self, peer: IpAddr) -> Result<(), TooFast> {
        self.tables().look_ups.one(peer, self.now())
    }

    /// An upload of prekeys.
    pub(crate) fn upload(&self, device: DeviceId) -> Result<(), TooFast> {
        let now = self.now();
        let uploads = &mut self.tables().uploads;
        let step = uploads.ask(device, now).map_err(wait)?;
        uploads.take(step);
        Ok(())
    }

    /// Pairs of account and device whose claims are counted.
    pub(crate) fn followed_pairs(&self) -> u64 {
        self.tables().claims_of_pair.followed()
    }

    /// Whether there is such a target makes no difference.
    pub(crate) fn claim(
        &self,
        peer: IpAddr,
        asker: DeviceId,
        target: DeviceAddress,
    ) -> Result<(), TooFast> {
        let now = self.now();
        let tables = &mut *self.tables();
        let of_network = tables.claims.ask(peer, now)?;
        let of_account = tables.claims_of_account.ask(asker, now).map_err(wait)?;
        let of_pair = tables.claims_of_pair.ask((asker, target), now);
        tables.claims_of_pair.take(of_pair.map_err(wait)?);
        tables.claims_of_account.take(of_account);
        tables.claims.take(of_network);
        Ok(())
    }

    /// Forgets who has been quiet; called on a schedule.
    pub(crate) fn forget_quiet(&self) {
        fn forget<K: Key>(table: &mut Table<K>, now: u64) {
            table.forget_quiet(now);
            table.shrink();
        }
        let now = self.now();
        let tables = &mut *self.tables();
        let per_network = [
            &mut tables.registrations,
            &mut tables.look_ups,
            &mut tables.claims,
        ];
        for table in per_network.into_iter().flat_map(|tables| &mut tables.0) {
            forget(table, now);
        }
        forget(&mut tables.claims_of_account, now);
        forget(&mut tables.claims_of_pair, now);
        forget(&mut tables.uploads, now);
    }

    /// Nanoseconds since these limits began to count.
    fn now(&self) -> u64 {
        since(self.begun)
    }

    /// Nothing is left half done by a panic: at worst one count is off.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// How often one connection may submit.
pub(crate) struct SubmitRate {
    begun: Instant,
    pace: Pace,
    full_at: Cell<u64>,
}

impl SubmitRate {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self {
            begun: clock::now(),
            pace: Pace::new(per_second, 1),
            full_at: Cell::new(0),
        }
    }

    pub(crate) fn check(&self) -> Result<(), TooFast> {
        let full_at = self.pace.take(self.full_at.get(), since(self.begun));
        self.full_at.set(full_at.map_err(wait)?);
        Ok(())
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

    /// What one person with many accounts does: made-up devices until no place is left.
    #[test]
    fn a_full_table_refuses_neither_whom_it_follows_nor_a_newcomer() {
        let limits = Limits {
            claims_per_minute: NonZeroU32::MAX,
            claims_per_account: NonZeroU32::MAX,
            ..Limits::default()
        };
        let rates = Rates::new(&limits);
        let [a, b] = addresses();
        assert_eq!(rates.claim(b, BOB, target(1)), Ok(()));
        for made_up in 0..u32::try_from(MAX_FOLLOWED).expect("a small number") {
            let mallory = DeviceId(1_000 + i64::from(made_up / 60));
            let _ = rates.claim(a, mallory, target(made_up));
        }
        assert_eq!(rates.claim(b, BOB, target(1)), Ok(()), "known");
        assert_eq!(rates.claim(b, ALICE, target(1)), Ok(()), "new");
    }

    #[test]
    fn an_account_uploads_as_often_as_a_client_does_and_no_more() {
        let rates = Rates::new(&Limits::default());
        assert!((0..100).all(|_| rates.upload(ALICE).is_ok()));
        let refused = rates.upload(ALICE);
        assert!(matches!(refused, Err(TooFast(ms)) if ms > 0 && ms <= 300_000));
        assert_eq!(rates.upload(BOB), Ok(()));
    }

    /// Whoever has a /48 has 65,536 /64s.
    #[test]
    fn a_large_network_has_a_few_times_what_one_subscriber_has() {
        let limits = Limits {
            registrations_per_minute: NonZeroU32::new(10).expect("ten"),
            ..Limits::default()
        };
        let registered = |network: fn(u16) -> [u16; 8], count: u16| {
            let rates = Rates::new(&limits);
            let mut peers = (0..count).map(|i| IpAddr::from(network(i)));
            let register = |peer| rates.register(peer).is_ok();
            peers.by_ref().filter(|peer| register(*peer)).count()
        };
        let of_64 = registered(|i| [0x2001, 0xdb8, 1, 0, 0, 0, 0, i], 1_000);
        let of_56 = registered(|i| [0x2001, 0xdb8, 1, i % 256, 0, 0, 0, i], 1_000);
        let of_48 = registered(|i| [0x2001, 0xdb8, 1, i, 0, 0, 0, 1], 1_000);
        // A few more, for the time that the test takes.
        assert!((10..15).contains(&of_64), "{of_64}");
        assert!((20..30).contains(&of_56), "{of_56}");
        assert!((40..60).contains(&of_48), "{of_48}");
    }
}
