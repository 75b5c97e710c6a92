//! Engines and a model relay in one deterministic world: seeded randomness, fake time, a store that
//! applies changes, and crashes at any point of the order commit, send, show.

mod hosted;
mod seen;
pub mod store;
pub mod stranger;
pub mod told;

use std::collections::VecDeque;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use hosted::Hosted;
use pawl_client::{
    Command, CommandError, Effects, Engine, Event, FrameBatch, Hint, Input, Key, Step,
};
use pawl_wire::{ConnectionError, DeviceAddress, RelayFrame, close_code};
use told::Told;

use crate::conversation::sending;
use crate::disk;
use crate::host::{Died, Mortal, Point};
use crate::relay::{AUTHORITY, Relay, Store};

/// A Monday in 2026, milliseconds since 1970.
pub const START: u64 = 1_790_000_000_000;

/// What a client's disk holds.
pub type Disk = disk::Disk<Vec<u8>>;

/// A device with its engine.
pub struct Client {
    /// What it has committed.
    pub disk: Disk,
    /// As it was loaded from the disk, and what it did since.
    pub engine: Engine,
    /// Everything that was shown.
    pub events: Vec<Event>,
    told: Told,
    /// Whether the machine has a network.
    pub network: bool,
    /// When its alarm rings.
    pub wake_at: Option<u64>,
    /// Records that were written or deleted.
    pub changes: usize,
    /// Steps that changed the disk: transactions.
    pub commits: usize,
    /// Most changes in one step.
    pub largest_step: usize,
    rng: ChaCha20Rng,
    /// Its connection at the relay.
    socket: Option<u64>,
    /// What the driver has to tell the engine.
    inputs: VecDeque<Input>,
    /// Lines that were read and are not handed over yet, where the world holds them.
    held: Vec<Input>,
}

/// Clients, a relay and the time between them; a test says what happens.
pub struct World {
    /// Milliseconds since 1970, for all of them.
    pub now: u64,
    /// The one relay.
    pub relay: Relay,
    /// By their number in the list of names.
    pub clients: Vec<Client>,
    /// What the world itself draws from.
    pub rng: ChaCha20Rng,
    /// Chance in a thousand that a step ends in a crash, and that a connection breaks.
    pub chaos: u32,
    /// A crash after so many more steps.
    pub crash_in: Option<(u64, Point)>,
    /// How often a process died so far.
    pub crashes: u32,
    /// What is read from a store is handed over only by [`World::hand_over`].
    pub holds_lines: bool,
    /// Asked before and after each step for what it did.
    pub probe: Option<fn() -> u64>,
    /// The most that it has said after a step.
    pub most_probed: u64,
    /// Whether clients take all that has arrived as one step, and not sometimes a frame singly.
    pub whole_windows: bool,
    ids: u128,
}

fn load(disk: &Disk) -> Engine {
    try_load(disk).expect("the store loads")
}

/// An engine as a disk has it.
///
/// # Errors
/// As [`Engine::load`].
pub fn try_load(disk: &Disk) -> Result<Engine, pawl_client::StoreError> {
    disk::load(disk, AUTHORITY, |_, _, record| Some(record.to_vec()))
}

/// What a step does outside, as if its changes were committed: for tests that have no store.
pub fn effects(step: Step) -> Effects {
    let (_, uncommitted) = step.into_changes();
    uncommitted.committed()
}

impl World {
    /// Clients without accounts.
    #[expect(clippy::print_stderr, reason = "a failed run is repeated by its seed")]
    pub fn new(seed: u64, clients: usize) -> Self {
        eprintln!("seed {seed}");
        let client = |i: usize| Client {
            disk: Disk::new(),
            engine: load(&Disk::new()),
            events: Vec::new(),
            told: Told::default(),
            network: true,
            wake_at: Some(START),
            changes: 0,
            commits: 0,
            largest_step: 0,
            rng: ChaCha20Rng::seed_from_u64(seed * 1_000 + i as u64),
            socket: None,
            inputs: VecDeque::new(),
            held: Vec::new(),
        };
        Self {
            now: START,
            relay: Relay::new(Store::default()),
            clients: (0..clients).map(client).collect(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            chaos: 0,
            crash_in: None,
            crashes: 0,
            holds_lines: false,
            probe: None,
            most_probed: 0,
            whole_windows: false,
            ids: u128::from(seed) << 64,
        }
    }

    /// Alice, who is client 0, and Bob, after so many messages both ways.
    pub fn talking(seed: u64, rounds: usize) -> Self {
        let mut world = Self::with(seed, &["alice", "bob"]);
        world.start(0, "bob");
        for round in 0..rounds {
            world.send(0, "bob", &format!("a{round}"));
            world.send(1, "alice", &format!("b{round}"));
        }
        world
    }

    /// Clients with these names, registered and online.
    pub fn with(seed: u64, names: &[&str]) -> Self {
        let mut world = Self::new(seed, names.len());
        for (i, name) in names.iter().enumerate() {
            world.settle();
            assert_eq!(world.create(i, name), None);
        }
        world.settle();
        world
    }

    /// An id that no command has had.
    pub fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("{:032x}", self.ids)
    }

