//! Who is who: accounts, their names and devices.

use std::sync::Arc;

use pawl_wire::Register;
use rusqlite::Connection;

use super::Store;
use crate::store::{
    DeviceId, KnownDevice, Pending, Registered, StoreError, Whose, accounts, caps, room,
};

impl Store {
    /// The device's row and key, if the relay knows it.
    pub(crate) async fn find_device(
        &self,
        whose: Whose,
        address: pawl_wire::DeviceAddress,
    ) -> Result<Option<KnownDevice>, StoreError> {
        let read = move |conn: &Connection| accounts::find_device(conn, address);
        self.readers.submit(whose, read).await?.await
    }

    /// The device that registered last; nobody's where there is none.
    pub(crate) async fn newest_device(&self) -> Result<DeviceId, StoreError> {
        let read = accounts::newest_device;
        self.readers.submit(Whose::OWN, read).await?.await
    }

    /// The signed record of the account that has this name.
    pub(crate) async fn look_up(
        &self,
        whose: Whose,
        username: pawl_wire::Username,
    ) -> Result<Pending<Option<Vec<u8>>>, StoreError> {
        self.readers
            .submit(whose, move |conn| accounts::look_up(conn, &username))
            .await
    }

    /// Registers an account with its first device; its signatures are verified already.
    pub(crate) async fn register(
        &self,
        whose: Whose,
        register: Register,
    ) -> Result<Registered, StoreError> {
        let mut admission = accounts::Admission {
            registration: self.registration,
            now: self.time.now(),
            most_keys: self.limits.one_time_keys,
            today: self.today(),
            has_room: false,
            caps: caps::Caps::from(&self.limits),
        };
        let room = Arc::clone(&self.room);
        let op = move |conn: &Connection| {
            admission.has_room = room.take(room::ACCOUNT);
            accounts::register(conn, &register, admission)
        };
        self.write(whose, op).await?.await
    }
}
