//! The driver: one loop, one step of the engine at a time, and for each step commit, then send, then
//! show, in that order and no other. When a commit fails the engine is thrown away and loaded again
//! from the store, and every page asks again what was not answered. ARCHITECTURE.md "One road".

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::StreamExt;
use pawl_client::{
    Command, CommandError, CommandId, Config, Engine, Input, Key, MessageView, Query, QueryReply,
    SocketRequest, Step,
};

use crate::clock::{Alarm, now, sleep};
use crate::errors::{StartError, StartErrorCode};
use crate::random;
use crate::socket::{Socket, SocketEvent};
use crate::store::{CommitError, ReadError, Store};
use crate::tab::{Asker, Tab};

/// Failed steps in a row after which the store is given up.
const MAX_FAILURES: u32 = 3;
/// Milliseconds before the store is tried again, times the failures so far.
const RETRY_MS: u32 = 200;
/// Messages in one answer.
const MAX_HISTORY: u32 = 200;

/// Something for the driver to do.
pub(crate) enum Work {
    /// A page of any tab asks for a change.
    Command { id: CommandId, command: Command },
    /// A page of any tab asks a question.
    Query { asker: Asker, query: Query },
    /// Something happened on the socket of that number; an older one's is out of date.
    Socket { number: u32, event: SocketEvent },
    /// The alarm rang.
    Tick,
    /// The machine may have a network again.
    NetworkUp,
    /// Another tab leads now.
    Deposed,
}

/// Why a tab leads no longer.
pub(crate) enum Ended {
    /// Another tab does.
    Deposed,
    /// Nothing can be done here any more.
    Fatal(StartError),
}

/// Leads until another tab does, or nothing works any more.
pub(crate) async fn lead(tab: &Rc<Tab>, mut works: mpsc::Receiver<Work>) -> Ended {
    let failures = Cell::new(0);
    let mut led = false;
    loop {
        let ended = match Driver::load(tab, &failures).await {
            Ok(mut driver) => {
                led = true;
                tab.lead_with(driver.store.epoch());
                driver.run(&mut works).await
            }
            Err(error) if led && error.code == StartErrorCode::StoreNewer => {
                let code = StartErrorCode::UpdatedElsewhere;
                Stop::Unloaded(StartError { code, ..error })
            }
            Err(error) => Stop::Unloaded(error),
        };
        failures.set(failures.get() + 1);
        match ended {
            Stop::Deposed => return Ended::Deposed,
            Stop::Unloaded(error) if final_at_once(&error) || failures.get() > MAX_FAILURES => {
                return Ended::Fatal(error);
            }
            Stop::Commit(error) if failures.get() > MAX_FAILURES => {
                return Ended::Fatal(given_up(&error));
            }
            Stop::Unloaded(_) | Stop::Commit(_) => sleep(RETRY_MS * failures.get()).await,
        }
    }
}

/// Why a driver's loop ended.
enum Stop {
    Deposed,
    Commit(CommitError),
    Unloaded(StartError),
}

/// What another try cannot change.
fn final_at_once(error: &StartError) -> bool {
    !matches!(error.code, StartErrorCode::StoreFailed)
}

fn given_up(error: &CommitError) -> StartError {
    let code = match error {
        CommitError::Full(_) => StartErrorCode::StoreFull,
        _ => StartErrorCode::StoreFailed,
    };
    StartError::new(code, error.to_string())
}

impl From<CommitError> for Stop {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Fenced => Self::Deposed,
            other => Self::Commit(other),
        }
    }
}

/// An engine with its store and its socket.
struct Driver<'a> {
    tab: &'a Rc<Tab>,
    failures: &'a Cell<u32>,
    engine: Engine,
    store: Store,
    socket: Option<Socket>,
    alarm: Alarm,
}

impl<'a> Driver<'a> {
    async fn load(tab: &'a Rc<Tab>, failures: &'a Cell<u32>) -> Result<Self, StartError> {
        let store = Store::open(&tab.config.db_name).await?;
        let records = store
            .load()
            .await
            .map_err(|error| StartError::new(StartErrorCode::StoreFailed, error.to_string()))?;
        let config = Config {
            authority: tab.config.authority.clone(),
        };
        let engine = Engine::load(config, records)?;
        // What an earlier engine's socket said is not meant for this one.
        tab.next_socket_number();
        let waker = Rc::clone(tab);
        Ok(Self {
            tab,
            failures,
            engine,
            store,
            socket: None,
            alarm: Alarm::new(Rc::new(move || waker.work(Work::Tick))),
        })
    }

