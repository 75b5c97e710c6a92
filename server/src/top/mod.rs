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
use crate::network::Network;
use crate::store::DeviceId;

/// Accounts and networks that one table has places for.
pub(crate) const PLACES: usize = 256;

/// Looks at the clocks between two turns: the newer window becomes the older one, and what was that is forgotten.
pub(crate) const LOOKS_PER_TURN: u64 = 5;

struct Window {
    since: Instant,
    messages: Heavy<DeviceId>,
    bytes: Heavy<DeviceId>,
    connections: Heavy<Network>,
    registrations: Heavy<Network>,
    refusals: Heavy<Network>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            since: clock::now(),
            messages: Heavy::new(PLACES),
            bytes: Heavy::new(PLACES),
            connections: Heavy::new(PLACES),
            registrations: Heavy::new(PLACES),
            refusals: Heavy::new(PLACES),
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
    /// Networks that have a connection now: no more than there are connections.
    open: Mutex<HashMap<Network, u64>>,
}

/// An open connection, until it is dropped.
pub(crate) struct Visit {
    top: Arc<Top>,
    network: Network,
}

impl Visit {
    /// A frame goes out to this peer: it may be a refusal.
    pub(crate) fn said(&self, frame: &RelayFrame) {
        if is_refusal(frame) {
            self.top.lock().new.refusals.add(self.network, 1);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut open = whole(&self.top.open);
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
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
        let network = Network::subscriber(peer);
        self.lock().new.connections.add(network, 1);
        *whole(&self.open).entry(network).or_default() += 1;
        Visit {
            top: Arc::clone(self),
            network,
        }
    }

    /// Somebody asked for an account.
    pub(crate) fn registered(&self, peer: IpAddr) {
        let peer = Network::subscriber(peer);
        self.lock().new.registrations.add(peer, 1);
    }

    /// No connection was opened.
    pub(crate) fn turned_away(&self, peer: IpAddr) {
        self.lock().new.refusals.add(Network::subscriber(peer), 1);
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
            connections: heaviest([&old.connections, &new.connections], most),
            registrations: heaviest([&old.registrations, &new.registrations], most),
            refusals: heaviest([&old.refusals, &new.refusals], most),
        }
    }

    /// The networks that have most connections now.
    fn most_open(&self, most: usize) -> Vec<(Network, u64)> {
        let open = whole(&self.open);
        let mut all: Vec<_> = open.iter().map(|(who, count)| (*who, *count)).collect();
        drop(open);
        all.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then(a.cmp(b)));
        all.truncate(most);
        all
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
