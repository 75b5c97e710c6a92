//! The model of the relay that the simulator and the engine's tests share, rather than the relay's
//! own store over SQLite in memory: a thousand worlds a minute begin, are copied and go back in
//! time, and each is a clone of a few maps. What it promises is what docs/RELAY-PROTOCOL.md and
//! server/tests/relay say; tests/native and tests/browser hold engines against the real one. What a
//! client must never say is a [`Failure`] here, where the real relay ends the connection. Hearing a
//! frame is one group commit: a crash loses what was not heard, and answers on their way.

mod mailbox;
mod requests;
mod store;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pawl_client::FrameBatch;
use pawl_wire::limits::FRAME_VERSION;
use pawl_wire::{
    ClaimId, ConnectionError, DeviceAddress, MessageId, Nonce, PublishedKeys, Registration,
    RelayFrame, Submit, close_code,
};

use crate::impostor::Lie;
use crate::law::Failure;

pub use mailbox::{Letter, Mailbox, Stock};
pub use requests::MAX_SEQ;
pub use store::Store;

/// The relay's authority, which clients sign.
pub const AUTHORITY: &str = "relay.example:8080";

/// Bends what the relay says to a client: each frame becomes none, one or several.
pub type Bend = Box<dyn FnMut(usize, RelayFrame) -> Vec<RelayFrame>>;

/// One connection: what is under way on it, and what the relay knows of it.
pub(crate) struct Wire {
    pub(crate) who: usize,
    pub(crate) device: Option<DeviceAddress>,
    nonce: Nonce,
    window: usize,
    sent: u64,
    unacknowledged: VecDeque<u64>,
    waiting_through: Option<u64>,
    pub(crate) up: VecDeque<Vec<u8>>,
    pub(crate) down: VecDeque<Vec<u8>>,
    /// Nothing moves before: up, down.
    pub(crate) stalled: [u64; 2],
    /// The relay has ended it, with this code; what it said before still comes.
    pub(crate) ended: Option<Option<u16>>,
    /// The client has left; what it sent before is still heard.
    pub(crate) left: bool,
}

/// What the relay is made to do.
#[derive(Clone, Copy, Default)]
pub struct Mood {
    /// So many of the next submits and claims are refused for now.
    pub sulks: u32,
    /// Messages in a mailbox, where that is bounded.
    pub narrow: Option<usize>,
    /// Bytes of an envelope, where it takes smaller ones only.
    pub short: Option<usize>,
    /// Gives out no one-time keys, though it has some.
    pub stingy: bool,
    /// So many of the next bundles have something exchanged.
    pub bad_bundles: u32,
    /// Gives each one-time key to everybody.
    pub keeps_keys: bool,
}

/// A relay and its connections.
pub struct Relay {
    /// What is on its disk.
    pub store: Store,
    /// What is really on its disk, where it says more: a deliberate fault.
    pub(crate) written: Option<Store>,
    pub(crate) wires: BTreeMap<u64, Wire>,
    /// What it is made to do.
    pub mood: Mood,
    /// Lowest and highest version of the frames.
    pub versions: (u32, u32),
    /// Who may register. An invite code that counts is "welcome".
    pub registration: Registration,
    /// What a registration has to show.
    pub work_bits: u32,
    /// What becomes of all that it says.
    pub bend: Option<Bend>,
    /// Something between it and its clients misnumbers mail, so they may acknowledge such numbers.
    pub(crate) leaps: bool,
    /// What it says to somebody about a name that is not so.
    pub(crate) lie: Option<Lie>,
    /// Every submit that came in.
    pub submitted: Vec<Submit>,
    /// Every submit that it took.
    pub(crate) taken: Vec<Submit>,
    /// Every publish that came in.
    pub published: Vec<(DeviceAddress, PublishedKeys)>,
    /// How many acknowledgements came in of each device.
    pub acknowledgements: BTreeMap<DeviceAddress, usize>,
    /// The bytes under each id that ever came.
    bytes: BTreeMap<MessageId, Vec<u8>>,
    /// Who claimed whose keys, under which claims.
    pub(crate) claims: BTreeMap<(usize, DeviceAddress), BTreeSet<ClaimId>>,
    next: u64,
}

type Heard = Result<(), Failure>;

