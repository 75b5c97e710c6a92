//! The one thread that writes: group commit, and the mail that need not be written.
//!
//! It commits at once when it is idle, else everything that queued meanwhile, up to [`GROUP`]. A job
//! is answered only after the commit that holds it, so that `Stored` never lies. A job that fails or
//! panics is undone by itself; the others of its group stand. Mail for a device that is connected and has
//! everything goes to it at once (`live`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pawl_wire::Submit;
use rusqlite::Connection;

use super::jobs::{self, Job, Reply};
use super::live::{Listener, LiveMail, OnDisk, Submission, Taken, Write};
use super::message::{Message, QUEUE, Taker};
use super::people::{self, Erased};
use super::room::Room;
use super::shares::Shares;
use super::time::Time;
use super::turns::Found;
use super::{DeviceId, StoreError, Submitted, mail};
use crate::clock;
use crate::config::Limits;
use crate::metrics::Metrics;

/// Jobs in one commit: beyond this the disk's share of a job's time is already small.
pub(super) const GROUP: usize = 256;

/// Tells a device's connection that there is mail on disk.
pub(crate) type Wake = Arc<dyn Fn(DeviceId) + Send + Sync>;

pub(super) struct Thread {
    conn: Connection,
    limits: Arc<Limits>,
    wake: Wake,
    metrics: Arc<Metrics>,
    time: Arc<Time>,
    room: Arc<Room>,
    live: LiveMail,
    /// Only this thread locks it: jobs that look at it run here too.
    shares: Arc<Mutex<Shares>>,
    group: Vec<Box<dyn Job>>,
    /// Looked at after the commit, which may hold mail for them.
    listeners: Vec<Listener>,
    /// Looked at when what came before them has its numbers.
    hurried: Vec<super::Lane>,
}

impl Thread {
    pub(super) fn new(
        conn: Connection,
        limits: Limits,
        metrics: Arc<Metrics>,
        time: Arc<Time>,
        room: Arc<Room>,
        wake: Wake,
    ) -> Self {
        Self {
            conn,
            wake,
            metrics,
            time,
            room,
            live: LiveMail::new(limits.live_grace),
            shares: Arc::default(),
            limits: Arc::new(limits),
            group: Vec::with_capacity(GROUP),
            listeners: Vec::new(),
            hurried: Vec::new(),
        }
    }

    pub(super) fn run(mut self, Taker(queue): &Taker) {
        let mut stopping = false;
        while !stopping {
            let first = queue.first(self.live.next_due());
            stopping = matches!(first, Found::End);
            let mut next = match first {
                Found::Item(message) => Some(message),
                Found::Due | Found::End => None,
            };
            let mut taken = 0;
            // A message may bring no job, or several: those of a mailbox that is no longer live.
            while let Some(message) = next {
                self.take(message);
                taken += 1;
                let full = taken == QUEUE || self.group.len() >= GROUP;
                next = if full { None } else { queue.more() };
            }
            // First the numbers: what has none yet was not delivered, and what cannot get one joins the group.
            self.reserve();
            self.write(|live, writes| live.write_due(clock::now(), writes));
            for lane in std::mem::take(&mut self.hurried) {
                self.write(|live, writes| live.hurry(&lane, writes));
            }
            if stopping {
                self.write(LiveMail::end_all);
            }
            self.commit();
            self.listen();
        }
        // A log left behind is no harm: the next start reads it.
        if let Err(error) = self.conn.pragma_update(None, "wal_checkpoint", "TRUNCATE") {
            tracing::warn!(%error, "the store's log stays beside it");
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Job(job) => self.group.push(job),
            Message::Mail(submission) => {
                let mut disk = None;
                self.write(|live, writes| {
                    if let Taken::Disk(submission) = live.take(*submission, writes) {
                        disk = Some(submission);
                    }
                });
                if let Some(submission) = disk {
                    self.append(submission);
                }
            }
            Message::Acknowledge(device, through) => self.acknowledge(device, through),
            Message::Open(devices, job) => {
                for device in devices {
                    self.write(|live, writes| live.end(device, None, writes));
                }
                self.group.push(job);
            }
            Message::Listen(listener) => self.listeners.push(listener),
            Message::Leave(device, outlet) => {
                self.listeners
                    .retain(|listener| !Arc::ptr_eq(&listener.outlet, &outlet));
                self.write(|live, writes| live.end(device, Some(&outlet), writes));
            }
            Message::Hurry(lane) => self.hurried.push(lane),
            Message::Erase(device, through, reply) => self.erase(device, through, reply),
        }
    }

