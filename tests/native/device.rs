//! An engine with a disk in memory and a real WebSocket; time is a counter. Keeps every byte that
//! crosses the wire and everything its randomness gave that is as long as a key.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};
use pawl_client::{
    Change, Command, CommandError, Config, ConversationId, Engine, Event, Input, Key,
    MessageStatus, Records, SocketRequest, Step, Table,
};
use pawl_driver::{EngineHost, Host, at_once};
use tungstenite::protocol::WebSocket;
use tungstenite::{Error, Message};

/// How long a read waits before the next engine has its turn.
const TURN: Duration = Duration::from_millis(5);

/// Randomness that remembers: private keys are drawn 32 or 64 bytes at a time, and nothing public is.
pub(crate) struct Recorder {
    inner: ChaCha20Rng,
    pub(crate) keys: Vec<Vec<u8>>,
}

impl TryRng for Recorder {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.inner.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.inner.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.inner.fill_bytes(bytes);
        if matches!(bytes.len(), 32 | 64) {
            self.keys.push(bytes.to_vec());
        }
        Ok(())
    }
}

impl TryCryptoRng for Recorder {}

/// One device.
pub(crate) struct Device {
    engine: Engine,
    relay: SocketAddr,
    disk: BTreeMap<(Table, Key), Vec<u8>>,
    socket: Option<WebSocket<TcpStream>>,
    now: u64,
    commands: u128,
    /// What follows from a step that is under way.
    inputs: VecDeque<Input>,
    events: Vec<Event>,
    pub(crate) random: Recorder,
    /// Payloads of all frames, both ways.
    pub(crate) wire: Vec<Vec<u8>>,
}

impl Device {
    pub(crate) fn new(relay: SocketAddr, seed: u64) -> Self {
        let config = Config {
            authority: relay.to_string(),
        };
        let random = Recorder {
            inner: ChaCha20Rng::seed_from_u64(seed),
            keys: Vec::new(),
        };
        Self {
            engine: Engine::load(config, Vec::new()).expect("an empty store loads"),
            relay,
            disk: BTreeMap::new(),
            socket: None,
            now: 1_790_000_000_000,
            commands: u128::from(seed) << 64,
            inputs: VecDeque::new(),
            events: Vec::new(),
            random,
            wire: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, command: Command) -> String {
        self.commands += 1;
        let id = format!("{:032x}", self.commands);
        self.input(Input::Command {
            id: id.clone(),
            command,
        });
        id
    }

    /// The conversation with somebody, which there is.
    pub(crate) fn with(&self, name: &str) -> ConversationId {
        let known = self.engine.conversation_with(name);
        known.expect("a conversation")
    }

    pub(crate) fn answer(&self, asked: &str) -> Option<&Option<CommandError>> {
        self.events.iter().find_map(|event| match event {
            Event::CommandDone { id, error } if id == asked => Some(error),
            _ => None,
        })
    }

    /// Texts received in a conversation, in order, and the statuses of the own ones.
    pub(crate) fn conversation(&self, with: &str) -> (Vec<String>, Vec<MessageStatus>) {
        let known = self.engine.conversation_with(with);
        let range = known.and_then(|id| self.engine.history_range(id, None).ok());
        let Some((from, to)) = range else {
            return (Vec::new(), Vec::new());
        };
        let lines = self
            .disk
            .range((Table::Messages, from)..(Table::Messages, to));
        let lines: Vec<_> = lines
            .map(|((_, key), value)| self.engine.message_view(key, Some(value)))
            .collect();
        let statuses = lines.iter().filter_map(|line| line.status).collect();
        let theirs = lines.into_iter().filter(|line| !line.mine);
        (theirs.map(|line| line.text).collect(), statuses)
    }

    /// Takes what came, or lets some time pass.
    pub(crate) fn turn(&mut self) {
        self.now += 50;
        let came = self.socket.as_mut().map(WebSocket::read);
        match came {
            Some(Ok(Message::Binary(frame))) => {
                self.wire.push(frame.to_vec());
                self.input(Input::Frames(vec![frame.to_vec()]));
            }
            Some(Err(Error::Io(error)))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                self.input(Input::Tick);
            }
            Some(Ok(_)) | None => self.input(Input::Tick),
            Some(Err(_)) => {
                self.socket = None;
                self.input(Input::SocketClosed { code: None });
            }
        }
    }

    /// The connection ends under the engine.
    pub(crate) fn break_off(&mut self) {
        self.socket = None;
        self.input(Input::SocketClosed { code: None });
    }

    /// One step, and those that follow from it.
    fn input(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let Ok(()) = at_once(pawl_driver::drive(self, input));
        }
    }

    fn open(&mut self) {
        let stream = TcpStream::connect(self.relay).expect("the relay listens");
        stream
            .set_read_timeout(Some(TURN))
            .expect("a socket takes a timeout");
        let url = format!("ws://{}/api/ws", self.relay);
        let mut connecting = tungstenite::client(url, stream);
        let socket = loop {
            match connecting {
                Ok((socket, _)) => break socket,
                Err(tungstenite::HandshakeError::Interrupted(half)) => {
                    connecting = half.handshake()
                }
                Err(error) => panic!("no WebSocket: {error}"),
            }
        };
        self.socket = Some(socket);
        self.inputs.push_back(Input::SocketOpened);
    }
}

impl Host for Device {
    type Error = Infallible;

    async fn commit(&mut self, changes: Vec<Change>) -> Result<(), Infallible> {
        for change in changes {
            match change {
                Change::Put { table, key, value } => {
                    self.disk.insert((table, key), value.to_vec());
                }
                Change::Delete { table, key } => drop(self.disk.remove(&(table, key))),
            }
        }
        Ok(())
    }

    fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), Infallible> {
        for frame in frames {
            self.wire.push(frame.clone());
            let connection = self.socket.as_mut().expect("frames have a socket");
            // A broken connection is heard of at the next read.
            let _ = connection.send(Message::Binary(frame.into()));
        }
        Ok(())
    }

    fn serve(&mut self, request: SocketRequest) -> Result<(), Infallible> {
        match request {
            SocketRequest::Open => self.open(),
            SocketRequest::Close => {
                self.socket = None;
                self.inputs.push_back(Input::SocketClosed { code: None });
            }
        }
        Ok(())
    }

    /// Every turn ticks.
    fn wake_at(&mut self, _at: Option<u64>) -> Result<(), Infallible> {
        Ok(())
    }

    fn show(&mut self, events: Vec<Event>) -> Result<(), Infallible> {
        self.events.extend(events);
        Ok(())
    }
}

impl EngineHost for Device {
    fn handle(&mut self, input: Input) -> Step {
        self.engine.handle(input, self.now, &mut self.random)
    }

    async fn read(&mut self, keys: Vec<Key>) -> Result<Records, Infallible> {
        let rows = keys
            .into_iter()
            .map(|key| self.disk.get(&(Table::Messages, key)).cloned());
        Ok(rows.map(|row| row.map(Into::into)).collect())
    }
}
