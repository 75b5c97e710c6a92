//! Who is shut out, as a running relay knows it: the store's list, looked at every two seconds. The last one
//! that could be read counts until there is another.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use crate::routing::hub::Hub;
use crate::store::{BanList, DeviceId, Store, StoreError};

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

    fn list(&self) -> Arc<BanList> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
