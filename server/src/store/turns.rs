//! A queue in front of a store's thread in which everybody has their turn.
//!
//! Whose turn it is goes round by network, and within a network by device: what one person asks for over many
//! connections waits for that person's own turns. What one device asks for stays in its order. A group that the thread
//! does at once has a bounded part of each network while others wait. Bounded: when much waits, each device may add one
//! more and then waits until all of its own is taken. Knows nothing of what is queued.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::DeviceId;
use crate::clock;
use crate::limits::network::Network;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose {
    /// Nobody's network is the relay's own.
    network: Option<Network>,
    device: DeviceId,
}

impl Whose {
    /// The relay itself, and its operator.
    pub(crate) const OWN: Self = Self {
        network: None,
        device: DeviceId::NOBODY,
    };

    /// A device that is connected from this address. Of IPv6 the widest network counts that one customer may have.
    pub(crate) fn device(address: IpAddr, device: DeviceId) -> Self {
        Self {
            network: Network::around(address).last(),
            device,
        }
    }

    /// Who has not shown yet which device it is. It asks for one thing at a time, so that each has a number of its own,
    /// below those of all rows.
    pub(crate) fn stranger(address: IpAddr) -> Self {
        static NEXT: AtomicI64 = AtomicI64::new(-1);
        Self::device(address, DeviceId(NEXT.fetch_sub(1, Ordering::Relaxed)))
    }
}

/// What a thread finds.
pub(super) enum Found<T> {
    Item(T),
    /// Nothing, until a moment that it named.
    Due,
    /// Nothing, and nothing will come.
    End,
}

pub(super) struct Turns<T> {
    inner: Mutex<Inner<T>>,
    ready: Condvar,
    /// When more are queued, who adds one waits.
    most: usize,
    /// Of one network in a group, while others wait.
    part: usize,
}

struct Inner<T> {
    networks: HashMap<Option<Network>, Waiting<T>>,
    /// Networks with something queued, the next one first.
    ring: VecDeque<Option<Network>>,
    /// Those that had their part of this group.
    resting: VecDeque<Option<Network>>,
    /// Networks that have something in this group.
    served: usize,
    group: u64,
    queued: usize,
    is_closed: bool,
}

/// What a network has queued.
struct Waiting<T> {
    lines: HashMap<DeviceId, Line<T>>,
    ring: VecDeque<DeviceId>,
    /// How many were taken into which group.
    taken: usize,
    group: u64,
}

struct Line<T> {
    items: VecDeque<T>,
    /// Dropped when the line is empty.
    waiters: Vec<oneshot::Sender<()>>,
}

impl<T> Turns<T> {
    pub(super) fn new(most: usize, part: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                networks: HashMap::new(),
                ring: VecDeque::new(),
                resting: VecDeque::new(),
                served: 0,
                group: 0,
                queued: 0,
                is_closed: false,
            }),
            ready: Condvar::new(),
            most,
            part,
        }
    }

    /// Queues it, and then waits where too much is queued. False when the queue is closed.
    pub(super) async fn push(&self, whose: Whose, item: T) -> bool {
        let wait = {
            let mut inner = self.inner();
            if inner.is_closed {
                return false;
            }
            inner.push(whose, item, self.most)
        };
        self.ready.notify_one();
        if let Some(wait) = wait {
            // Its end is the sign.
            let _ = wait.await;
        }
        true
    }

    /// How many are queued.
    pub(super) fn queued(&self) -> u64 {
        self.inner().queued as u64
    }

    /// The first of a new group. Waits for it, until `due` where there is such a moment.
    pub(super) fn first(&self, due: Option<Instant>) -> Found<T> {
        let mut inner = self.inner();
        inner.begin_group();
        loop {
            if let Some(item) = inner.pop(self.part) {
                return Found::Item(item);
            }
            if inner.is_closed {
                return Found::End;
            }
            let Some(due) = due else {
                let woken = self.ready.wait(inner);
                inner = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = due.saturating_duration_since(clock::now());
            if left.is_zero() {
                return Found::Due;
            }
            let woken = self.ready.wait_timeout(inner, left);
            inner = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// One more of the same group.
    pub(super) fn more(&self) -> Option<T> {
        self.inner().pop(self.part)
    }

    /// Nothing more comes; what is queued can be taken.
    pub(super) fn close(&self) {
        self.inner().is_closed = true;
        self.ready.notify_all();
    }

    /// Nobody takes anything any more.
    pub(super) fn abandon(&self) {
        self.close();
        let mut inner = self.inner();
        let left = std::mem::take(&mut inner.networks);
        inner.ring.clear();
        inner.resting.clear();
        inner.queued = 0;
        drop(inner);
        // Outside of the lock: whoever waits for an answer may ask again.
        drop(left);
    }

    /// Nothing is left half done by a panic: what is done under the lock cannot panic but for want of memory.
    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Inner<T> {
    fn push(&mut self, whose: Whose, item: T, most: usize) -> Option<oneshot::Receiver<()>> {
        let Whose { network, device } = whose;
        let waiting = self.networks.entry(network).or_insert_with(|| {
            self.ring.push_back(network);
            Waiting {
                lines: HashMap::new(),
                ring: VecDeque::new(),
                taken: 0,
                group: 0,
            }
        });
        let line = waiting.lines.entry(device).or_insert_with(|| {
            waiting.ring.push_back(device);
            Line {
                items: VecDeque::new(),
                waiters: Vec::new(),
            }
        });
        line.items.push_back(item);
        self.queued += 1;
        // The relay's own are few, and others wait for them.
        if self.queued <= most || network.is_none() {
            return None;
        }
        let (waiter, wait) = oneshot::channel();
        line.waiters.push(waiter);
        Some(wait)
    }

    fn begin_group(&mut self) {
        self.group += 1;
        self.served = 0;
        self.ring.append(&mut self.resting);
    }

    fn pop(&mut self, part: usize) -> Option<T> {
        let network = match self.ring.pop_front() {
            Some(network) => network,
            // Who is alone in a group may fill it.
            None if self.served == 1 => self.resting.pop_front()?,
            None => return None,
        };
        let waiting = self.networks.get_mut(&network)?;
        if waiting.group != self.group {
            waiting.group = self.group;
            waiting.taken = 0;
            self.served += 1;
        }
        waiting.taken += 1;
        let item = waiting.pop()?;
        self.queued -= 1;
        if waiting.lines.is_empty() {
            self.networks.remove(&network);
        } else if waiting.taken >= part {
            self.resting.push_back(network);
        } else {
            self.ring.push_back(network);
        }
        Some(item)
    }
}

impl<T> Waiting<T> {
    fn pop(&mut self) -> Option<T> {
        let device = self.ring.pop_front()?;
        let line = self.lines.get_mut(&device)?;
        let item = line.items.pop_front();
        if line.items.is_empty() {
            self.lines.remove(&device);
        } else {
            self.ring.push_back(device);
        }
        item
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
