//! What the writer's thread does in a group: a piece of work, who waits for it, and what follows its commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Pending, StoreError};

/// Where an answer is waited for.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) trait Job: Send {
    /// Does it.
    ///
    /// # Errors
    /// Why its changes are not to be kept.
    fn run(&mut self, conn: &Connection) -> Result<(), Fault>;
    fn finish(self: Box<Self>, committed: bool);
}

/// Why a job or a commit failed, for the log.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Fault {
    text: String,
    pub(super) is_full: bool,
}

impl From<&StoreError> for Fault {
    fn from(error: &StoreError) -> Self {
        Self {
            text: error.to_string(),
            is_full: error.is_full(),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        (&StoreError::from(error)).into()
    }
}

pub(super) struct Task<T, O, A> {
    op: Option<O>,
    after: A,
    result: Result<T, StoreError>,
    reply: Reply<T>,
}

/// A job that answers `reply` after its commit; `after` sees the answer before that.
pub(super) fn answering<T, O, A>(op: O, after: A, reply: Reply<T>) -> Box<dyn Job>
where
    T: Send + 'static,
    O: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    A: FnOnce(&Result<T, StoreError>) + Send + 'static,
{
    Box::new(Task {
        op: Some(op),
        after,
        result: Err(StoreError::Stopped),
        reply,
    })
}

/// A job and its answer.
pub(super) fn job<T, O, A>(op: O, after: A) -> (Box<dyn Job>, Pending<T>)
where
    T: Send + 'static,
    O: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    A: FnOnce(&Result<T, StoreError>) + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (answering(op, after, reply), Pending::new(answer))
}

impl<T, O, A> Job for Task<T, O, A>
where
    T: Send,
    O: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    A: FnOnce(&Result<T, StoreError>) + Send,
{
    fn run(&mut self, conn: &Connection) -> Result<(), Fault> {
        let Some(op) = self.op.take() else {
            return Err((&StoreError::Stopped).into());
        };
        self.result = catch_unwind(AssertUnwindSafe(|| op(conn))).unwrap_or_else(|_| {
            tracing::error!("a store job panicked and was undone");
            Err(StoreError::Panicked)
        });
        self.result.as_ref().map(|_| ()).map_err(Fault::from)
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

/// Runs all jobs in one commit. A full disk fails all of them.
///
/// # Errors
/// The first fault, not one of the clean-up after it.
pub(super) fn commit(conn: &Connection, group: &mut [Box<dyn Job>]) -> Result<(), Fault> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for job in group.iter_mut() {
        conn.prepare_cached("SAVEPOINT job")?.execute([])?;
        if let Err(fault) = job.run(conn) {
            let undo = || conn.prepare_cached("ROLLBACK TO job")?.execute([]);
            // After a full disk or a read error SQLite may have undone the whole group: then this
            // fails, and nobody of the group is told that anything was stored.
            if fault.is_full || undo().is_err() {
                return Err(fault);
            }
        }
        conn.prepare_cached("RELEASE job")?.execute([])?;
    }
    conn.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

/// Ends what a failed commit left open.
pub(super) fn undo(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "the store cannot roll back");
    }
}

#[cfg(test)]
#[path = "jobs_tests.rs"]
mod tests;
