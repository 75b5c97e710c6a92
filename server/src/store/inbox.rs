//! How the writer's thread is asked: everybody's messages have their turn, and the answers come later.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use pawl_wire::Submit;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::jobs;
use super::live::{Listener, Outlet, Submission};
use super::message::{Message, PART, QUEUE, Taker};
use super::people::Erased;
use super::room::Room;
use super::time::Time;
use super::turns::{Turns, Whose};
use super::writer::{Thread, Wake};
use super::{DeviceId, Lane, Pending, StoreError, Submitted};
use crate::config::Limits;
use crate::metrics::Metrics;

pub(super) struct Writer {
    queue: Arc<Turns<Message>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives none.
    pub(super) fn start(
        conn: Connection,
        limits: Limits,
        metrics: Arc<Metrics>,
        time: Arc<Time>,
        room: Arc<Room>,
        wake: Wake,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Turns::new(QUEUE, PART));
        let taker = Taker(Arc::clone(&queue));
        let thread = Thread::new(conn, limits, metrics, time, room, wake);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.run(&taker))?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues `op`; the answer comes after its commit, and `after` sees it on the thread before that.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        whose: Whose,
        op: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        after: impl FnOnce(&Result<T, StoreError>) + Send + 'static,
    ) -> Result<Pending<T>, StoreError> {
        let (job, answer) = jobs::job(op, after);
        self.send(whose, Message::Job(job)).await?;
        Ok(answer)
    }

    /// Queues an envelope.
    pub(super) async fn mail(
        &self,
        whose: Whose,
        from: DeviceId,
        submit: Submit,
        lane: Lane,
    ) -> Result<Pending<Submitted>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let submission = Submission {
            from,
            submit,
            lane,
            reply,
        };
        self.send(whose, Message::Mail(Box::new(submission)))
            .await?;
        Ok(Pending::new(answer))
    }

    /// Queues an acknowledgement. It has no answer: where it fails, mail comes once more that the device knows.
    pub(super) async fn acknowledge(
        &self,
        whose: Whose,
        device: DeviceId,
        through: u64,
    ) -> Result<(), StoreError> {
        self.send(whose, Message::Acknowledge(device, through))
            .await
    }

    /// Queues what has all of these devices' mail on disk: their connections are live no longer.
    pub(super) async fn open<T: Send + 'static>(
        &self,
        whose: Whose,
        devices: Vec<DeviceId>,
        op: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        after: impl FnOnce(&Result<T, StoreError>) + Send + 'static,
    ) -> Result<Pending<T>, StoreError> {
        let (job, answer) = jobs::job(op, after);
        self.send(whose, Message::Open(devices, job)).await?;
        Ok(answer)
    }

    /// Queues the erasing of a slice of what waits for a device, up to a number.
    pub(super) async fn erase(
        &self,
        device: DeviceId,
        through: u64,
    ) -> Result<Pending<Erased>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Whose::OWN, Message::Erase(device, through, reply))
            .await?;
        Ok(Pending::new(answer))
    }

    /// A connection has everything. It is woken when that is not so.
    pub(super) async fn listen(&self, whose: Whose, listener: Listener) -> Result<(), StoreError> {
        self.send(whose, Message::Listen(listener)).await
    }

    /// What came on this lane is written now.
    pub(super) async fn hurry(&self, whose: Whose, lane: Lane) -> Result<(), StoreError> {
        self.send(whose, Message::Hurry(lane)).await
    }

    /// A connection ended.
    pub(super) async fn leave(
        &self,
        whose: Whose,
        device: DeviceId,
        outlet: Arc<dyn Outlet>,
    ) -> Result<(), StoreError> {
        self.send(whose, Message::Leave(device, outlet)).await
    }

    /// How many wait.
    pub(super) fn queued(&self) -> u64 {
        self.queue.queued()
    }

    async fn send(&self, whose: Whose, message: Message) -> Result<(), StoreError> {
        match self.queue.push(whose, message).await {
            true => Ok(()),
            false => Err(StoreError::Stopped),
        }
    }

    /// Finishes what is queued and closes the file; what comes later is refused.
    pub(super) fn stop(&self) {
        self.queue.close();
        let mut place = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = place.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer had stopped with a panic");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
    }
}
