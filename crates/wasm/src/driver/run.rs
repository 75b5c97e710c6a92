//! The driver: one loop, one step of the engine at a time, carried out by `pawl-driver`. When a commit
//! fails the engine is thrown away and loaded again from the store, and every page asks again what was
//! not answered. ARCHITECTURE.md "One road".

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::mpsc;
use pawl_client::{
    AlertCode, Change, CommandError, CommandId, Config, Engine, Event, Input, Key, MessageView,
    Query, QueryReply, Records, SocketRequest, Step,
};
use pawl_driver::{EngineHost, Host};

use super::queue::{Work, Works};
use super::socket::{Socket, SocketEvent};
use crate::clock::{Alarm, now, sleep, within};
use crate::errors::{StartError, StartErrorCode};
use crate::random;
use crate::store::{CommitError, OpenError, ReadError, Store};
use crate::tabs::Tab;

/// Failed steps in a row after which the store is given up.
const MAX_FAILURES: u32 = 3;
/// Milliseconds before the store is tried again, times the failures so far.
const RETRY_MS: u32 = 200;
/// Milliseconds for any one piece of work with the store: far above the slowest disk, and short enough to
/// tell a person.
const STORE_TIMEOUT_MS: u32 = 30_000;
/// Milliseconds after which it is tried whether there is room again.
const FULL_RETRY_MS: u32 = 15_000;
/// Messages in one answer.
const MAX_HISTORY: u32 = 200;

/// Why a tab leads no longer.
pub(crate) enum Ended {
    /// Another tab does.
    Deposed,
    /// Nothing can be done here any more.
    Fatal(StartError),
}

/// Leads until another tab does, or nothing works any more.
pub(crate) async fn lead(tab: &Rc<Tab>, works: mpsc::Receiver<Work>) -> Ended {
    let mut works = Works::new(works);
    let failures = Cell::new(0);
    let mut epoch = None;
    let mut open = Vec::new();
    loop {
        let ended = match in_time(Driver::load(tab, &failures, epoch)).await {
            Ok(mut driver) => {
                epoch = Some(driver.store.epoch());
                tab.lead_with(driver.store.epoch());
                let stop = driver.run(&mut works).await;
                open = driver.open;
                stop
            }
            Err(Stop::Unloaded(error))
                if epoch.is_some() && error.code == StartErrorCode::StoreNewer =>
            {
                let code = StartErrorCode::UpdatedElsewhere;
                Stop::Unloaded(StartError { code, ..error })
            }
            Err(stop) => stop,
        };
        failures.set(failures.get() + 1);
        match ended {
            Stop::Deposed => return Ended::Deposed,
            // Firefox closes a database that has met a full disk, and opening it writes.
            Stop::Unloaded(error) if error.code == StartErrorCode::StoreFull && epoch.is_some() => {
                failures.set(0);
                while let Some(work) = works.try_next() {
                    if let Work::Command { id, .. } = work {
                        open.push(id);
                    }
                }
                refuse(tab, std::mem::take(&mut open));
                sleep(FULL_RETRY_MS).await;
            }
            Stop::Unloaded(error) if final_at_once(&error) || failures.get() > MAX_FAILURES => {
                return Ended::Fatal(error);
            }
            Stop::Failed(detail) if failures.get() > MAX_FAILURES => {
                return Ended::Fatal(given_up(detail));
            }
            // Whatever hangs in there hangs on: only another worker can go on.
            Stop::Silent => return Ended::Fatal(given_up("the store does not answer".into())),
            Stop::Unloaded(_) | Stop::Failed(_) | Stop::Full => {
                sleep(RETRY_MS * failures.get()).await
            }
        }
    }
}

/// Why a driver's loop ended.
enum Stop {
    Deposed,
    /// No room: see [`Driver::go_without`].
    Full,
    Failed(String),
    Silent,
    Unloaded(StartError),
}

/// What another try cannot change.
fn final_at_once(error: &StartError) -> bool {
    !matches!(error.code, StartErrorCode::StoreFailed)
}

fn given_up(detail: String) -> StartError {
    StartError::new(StartErrorCode::StoreFailed, detail)
}

/// A browser's store may hang for good, and its WebCrypto as well, and with them every tab.
async fn in_time<T>(work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    within(STORE_TIMEOUT_MS, work)
        .await
        .unwrap_or(Err(Stop::Silent))
}

impl From<CommitError> for Stop {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Fenced => Self::Deposed,
            CommitError::Full(_) => Self::Full,
            CommitError::Failed(detail) => Self::Failed(detail),
        }
    }
}

impl From<OpenError> for Stop {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Fenced => Self::Deposed,
            other => Self::Unloaded(other.into()),
        }
    }
}

/// An engine with its store and its socket.
struct Driver<'a> {
    tab: &'a Rc<Tab>,
    failures: &'a Cell<u32>,
    engine: Engine,
    /// Commands that this engine has not answered.
    open: Vec<CommandId>,
    store: Store,
    socket: Option<Socket>,
    alarm: Alarm,
}