    /// Queues what `decide` wants to have written.
    fn write(&mut self, decide: impl FnOnce(&mut LiveMail, &mut Vec<Write>)) {
        let mut writes = Vec::new();
        decide(&mut self.live, &mut writes);
        for write in writes {
            match write {
                Write::Envelope(device, seq, submission) => {
                    self.insert(device, seq, submission, |_| ());
                }
                Write::Unread(device, seq, submission) => {
                    let wake = Arc::clone(&self.wake);
                    self.insert(device, seq, submission, move |device| wake(device));
                }
                Write::LastSeq(device, seq) => {
                    let op = move |conn: &Connection| mail::set_last_seq(conn, device, seq);
                    self.group.push(jobs::job(op, |_| ()).0);
                }
            }
        }
    }

    fn insert(
        &mut self,
        device: DeviceId,
        seq: u64,
        submission: Submission,
        stored: impl FnOnce(DeviceId) + Send + 'static,
    ) {
        let (now, from, shares) = (self.time.now(), submission.from, Arc::clone(&self.shares));
        let room = Arc::clone(&self.room);
        let insert = move |conn: &Connection, submit: &Submit| {
            let size = submit.envelope.len() as u64;
            // Its recipient may have it, and will know it when its sender comes back with it.
            if !room.take(size) {
                return Ok(Submitted::MailboxFull);
            }
            mail::insert(conn, device, seq, submit, now)?;
            lock(&shares).put(device, from, seq, size);
            Ok(Submitted::Stored(device))
        };
        self.envelope(submission, insert, stored);
    }

    fn append(&mut self, submission: Submission) {
        let (limits, wake) = (Arc::clone(&self.limits), Arc::clone(&self.wake));
        let (now, from, shares) = (self.time.now(), submission.from, Arc::clone(&self.shares));
        let room = Arc::clone(&self.room);
        let append = move |conn: &Connection, submit: &Submit| {
            let mut shares = lock(&shares);
            let size = submit.envelope.len() as u64;
            let has_room = |mailbox, waiting| {
                shares.has_room(mailbox, from, size, waiting, &limits) && room.take(size)
            };
            let (submitted, seq) = mail::append(conn, submit, has_room, now)?;
            if let Submitted::Stored(mailbox) = submitted {
                shares.put(mailbox, from, seq, size);
            }
            Ok(submitted)
        };
        self.envelope(submission, append, move |device| wake(device));
    }

    /// Once one of a lane fails, those behind it are not stored either.
    fn envelope(
        &mut self,
        submission: Submission,
        op: impl FnOnce(&Connection, &Submit) -> Result<Submitted, StoreError> + Send + 'static,
        stored: impl FnOnce(DeviceId) + Send + 'static,
    ) {
        let Submission {
            submit,
            lane,
            reply,
            ..
        } = submission;
        let behind = lane.clone();
        let shares = Arc::clone(&self.shares);
        let op = move |conn: &Connection| {
            lane.check()?;
            op(conn, &submit).inspect_err(|_| lane.block())
        };
        let after = move |result: &Result<Submitted, StoreError>| match result {
            Ok(Submitted::Stored(device)) => stored(*device),
            Ok(_) => (),
            Err(_) => {
                behind.block();
                lock(&shares).lose_count();
            }
        };
        self.group.push(jobs::answering(op, after, reply));
    }

