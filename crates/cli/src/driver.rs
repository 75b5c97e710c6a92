//! The driver: one step of the engine at a time, carried out by `pawl-driver`. When a commit fails the engine is
//! thrown away with the process: memory is never ahead of the disk. Decides nothing; what to ask, and when to end, is
//! the commands'. ARCHITECTURE.md "One road".

use std::collections::VecDeque;

use pawl_client::{
    AlertCode, Change, Command, CommandError, CommandId, Config, Connection, ConversationId,
    Engine, Event, FrameBatch, Hint, Input, Key, MessageView, Phase, Records, SocketRequest, Step,
    StoreError,
};
use pawl_driver::{EngineHost, Host, at_once};
use rand_core::Rng;
use tokio::time::{Duration, Instant, sleep, timeout_at};

use crate::clock::now;
use crate::failure::{Code, Failure};
use crate::output::say;
use crate::random;
use crate::relay::RelayAddress;
use crate::signals::Signals;
use crate::socket::{Socket, SocketEvent};
use crate::store::Store;
use crate::words;

/// Longest sleep: a machine that was suspended looks at its clock again.
const MAX_SLEEP_MS: u64 = 60_000;
/// Longest sleep while something else than a relay answers.
const ELSEWHERE_MS: u64 = 5_000;
/// Where a store keeps its relay's address.
const RELAY: &str = "relay";

/// An engine with its store and its socket.
pub(crate) struct Driver {
    engine: Engine,
    store: Store,
    relay: RelayAddress,
    socket: Option<Socket>,
    /// What is to be told the engine before anything else.
    told: VecDeque<Input>,
    /// What nobody has looked at yet.
    events: VecDeque<Event>,
    wake_at: Option<u64>,
    signals: Signals,
    /// Why the last attempt to connect failed.
    trouble: Option<String>,
    connection: Connection,
    was_online: bool,
    /// How often what the relay said has changed something here.
    answers: u64,
    /// The step under way handles what the relay said.
    is_answer: bool,
    /// What answered was no relay: a page in which one signs in to a network.
    is_elsewhere: bool,
}

/// What to do with a store that cannot be read any more.
const OLDER: &str = "the store was written by an older version of Pawl, which this one cannot read: \
    `pawl export` of that version writes down what is in it; to start over, move the store away and \
    register again";

/// Keeps the relay's address in a store.
pub(crate) fn keep_relay(store: &mut Store, relay: &RelayAddress) -> Result<(), Failure> {
    store.keep_own(RELAY, relay.to_string().as_bytes())
}

/// The relay's address that a store has.
pub(crate) fn kept_relay(store: &Store) -> Result<Option<RelayAddress>, Failure> {
    let Some(text) = store.own(RELAY)? else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let relay = text.parse().map_err(|line| Failure::new(Code::Other, line));
    relay.map(Some)
}

