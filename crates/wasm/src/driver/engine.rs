//! An engine with its store and its socket, and what it does with each input.

use std::cell::Cell;
use std::rc::Rc;

use pawl_client::{
    Change, CommandError, CommandId, ConversationId, Engine, Event, Input, Key, MessageView, Query,
    QueryReply, Records, SocketRequest, Step,
};
use pawl_driver::{EngineHost, Host};

use super::Config;
use super::full_disk::{FULL_RETRY_MS, refuse};
use super::queue::{DriverInput, Queue};
use super::sink::Sink;
use super::socket::{Socket, SocketEvent};
use super::stop::{Stop, in_time};
use crate::clock::{Alarm, now};
use crate::random;
use crate::store::{OpenError, ReadError, Store};

/// Messages in one answer.
const MAX_HISTORY: u32 = 200;

/// An engine with its store and its socket.
pub(super) struct Driver<'a> {
    config: &'a Config,
    queue: &'a mut Queue,
    sink: &'a dyn Sink,
    /// Steps in a row that failed.
    failures: &'a Cell<u32>,
    engine: Engine,
    /// Commands that this engine has not answered.
    pub(super) open: Vec<CommandId>,
    pub(super) store: Store,
    socket: Option<Socket>,
    alarm: Alarm,
}

impl<'a> Driver<'a> {
    /// `epoch`: of the store that was written to here before, if it was; nobody may have written since.
    pub(super) async fn load(
        config: &'a Config,
        queue: &'a mut Queue,
        sink: &'a dyn Sink,
        failures: &'a Cell<u32>,
        epoch: Option<f64>,
    ) -> Result<Self, Stop> {
        let store = Store::open_after(&config.db_name, epoch).await?;
        let engine = load_engine(config, &store).await?;
        // What an earlier engine's socket said is not meant for this one.
        queue.forget_socket();
        let alarm = Alarm::new(queue.ticks());
        Ok(Self {
            config,
            queue,
            sink,
            failures,
            engine,
            open: Vec::new(),
            store,
            socket: None,
            alarm,
        })
    }

    /// Does what comes, until it cannot go on.
    pub(super) async fn run(&mut self) -> Stop {
        let mut input = DriverInput::Tick;
        loop {
            let done = match in_time(self.carry_out(input)).await {
                Err(Stop::Full) => in_time(self.go_without()).await,
                done => done,
            };
            if let Err(stop) = done {
                return stop;
            }
            let Some(next) = self.queue.next(self.engine.is_catching_up()).await else {
                return Stop::Deposed;
            };
            input = next;
        }
    }

    /// There is no room for a step: it is as if it had not been. What was asked is refused, what others
    /// sent is still the relay's, and after a while it is tried again.
    async fn go_without(&mut self) -> Result<(), Stop> {
        self.engine = load_engine(self.config, &self.store).await?;
        self.close_socket();
        self.alarm.set(now() + u64::from(FULL_RETRY_MS));
        let connection = self.engine.snapshot().connection;
        self.sink.show(&[Event::ConnectionChanged { connection }]);
        refuse(self.sink, std::mem::take(&mut self.open));
        Ok(())
    }

    fn close_socket(&mut self) {
        self.queue.forget_socket();
        self.socket = None;
    }

    async fn carry_out(&mut self, input: DriverInput) -> Result<(), Stop> {
        if self.queue.has_overflowed() {
            // A relay that sends more than the window that it was given: begin again.
            self.close_socket();
            self.step(Input::SocketClosed { code: None }).await?;
        }
        match input {
            DriverInput::Command { id, command } => {
                self.open.push(id.clone());
                self.step(Input::Command { id, command }).await
            }
            DriverInput::Query { requester, query } => {
                let reply = self.answer(query).await;
                self.sink.reply(&requester, &reply);
                Ok(())
            }
            DriverInput::Socket { generation, event } if self.queue.is_current(generation) => {
                self.step(socket_input(event)).await
            }
            DriverInput::Frames { generation, batch } if self.queue.is_current(generation) => {
                self.step(batch.into_input()).await
            }
            DriverInput::Socket { .. } | DriverInput::Frames { .. } => Ok(()),
            DriverInput::Tick => self.step(Input::Tick).await,
            DriverInput::Hint(hint) => self.step(Input::Hint(hint)).await,
            DriverInput::Deposed => Err(Stop::Deposed),
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
                .safety_number(conversation)
                .map(|safety_number| QueryReply::SafetyNumber { safety_number }),
            Query::History {
                conversation,
                before,
                limit,
            } => self
                .history(conversation, before, limit.clamp(1, MAX_HISTORY))
                .await
                .map(|(messages, more)| QueryReply::History { messages, more }),
        };
        answered.unwrap_or_else(|error| QueryReply::Failed { error })
    }

    /// A page of messages, oldest first, and whether there are older ones.
    async fn history(
        &self,
        conversation: ConversationId,
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
        let events = self.queue.new_socket();
        self.socket = match request {
            SocketRequest::Open => Socket::open(&self.config.ws_url, Rc::clone(&events)),
            SocketRequest::Close => None,
        };
        if self.socket.is_none() {
            events(SocketEvent::Closed { code: None });
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
        self.sink.show(&events);
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

/// An engine as the store has it, without any connection.
async fn load_engine(config: &Config, store: &Store) -> Result<Engine, Stop> {
    let records = store.load().await.map_err(OpenError::from)?;
    let config = pawl_client::Config {
        authority: config.authority.clone(),
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
