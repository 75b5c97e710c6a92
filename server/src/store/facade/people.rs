//! What an operator asks of accounts. Erasing goes in slices, so that others are served in between.

use std::collections::HashMap;

use rusqlite::Connection;

use super::Store;
use crate::store::people::{account, devices, end, fullest, last_seq, list, names};
use crate::store::{AccountRow, DeviceId, Erased, StoreError, Whose};

impl Store {
    /// The accounts behind this row, a page of them: where it is empty there are no more.
    pub(crate) async fn accounts(&self, after: i64) -> Result<Vec<AccountRow>, StoreError> {
        let read = move |conn: &Connection| list(conn, after);
        self.readers.submit(Whose::OWN, read).await?.await
    }

    /// The name of each of these devices' accounts that is still there.
    pub(crate) async fn names(
        &self,
        devices: Vec<DeviceId>,
    ) -> Result<HashMap<DeviceId, String>, StoreError> {
        let read = move |conn: &Connection| names(conn, &devices);
        self.readers.submit(Whose::OWN, read).await?.await
    }

    /// The mailboxes in which most bytes wait, with their accounts.
    pub(crate) async fn fullest(&self, most: usize) -> Result<Vec<AccountRow>, StoreError> {
        let read = move |conn: &Connection| fullest(conn, most);
        self.readers.submit(Whose::OWN, read).await?.await
    }

    /// Erases what waits for an account now; `None` where there is no such account.
    pub(crate) async fn erase_mail(&self, name: String) -> Result<Option<Erased>, StoreError> {
        let read = move |conn: &Connection| devices(conn, &name);
        let Some(all) = self.readers.submit(Whose::OWN, read).await?.await? else {
            return Ok(None);
        };
        let mut erased = Erased::default();
        for device in all {
            // What a connection has and did not acknowledge is on disk first, and its sender is answered.
            let last = move |conn: &Connection| last_seq(conn, device);
            let through = self
                .writer
                .open(Whose::OWN, vec![device], last, |_| ())
                .await?
                .await?;
            loop {
                let slice = self.writer.erase(device, through).await?.await?;
                erased.add(slice);
                if slice == Erased::default() {
                    break;
                }
            }
        }
        Ok(Some(erased))
    }

    /// Erases an account with all that is its own; false where there is none. `gone` is told its devices after that.
    pub(crate) async fn erase_account(
        &self,
        name: String,
        gone: impl Fn(DeviceId) + Clone + Send + 'static,
    ) -> Result<bool, StoreError> {
        if self.erase_mail(name.clone()).await?.is_none() {
            return Ok(false);
        }
        loop {
            let of_name = name.clone();
            let read =
                move |conn: &Connection| Ok(account(conn, &of_name)?.zip(devices(conn, &of_name)?));
            let Some((account, devices)) = self.readers.submit(Whose::OWN, read).await?.await?
            else {
                return Ok(true);
            };
            let (all, gone) = (devices.clone(), gone.clone());
            let end = move |conn: &Connection| end(conn, account);
            let tell = move |ended: &Result<bool, StoreError>| {
                if let Ok(true) = ended {
                    all.into_iter().for_each(gone);
                }
            };
            // With the last of its mail, which no connection holds back now.
            if self
                .writer
                .open(Whose::OWN, devices, end, tell)
                .await?
                .await?
            {
                return Ok(true);
            }
        }
    }
}
