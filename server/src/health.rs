//! Whether a relay is ready.
//!
//! Ready is a relay that takes connections, whose store can be read and is where it was
//! opened, and whose disk has just taken a write; a write is tried at most every two seconds, whoever asks. Reading is
//! tried also when nobody asks, so that the log says what is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock;
use crate::limits::bans::Bans;
use crate::routing::hub::Hub;
use crate::store::Store;

/// How long one look at the disk counts.
const FRESH: Duration = Duration::from_secs(2);

/// How long a change of who is shut out, and a store that cannot be read, may take to be noticed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A disk that takes longer for one small read or write serves nobody.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) struct Health {
    store: Arc<Store>,
    bans: Arc<Bans>,
    hub: Arc<Hub>,
    is_leaving: AtomicBool,
    /// The last look at the store failed, which was said.
    is_unreadable: AtomicBool,
    /// Until when the last look counts, and what it showed.
    last: Mutex<Option<(Instant, bool)>>,
}

impl Health {
    pub(crate) fn new(store: Arc<Store>, bans: Arc<Bans>, hub: Arc<Hub>) -> Self {
        Self {
            store,
            bans,
            hub,
            is_leaving: AtomicBool::default(),
            is_unreadable: AtomicBool::default(),
            last: Mutex::default(),
        }
    }

    /// The relay is about to go down: who asks is told to go elsewhere.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }

    pub(crate) async fn is_ready(&self) -> bool {
        if self.is_leaving.load(Ordering::Acquire) {
            return false;
        }
        let mut last = self.last.lock().await;
        if let Some((until, was_ready)) = *last
            && clock::now() < until
        {
            return was_ready;
        }
        let is_ready = self.look().await && self.writes().await;
        *last = Some((clock::deadline(FRESH), is_ready));
        is_ready
    }

    async fn writes(&self) -> bool {
        let writes = tokio::time::timeout(PATIENCE, self.store.probe()).await;
        matches!(writes, Ok(Ok(())))
    }

    /// Looks at the store and who is shut out; says once that this fails, and once that it does no longer.
    async fn look(&self) -> bool {
        let refresh = self.bans.refresh(&self.store, &self.hub);
        let looked = tokio::time::timeout(PATIENCE, refresh).await;
        let fault = match looked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it takes too long".to_owned()),
        };
        let was_said = self.is_unreadable.swap(fault.is_some(), Ordering::AcqRel);
        match &fault {
            Some(fault) if !was_said => tracing::error!(
                %fault,
                "the store cannot be read: the relay is not ready, and whoever was shut out before stays so"
            ),
            None if was_said => tracing::info!("the store can be read again"),
            _ => (),
        }
        fault.is_none()
    }

    /// Never ends.
    pub(crate) async fn watch(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look().await;
        }
    }
}
