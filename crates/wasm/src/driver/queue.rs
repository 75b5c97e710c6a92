//! What waits for the driver, in order. Frames that came one after the other are one piece of work, so that
//! waiting mail is one transaction a window and not one a message. Knows nothing of what is in a frame.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use pawl_client::{Command, CommandId, FrameBatch, Hint, Query};

use super::socket::SocketEvent;
use crate::clock::sleep;

/// Milliseconds without a frame, up to twice as many, after which the rest of a window is waited for no longer while
/// the relay still gives what waited there. It comes sooner wherever a network is not standing still.
const WINDOW_WAIT_MS: u32 = 12;

/// What waits for the driver at most: a relay's window of frames and what some hundred tabs ask.
const MAX_WAITING: usize = 4_096;

/// Who asked a query; comes back with the reply.
pub(crate) enum Requester {
    /// The page of this tab.
    Page { id: u32 },
    /// Another tab.
    Tab { tab: String, id: u32 },
}

/// Something for the driver to do.
pub(crate) enum DriverInput {
    /// A page of any tab asks for a change.
    Command { id: CommandId, command: Command },
    /// A page of any tab asks a question.
    Query { requester: Requester, query: Query },
    /// Something happened on the socket of that generation; an older one's is out of date.
    Socket { generation: u32, event: SocketEvent },
    /// Frames came on the socket of that generation, one after the other. Only [`Queue::next`] makes these.
    Frames { generation: u32, batch: FrameBatch },
    /// The alarm rang.
    Tick,
    /// What a page says that bears on the connection.
    Hint(Hint),
    /// Another tab leads now.
    Deposed,
}

/// The end of the queue where inputs enter. The driver ends when it is dropped.
pub(crate) struct Entrance {
    sender: RefCell<mpsc::Sender<DriverInput>>,
    has_overflowed: Cell<bool>,
}

impl Entrance {
    /// Something for the driver.
    ///
    /// # Errors
    /// The input, where too much waits. An alarm is set again by the next step, and a socket that loses a
    /// frame is closed (see [`Queue::has_overflowed`]).
    pub(crate) fn push(&self, input: DriverInput) -> Result<(), DriverInput> {
        let refused = self.sender.borrow_mut().try_send(input);
        refused.map_err(|refused| {
            let input = refused.into_inner();
            if matches!(input, DriverInput::Socket { .. }) {
                self.has_overflowed.set(true);
            }
            input
        })
    }
}

/// The driver's end of the queue.
pub(crate) struct Queue {
    entrance: Weak<Entrance>,
    queue: mpsc::Receiver<DriverInput>,
    /// What came behind frames that were gathered.
    held: Option<DriverInput>,
    /// Rises with each socket, and when one is closed.
    socket_generation: u32,
}

impl Queue {
    /// A queue, and where inputs enter it.
    pub(crate) fn new() -> (Rc<Entrance>, Self) {
        let (sender, queue) = mpsc::channel(MAX_WAITING);
        let entrance = Rc::new(Entrance {
            sender: RefCell::new(sender),
            has_overflowed: Cell::new(false),
        });
        let queue = Self {
            entrance: Rc::downgrade(&entrance),
            queue,
            held: None,
            socket_generation: 0,
        };
        (entrance, queue)
    }

    /// Lets a tick enter.
    pub(super) fn ticks(&self) -> Rc<dyn Fn()> {
        let entrance = self.entrance.clone();
        Rc::new(move || enter(&entrance, DriverInput::Tick))
    }

    /// Lets a new socket's events enter; those of the sockets before it are out of date.
    pub(super) fn new_socket(&mut self) -> Rc<dyn Fn(SocketEvent)> {
        self.forget_socket();
        let (generation, entrance) = (self.socket_generation, self.entrance.clone());
        Rc::new(move |event| enter(&entrance, DriverInput::Socket { generation, event }))
    }

    /// What the sockets so far still say is out of date.
    pub(super) fn forget_socket(&mut self) {
        self.socket_generation += 1;
    }

    /// Whether this is the newest socket's.
    pub(super) fn is_current(&self, generation: u32) -> bool {
        generation == self.socket_generation
    }

    /// Whether something that came on a socket was dropped since this was last asked.
    pub(super) fn has_overflowed(&self) -> bool {
        let entrance = self.entrance.upgrade();
        entrance.is_some_and(|entrance| entrance.has_overflowed.take())
    }

    /// What waits, singly.
    pub(super) fn try_next(&mut self) -> Option<DriverInput> {
        self.held.take().or_else(|| self.queue.try_recv().ok())
    }

    /// What is to be done next; nothing where nobody can ask any more. Waits a little for the rest of a window
    /// where `more_follow`.
    pub(super) async fn next(&mut self, more_follow: bool) -> Option<DriverInput> {
        let input = match self.held.take() {
            Some(input) => input,
            None => self.queue.next().await?,
        };
        match input {
            DriverInput::Socket {
                generation,
                event: SocketEvent::Frame(frame),
            } => Some(self.gather(generation, frame, more_follow).await),
            other => Some(other),
        }
    }

    async fn gather(&mut self, generation: u32, frame: Vec<u8>, more_follow: bool) -> DriverInput {
        let mut batch = FrameBatch::default();
        batch.push(frame);
        let mut quiet = pin!(sleep(WINDOW_WAIT_MS));
        let mut has_heard = false;
        while !batch.is_full() {
            let next = match self.queue.try_recv() {
                Ok(input) => Some(input),
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
                Some(DriverInput::Socket {
                    generation: same,
                    event: SocketEvent::Frame(frame),
                }) if same == generation => batch.push(frame),
                other => {
                    self.held = other;
                    break;
                }
            }
        }
        DriverInput::Frames { generation, batch }
    }
}

/// Where too much waits it is dropped; where nobody leads any more, too.
fn enter(entrance: &Weak<Entrance>, input: DriverInput) {
    if let Some(entrance) = entrance.upgrade() {
        let _ = entrance.push(input);
    }
}