    async fn run(&mut self, works: &mut mpsc::Receiver<Work>) -> Stop {
        if let Err(stop) = self.step(Input::Tick).await {
            return stop;
        }
        while let Some(work) = works.next().await {
            if let Err(stop) = self.carry_out(work).await {
                return stop;
            }
        }
        Stop::Deposed
    }

    async fn carry_out(&mut self, work: Work) -> Result<(), Stop> {
        if self.tab.lost_frames() {
            // A relay that sends more than the window that it was given: begin again.
            self.tab.next_socket_number();
            self.socket = None;
            self.step(Input::SocketClosed { code: None }).await?;
        }
        match work {
            Work::Command { id, command } => self.step(Input::Command { id, command }).await,
            Work::Query { asker, query } => {
                let reply = self.answer(query).await;
                self.tab.reply(&asker, &reply);
                Ok(())
            }
            Work::Socket { number, event } if number == self.tab.socket_number() => {
                self.step(socket_input(event)).await
            }
            Work::Socket { .. } => Ok(()),
            Work::Tick => self.step(Input::Tick).await,
            Work::NetworkUp => self.step(Input::NetworkUp).await,
            Work::Deposed => Err(Stop::Deposed),
        }
    }

    /// One step, and those that follow from what it asks of the store.
    async fn step(&mut self, input: Input) -> Result<(), Stop> {
        let mut reads = self.one_step(input).await?;
        while !reads.is_empty() {
            let rows = self.store.messages(&reads).await;
            let rows = rows.map_err(|ReadError(cause)| Stop::Commit(CommitError::Failed(cause)))?;
            reads = self.one_step(Input::Lines(rows)).await?;
        }
        Ok(())
    }

    /// The one road: nothing is sent or shown before the state that it came from is on disk. Gives what
    /// the engine wants to read.
    async fn one_step(&mut self, input: Input) -> Result<Vec<Key>, Stop> {
        let step = self.engine.handle(input, now(), &mut random::for_a_step());
        let Step {
            changes,
            frames,
            socket,
            events,
            reads,
            wake_at,
        } = step;
        if !changes.is_empty() {
            self.store.commit(changes).await?;
            self.failures.set(0);
        }
        if let Some(open) = &self.socket {
            frames.iter().for_each(|frame| open.send(frame));
        }
        if let Some(request) = socket {
            self.serve(request);
        }
        events.iter().for_each(|event| self.tab.show(event));
        if let Some(at) = wake_at {
            self.alarm.set(at);
        }
        Ok(reads)
    }

    /// A request for the socket is always answered: by the browser, or at once where there is nothing
    /// to wait for (a closing handshake with a dead network takes a minute).
    fn serve(&mut self, request: SocketRequest) {
        let number = self.tab.next_socket_number();
        let tab = Rc::clone(self.tab);
        let sink = Rc::new(move |event| tab.work(Work::Socket { number, event }));
        self.socket = match request {
            SocketRequest::Open => Socket::open(&self.tab.config.ws_url, sink),
            SocketRequest::Close => None,
        };
        if self.socket.is_none() {
            let event = SocketEvent::Closed { code: None };
            self.tab.work(Work::Socket { number, event });
        }
    }

    async fn answer(&self, query: Query) -> QueryReply {
        let answered = match query {
            Query::Snapshot => Ok(QueryReply::Snapshot {
                snapshot: self.engine.snapshot(),
            }),
            Query::SafetyNumber { conversation } => self
                .engine
                .safety_number(&conversation)
                .map(|safety_number| QueryReply::SafetyNumber { safety_number }),
            Query::History {
                conversation,
                before,
                limit,
            } => self
                .history(&conversation, before, limit.clamp(1, MAX_HISTORY))
                .await
                .map(|(messages, more)| QueryReply::History { messages, more }),
        };
        answered.unwrap_or_else(|error| QueryReply::Failed { error })
    }

    /// A page of messages, oldest first, and whether there are older ones.
    async fn history(
        &self,
        conversation: &str,
        before: Option<u64>,
        limit: u32,
    ) -> Result<(Vec<MessageView>, bool), CommandError> {
        let (lower, upper) = self.engine.history_range(conversation, before)?;
        let rows = self
            .store
            .newest(&lower, &upper, limit + 1)
            .await
            .map_err(|_| CommandError::StoreFailed)?;
        let wanted = limit as usize;
        let views = rows.iter().take(wanted).rev().map(|(key, record)| {
            self.engine
                .message_view(key, record.as_ref().map(|record| record.as_slice()))
        });
        Ok((views.collect(), rows.len() > wanted))
    }
}

fn socket_input(event: SocketEvent) -> Input {
    match event {
        SocketEvent::Opened => Input::SocketOpened,
        SocketEvent::Frame(bytes) => Input::Frame(bytes),
        SocketEvent::Closed { code } => Input::SocketClosed { code },
    }
}