impl Driver {
    /// Loads the engine; nothing is connected before [`Self::next`].
    pub(crate) fn load(mut store: Store, relay: RelayAddress) -> Result<Self, Failure> {
        let config = Config {
            authority: relay.authority().to_owned(),
        };
        let refused = |error| match error {
            StoreError::Older => Failure::new(Code::Older, OLDER),
            StoreError::Newer => Failure::new(
                Code::Newer,
                "the store was written by a newer version of Pawl; use that one",
            ),
            StoreError::Corrupted(_) => Failure::new(
                Code::NotAStore,
                "the store is damaged: the account's own record cannot be read",
            ),
        };
        let load = |records| Engine::load(config, records).map_err(refused);
        let engine = store.begin(load)?;
        Ok(Self {
            engine,
            store,
            relay,
            socket: None,
            told: VecDeque::from([Input::Tick]),
            events: VecDeque::new(),
            wake_at: None,
            signals: Signals::listen()?,
            trouble: None,
            connection: Connection::Offline,
            was_online: false,
            answers: 0,
            is_answer: false,
            is_elsewhere: false,
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The username that is meant: as typed, or of the other of the conversation with that id.
    pub(crate) fn username(&self, typed: &str) -> Result<String, CommandError> {
        let typed = typed.trim_matches(' ');
        let Ok(conversation) = typed.parse() else {
            return Ok(typed.to_ascii_lowercase());
        };
        let known = self.engine.username(conversation);
        known.ok_or_else(|| self.unknown_conversation())
    }

    /// The conversation with a person.
    pub(crate) fn conversation(&self, name: &str) -> Result<ConversationId, CommandError> {
        let known = self.engine.conversation_with(name);
        known.ok_or_else(|| self.unknown_conversation())
    }

    fn unknown_conversation(&self) -> CommandError {
        match self.engine.phase() {
            Phase::Ready { .. } => CommandError::UnknownConversation,
            Phase::NoAccount { .. } | Phase::Registering { .. } => CommandError::NoAccount,
        }
    }

    /// A conversation's lines from a position on, the oldest first, `limit` at most.
    pub(crate) fn lines(
        &self,
        conversation: ConversationId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<MessageView>, Failure> {
        let (lower, upper) = self.engine.history_range(conversation, None)?;
        let rows = self.store.oldest(&at(lower, from), &upper, limit)?;
        let views = rows.iter().map(|(key, record)| {
            let record = record.as_ref().map(|record| record.as_slice());
            self.engine.message_view(key, record)
        });
        Ok(views.collect())
    }

    /// Whether the program was asked to end, for work that waits for nothing.
    pub(crate) async fn look_for_signals(&mut self) -> Result<(), Failure> {
        // Lets the runtime look.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            failure = self.signals.next() => Err(failure),
            () = std::future::ready(()) => Ok(()),
        }
    }

    pub(crate) fn is_online(&self) -> bool {
        self.connection == Connection::Online
    }

    /// Rises whenever the relay has said something that changed the store: a pong does not.
    pub(crate) fn answers(&self) -> u64 {
        self.answers
    }

    /// Whether nothing is under way any more, and everything was looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.events.is_empty() && self.engine.is_idle()
    }

    /// Asks the engine for a change; `Event::CommandDone` with this id answers.
    pub(crate) fn ask(&mut self, command: Command) -> Result<CommandId, Failure> {
        let mut bytes = [0; 16];
        random::generator().fill_bytes(&mut bytes);
        let id = format!("{:032x}", u128::from_be_bytes(bytes));
        self.step(Input::Command {
            id: id.clone(),
            command,
        })?;
        Ok(id)
    }

    /// A change that needs no relay, done when this returns.
    pub(crate) fn carry_out(&mut self, command: Command) -> Result<(), Failure> {
        let asked = self.ask(command)?;
        let error = self.events.iter().find_map(|event| match event {
            Event::CommandDone { id, error } if *id == asked => error.clone(),
            _ => None,
        });
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Writes a text to disk, from where it goes out as soon as it can; gives its position.
    pub(crate) fn write(
        &mut self,
        conversation: ConversationId,
        text: String,
    ) -> Result<Result<u64, CommandError>, Failure> {
        let asked = self.ask(Command::SendText { conversation, text })?;
        let mut written = 0;
        for event in &self.events {
            match event {
                Event::MessagesChanged {
                    conversation: shown,
                    messages,
                } if *shown == conversation => {
                    let own = messages.iter().filter(|message| message.mine);
                    written = own.map(|own| own.position).fold(written, u64::max);
                }
                Event::CommandDone {
                    id,
                    error: Some(error),
                } if *id == asked => return Ok(Err(error.clone())),
                _ => {}
            }
        }
        Ok(Ok(written))
    }

    /// The next event; nothing where something happened without one. Nothing is lost where the caller waits no
    /// longer: steps are whole.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        let input = match self.told.pop_front() {
            Some(input) => input,
            None => self.happens().await?,
        };
        self.step(input)?;
        Ok(self.events.pop_front())
    }

    /// As [`Self::next`]; where the time is over before, `None`.
    pub(crate) async fn next_until(
        &mut self,
        deadline: Instant,
    ) -> Result<Option<Option<Event>>, Failure> {
        match timeout_at(deadline, self.next()).await {
            Ok(event) => event.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Waits for something to happen outside.
    async fn happens(&mut self) -> Result<Input, Failure> {
        let wait = self.wake_at.map(|at| at.saturating_sub(now()));
        let (wait, then) = sleep_of(wait, self.is_elsewhere);
        let from_socket = async {
            match &mut self.socket {
                Some(socket) => socket.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            failure = self.signals.next() => Err(failure),
            event = from_socket => Ok(self.heard(event)),
            () = sleep(Duration::from_millis(wait)) => Ok(then),
        }
    }

    fn heard(&mut self, event: SocketEvent) -> Input {
        match event {
            SocketEvent::Opened => Input::SocketOpened,
            SocketEvent::Frame(frame) => self.with_what_follows(frame),
            SocketEvent::Closed {
                code,
                why,
                is_elsewhere,
            } => {
                self.socket = None;
                self.is_elsewhere = is_elsewhere;
                self.trouble = why.or(self.trouble.take());
                Input::SocketClosed { code }
            }
        }
    }

    /// A frame and those that have come behind it, as one step.
    fn with_what_follows(&mut self, frame: Vec<u8>) -> Input {
        let mut batch = FrameBatch::default();
        batch.push(frame);
        while !batch.is_full()
            && let Some(event) = self.socket.as_mut().and_then(Socket::try_next)
        {
            match event {
                SocketEvent::Frame(frame) => batch.push(frame),
                other => {
                    let input = self.heard(other);
                    self.told.push_back(input);
                    break;
                }
            }
        }
        batch.into_input()
    }

    /// One step, and those that follow from what it asks of the store.
    fn step(&mut self, input: Input) -> Result<(), Failure> {
        at_once(pawl_driver::drive(self, input))
    }

    /// A request to close is answered at once: a closing handshake with a dead network takes a minute.
    fn close(&mut self) {
        self.socket = None;
        self.told.push_back(Input::SocketClosed { code: None });
    }

    /// What must be known whatever was asked.
    fn tell(&mut self, event: &Event) {
        match event {
            Event::ConnectionChanged { connection } => {
                self.connection = *connection;
                if self.is_online() {
                    (self.was_online, self.trouble) = (true, None);
                }
            }
            Event::Alert { alert } if is_an_end(alert) => self.trouble = Some(words::alert(alert)),
            Event::Alert { alert } => say(&words::alert(alert)),
            _ => {}
        }
    }

    /// There was no answer in time.
    pub(crate) fn unreachable(&self, then: &str) -> Failure {
        let relay = &self.relay;
        let line = match (&self.trouble, self.was_online) {
            (Some(why), _) => format!("the relay at {relay} cannot be reached: {why}{then}"),
            (None, false) => format!("the relay at {relay} does not answer{then}"),
            (None, true) => format!("the relay at {relay} did not answer in time{then}"),
        };
        Failure::new(Code::Unreachable, line)
    }

    /// Lets the last frames leave.
    pub(crate) async fn finish(mut self) {
        if let Some(socket) = self.socket.take() {
            socket.finish().await;
        }
    }
}

impl Host for Driver {
    type Error = Failure;

    async fn commit(&mut self, changes: Vec<Change>) -> Result<(), Failure> {
        self.answers += u64::from(self.is_answer);
        self.store.commit(changes)
    }

    fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), Failure> {
        for frame in frames {
            if self.socket.as_ref().is_some_and(|open| !open.send(frame)) {
                self.close();
            }
        }
        Ok(())
    }

    fn serve(&mut self, request: SocketRequest) -> Result<(), Failure> {
        match request {
            SocketRequest::Open => self.socket = Some(Socket::open(self.relay.socket_url())),
            SocketRequest::Close => self.close(),
        }
        Ok(())
    }

    fn wake_at(&mut self, at: Option<u64>) -> Result<(), Failure> {
        self.wake_at = at;
        Ok(())
    }

    fn show(&mut self, events: Vec<Event>) -> Result<(), Failure> {
        events.iter().for_each(|event| self.tell(event));
        self.events.extend(events);
        Ok(())
    }
}

impl EngineHost for Driver {
    fn handle(&mut self, input: Input) -> Step {
        self.is_answer = matches!(input, Input::Frames(_));
        self.engine.handle(input, now(), &mut random::for_a_step())
    }

    async fn read(&mut self, keys: Vec<Key>) -> Result<Records, Failure> {
        self.store.messages(&keys)
    }
}

/// The key of the line at a position: a message's key ends with its position.
fn at(Key(mut lower): Key, position: u64) -> Key {
    if let Some(place) = lower.last_chunk_mut() {
        *place = position.to_be_bytes();
    }
    Key(lower)
}

/// How long to sleep, and what has happened then. Behind a page in which one signs in to a network nothing tells when
/// that was done, so the next attempt comes soon.
fn sleep_of(wait: Option<u64>, is_elsewhere: bool) -> (u64, Input) {
    match wait.unwrap_or(MAX_SLEEP_MS) {
        wait if is_elsewhere && wait > ELSEWHERE_MS => (ELSEWHERE_MS, Input::Hint(Hint::NetworkUp)),
        wait => (wait.min(MAX_SLEEP_MS), Input::Tick),
    }
}

/// Whether waiting does not help: a command ends with it, and one that stays says it.
pub(crate) fn is_an_end(alert: &AlertCode) -> bool {
    matches!(alert, AlertCode::DeviceUnknown | AlertCode::VersionMismatch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_something_else_answers_the_next_attempt_comes_soon() {
        let is_soon = |wait, is_elsewhere| match sleep_of(wait, is_elsewhere) {
            (wait, Input::Hint(Hint::NetworkUp)) => Some(wait),
            _ => None,
        };
        assert_eq!(is_soon(Some(26_000), true), Some(5_000));
        assert_eq!(is_soon(None, true), Some(5_000));
        assert_eq!(is_soon(Some(400), true), None);
        assert_eq!(is_soon(Some(26_000), false), None);
        assert_eq!(sleep_of(Some(400), true).0, 400);
        assert_eq!(sleep_of(None, false).0, MAX_SLEEP_MS);
    }
}
