//! Mail: in, out, and forgotten.

use std::sync::Arc;

use rusqlite::Connection;

use super::Store;
use crate::store::{
    DeviceId, Lane, Listener, MailRead, Opened, Outlet, Pending, StoreError, Submitted, Whose,
    accounts, mail, unused,
};

impl Store {
    /// Begins a connection: forgets what the device has on disk and says what the relay holds. None where the device was
    /// erased since it was found.
    pub(crate) async fn open_mailbox(
        &self,
        whose: Whose,
        device: DeviceId,
        last_seq: u64,
    ) -> Result<Option<Opened>, StoreError> {
        let (now, today) = (self.time.now(), self.today());
        let op = move |conn: &Connection| {
            if let Some(today) = today {
                unused::note(conn, device, today)?;
            }
            accounts::open_mailbox(conn, device, last_seq, now)
        };
        let opened = self.writer.open(whose, vec![device], op, |_| ());
        opened.await?.await
    }

    /// The connection has all mail and has acknowledged it: what comes now goes to it at once. It is woken
    /// when that is not so, or no longer.
    pub(crate) async fn listen(&self, whose: Whose, listener: Listener) -> Result<(), StoreError> {
        self.writer.listen(whose, listener).await
    }

    /// What came on this lane waits for no acknowledgement any more: it is written now.
    pub(crate) async fn hurry(&self, whose: Whose, lane: &Lane) -> Result<(), StoreError> {
        self.writer.hurry(whose, lane.clone()).await
    }

    /// The connection of this outlet has ended.
    pub(crate) async fn leave(
        &self,
        whose: Whose,
        device: DeviceId,
        outlet: Arc<dyn Outlet>,
    ) -> Result<(), StoreError> {
        self.writer.leave(whose, device, outlet).await
    }

    /// Puts an envelope into a mailbox: answered when it is on disk, or when its recipient has it. After a
    /// failure nothing more is taken on the same lane.
    pub(crate) async fn submit(
        &self,
        whose: Whose,
        lane: &Lane,
        from: DeviceId,
        submit: pawl_wire::Submit,
    ) -> Result<Pending<Submitted>, StoreError> {
        self.writer.mail(whose, from, submit, lane.clone()).await
    }

    /// Reads mail after `cursor`, at most so many messages and about so many bytes.
    pub(crate) async fn read_mail(
        &self,
        whose: Whose,
        device: DeviceId,
        cursor: u64,
        messages: usize,
        bytes: usize,
    ) -> Result<Pending<MailRead>, StoreError> {
        self.readers
            .submit(whose, move |conn| {
                mail::read_after(conn, device, cursor, messages, bytes)
            })
            .await
    }

    /// Forgets mail up to and with `through`.
    pub(crate) async fn acknowledge(
        &self,
        whose: Whose,
        device: DeviceId,
        through: u64,
    ) -> Result<(), StoreError> {
        self.writer.acknowledge(whose, device, through).await
    }
}
