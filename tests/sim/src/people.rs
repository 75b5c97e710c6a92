//! People and their devices: a disk, the tabs that run an engine on it, and a page that asks for things, repeats what
//! was not answered, and says what it was shown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use chacha20::ChaCha8Rng;
use pawl_client::{Command, CommandError, Engine, Input, Key, Table};

use crate::conversation::{conversation_with, sending};
use crate::disk;
use crate::fault::Fault;
use crate::host::Point;
use crate::law::{Failure, Law};
use crate::plan::Seat;
use crate::relay::AUTHORITY;

/// What a client's disk holds. Records are shared, since copies of disks are many.
pub(crate) type Disk = disk::Disk<Rc<[u8]>>;

pub(crate) const NAMES: [&str; 12] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim",
    "leo",
];

/// An engine with its socket and its alarm.
pub(crate) struct Tab {
    pub(crate) engine: Engine,
    pub(crate) rng: ChaCha8Rng,
    /// What it raised the store's fence to.
    pub(crate) fence: u64,
    pub(crate) wire: Option<u64>,
    pub(crate) inputs: VecDeque<Input>,
    /// When its alarm rings, by the world's clock.
    pub(crate) due: Option<u64>,
}

/// What a page wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Create,
    Start(usize),
    /// A text of the ledger.
    Say(usize),
    Read(usize),
    /// The text at a position.
    Retry(usize, u64),
}

pub(crate) struct Asking {
    pub(crate) id: u128,
    pub(crate) wish: Wish,
    /// Of the tab that leads now.
    pub(crate) is_asked: bool,
}

/// One page, which asks one thing after the other.
#[derive(Default)]
pub(crate) struct Page {
    wishes: VecDeque<Asking>,
    retry_at: u64,
    refusals: u32,
    /// Which line each received text was shown in.
    pub(crate) shown: BTreeMap<usize, u64>,
}

pub(crate) struct Device {
    /// Whose it is.
    pub(crate) owner: usize,
    /// Which of theirs.
    pub(crate) number: u32,
    /// Of its person and, where there are several, with its number.
    pub(crate) name: String,
    /// It is none of its account's devices any more, and off for good.
    pub(crate) is_gone: bool,
    pub(crate) disk: Disk,
    pub(crate) fence: u64,
    /// The last one leads; the others have not noticed that they do not.
    pub(crate) tabs: Vec<Tab>,
    pub(crate) page: Page,
    /// How far the clock is ahead, milliseconds.
    pub(crate) ahead: i64,
    /// The furthest that it ever was.
    furthest: i64,
    /// It stays so: see [`Device::went_back`].
    clock_stays: bool,
    pub(crate) network: bool,
    pub(crate) full: bool,
    pub(crate) failing: u8,
    pub(crate) crash: Option<(u8, Point)>,
    /// Sessions that were erased.
    pub(crate) buried: BTreeSet<Key>,
}

impl Device {
    pub(crate) fn new(seat: Seat, is_only: bool, disk: Disk) -> Self {
        let (owner, number) = seat;
        let name = match is_only {
            true => NAMES[owner].to_owned(),
            false => format!("{}/{number}", NAMES[owner]),
        };
        Self {
            owner,
            number,
            name,
            is_gone: false,
            disk,
            fence: 0,
            tabs: Vec::new(),
            page: Page::default(),
            ahead: 0,
            furthest: 0,
            clock_stays: false,
            network: true,
            full: false,
            failing: 0,
            crash: None,
            buried: BTreeSet::new(),
        }
    }

    /// An engine as the disk has it.
    pub(crate) fn load(&self, fault: Option<Fault>) -> Result<Engine, Failure> {
        let read = |table, key: &Key, record: &[u8]| match fault {
            Some(fault) => fault.read(table, key, record),
            None => Some(record.to_vec()),
        };
        disk::load(&self.disk, AUTHORITY, read)
            .map_err(|error| Failure::new(Law::Loads, format!("{}: {error}", self.name)))
    }

    pub(crate) fn set_clock(&mut self, ahead: i64) {
        if !self.clock_stays {
            self.ahead = ahead;
            self.furthest = self.furthest.max(ahead);
        }
    }

