//! What the relay asks for itself: how the store is, who is shut out, time, copies, and what is past
//! its time.

use std::sync::Arc;

use rusqlite::Connection;

use super::Store;
use crate::clock;
use crate::metrics::Levels;
use crate::store::folder::folder_of;
use crate::store::{
    BanList, Copying, DeviceId, StoreError, Whose, bans, copying, mail, people, room, schema,
    sweep, time, unused,
};

impl Store {
    /// Writes something small: what this is answered with holds for the disk.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        self.write(Whose::OWN, |conn| Ok(schema::touch(conn)?))
            .await?
            .await
    }

    /// How full the store is.
    pub(crate) async fn levels(&self) -> Result<Levels, StoreError> {
        let (path, room) = (self.path.clone(), Arc::clone(&self.room));
        // The disk too is asked on a thread that may wait for it.
        let read = move |conn: &Connection| {
            let [devices, waiting_messages, waiting_bytes] = mail::waiting(conn)?;
            let accounts = people::count(conn)?;
            let file = std::fs::metadata(&path).map_or(0, |file| file.len());
            let log_bytes = room::log_length(folder_of(&path));
            Ok(Levels {
                accounts,
                devices,
                waiting_messages,
                waiting_bytes,
                store_bytes: file + log_bytes,
                log_bytes,
                free_bytes: room.free(),
                ..Levels::default()
            })
        };
        let levels = self.readers.submit(Whose::OWN, read).await?.await?;
        Ok(Levels {
            queued_writes: self.writer.queued(),
            queued_reads: self.readers.queued(),
            ..levels
        })
    }

    /// Who is shut out, where that is another list than the one with this number. Says also whether the store can be
    /// read and is where it was opened.
    pub(crate) async fn bans(&self, known: Option<i64>) -> Result<Option<BanList>, StoreError> {
        let (place, room) = (Arc::clone(&self.place), Arc::clone(&self.room));
        let read = move |conn: &Connection| {
            place.check()?;
            room.look(conn)?;
            bans::changed(conn, known)
        };
        self.readers.submit(Whose::OWN, read).await?.await
    }

    /// Lets the relay's time go on, and says so when the machine's clock jumped.
    pub(crate) async fn go_on(&self) -> Result<(), StoreError> {
        let time = Arc::clone(&self.time);
        let look = {
            let time = Arc::clone(&time);
            move |conn: &Connection| time.look(conn, clock::now(), clock::wall_ms())
        };
        let keep = move |seen: &Result<time::Seen, StoreError>| {
            if let Ok(seen) = seen {
                time.keep(seen);
            }
        };
        if let Some(jump) = self
            .writer
            .submit(Whose::OWN, look, keep)
            .await?
            .await?
            .jump
        {
            tracing::warn!(
                ?jump,
                "the machine's clock jumped, or the machine slept: what waits does not expire by that"
            );
            self.metrics.clock_jumps.add(1);
        }
        Ok(())
    }

    /// Begins a copy; none while another one is made.
    ///
    /// # Errors
    /// Where there is no thread for it.
    pub(crate) fn copy(&self) -> std::io::Result<Option<Copying>> {
        let Ok(place) = Arc::clone(&self.copies).try_acquire_owned() else {
            return Ok(None);
        };
        copying::start(folder_of(&self.path).to_owned(), place).map(Some)
    }

    /// Erases what is past its time, a bounded slice; true when there may be more.
    pub(crate) async fn sweep(&self) -> Result<bool, StoreError> {
        let (now, lifetime) = (self.time.now(), self.limits.mail_lifetime);
        self.write(Whose::OWN, move |conn| sweep::sweep(conn, now, lifetime))
            .await?
            .await
    }

    /// Begins to keep the days of accounts' last use, or forgets those that were kept.
    pub(crate) async fn begin_days(&self) -> Result<(), StoreError> {
        let today = self.today();
        self.write(Whose::OWN, move |conn| unused::begin(conn, today))
            .await?
            .await
    }

    /// Erases accounts that nobody used for `--account-days`, a bounded slice; true when there may be more. Whoever is
    /// `connected` uses theirs.
    pub(crate) async fn sweep_accounts(
        &self,
        connected: Vec<DeviceId>,
    ) -> Result<bool, StoreError> {
        let (Some(today), Some(days)) = (self.today(), self.limits.account_days) else {
            return Ok(false);
        };
        let op = move |conn: &Connection| {
            for device in connected {
                unused::note(conn, device, today)?;
            }
            unused::sweep(conn, today.saturating_sub(i64::from(days.get())))
        };
        self.write(Whose::OWN, op).await?.await
    }
}