    /// Asks for an account; see [`World::ask`].
    pub fn create(&mut self, i: usize, name: &str) -> Option<CommandError> {
        self.ask(
            i,
            Command::CreateAccount {
                username: name.into(),
                invite: None,
            },
        )
    }

    /// Asks for a conversation; see [`World::ask`].
    pub fn start(&mut self, i: usize, name: &str) -> Option<CommandError> {
        self.ask(
            i,
            Command::StartConversation {
                username: name.into(),
            },
        )
    }

    /// Asks to send a text; see [`World::ask`].
    pub fn send(&mut self, i: usize, to: &str, text: &str) -> Option<CommandError> {
        let command = sending(&self.clients[i].engine, to, text);
        self.ask(i, command)
    }

    /// Asks to send a text, under this id, and lets nothing else happen.
    pub fn send_as(&mut self, i: usize, id: &str, to: &str, text: &str) {
        let command = sending(&self.clients[i].engine, to, text);
        self.ask_as(i, id, command);
    }

    /// Where mail for a name goes.
    pub fn address(&self, name: &str) -> DeviceAddress {
        self.relay.store.address(name).expect("registered")
    }

    /// Asks and lets the world run until it is quiet; the command must be answered by then.
    pub fn ask(&mut self, i: usize, command: Command) -> Option<CommandError> {
        let id = self.next_id();
        self.ask_as(i, &id, command);
        self.settle();
        self.answer(i, &id).expect("every command is answered")
    }

    /// Asks under this id, and lets nothing else happen.
    pub fn ask_as(&mut self, i: usize, id: &str, command: Command) {
        self.input(
            i,
            Input::Command {
                id: id.into(),
                command,
            },
        );
    }

    /// One step of a client, carried out in the order commit, send, show.
    pub fn input(&mut self, i: usize, input: Input) {
        let crash = self.planned_crash().or_else(|| self.random_crash());
        let client = &mut self.clients[i];
        self.probe.map(|before| before());
        let step = client.engine.handle(input, self.now, &mut client.rng);
        let did = self.probe.map_or(0, |after| after());
        self.most_probed = self.most_probed.max(did);
        self.carry_out(i, step, crash);
    }

    fn planned_crash(&mut self) -> Option<Point> {
        let (steps, crash) = self.crash_in.take()?;
        if steps == 0 {
            return Some(crash);
        }
        self.crash_in = Some((steps - 1, crash));
        None
    }

    fn random_crash(&mut self) -> Option<Point> {
        let is_chaotic = self.chaos > 0 && self.rng.next_u32() % 1_000 < self.chaos;
        let points = [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending];
        is_chaotic.then(|| points[self.rng.next_u32() as usize % 3])
    }

    /// Carries out a step, as far as the process lives.
    pub fn carry_out(&mut self, i: usize, step: Step, crash: Option<Point>) {
        let machine = Hosted { world: self, i };
        let mut mortal = Mortal {
            machine,
            point: crash,
        };
        match mortal.carry_out(step) {
            Ok(reads) => self.read(i, reads),
            Err(Died) => self.crash(i),
        }
    }

    fn read(&mut self, i: usize, reads: Vec<Key>) {
        if reads.is_empty() {
            return;
        }
        let client = &mut self.clients[i];
        let lines = Input::Lines(disk::read(&client.disk, reads));
        if self.holds_lines {
            client.held.push(lines);
        } else {
            client.inputs.push_back(lines);
        }
    }

    /// The process dies and begins again from its disk.
    pub fn crash(&mut self, i: usize) {
        self.crashes += 1;
        let client = &mut self.clients[i];
        if let Some(id) = client.socket.take() {
            self.relay.forget(id);
        }
        client.inputs.clear();
        client.held.clear();
        client.engine = load(&client.disk);
        client.told = Told::default();
        client.wake_at = Some(self.now);
    }

