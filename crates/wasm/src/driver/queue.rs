//! What waits for the driver, in order. Frames that came one after the other are one piece of work, so that
//! waiting mail is one transaction a window and not one a message. Knows nothing of what is in a frame.

use std::pin::pin;

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use pawl_client::{Command, CommandId, FrameBatch, Hint, Query};

use super::socket::SocketEvent;
use crate::clock::sleep;
use crate::tabs::Asker;

/// Milliseconds without a frame, up to twice as many, after which the rest of a window is waited for no longer while
/// the relay still gives what waited there. It comes sooner wherever a network is not standing still.
const WINDOW_WAIT_MS: u32 = 12;

/// Something for the driver to do.
pub(crate) enum Work {
    /// A page of any tab asks for a change.
    Command { id: CommandId, command: Command },
    /// A page of any tab asks a question.
    Query { asker: Asker, query: Query },
    /// Something happened on the socket of that number; an older one's is out of date.
    Socket { number: u32, event: SocketEvent },
    /// Frames came on the socket of that number, one after the other. Only [`Works::next`] makes these.
    Frames { number: u32, batch: FrameBatch },
    /// The alarm rang.
    Tick,
    /// What a page says that bears on the connection.
    Hint(Hint),
    /// Another tab leads now.
    Deposed,
}

/// The driver's end of the queue.
pub(crate) struct Works {
    queue: mpsc::Receiver<Work>,
    /// What came behind frames that were gathered.
    held: Option<Work>,
}

impl Works {
    pub(crate) fn new(queue: mpsc::Receiver<Work>) -> Self {
        Self { queue, held: None }
    }

    /// What waits, singly.
    pub(crate) fn try_next(&mut self) -> Option<Work> {
        self.held.take().or_else(|| self.queue.try_recv().ok())
    }

    /// What is to be done next; nothing where nobody can ask any more. Waits a little for the rest of a window
    /// where `more_follow`.
    pub(crate) async fn next(&mut self, more_follow: bool) -> Option<Work> {
        let work = match self.held.take() {
            Some(work) => work,
            None => self.queue.next().await?,
        };
        match work {
            Work::Socket {
                number,
                event: SocketEvent::Frame(frame),
            } => Some(self.gather(number, frame, more_follow).await),
            other => Some(other),
        }
    }

    async fn gather(&mut self, number: u32, frame: Vec<u8>, more_follow: bool) -> Work {
        let mut batch = FrameBatch::default();
        batch.push(frame);
        let mut quiet = pin!(sleep(WINDOW_WAIT_MS));
        let mut has_heard = false;
        while !batch.is_full() {
            let next = match self.queue.try_recv() {
                Ok(work) => Some(work),
                Err(_) if !more_follow => break,
                // One timer for many frames: a browser takes as long for each as for opening a message.
                Err(_) => match select(self.queue.next(), quiet.as_mut()).await {
                    Either::Left((next, _)) => next,
                    Either::Right(_) if std::mem::take(&mut has_heard) => {
                        quiet.set(sleep(WINDOW_WAIT_MS));
                        continue;
                    }
                    Either::Right(_) => break,
                },
            };
            has_heard = true;
            match next {
                Some(Work::Socket {
                    number: same,
                    event: SocketEvent::Frame(frame),
                }) if same == number => batch.push(frame),
                other => {
                    self.held = other;
                    break;
                }
            }
        }
        Work::Frames { number, batch }
    }
}
