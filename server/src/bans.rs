//! Who is shut out, as a running relay knows it: the store's list, looked at every two seconds.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::hub::Hub;
use crate::store::{BanList, DeviceId, Store, StoreError};

/// How long a change may take to be noticed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What somebody who is shut out is told to wait: an operator may think better of it.
pub(crate) const RETRY_MS: u64 = 60 * 60 * 1_000;

#[derive(Default)]
pub(crate) struct Bans(RwLock<Arc<BanList>>);

impl Bans {
    pub(crate) fn is_device_banned(&self, address: IpAddr, device: DeviceId) -> bool {
        let list = self.list();
        list.has_device(device) || list.has_address(address)
    }

    pub(crate) fn is_name_banned(&self, address: IpAddr, username: &str) -> bool {
        let list = self.list();
        list.has_username(username) || list.has_address(address)
    }

    /// Reads the list where it is another; then every connection looks whether it may stay.
    pub(crate) async fn refresh(&self, store: &Store, hub: &Hub) -> Result<(), StoreError> {
        if let Some(list) = store.bans(Some(self.list().number)).await? {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
            hub.bans_changed();
        }
        Ok(())
    }

    /// Never ends.
    pub(crate) async fn watch(&self, store: &Store, hub: &Hub) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = self.refresh(store, hub).await {
                tracing::error!(%error, "cannot read who is shut out");
            }
        }
    }

    fn list(&self) -> Arc<BanList> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