impl<'a> Driver<'a> {
    /// `epoch`: of the store that this tab wrote to before, if it did; nobody may have written since.
    async fn load(
        tab: &'a Rc<Tab>,
        failures: &'a Cell<u32>,
        epoch: Option<f64>,
    ) -> Result<Self, Stop> {
        let store = Store::open_after(&tab.config.db_name, epoch).await?;
        let engine = load_engine(tab, &store).await?;
        // What an earlier engine's socket said is not meant for this one.
        tab.next_socket_number();
        let waker = Rc::clone(tab);
        Ok(Self {
            tab,
            failures,
            engine,
            open: Vec::new(),
            store,
            socket: None,
            alarm: Alarm::new(Rc::new(move || waker.work(Work::Tick))),
        })
    }

    async fn run(&mut self, works: &mut Works) -> Stop {
        let mut work = Work::Tick;
        loop {
            let done = match in_time(self.carry_out(work)).await {
                Err(Stop::Full) => in_time(self.go_without()).await,
                done => done,
            };
            if let Err(stop) = done {
                return stop;
            }
            let Some(next) = works.next(self.engine.is_catching_up()).await else {
                return Stop::Deposed;
            };
            work = next;
        }
    }

    /// There is no room for a step: it is as if it had not been. What was asked is refused, what others
    /// sent is still the relay's, and after a while it is tried again.
    async fn go_without(&mut self) -> Result<(), Stop> {
        self.engine = load_engine(self.tab, &self.store).await?;
        self.close_socket();
        self.alarm.set(now() + u64::from(FULL_RETRY_MS));
        let connection = self.engine.snapshot().connection;
        self.tab.show(&[Event::ConnectionChanged { connection }]);
        refuse(self.tab, std::mem::take(&mut self.open));
        Ok(())
    }

    fn close_socket(&mut self) {
        self.tab.next_socket_number();
        self.socket = None;
    }

    async fn carry_out(&mut self, work: Work) -> Result<(), Stop> {
        if self.tab.lost_frames() {
            // A relay that sends more than the window that it was given: begin again.
            self.close_socket();
            self.step(Input::SocketClosed { code: None }).await?;
        }
        match work {
            Work::Command { id, command } => {
                self.open.push(id.clone());
                self.step(Input::Command { id, command }).await
            }
            Work::Query { asker, query } => {
                let reply = self.answer(query).await;
                self.tab.reply(&asker, &reply);
                Ok(())
            }
            Work::Socket { number, event } if number == self.tab.socket_number() => {
                self.step(socket_input(event)).await
            }
            Work::Frames { number, batch } if number == self.tab.socket_number() => {
                self.step(batch.into_input()).await
            }
            Work::Socket { .. } | Work::Frames { .. } => Ok(()),
            Work::Tick => self.step(Input::Tick).await,
            Work::Hint(hint) => self.step(Input::Hint(hint)).await,
            Work::Deposed => Err(Stop::Deposed),
        }
    }

    /// One step, and those that follow from what it asks of the store.
    async fn step(&mut self, input: Input) -> Result<(), Stop> {
        pawl_driver::drive(self, input).await
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

impl Host for Driver<'_> {
    type Error = Stop;

    async fn commit(&mut self, changes: Vec<Change>) -> Result<(), Stop> {
        self.store.commit(changes).await?;
        self.failures.set(0);
        Ok(())
    }

    fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), Stop> {
        if let Some(open) = &self.socket {
            frames.iter().for_each(|frame| open.send(frame));
        }
        Ok(())
    }

    /// Always answered: by the browser, or at once where there is nothing to wait for (a closing handshake
    /// with a dead network takes a minute).
    fn serve(&mut self, request: SocketRequest) -> Result<(), Stop> {
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
        Ok(())
    }

    fn wake_at(&mut self, at: Option<u64>) -> Result<(), Stop> {
        if let Some(at) = at {
            self.alarm.set(at);
        }
        Ok(())
    }

    fn show(&mut self, events: Vec<Event>) -> Result<(), Stop> {
        for event in &events {
            if let Event::CommandDone { id, .. } = event {
                self.open.retain(|open| open != id);
            }
        }
        self.tab.show(&events);
        Ok(())
    }
}

impl EngineHost for Driver<'_> {
    fn handle(&mut self, input: Input) -> Step {
        self.engine.handle(input, now(), &mut random::for_a_step())
    }

    async fn read(&mut self, keys: Vec<Key>) -> Result<Records, Stop> {
        let records = self.store.messages(&keys).await;
        records.map_err(|ReadError(cause)| Stop::Failed(cause))
    }
}

/// Says that there is no room, and that these commands were not carried out.
fn refuse(tab: &Tab, open: Vec<CommandId>) {
    let alert = AlertCode::StoreFull;
    let refused = open.into_iter().map(|id| {
        let error = Some(CommandError::StoreFailed);
        Event::CommandDone { id, error }
    });
    let events: Vec<_> = [Event::Alert { alert }]
        .into_iter()
        .chain(refused)
        .collect();
    tab.show(&events);
}

/// An engine as the store has it, without any connection.
async fn load_engine(tab: &Tab, store: &Store) -> Result<Engine, Stop> {
    let records = store.load().await.map_err(OpenError::from)?;
    let config = Config {
        authority: tab.config.authority.clone(),
    };
    Engine::load(config, records).map_err(|error| Stop::Unloaded(error.into()))
}

fn socket_input(event: SocketEvent) -> Input {
    match event {
        SocketEvent::Opened => Input::SocketOpened,
        SocketEvent::Frame(frame) => Input::Frames(vec![frame]),
        SocketEvent::Closed { code } => Input::SocketClosed { code },
    }
}
