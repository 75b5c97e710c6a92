//! Who causes what, in the last minutes: for an operator who looks for whom to ban.
//!
//! In memory only, in tables of a fixed size; told to whoever may open the relay's socket, never logged or stored.
//! Knows who and how much, not what or to whom.

mod heavy;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pawl_wire::{BundleRefusal, ConnectionError, RelayFrame, SubmitRefusal};
use tokio::time::Instant;

use self::heavy::{Heavy, heaviest};
use crate::clock;
use crate::limits::network::Network;
use crate::store::DeviceId;

/// Accounts and networks that one table has places for.
pub(crate) const PLACES: usize = 256;

/// Looks at the clocks between two turns: the newer window becomes the older one, and what was that is forgotten.
pub(crate) const LOOKS_PER_TURN: u64 = 5;

struct Window {
    since: Instant,
    messages: Heavy<DeviceId>,
    bytes: Heavy<DeviceId>,
    connections: Networks,
    registrations: Networks,
    refusals: Networks,
}

/// Networks by what came from them. Of IPv6 the widest that one customer may have has a table of its own: whoever uses
/// each of its /64s a little is in no other.
struct Networks {
    narrow: Heavy<Network>,
    wide: Heavy<Network>,
}

impl Networks {
    fn new() -> Self {
        Self {
            narrow: Heavy::new(PLACES),
            wide: Heavy::new(PLACES),
        }
    }

    fn add(&mut self, peer: IpAddr) {
        let mut ends = Network::ends(peer);
        for (table, network) in [&mut self.narrow, &mut self.wide]
            .into_iter()
            .zip(&mut ends)
        {
            table.add(network, 1);
        }
    }

    fn heaviest(both: [&Self; 2], most: usize) -> Vec<(Network, u64)> {
        let narrow = heaviest(both.map(|window| &window.narrow), PLACES);
        let wide = heaviest(both.map(|window| &window.wide), PLACES);
        merged(narrow, wide, most)
    }
}

/// Wide networks among the narrow ones, where they are more than one narrow one in them.
fn merged(
    narrow: Vec<(Network, u64)>,
    wide: Vec<(Network, u64)>,
    most: usize,
) -> Vec<(Network, u64)> {
    let mut all = narrow.clone();
    all.extend(wide.into_iter().filter(|(wide, of_wide)| {
        let is_one = |(narrow, count): &(Network, u64)| count >= of_wide && wide.holds(narrow);
        !narrow.iter().any(is_one)
    }));
    sorted(all, most)
}

fn sorted(mut all: Vec<(Network, u64)>, most: usize) -> Vec<(Network, u64)> {
    all.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then(a.cmp(b)));
    all.truncate(most);
    all
}

impl Default for Window {
    fn default() -> Self {
        Self {
            since: clock::now(),
            messages: Heavy::new(PLACES),
            bytes: Heavy::new(PLACES),
            connections: Networks::new(),
            registrations: Networks::new(),
            refusals: Networks::new(),
        }
    }
}

#[derive(Default)]
struct Windows {
    old: Window,
    new: Window,
}

#[derive(Default)]
pub(crate) struct Top {
    windows: Mutex<Windows>,
    /// Networks that have a connection now, narrow and wide: no more than twice as many as there are connections.
    open: Mutex<HashMap<Network, u64>>,
}

/// An open connection, until it is dropped.
pub(crate) struct Visit {
    top: Arc<Top>,
    peer: IpAddr,
}

impl Visit {
    /// A frame goes out to this peer: it may be a refusal.
    pub(crate) fn said(&self, frame: &RelayFrame) {
        if is_refusal(frame) {
            self.top.lock().new.refusals.add(self.peer);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut open = whole(&self.top.open);
        for network in Network::ends(self.peer) {
            if let Some(count) = open.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&network);
                }
            }
        }
    }
}

/// Nothing is left half done by a panic but a count, which is off by one then.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The heaviest of each table, with what they caused at least.
pub(crate) struct Heaviest {
    pub(crate) seconds: u64,
    pub(crate) messages: Vec<(DeviceId, u64)>,
    pub(crate) bytes: Vec<(DeviceId, u64)>,
    /// Connections that are open now, and those that were opened.
    pub(crate) open: Vec<(Network, u64)>,
    pub(crate) connections: Vec<(Network, u64)>,
    pub(crate) registrations: Vec<(Network, u64)>,
    pub(crate) refusals: Vec<(Network, u64)>,
}

impl Top {
    /// An envelope came, whatever becomes of it.
    pub(crate) fn submitted(&self, from: DeviceId, bytes: usize) {
        let new = &mut self.lock().new;
        new.messages.add(from, 1);
        new.bytes.add(from, bytes as u64);
    }

