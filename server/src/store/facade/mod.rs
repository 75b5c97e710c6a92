//! The store, as the rest of the relay knows it: what is asked of the writer, and what of the readers.
//!
//! What is done with the tables is in the files beside this folder, which are given a connection.

mod directory;
mod keys;
mod mailboxes;
mod people;
mod upkeep;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use pawl_wire::{Epoch, Registration};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::folder::OwnFolder;
use super::{
    OpenError, Pending, StoreError, Wake, Whose, inbox, place, readers, room, schema, time, unused,
};
use crate::clock;
use crate::config::{Config, Limits};
use crate::metrics::Metrics;

/// The relay's store.
pub(crate) struct Store {
    writer: inbox::Writer,
    time: Arc<time::Time>,
    metrics: Arc<Metrics>,
    readers: readers::Readers,
    epoch: Epoch,
    limits: Limits,
    registration: Registration,
    path: PathBuf,
    is_new: bool,
    place: Arc<place::Place>,
    room: Arc<room::Room>,
    /// One copy is made at a time.
    copies: Arc<Semaphore>,
    lock: File,
}

impl Store {
    /// Opens or makes the store in `folder`; `fresh` becomes the epoch of a new one. `wake` is called when mail
    /// for a device is on disk.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(
        config: &Config,
        fresh: Epoch,
        metrics: Arc<Metrics>,
        wake: Wake,
    ) -> Result<Self, OpenError> {
        let folder = OwnFolder::take(&config.data)?;
        let room = Arc::new(room::Room::new(&config.data, &config.limits));
        let (conn, epoch) =
            room.open(|| schema::open_writer(&folder.path, fresh, clock::wall_ms()))?;
        room.look(&conn)?;
        if folder.is_new && folder.is_new_above {
            tracing::warn!(
                "a new store was made, and the folder above its own too: look whether --data is right and its disk is there"
            );
        }
        let time = Arc::new(time::Time::open(&conn, clock::now())?);
        let writer = inbox::Writer::start(
            conn,
            config.limits.clone(),
            Arc::clone(&metrics),
            Arc::clone(&time),
            Arc::clone(&room),
            wake,
        );
        Ok(Self {
            readers: readers::Readers::start(&folder.path, Arc::clone(&metrics))?,
            writer: writer.map_err(OpenError::Thread)?,
            time,
            metrics,
            epoch,
            limits: config.limits.clone(),
            registration: config.registration,
            place: Arc::new(place::Place::new(&folder.path, folder.opened)),
            room,
            copies: Arc::new(Semaphore::new(1)),
            path: folder.path,
            is_new: folder.is_new,
            lock: folder.lock,
        })
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether it was made just now.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Finishes what is queued, closes the file for writing and lets another relay have it.
    pub(crate) async fn stop(&self) {
        if let Err(error) = self.go_on().await {
            tracing::warn!(%error, "the relay's time stays where it was");
        }
        self.writer.stop();
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock stays until this process ends");
        }
    }

    /// The day, where the last use of accounts is kept.
    fn today(&self) -> Option<i64> {
        let is_kept = self.limits.account_days.is_some();
        is_kept.then(|| unused::day(self.time.now()))
    }

    async fn write<T: Send + 'static>(
        &self,
        whose: Whose,
        op: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Pending<T>, StoreError> {
        self.writer.submit(whose, op, |_| ()).await
    }
}
