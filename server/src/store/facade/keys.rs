//! Devices' public keys: what is held, and what is given out.

use rusqlite::Connection;

use super::Store;
use crate::store::{Claimed, DeviceId, Pending, Published, StoreError, Whose, claims, keys};

impl Store {
    /// Adds or replaces a device's public keys.
    pub(crate) async fn publish(
        &self,
        whose: Whose,
        device: DeviceId,
        keys: pawl_wire::PublishedKeys,
    ) -> Result<Pending<Published>, StoreError> {
        let most = self.limits.one_time_keys;
        self.write(whose, move |conn| keys::publish(conn, device, &keys, most))
            .await
    }

    /// What the relay holds of a device's keys, on the writer's thread: behind the uploads that are on
    /// their way, so that it is never told after an upload's answer what was held before that upload.
    pub(crate) async fn stock(
        &self,
        whose: Whose,
        device: DeviceId,
    ) -> Result<Pending<pawl_wire::KeyStock>, StoreError> {
        self.write(whose, move |conn| keys::stock(conn, device))
            .await
    }

    /// Claims a bundle; `low` runs after the commit when few one-time keys are left.
    pub(crate) async fn claim(
        &self,
        whose: Whose,
        claim: pawl_wire::ClaimId,
        address: pawl_wire::DeviceAddress,
        low: impl FnOnce(DeviceId) + Send + 'static,
    ) -> Result<Pending<Claimed>, StoreError> {
        let now = self.time.now();
        let op = move |conn: &Connection| claims::claim(conn, claim, address, now);
        let after = move |claimed: &Result<Claimed, StoreError>| {
            if let Ok(Claimed::Bundle {
                low: Some(device), ..
            }) = claimed
            {
                low(*device);
            }
        };
        self.writer.submit(whose, op, after).await
    }
}