    fn acknowledge(&mut self, device: DeviceId, through: u64) {
        let is_on_disk = self.live.acknowledge(device, through);
        let mut shares = lock(&self.shares);
        for (mailbox, from) in self.live.take_heard() {
            shares.learn(mailbox, from);
        }
        shares.acknowledge(device, through);
        drop(shares);
        if is_on_disk {
            let now = self.time.now();
            let op = move |conn: &Connection| mail::acknowledge(conn, device, through, now);
            let failed = |result: &Result<(), StoreError>| {
                if let Err(error) = result {
                    tracing::error!(%error, "the store cannot forget acknowledged mail");
                }
            };
            self.group.push(jobs::job(op, failed).0);
        }
    }

    fn erase(&mut self, device: DeviceId, through: u64, reply: Reply<Erased>) {
        let shares = Arc::clone(&self.shares);
        let behind = Arc::clone(&shares);
        let op = move |conn: &Connection| {
            let (erased, last) = people::erase_slice(conn, device, through)?;
            lock(&shares).erase(device, last);
            Ok(erased)
        };
        let after = move |result: &Result<Erased, StoreError>| {
            if result.is_err() {
                lock(&behind).lose_count();
            }
        };
        self.group.push(jobs::answering(op, after, reply));
    }

    fn commit(&mut self) {
        if self.group.is_empty() {
            return;
        }
        let begun = clock::now();
        let committed = match jobs::commit(&self.conn, &mut self.group) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the store cannot commit");
                jobs::undo(&self.conn);
                if error.is_full {
                    self.room.meet_full_disk();
                }
                false
            }
        };
        self.metrics
            .commits
            .count(self.group.len(), begun.elapsed(), committed);
        for job in self.group.drain(..) {
            job.finish(committed);
        }
    }

    /// Numbers for the mailboxes that have none left, in one commit. Without it they go back to the disk.
    fn reserve(&mut self) {
        let ranges = self.live.take_unreserved();
        if ranges.is_empty() {
            return;
        }
        let write = || -> Result<(), StoreError> {
            let begun = self.conn.unchecked_transaction()?;
            for (device, through) in &ranges {
                mail::set_last_seq(&begun, *device, *through)?;
            }
            Ok(begun.commit()?)
        };
        match write() {
            Ok(()) => self.live.reserved(ranges),
            Err(error) => {
                tracing::error!(%error, "the store cannot reserve numbers");
                if error.is_full() {
                    self.room.meet_full_disk();
                }
                self.write(|live, writes| {
                    for (device, _) in ranges {
                        live.end(device, None, writes);
                    }
                });
            }
        }
    }

    /// Makes mailboxes live that hold nothing new; the others' connections are told to look again.
    fn listen(&mut self) {
        for listener in std::mem::take(&mut self.listeners) {
            // A newer connection has opened the mailbox, or will: the older one must not take its mail.
            if listener.outlet.is_replaced() || self.live.has(listener.device, &listener.outlet) {
                continue;
            }
            if self.live.is_live(listener.device) {
                self.write(|live, writes| live.end(listener.device, None, writes));
                listener.outlet.wake();
                continue;
            }
            match mail::on_disk(&self.conn, listener.device, listener.cursor) {
                Ok(OnDisk::Nothing(empty)) => self.live.begin(listener, empty),
                Ok(OnDisk::More) => listener.outlet.wake(),
                Ok(OnDisk::TooManyIds | OnDisk::Erased) => (),
                // Its mail goes through the disk, and says so itself.
                Err(error) => tracing::error!(%error, "the store cannot look at a mailbox"),
            }
        }
    }
}

/// Nothing is left half done by a panic in [`Shares`]: at worst a count is off.
fn lock(shares: &Mutex<Shares>) -> MutexGuard<'_, Shares> {
    shares.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "rounds_tests.rs"]
mod rounds_tests;
