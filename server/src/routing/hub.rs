//! Which devices are connected, and hints to their connections.
//!
//! A hint carries nothing: the connection that gets one looks into the store. A lost or doubled hint
//! therefore loses and doubles nothing. Mail that goes past the disk waits here for its connection, no more
//! than the connection's window. Holds the newest connection of a device only.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::spare::give_back;
use crate::store::{DeviceId, Letter, Outlet};

const MAIL: u8 = 1;
const KEYS_LOW: u8 = 2;
const REPLACED: u8 = 4;
const BANS: u8 = 8;
const LETTERS: u8 = 16;
const ERASED: u8 = 32;

#[derive(Default)]
struct Signal {
    flags: AtomicU8,
    notify: Notify,
    letters: Mutex<VecDeque<Letter>>,
}

impl Signal {
    fn raise(&self, flag: u8) {
        self.flags.fetch_or(flag, Ordering::AcqRel);
        self.notify.notify_one();
    }
}

impl Outlet for Signal {
    fn push(&self, letter: Letter) {
        whole(&self.letters).push_back(letter);
        self.raise(LETTERS);
    }

    fn wake(&self) {
        self.raise(MAIL);
    }

    fn is_replaced(&self) -> bool {
        self.flags.load(Ordering::Acquire) & REPLACED != 0
    }
}

/// Never held across an await; what it guards is whole whatever panicked beside it.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a connection was told since it last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hints(u8);

impl Hints {
    pub(crate) fn mail(self) -> bool {
        self.0 & MAIL != 0
    }

    pub(crate) fn keys_low(self) -> bool {
        self.0 & KEYS_LOW != 0
    }

    pub(crate) fn bans(self) -> bool {
        self.0 & BANS != 0
    }

    pub(crate) fn letters(self) -> bool {
        self.0 & LETTERS != 0
    }

    pub(crate) fn erased(self) -> bool {
        self.0 & ERASED != 0
    }

    pub(crate) fn replaced(self) -> bool {
        self.0 & REPLACED != 0
    }
}

/// The connected devices.
#[derive(Default)]
pub(crate) struct Hub {
    live: Mutex<HashMap<DeviceId, Arc<Signal>>>,
}

impl Hub {
    /// Makes this the device's connection; the one before is told that it was replaced.
    pub(crate) fn connect(self: &Arc<Self>, device: DeviceId) -> Live {
        let signal = Arc::new(Signal::default());
        let before = self.lock().insert(device, Arc::clone(&signal));
        if let Some(before) = before {
            before.raise(REPLACED);
        }
        Live {
            hub: Arc::clone(self),
            device,
            signal,
        }
    }

    /// Who is connected.
    pub(crate) fn devices(&self) -> Vec<DeviceId> {
        self.lock().keys().copied().collect()
    }

    /// There is new mail.
    pub(crate) fn mail(&self, device: DeviceId) {
        self.hint(device, MAIL);
    }

    /// Few one-time keys are left.
    pub(crate) fn keys_low(&self, device: DeviceId) {
        self.hint(device, KEYS_LOW);
    }

    /// The relay does not know this device any more.
    pub(crate) fn erased(&self, device: DeviceId) {
        self.hint(device, ERASED);
    }

    /// Others are shut out than before.
    pub(crate) fn bans_changed(&self) {
        for signal in self.lock().values() {
            signal.raise(BANS);
        }
    }

    fn hint(&self, device: DeviceId, flag: u8) {
        let signal = self.lock().get(&device).cloned();
        if let Some(signal) = signal {
            signal.raise(flag);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, Arc<Signal>>> {
        whole(&self.live)
    }
}

/// A connection's place in the hub; dropping it leaves, unless another has taken the place.
pub(crate) struct Live {
    hub: Arc<Hub>,
    device: DeviceId,
    signal: Arc<Signal>,
}

impl Live {
    /// By which mail reaches this connection without the disk.
    pub(crate) fn outlet(&self) -> Arc<dyn Outlet> {
        Arc::clone(&self.signal) as _
    }

    /// The next mail that came so.
    pub(crate) fn letter(&self) -> Option<Letter> {
        let mut letters = whole(&self.signal.letters);
        let next = letters.pop_front();
        give_back(&mut letters);
        next
    }

    /// Waits for a hint and takes all that came.
    pub(crate) async fn hints(&self) -> Hints {
        loop {
            self.signal.notify.notified().await;
            // What is replaced stays so.
            let flags = self.signal.flags.fetch_and(REPLACED, Ordering::AcqRel);
            if flags != 0 {
                return Hints(flags);
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut live = self.hub.lock();
        if live
            .get(&self.device)
            .is_some_and(|current| Arc::ptr_eq(current, &self.signal))
        {
            live.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_letters_that_was_long_gives_its_memory_back() {
        let hub = Arc::<Hub>::default();
        let live = hub.connect(DeviceId(1));
        let outlet = live.outlet();
        for seq in 1..=64 {
            outlet.push(Letter {
                seq,
                message_id: pawl_wire::MessageId([0; 16]),
                envelope: Vec::new(),
            });
        }
        for seq in 1..=64 {
            assert_eq!(live.letter().map(|letter| letter.seq), Some(seq));
        }
        assert!(live.letter().is_none());
        assert!(whole(&live.signal.letters).capacity() <= crate::spare::KEPT);
    }
}
