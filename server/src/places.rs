//! How many connections there are, in all and from one network address, and when one has its end.
//!
//! A network is followed only while it has a connection, so there are three for each connection at most. Nothing here is
//! logged.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Limits;
use crate::metrics::TurnedAway;
use crate::network::{Network, SHARES};

pub(crate) struct Places {
    most: usize,
    /// 0 for no limit.
    most_per_address: usize,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    all: AtomicUsize,
    by_network: Mutex<HashMap<Network, usize>>,
}

/// One of the limited number of connections; dropping it gives the place back.
pub(crate) struct Place {
    taken: Arc<Taken>,
    /// Whose networks it counts in, once it does.
    peer: Option<IpAddr>,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.connections,
            most_per_address: limits.connections_per_address,
            taken: Arc::default(),
        }
    }

    /// A place for one more connection from this address.
    ///
    /// # Errors
    /// Which limit is reached.
    pub(crate) fn take(&self, peer: IpAddr) -> Result<Place, TurnedAway> {
        let before = self.taken.all.fetch_add(1, Ordering::AcqRel);
        let mut place = Place {
            taken: Arc::clone(&self.taken),
            peer: None,
        };
        if before >= self.most {
            return Err(TurnedAway::Full);
        }
        if self.most_per_address > 0 {
            let mut by_network = self.taken.by_network();
            let mut counts = Network::around(peer).zip(SHARES);
            if counts.any(|(network, share)| {
                let most = self.most_per_address.saturating_mul(times(share));
                by_network.get(&network).is_some_and(|count| *count >= most)
            }) {
                // Networks have entries that others hold; the place's own end takes nothing from them.
                return Err(TurnedAway::Address);
            }
            for network in Network::around(peer) {
                *by_network.entry(network).or_default() += 1;
            }
            place.peer = Some(peer);
        }
        Ok(place)
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.all.load(Ordering::Acquire)
    }
}

impl Taken {
    fn by_network(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.by_network
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn times(share: NonZeroU32) -> usize {
    usize::try_from(share.get()).unwrap_or(usize::MAX)
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(peer) = self.peer {
            let mut by_network = self.taken.by_network();
            for network in Network::around(peer) {
                if let Some(count) = by_network.get_mut(&network) {
                    *count -= 1;
                    if *count == 0 {
                        by_network.remove(&network);
                    }
                }
            }
        }
        self.taken.all.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn places(connections: usize, connections_per_address: usize) -> Places {
        Places::new(&Limits {
            connections,
            connections_per_address,
            ..Limits::default()
        })
    }

    #[test]
    fn one_address_gets_no_more_than_its_share_and_others_get_theirs() {
        let places = places(5, 2);
        let [a, b] = ["2001:db8::1", "2001:db8::2"].map(|text| places.take(ip(text)));
        assert!(a.is_ok() && b.is_ok());
        let third = places.take(ip("2001:db8::3")).err();
        assert_eq!(
            third,
            Some(TurnedAway::Address),
            "one /64 is one subscriber"
        );
        let other = places.take(ip("192.0.2.1"));
        assert!(other.is_ok());
        assert_eq!(places.taken(), 3, "who is turned away holds no place");
        drop(a);
        let again = places.take(ip("2001:db8::3"));
        assert!(again.is_ok());
        drop((b, other, again));
        assert_eq!(places.taken(), 0);
        assert!(places.taken.by_network().is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_large_network_gets_a_few_times_what_one_subscriber_gets() {
        let places = places(1_000, 10);
        let of_56: Vec<_> = (0..256_u16)
            .filter_map(|i| places.take([0x2001, 0xdb8, 1, i, 0, 0, 0, 1].into()).ok())
            .collect();
        assert_eq!(of_56.len(), 20);
        let of_48: Vec<_> = (0..1_000_u16)
            .map(|i| i.wrapping_mul(256))
            .filter_map(|i| places.take([0x2001, 0xdb8, 1, i, 0, 0, 0, 1].into()).ok())
            .collect();
        assert_eq!(of_56.len() + of_48.len(), 40);
        let other = places.take(ip("2001:db8:2::1"));
        assert!(other.is_ok(), "another /48 is another site");
        drop((of_56, of_48, other));
        assert!(places.taken.by_network().is_empty(), "nobody is remembered");
    }

    #[test]
    fn without_a_limit_one_address_may_have_all_and_no_more() {
        let places = places(3, 0);
        let all: Vec<_> = (0..3).map(|_| places.take(ip("192.0.2.1"))).collect();
        assert!(all.iter().all(Result::is_ok));
        let more = places.take(ip("192.0.2.1")).err();
        assert_eq!(more, Some(TurnedAway::Full));
    }
}