    /// The socket closes under the client.
    pub fn break_connection(&mut self, i: usize, code: Option<u16>) {
        let client = &mut self.clients[i];
        if let Some(id) = client.socket.take() {
            self.relay.forget(id);
            client
                .inputs
                .retain(|input| !matches!(input, Input::SocketOpened));
            client.inputs.push_back(Input::SocketClosed { code });
        }
    }

    /// The client's machine gets or loses its network.
    pub fn set_network(&mut self, i: usize, network: bool) {
        self.clients[i].network = network;
        if network {
            self.clients[i]
                .inputs
                .push_back(Input::Hint(Hint::NetworkUp));
        } else {
            self.break_connection(i, None);
        }
    }

    /// The relay says something out of turn.
    pub fn inject(&mut self, i: usize, frame: RelayFrame) {
        self.input(i, Input::Frames(vec![frame.encode()]));
    }

    /// The relay ends the connection.
    pub fn end(&mut self, i: usize, code: ConnectionError) {
        self.inject(
            i,
            RelayFrame::Error {
                code,
                retry_after_ms: 0,
            },
        );
        self.break_connection(i, Some(close_code::of(code)));
    }

    /// What a client sent and the relay has not heard.
    pub fn under_way(&self, i: usize) -> impl Iterator<Item = &Vec<u8>> {
        let wire = self.clients[i]
            .socket
            .and_then(|id| self.relay.wires.get(&id));
        wire.into_iter().flat_map(|wire| &wire.up)
    }

    fn pump_up(&mut self, i: usize) {
        while self.hear(i) {}
    }

    /// The relay hears the next frame of a client; false where there is none.
    fn hear(&mut self, i: usize) -> bool {
        let Some(frame) = self.under_way(i).next() else {
            return false;
        };
        if let Some(keys) = disk::keys_in(frame) {
            let lacking = disk::lacking(&self.clients[i].disk, &keys);
            assert_eq!(lacking, [], "kinds and ids of keys without a private half");
        }
        let id = self.clients[i].socket.expect("it has sent something");
        let heard = self.relay.hear(id);
        heard.unwrap_or_else(|failure| panic!("{failure}"));
        true
    }

    /// One thing that can happen to a client now; false where nothing can.
    fn act(&mut self, i: usize) -> bool {
        let now = self.now;
        let client = &mut self.clients[i];
        if let Some(input) = client.inputs.pop_front() {
            self.input(i, input);
            return true;
        }
        if self.hear(i) {
            return true;
        }
        let client = &mut self.clients[i];
        let wire = client.socket.and_then(|id| self.relay.wires.get_mut(&id));
        if let Some(wire) = wire {
            if !wire.down.is_empty() {
                let singly = !self.whole_windows && self.rng.next_u32().is_multiple_of(2);
                let batch = wire.arrived(if singly { 1 } else { FrameBatch::MAX_FRAMES });
                self.input(i, batch.into_input());
                return true;
            }
            if let Some(code) = wire.ended {
                self.break_connection(i, code);
                return true;
            }
        }
        if client.wake_at.is_some_and(|at| at <= now) {
            client.wake_at = None;
            self.input(i, Input::Tick);
            return true;
        }
        false
    }

    /// Lets things happen in random order until nothing can without time passing.
    fn run_now(&mut self) {
        loop {
            // A test may have put something into a mailbox.
            self.relay.deliver_all();
            let first = self.rng.next_u32() as usize;
            let count = self.clients.len();
            let happened = (0..count).any(|i| self.act((first + i) % count));
            if !happened {
                return;
            }
            if self.chaos > 0 && self.rng.next_u32() % 1_000 < self.chaos {
                self.break_connection(first % count, None);
            }
        }
    }

    /// Lets time pass, jumping from one thing that is due to the next.
    pub fn run_for(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        loop {
            self.run_now();
            let due = self
                .clients
                .iter()
                .filter_map(|client| client.wake_at)
                .min();
            match due.filter(|due| *due <= end) {
                Some(due) => self.now = self.now.max(due),
                None => break,
            }
        }
        self.now = end;
        self.run_now();
    }

    /// Long enough for everything but pings and slow retries.
    pub fn settle(&mut self) {
        self.run_for(3_000);
        for client in &self.clients {
            client.told.compare(&client.engine);
        }
    }
}