    /// A connection was opened.
    pub(crate) fn connected(self: &Arc<Self>, peer: IpAddr) -> Visit {
        self.lock().new.connections.add(peer);
        let mut open = whole(&self.open);
        for network in Network::ends(peer) {
            *open.entry(network).or_default() += 1;
        }
        drop(open);
        Visit {
            top: Arc::clone(self),
            peer,
        }
    }

    /// Somebody asked for an account.
    pub(crate) fn registered(&self, peer: IpAddr) {
        self.lock().new.registrations.add(peer);
    }

    /// No connection was opened.
    pub(crate) fn turned_away(&self, peer: IpAddr) {
        self.lock().new.refusals.add(peer);
    }

    /// Forgets the older window.
    pub(crate) fn turn(&self) {
        let mut windows = self.lock();
        windows.old = std::mem::take(&mut windows.new);
    }

    /// So many of each.
    pub(crate) fn heaviest(&self, most: usize) -> Heaviest {
        let open = self.most_open(most);
        let windows = self.lock();
        let (old, new) = (&windows.old, &windows.new);
        Heaviest {
            seconds: clock::now().duration_since(old.since).as_secs(),
            messages: heaviest([&old.messages, &new.messages], most),
            bytes: heaviest([&old.bytes, &new.bytes], most),
            open,
            connections: Networks::heaviest([&old.connections, &new.connections], most),
            registrations: Networks::heaviest([&old.registrations, &new.registrations], most),
            refusals: Networks::heaviest([&old.refusals, &new.refusals], most),
        }
    }

    /// The networks that have most connections now.
    fn most_open(&self, most: usize) -> Vec<(Network, u64)> {
        let all: Vec<_> = {
            let open = whole(&self.open);
            open.iter().map(|(who, count)| (*who, *count)).collect()
        };
        let (wide, narrow): (Vec<_>, Vec<_>) = all.into_iter().partition(|(who, _)| who.is_site());
        merged(sorted(narrow, PLACES), sorted(wide, PLACES), most)
    }

    fn lock(&self) -> MutexGuard<'_, Windows> {
        whole(&self.windows)
    }
}

/// What the peer caused. That the relay cannot, that a connection is idle and that a newer one took over is not that.
fn is_refusal(frame: &RelayFrame) -> bool {
    match frame {
        RelayFrame::Refused { cause, .. } => *cause != SubmitRefusal::Unavailable,
        RelayFrame::NoBundle { cause, .. } => *cause != BundleRefusal::Unavailable,
        RelayFrame::Error { code, .. } => !matches!(
            code,
            ConnectionError::Unavailable | ConnectionError::TimedOut | ConnectionError::Replaced
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_two_windows_is_forgotten() {
        let top = Arc::<Top>::default();
        let (alice, peer) = (DeviceId(1), IpAddr::from([192, 0, 2, 1]));
        let home = Network::subscriber(peer);
        top.submitted(alice, 300);
        let visit = top.connected(peer);
        top.turn();
        top.submitted(alice, 300);
        assert_eq!(top.heaviest(10).messages, [(alice, 2)]);
        assert_eq!(top.heaviest(10).bytes, [(alice, 600)]);
        assert_eq!(top.heaviest(10).connections, [(home, 1)]);
        top.turn();
        assert_eq!(top.heaviest(10).messages, [(alice, 1)]);
        assert_eq!(top.heaviest(10).connections, []);
        assert_eq!(top.heaviest(10).open, [(home, 1)]);
        drop(visit);
        assert_eq!(top.heaviest(10).open, []);
        assert!(whole(&top.open).is_empty(), "nobody is remembered");
        top.turn();
        assert_eq!(top.heaviest(10).messages, []);
    }

    #[test]
    fn a_customer_of_ipv6_is_there_whichever_part_of_their_network_they_use() {
        let top = Arc::<Top>::default();
        let mut visits = Vec::new();
        for part in 0..1_000 {
            let peer = IpAddr::from([0x2001, 0xdb8, 1, part, 0, 0, 0, 1]);
            visits.push(top.connected(peer));
            top.registered(peer);
            top.turned_away(peer);
        }
        top.registered(IpAddr::from([0x2001, 0xdb8, 9, 7, 0, 0, 0, 1]));
        let site = "2001:db8:1::/48".parse().expect("a network");
        let heaviest = top.heaviest(1);
        for list in [
            heaviest.open,
            heaviest.connections,
            heaviest.registrations,
            heaviest.refusals,
        ] {
            assert_eq!(list, [(site, 1_000)]);
        }
        drop(visits);
        assert!(whole(&top.open).is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_subscriber_of_ipv6_counts_as_one() {
        let top = Top::default();
        for last in 1..=9 {
            let peer = IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, last]);
            top.registered(peer);
        }
        let network = "2001:db8:0:7::/64".parse().expect("a network");
        assert_eq!(top.heaviest(10).registrations, [(network, 9)]);
    }
}
