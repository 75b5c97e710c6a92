//! What the writer's thread does in a group: a piece of work, who waits for it, and what follows its commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Pending, StoreError};

/// Where an answer is waited for.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) trait Job: Send {
    /// True when the job's changes are to be kept.
    fn run(&mut self, conn: &Connection) -> bool;
    fn finish(self: Box<Self>, committed: bool);
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

/// Runs all jobs in one commit.
pub(super) fn commit(conn: &Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
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

/// Ends what a failed commit left open.
pub(super) fn undo(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "the store cannot roll back");
    }
}