impl Relay {
    /// A relay that anybody may register with, without work.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            written: None,
            wires: BTreeMap::new(),
            mood: Mood::default(),
            versions: (FRAME_VERSION, FRAME_VERSION),
            registration: Registration::Open,
            work_bits: 0,
            bend: None,
            leaps: false,
            lie: None,
            submitted: Vec::new(),
            taken: Vec::new(),
            published: Vec::new(),
            acknowledgements: BTreeMap::new(),
            bytes: BTreeMap::new(),
            claims: BTreeMap::new(),
            next: 0,
        }
    }

    /// A client's socket is open.
    pub(crate) fn accept(&mut self, who: usize) -> u64 {
        self.next += 1;
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&self.next.to_be_bytes());
        let wire = Wire {
            who,
            device: None,
            nonce: Nonce(nonce),
            window: 0,
            sent: 0,
            unacknowledged: VecDeque::new(),
            waiting_through: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            stalled: [0; 2],
            ended: None,
            left: false,
        };
        self.wires.insert(self.next, wire);
        let challenge = RelayFrame::Challenge {
            versions: self.versions,
            nonce: Nonce(nonce),
            epoch: self.store.epoch,
            registration: self.registration,
            work_bits: self.work_bits,
        };
        self.say(self.next, challenge);
        self.next
    }

    /// A client's frames are on their way, unless the relay has ended the connection.
    pub(crate) fn send(&mut self, id: u64, frames: Vec<Vec<u8>>) {
        let wire = self.wires.get_mut(&id);
        if let Some(wire) = wire.filter(|wire| wire.ended.is_none()) {
            wire.up.extend(frames);
        }
    }

    /// A connection and all that was under way on it are gone.
    pub(crate) fn forget(&mut self, id: u64) {
        self.wires.remove(&id);
    }

    fn say(&mut self, id: u64, frame: RelayFrame) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.put(&mut self.bend, frame);
        }
    }

    /// The last frame of a connection.
    pub(crate) fn end(&mut self, id: u64, code: ConnectionError) {
        let frame = RelayFrame::Error {
            code,
            retry_after_ms: 0,
        };
        self.say(id, frame);
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.ended = Some(Some(close_code::of(code)));
            wire.up.clear();
        }
    }

    /// A connection breaks: so many frames still arrive in each direction. Those that the relay
    /// still hears are on a connection that nobody listens to.
    pub(crate) fn split(&mut self, id: u64, up: usize, down: usize) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let mut heard = std::mem::take(&mut wire.up);
        heard.truncate(up);
        wire.down.truncate(down);
        wire.ended = Some(None);
        if heard.is_empty() {
            return;
        }
        let unheard = Wire {
            up: heard,
            down: VecDeque::new(),
            ended: None,
            left: true,
            unacknowledged: std::mem::take(&mut wire.unacknowledged),
            ..*wire
        };
        self.next += 1;
        self.wires.insert(self.next, unheard);
    }

    /// The process dies and begins again from its disk.
    pub(crate) fn restart(&mut self) {
        if let Some(written) = self.written.take() {
            self.store = written;
        }
        self.wires.retain(|_, wire| !wire.left);
    }

    /// Delivers what the windows allow, in the order of the mailboxes.
    pub(crate) fn deliver_all(&mut self) {
        for wire in self.wires.values_mut().filter(|it| it.ended.is_none()) {
            let Some(mailbox) = wire.device.and_then(|it| self.store.boxes.get(&it)) else {
                continue;
            };
            let sent = wire.sent;
            let next = mailbox.mail.partition_point(|letter| letter.seq <= sent);
            for letter in mailbox.mail.range(next..) {
                if wire.unacknowledged.len() >= wire.window {
                    break;
                }
                wire.sent = letter.seq;
                wire.unacknowledged.push_back(letter.seq);
                let frame = RelayFrame::Deliver {
                    seq: letter.seq,
                    message_id: letter.message_id,
                    envelope: letter.envelope.clone(),
                };
                wire.put(&mut self.bend, frame);
            }
            let last = mailbox.mail.back().map_or(wire.sent, |last| last.seq);
            if let Some(through) = wire.waiting_through.filter(|_| wire.sent >= last) {
                wire.waiting_through = None;
                let through = through.max(wire.sent);
                wire.put(&mut self.bend, RelayFrame::QueueEmpty { through });
            }
        }
    }

    /// Goes back to an older copy of its disk. One that says so has a new epoch, and its one-time
    /// keys count for nothing, since it may have given them out.
    pub(crate) fn go_back(&mut self, copy: Store, says_so: bool) {
        let epoch = self.store.epoch;
        self.store = copy;
        self.store.epoch = epoch;
        if says_so {
            self.store.next_epoch();
            let boxes = self.store.boxes.values_mut();
            boxes.for_each(Mailbox::drop_one_time_keys);
        }
    }
}

impl Wire {
    /// What a driver takes as one step, of what has arrived.
    pub(crate) fn arrived(&mut self, most: usize) -> FrameBatch {
        let mut batch = FrameBatch::default();
        for _ in 0..most {
            match self.down.pop_front() {
                Some(frame) => batch.push(frame),
                None => break,
            }
            if batch.is_full() {
                break;
            }
        }
        batch
    }

    fn put(&mut self, bend: &mut Option<Bend>, frame: RelayFrame) {
        match bend {
            None => self.down.push_back(frame.encode()),
            Some(bend) => {
                let frames = bend(self.who, frame);
                self.down.extend(frames.iter().map(RelayFrame::encode));
            }
        }
    }
}
