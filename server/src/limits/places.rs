//! How many connections there are, in all and from one network address, and when one has its end.
//!
//! A tenth of the places is kept for devices that were there before (`Admission::was_there_before`). Who a connection is shows
//! when it authenticates: until then one that finds only such places left is there on trial. A network is followed only
//! while it has a connection, so there are three for each connection at most. Nothing here is logged.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Limits;
use crate::limits::network::{Network, SHARES};
use crate::metrics::TurnedAway;

/// One place in so many is kept.
const KEPT: usize = 10;

/// So many addresses share what is kept, so that few do not fill that, too.
const SHARE_KEPT: usize = 40;

pub(crate) struct Places {
    taken: Arc<Mutex<Taken>>,
}

struct Taken {
    most: usize,
    kept: usize,
    /// From one address: of all places and of those that are kept.
    most_per_address: Count,
    all: Count,
    by_network: HashMap<Network, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    all: usize,
    kept: usize,
}

/// One of the limited number of connections; dropping it gives the place back.
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    peer: IpAddr,
    is_kept: bool,
}

/// How many places are kept for devices that were there before.
pub(crate) fn kept(limits: &Limits) -> usize {
    limits.connections / KEPT
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Self {
        let kept = kept(limits);
        let taken = Taken {
            most: limits.connections,
            kept,
            most_per_address: match limits.connections_per_address {
                0 => Count {
                    all: usize::MAX,
                    kept: usize::MAX,
                },
                all => Count {
                    all,
                    kept: (kept / SHARE_KEPT).max(1),
                },
            },
            all: Count::default(),
            by_network: HashMap::new(),
        };
        Self {
            taken: Arc::new(Mutex::new(taken)),
        }
    }

    /// A place for one more connection from this address.
    ///
    /// # Errors
    /// Which limit is reached.
    pub(crate) fn take(&self, peer: IpAddr) -> Result<Place, TurnedAway> {
        let is_kept = whole(&self.taken).take(peer)?;
        Ok(Place {
            taken: Arc::clone(&self.taken),
            peer,
            is_kept,
        })
    }

    pub(crate) fn taken(&self) -> usize {
        whole(&self.taken).all.all
    }
}

impl Place {
    /// Whether its connection may stay, now that it is known who it is.
    pub(crate) fn settle(&mut self, was_there_before: bool) -> bool {
        if self.is_kept {
            let mut taken = whole(&self.taken);
            if taken.has_ordinary() {
                taken.change(self.peer, |count| count.kept -= 1);
                self.is_kept = false;
            }
        }
        !self.is_kept || was_there_before
    }
}

impl Taken {
    fn has_ordinary(&self) -> bool {
        self.all.all - self.all.kept < self.most - self.kept
    }

    /// Whether the place is one of those that are kept.
    fn take(&mut self, peer: IpAddr) -> Result<bool, TurnedAway> {
        let is_kept = !self.has_ordinary();
        let most = self.most_per_address;
        let is_full = |kind: fn(Count) -> usize| {
            Network::around(peer).zip(SHARES).any(|(network, share)| {
                let most = kind(most).saturating_mul(times(share));
                let count = self.by_network.get(&network);
                count.is_some_and(|count| kind(*count) >= most)
            })
        };
        if is_full(|count| count.all) {
            return Err(TurnedAway::Address);
        }
        if is_kept && (self.all.kept >= self.kept || is_full(|count| count.kept)) {
            return Err(TurnedAway::Full);
        }
        self.change(peer, |count| {
            count.all += 1;
            count.kept += usize::from(is_kept);
        });
        Ok(is_kept)
    }

    fn change(&mut self, peer: IpAddr, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        for network in Network::around(peer) {
            let count = self.by_network.entry(network).or_default();
            change(count);
            if *count == Count::default() {
                self.by_network.remove(&network);
            }
        }
    }
}

fn times(share: NonZeroU32) -> usize {
    usize::try_from(share.get()).unwrap_or(usize::MAX)
}

/// What it guards is changed in steps that do not panic.
fn whole(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Place {
    fn drop(&mut self) {
        whole(&self.taken).change(self.peer, |count| {
            count.all -= 1;
            count.kept -= usize::from(self.is_kept);
        });
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
        assert!(
            whole(&places.taken).by_network.is_empty(),
            "nobody is remembered"
        );
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
        assert!(
            whole(&places.taken).by_network.is_empty(),
            "nobody is remembered"
        );
    }

    #[test]
    fn without_a_limit_one_address_may_have_all_and_no_more() {
        let places = places(3, 0);
        let all: Vec<_> = (0..3).map(|_| places.take(ip("192.0.2.1"))).collect();
        assert!(all.iter().all(Result::is_ok));
        let more = places.take(ip("192.0.2.1")).err();
        assert_eq!(more, Some(TurnedAway::Full));
    }

    #[test]
    fn what_is_kept_goes_to_those_who_were_there_before_and_is_shared_among_addresses() {
        let places = places(40, 2);
        let peer = |number: u8| IpAddr::from([192, 0, 2, number]);
        let ordinary: Vec<_> = (0..36).map(|i| places.take(peer(i / 2))).collect();
        assert!(ordinary.iter().all(Result::is_ok));
        let mut kept: Vec<_> = (100..104)
            .filter_map(|i| places.take(peer(i)).ok())
            .collect();
        assert_eq!(kept.len(), 4);
        assert_eq!(places.take(peer(200)).err(), Some(TurnedAway::Full));
        assert!(kept[0].settle(true), "it was there before");
        assert!(!kept[1].settle(false), "it was not");
        drop(kept.remove(1));
        let again = places.take(peer(100)).err();
        assert_eq!(again, Some(TurnedAway::Full), "one address has its share");
        drop(ordinary);
        assert!(kept[1].settle(false), "there is room for everybody");
        drop(kept);
        assert_eq!(places.taken(), 0);
        assert!(whole(&places.taken).by_network.is_empty());
    }
}
