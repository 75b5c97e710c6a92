//! The one thread that writes: a bounded queue of jobs and group commit.
//!
//! It commits at once when it is idle, else everything that queued meanwhile, up to [`GROUP`]. A job
//! is answered only after the commit that holds it, so that `Stored` never lies. A job that fails or
//! panics is undone by itself; the others of its group stand. Design, section 6.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{Pending, StoreError};
use crate::clock;
use crate::metrics::Metrics;

/// Jobs that may wait: more than a group, so that the thread is never starved, and a bound on memory
/// (each holds one frame at most). A full queue holds back the connections that fill it.
const QUEUE: usize = 512;

/// Jobs in one commit: beyond this the disk's share of a job's time is already small.
const GROUP: usize = 256;

pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(conn: Connection, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&conn, messages, &metrics))?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues `op`; the answer comes after its commit, and `after` sees it on the thread before that.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        op: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        after: impl FnOnce(&Result<T, StoreError>) + Send + 'static,
    ) -> Result<Pending<T>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Task {
            op: Some(op),
            after,
            result: Err(StoreError::Stopped),
            reply,
        };
        self.queue
            .send(Message::Job(Box::new(job)))
            .await
            .map_err(|_| StoreError::Stopped)?;
        Ok(Pending::new(answer))
    }

    /// Finishes what is queued and closes the file; what comes later is refused.
    pub(super) async fn stop(&self) {
        // Fails only when the thread has ended already.
        let _ = self.queue.send(Message::Stop).await;
        let mut place = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = place.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer had stopped with a panic");
        }
    }
}

enum Message {
    Job(Box<dyn Job>),
    Stop,
}

trait Job: Send {
    fn run(&mut self, conn: &Connection) -> bool;
    fn finish(self: Box<Self>, committed: bool);
}

struct Task<T, O, A> {
    op: Option<O>,
    after: A,
    result: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, O, A> Job for Task<T, O, A>
where
    T: Send,
    O: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    A: FnOnce(&Result<T, StoreError>) + Send,
{
    /// True when the job's changes are to be kept.
    fn run(&mut self, conn: &Connection) -> bool {
        let Some(op) = self.op.take() else {
            return false;
        };
        self.result = catch_unwind(AssertUnwindSafe(|| op(conn))).unwrap_or_else(|_| {
            tracing::error!("a store job panicked and was undone");
            Err(StoreError::Panicked)
        });
        self.result.is_ok()
    }

    fn finish(self: Box<Self>, committed: bool) {
        let result = match self.result {
            Ok(_) | Err(StoreError::Stopped) if !committed => Err(StoreError::NotCommitted),
            other => other,
        };
        (self.after)(&result);
        // Nobody waits any more when the connection is gone; the commit stands.
        let _ = self.reply.send(result);
    }
}

fn run(conn: &Connection, mut queue: mpsc::Receiver<Message>, metrics: &Metrics) {
    let mut group: Vec<Box<dyn Job>> = Vec::with_capacity(GROUP);
    let mut stopping = false;
    while !stopping {
        let mut next = queue.blocking_recv();
        stopping = next.is_none();
        while let Some(message) = next {
            match message {
                Message::Job(job) => group.push(job),
                Message::Stop => stopping = true,
            }
            let full = stopping || group.len() == GROUP;
            next = if full { None } else { queue.try_recv().ok() };
        }
        let begun = clock::now();
        let committed = match commit(conn, &mut group) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the store cannot commit");
                undo(conn);
                false
            }
        };
        metrics
            .commits
            .count(group.len(), begun.elapsed(), committed);
        for job in group.drain(..) {
            job.finish(committed);
        }
    }
    // A log left behind is no harm: the next start reads it.
    if let Err(error) = conn.pragma_update(None, "wal_checkpoint", "TRUNCATE") {
        tracing::warn!(%error, "the store's log stays beside it");
    }
}

fn commit(conn: &Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for job in group.iter_mut() {
        conn.prepare_cached("SAVEPOINT job")?.execute([])?;
        if !job.run(conn) {
            // After a full disk or a read error SQLite may have undone the whole group: then this
            // fails, and nobody of the group is told that anything was stored.
            conn.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        conn.prepare_cached("RELEASE job")?.execute([])?;
    }
    conn.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

fn undo(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "the store cannot roll back");
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
