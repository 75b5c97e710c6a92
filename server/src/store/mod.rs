//! What the relay keeps: accounts, public keys, mail. One SQLite file, one writer, two readers.
//!
//! Owns durability, uniqueness and the limits of what is stored. Knows nothing of sockets: an answer
//! is a [`Pending`], which resolves only when what it says is on disk.

mod accounts;
mod admin;
mod backup;
mod bans;
mod caps;
mod claims;
mod copying;
mod erased;
mod error;
mod examine;
mod fixed;
mod folder;
mod inbox;
mod inspect;
mod invites;
mod jobs;
mod keys;
mod live;
mod mail;
mod pending;
mod people;
mod place;
mod readers;
mod room;
mod rows;
mod schema;
mod shares;
mod streams;
mod sweep;
mod time;
mod turns;
mod unused;
mod writer;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pawl_wire::{Epoch, Register, Registration};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::clock;
use crate::config::{Config, Limits};
use crate::metrics::{Levels, Metrics};

pub(crate) use accounts::{KnownDevice, Opened, Registered};
pub(crate) use admin::{Admin, AdminError};
pub(crate) use backup::{Backup, Take, look, pour, read, restore_from};
pub use backup::{BackupError, restore};
pub(crate) use bans::{Added, Ban, BanList, Banned};
pub(crate) use caps::Capped;
pub(crate) use claims::Claimed;
pub(crate) use copying::{Copying, State as CopyState};
pub use error::OpenError;
pub(crate) use error::StoreError;
pub(crate) use examine::{Health, examine};
pub(crate) use fixed::fixed_limits;
use folder::{folder_of, lock, make_folder, make_private, missing, private, rename_new};
pub(crate) use inspect::{Inspected, inspect, inspect_pipe};
pub(crate) use invites::{Invite, Terms};
pub(crate) use keys::Published;
pub(crate) use live::{Listener, Outlet};
pub(crate) use mail::{Letter, MailRead, Submitted};
pub(crate) use pending::Pending;
pub(crate) use people::{AccountRow, Erased};
pub(crate) use streams::Outgoing;
pub(crate) use turns::Whose;
pub(crate) use writer::Wake;

/// A device's row: what everything of a device is keyed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DeviceId(pub(crate) i64);

impl DeviceId {
    /// No row has it: rows begin at 1.
    const NOBODY: Self = Self(0);
}

impl rusqlite::ToSql for DeviceId {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl rusqlite::types::FromSql for DeviceId {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

/// The envelopes of one connection, in their order. Once one fails, those behind it must not be stored
/// either: they would overtake it when it is sent again.
#[derive(Clone, Default)]
pub(crate) struct Lane(Arc<AtomicBool>);

impl Lane {
    fn check(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::Acquire) {
            return Err(StoreError::BehindFailure);
        }
        Ok(())
    }

    /// Tells lanes apart that are there at a time; a later one may have the number of one that is gone.
    fn number(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn block(&self) {
        self.0.store(true, Ordering::Release);
    }
}

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
    /// Held until the relay ends, also by a crash: two relays on one folder would lose wake-ups.
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
        let folder = config.data.as_path();
        let made = make_folder(folder).map_err(OpenError::Unwritable)?;
        let lock = lock(&folder.join("relay.lock"))?;
        let path = folder.join("relay.db");
        let is_new = !path.exists();
        // SQLite would make it for whoever may look into the folder; the files beside it take after it.
        let opened = private()
            .open(&path)
            .and_then(|file| file.metadata())
            .map_err(OpenError::Unwritable)?;
        let room = Arc::new(room::Room::new(folder, &config.limits));
        let (conn, epoch) = room.open(|| schema::open_writer(&path, fresh, clock::wall_ms()))?;
        room.look(&conn)?;
        if is_new && made > 1 {
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
            readers: readers::Readers::start(&path, Arc::clone(&metrics))?,
            writer: writer.map_err(OpenError::Thread)?,
            time,
            metrics,
            epoch,
            limits: config.limits.clone(),
            registration: config.registration,
            place: Arc::new(place::Place::new(&path, opened)),
            room,
            copies: Arc::new(Semaphore::new(1)),
            path,
            is_new,
            lock,
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

    async fn write<T: Send + 'static>(
        &self,
        whose: Whose,
        op: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Pending<T>, StoreError> {
        self.writer.submit(whose, op, |_| ()).await
    }

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
            let accounts = accounts::count(conn)?;
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
}

#[cfg(test)]
mod one_device;

#[cfg(test)]
#[path = "nobody_tests.rs"]
mod nobody_tests;
