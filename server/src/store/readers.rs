//! Threads that read, each on its own connection: catch-up reads and look-ups never wait for a write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Metrics;

use super::{OpenError, Pending, StoreError, schema};

/// Threads: reads are short and mostly from memory, so two keep a slow disk read from blocking all.
const THREADS: usize = 2;

/// Reads that may wait per thread, a bound on memory; a full queue holds back its connections.
pub(super) const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    queues: Vec<mpsc::Sender<Job>>,
    next: AtomicUsize,
    metrics: Arc<Metrics>,
}

impl Readers {
    pub(super) fn start(path: &Path, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let queues = (0..THREADS)
            .map(|_| start_one(path))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            queues,
            next: AtomicUsize::new(0),
            metrics,
        })
    }

    /// How many wait.
    pub(super) fn queued(&self) -> u64 {
        let queued = |queue: &mpsc::Sender<_>| (queue.max_capacity() - queue.capacity()) as u64;
        self.queues.iter().map(queued).sum()
    }

    pub(super) async fn submit<T: Send + 'static>(
        &self,
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
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        self.queues[turn]
            .send(job)
            .await
            .map_err(|_| StoreError::Stopped)?;
        Ok(Pending::new(answer))
    }
}

fn start_one(path: &Path) -> Result<mpsc::Sender<Job>, OpenError> {
    let conn = schema::open_reader(path)?;
    let (queue, mut jobs) = mpsc::channel::<Job>(QUEUE);
    std::thread::Builder::new()
        .name("store-reader".into())
        .spawn(move || {
            while let Some(job) = jobs.blocking_recv() {
                job(&conn);
            }
        })
        .map_err(OpenError::Thread)?;
    Ok(queue)
}
