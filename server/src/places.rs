//! How many connections there are, in all and from one network address, and when one has its end.
//!
//! An address is followed only while it has a connection, so there are never more than connections. Nothing here is
//! logged.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Limits;
use crate::metrics::TurnedAway;
use crate::network::Network;

pub(crate) struct Places {
    most: usize,
    /// 0 for no limit.
    most_per_address: usize,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    all: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// One of the limited number of connections; dropping it gives the place back.
pub(crate) struct Place {
    taken: Arc<Taken>,
    /// Where it counts, once it does.
    address: Option<IpAddr>,
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
            address: None,
        };
        if before >= self.most {
            return Err(TurnedAway::Full);
        }
        if self.most_per_address > 0 {
            let address = Network::subscriber(peer);
            let mut by_address = self.taken.by_address();
            let count = by_address.entry(address).or_default();
            if *count >= self.most_per_address {
                // It has an entry that others hold; the place's own end takes nothing from it.
                drop(by_address);
                return Err(TurnedAway::Address);
            }
            *count += 1;
            place.address = Some(address);
        }
        Ok(place)
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.all.load(Ordering::Acquire)
    }
}

impl Taken {
    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut by_address = self.taken.by_address();
            if let Some(count) = by_address.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    by_address.remove(&address);
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
        assert!(places.taken.by_address().is_empty(), "nobody is remembered");
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