    /// The disk is an old copy. Its texts are numbered by the clock from here on, so that none has a number of one that
    /// the copy knows nothing of: a clock that is behind, too, is a fault that nothing mends (docs/PROTOCOL.md).
    pub(crate) fn went_back(&mut self) {
        self.ahead = self.furthest;
        self.clock_stays = true;
    }

    pub(crate) fn local(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.ahead)
    }

    /// The number of lines and records in a table.
    pub(crate) fn count(&self, table: Table) -> usize {
        let keys = self.disk.keys();
        keys.filter(|(of, _)| *of == table).count()
    }
}

impl Page {
    pub(crate) fn wish(&mut self, id: u128, wish: Wish) {
        self.wishes.push_back(Asking {
            id,
            wish,
            is_asked: false,
        });
    }

    pub(crate) fn is_content(&self) -> bool {
        self.wishes.is_empty()
    }

    /// There is another engine: what was not answered is asked again, under its id or, as a deliberate fault, under
    /// another.
    pub(crate) fn ask_again(&mut self, other: Option<u128>) {
        if let Some(first) = self.wishes.front_mut().filter(|first| first.is_asked) {
            first.is_asked = false;
            first.id = other.unwrap_or(first.id);
        }
    }

    /// The store had no room for what was asked.
    pub(crate) fn refused(&mut self, retry_at: u64) {
        if let Some(first) = self.wishes.front_mut() {
            first.is_asked = false;
            self.retry_at = retry_at;
        }
    }

    /// When something is to be asked; it may be past.
    pub(crate) fn due(&self) -> Option<u64> {
        let first = self.wishes.front()?;
        (!first.is_asked).then_some(self.retry_at)
    }

    /// What it asks now.
    pub(crate) fn ask(&mut self, owner: usize, texts: &[Text], engine: &Engine) -> Option<Input> {
        let asking = self.wishes.front_mut()?;
        asking.is_asked = true;
        let command = match asking.wish {
            Wish::Create => Command::CreateAccount {
                username: NAMES[owner].to_owned(),
                invite: None,
            },
            Wish::Start(with) => Command::StartConversation {
                username: NAMES[with].to_owned(),
            },
            Wish::Say(text) => sending(engine, NAMES[texts[text].to], &texts[text].words(text)),
            Wish::Retry(of, position) => Command::RetryMessage {
                conversation: conversation_with(engine, NAMES[of]),
                position,
            },
            Wish::Read(of) => Command::MarkRead {
                conversation: conversation_with(engine, NAMES[of]),
                through: u64::MAX / 2,
            },
        };
        let id = format!("{:032x}", asking.id);
        Some(Input::Command { id, command })
    }

    /// What was asked is answered; what is done then.
    pub(crate) fn answered(
        &mut self,
        id: &str,
        error: Option<&CommandError>,
        now: u64,
        texts: &[Text],
        fresh_id: u128,
    ) -> Option<Wish> {
        let first = self.wishes.front_mut()?;
        if format!("{:032x}", first.id) != id {
            return None;
        }
        // There may be no conversation to read, and what was refused may be on its way.
        let is_over = error.is_none() || matches!(first.wish, Wish::Read(_) | Wish::Retry(..));
        if is_over {
            self.refusals = 0;
            return self.wishes.pop_front().map(|done| done.wish);
        }
        first.is_asked = false;
        if let (Wish::Say(text), Some(CommandError::UnknownConversation)) = (first.wish, error) {
            let start = Asking {
                id: fresh_id,
                wish: Wish::Start(texts[text].to),
                is_asked: false,
            };
            self.wishes.push_front(start);
        } else {
            self.refusals += 1;
            self.retry_at = now + (500 << self.refusals.min(6));
        }
        None
    }
}

/// A text that somebody was asked to send.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    /// The device that it is written on.
    pub(crate) from: usize,
    /// Whose device that is.
    pub(crate) by: usize,
    /// For all devices of this person.
    pub(crate) to: usize,
    /// The page was told that it is on disk.
    pub(crate) accepted: bool,
    /// The disk that it was on is no more.
    pub(crate) undone: bool,
}

impl Text {
    /// What it says: its own number, so that it is like no other.
    pub(crate) fn words(&self, number: usize) -> String {
        format!("{number} from {} to {}", NAMES[self.by], NAMES[self.to])
    }
}

/// The number in such a text.
pub(crate) fn number_of(words: &str) -> Option<usize> {
    words.split_once(' ')?.0.parse().ok()
}
