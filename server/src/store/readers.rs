//! Threads that read, each on its own connection: catch-up reads and look-ups never wait for a write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::metrics::Metrics;

use super::turns::{Found, Turns, Whose};
use super::{OpenError, Pending, StoreError, schema};

/// Threads: reads are short and mostly from memory, so two keep a slow disk read from blocking all.
const THREADS: usize = 2;

/// Reads that may wait, a bound on memory; a full queue holds back the connections that fill it.
pub(super) const QUEUE: usize = 512;

type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    queue: Arc<Turns<Job>>,
    metrics: Arc<Metrics>,
}

impl Readers {
    pub(super) fn start(path: &Path, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        // A read is a group by itself.
        let queue = Arc::new(Turns::new(QUEUE, usize::MAX));
        for _ in 0..THREADS {
            start_one(path, Arc::clone(&queue))?;
        }
        Ok(Self { queue, metrics })
    }

    /// How many wait.
    pub(super) fn queued(&self) -> u64 {
        self.queue.queued()
    }

    pub(super) async fn submit<T: Send + 'static>(
        &self,
        whose: Whose,
        op: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Pending<T>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let metrics = Arc::clone(&self.metrics);
        let job: Job = Box::new(move |conn| {
            let result = catch_unwind(AssertUnwindSafe(|| op(conn)));
            let result = result.unwrap_or(Err(StoreError::Panicked));
            metrics.read_failures.add(u64::from(result.is_err()));
            // Nobody waits any more when the connection is gone.
            let _ = reply.send(result);
        });
        match self.queue.push(whose, job).await {
            true => Ok(Pending::new(answer)),
            false => Err(StoreError::Stopped),
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn start_one(path: &Path, queue: Arc<Turns<Job>>) -> Result<(), OpenError> {
    let conn = schema::open_reader(path)?;
    std::thread::Builder::new()
        .name("store-reader".into())
        .spawn(move || {
            while let Found::Item(job) = queue.first(None) {
                job(&conn);
            }
        })
        .map_err(OpenError::Thread)?;
    Ok(())
}
