//! What happens in a run, written down before it begins: drawn from a seed, printed, and cut down when it fails.
//! Knows nothing of engines. Numbers in it are taken modulo what there is, so that any part of a plan is a plan.

use std::fmt;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::host::Point;

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// How bad it gets, and with that how much the law asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Machines and networks fail, and nobody lies: everything arrives soon, in order, and nobody notices.
    Weather,
    /// Disks go back or lose what they had, the relay lies, contacts are hostile: it mends itself in days.
    Damage,
}

/// What a disk loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Sessions,
    SessionsAndPrekeys,
    OneSessionAltered,
    AllButIdentity,
}

/// What the relay does to deliveries, each in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bend {
    pub(crate) drop: u8,
    pub(crate) repeat: u8,
    pub(crate) alter: u8,
    /// Numbers that no mailbox comes to.
    pub(crate) leap: u8,
}

/// One thing that happens. People and their devices are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Say {
        from: u8,
        to: u8,
    },
    Read {
        who: u8,
        of: u8,
    },
    /// So many things that can happen do, in some order, in no time.
    Steps(u16),
    /// Milliseconds pass, with all that happens in them.
    Wait(u32),
    /// Everything stands still for hours, as in a closed laptop.
    Sleep(u8),
    Network {
        who: u8,
        up: bool,
    },
    /// The connection breaks; some of what was under way arrives.
    Cut {
        who: u8,
    },
    /// What is under way is late by milliseconds.
    Stall {
        who: u8,
        down: bool,
        by: u32,
    },
    Crash {
        who: u8,
        after: u8,
        at: Point,
    },
    /// Another tab leads, though the old one has not noticed.
    TakeOver {
        who: u8,
    },
    Disk {
        who: u8,
        full: bool,
    },
    /// So many of the next commits fail.
    FailCommits {
        who: u8,
        times: u8,
    },
    Clock {
        who: u8,
        ahead: i64,
    },
    RelayDies,
    RelaySulks(u8),
    RelayNarrow(Option<u8>),
    RelayStingy(bool),
    // What only damage has.
    Copy {
        who: u8,
    },
    Back {
        copy: u8,
    },
    RelayCopy,
    RelayBack {
        copy: u8,
        says_so: bool,
    },
    Lose {
        who: u8,
        what: Loss,
        roll: u32,
    },
    Bends(Bend),
    Shuffle {
        who: u8,
    },
    Garbage {
        to: u8,
        roll: u32,
    },
    /// An envelope of before comes again: to whom it was for, or to somebody else.
    Replay {
        pick: u32,
        to: Option<u8>,
    },
    Alter {
        pick: u32,
        byte: u32,
    },
    BadBundles(u8),
    /// The relay gives one one-time key to several, for a while.
    RelayKeepsKeys(bool),
    /// A device is none of its account's any more, unless it is the only one.
    Remove {
        who: u8,
    },
    /// To one device a name points to another account for seconds, which writes.
    Flip {
        to: u8,
        of: u8,
        roll: u32,
    },
}

/// Whose a device is, and which of theirs.
pub(crate) type Seat = (usize, u32);

/// Of one person.
pub(crate) const MOST_DEVICES: u8 = 3;
/// Devices of a world in which somebody has several.
const MOST_IN_ALL: usize = 5;

/// A run before it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Of everything that is left to chance in it.
    pub seed: u64,
    /// See [`Kind`].
    pub kind: Kind,
    /// How many.
    pub people: usize,
    /// How many devices each of them has, one where nothing is said.
    pub devices: Vec<u8>,
    /// They make their accounts while it happens.
    pub fresh: bool,
    pub(crate) actions: Vec<Action>,
}

/// Of a plan's size.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How many people.
    pub people: usize,
    /// How many texts, more or less.
    pub texts: usize,
}

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, sides: u32) -> u32 {
        self.0.next_u32() % sides
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.next_u32() as usize % all.len()]
    }

    fn who(&mut self) -> u8 {
        self.below(256) as u8
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// How many devices people have. In most worlds everybody has one.
    fn devices(&mut self, people: usize) -> Vec<u8> {
        if !self.chance(20) {
            return Vec::new();
        }
        let mut room = MOST_IN_ALL.saturating_sub(people);
        let mut count = |_| {
            let further = self.of(&[0, 1, 1, 2]);
            let further = further.min(u8::try_from(room).unwrap_or(MOST_DEVICES));
            room -= usize::from(further);
            1 + further
        };
        (0..people).map(&mut count).collect()
    }
}

impl Plan {
    /// The plan of a seed: small worlds mostly, two in three with bad weather only.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let kind = match seed % 3 {
            0 => Kind::Damage,
            _ => Kind::Weather,
        };
        let people = dice.of(&[2, 2, 2, 3, 3, 4]);
        let texts = 4 + dice.below(24) as usize;
        // Of dice of its own: where everybody has one device, nothing else is another.
        let mut others = Dice(ChaCha8Rng::seed_from_u64(seed ^ 0xDE_71CE));
        let devices = match Self::is_fresh(seed) {
            true => Vec::new(),
            false => others.devices(people),
        };
        let further = devices
            .iter()
            .map(|count| usize::from(count - 1))
            .sum::<usize>();
        // What is said to many devices is said less often.
        let texts = 4.max(texts * people / (people + 2 * further));
        let mut plan = Self::draw(seed, kind, Size { people, texts }, &mut dice);
        plan.devices = devices;
        if kind == Kind::Damage && further > 0 && others.chance(40) {
            let at = others.below(plan.actions.len() as u32) as usize;
            let who = others.who();
            plan.actions.insert(at, Action::Remove { who });
        }
        plan
    }

    const fn is_fresh(seed: u64) -> bool {
        seed % 16 == 5
    }

    /// All devices: everybody's first, then the others.
    pub(crate) fn seats(&self, people: usize) -> Vec<Seat> {
        let count = |owner: usize| match self.fresh {
            true => 1,
            false => self
                .devices
                .get(owner)
                .copied()
                .unwrap_or(1)
                .clamp(1, MOST_DEVICES),
        };
        let firsts = (0..people).map(|owner| (owner, 1));
        let further = |owner| (2..=u32::from(count(owner))).map(move |number| (owner, number));
        firsts.chain((0..people).flat_map(further)).collect()
    }

    /// A plan of this size, whatever its seed.
    #[must_use]
    pub fn of_size(seed: u64, kind: Kind, size: Size) -> Self {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        Self::draw(seed, kind, size, &mut dice)
    }

    fn draw(seed: u64, kind: Kind, size: Size, dice: &mut Dice) -> Self {
        let mut actions = Vec::new();
        let mut texts = 0;
        // A run has a few kinds of trouble rather than a little of each.
        let troubles: Vec<u32> = (0..1 + dice.below(5)).map(|_| dice.below(1_000)).collect();
        let often = dice.of(&[10, 30, 60]);
        while texts < size.texts {
            if dice.chance(often) {
                let trouble = dice.of(&troubles);
                trouble_of(kind, trouble, dice, &mut actions);
            } else {
                texts += 1;
                let (from, to) = (dice.who(), dice.who());
                actions.push(Action::Say { from, to });
            }
            match dice.below(12) {
                0..=4 => actions.push(Action::Steps(1 + dice.below(24) as u16)),
                5 => actions.push(Action::Wait(dice.below(400))),
                6 => actions.push(Action::Wait(dice.below(60_000))),
                7 => {
                    let (who, of) = (dice.who(), dice.who());
                    actions.push(Action::Read { who, of });
                }
                8 if dice.chance(10) => actions.push(Action::Sleep(1 + dice.below(30) as u8)),
                _ => {}
            }
        }
        Self {
            seed,
            kind,
            people: size.people,
            devices: Vec::new(),
            fresh: Self::is_fresh(seed),
            actions,
        }
    }
}

fn trouble_of(kind: Kind, trouble: u32, dice: &mut Dice, actions: &mut Vec<Action>) {
    match kind {
        Kind::Weather => actions.push(weather(trouble % 13, dice)),
        Kind::Damage => match trouble % 28 {
            weather_kind @ 0..=12 => actions.push(weather(weather_kind, dice)),
            kind => actions.push(damage(kind - 13, dice)),
        },
    }
}

fn weather(trouble: u32, dice: &mut Dice) -> Action {
    let who = dice.who();
    let points = [
        Point::BeforeCommit,
        Point::AfterCommit,
        Point::AmidSending,
        Point::AfterSending,
    ];
    match trouble {
        0 | 1 => Action::Crash {
            who,
            after: dice.below(6) as u8,
            at: dice.of(&points),
        },
        2 => Action::Cut { who },
        3 => Action::Network {
            who,
            up: dice.chance(60),
        },
        4 => Action::Stall {
            who,
            down: dice.chance(50),
            by: dice.below(100_000),
        },
        5 | 6 => Action::TakeOver { who },
        7 => Action::Disk {
            who,
            full: dice.chance(40),
        },
        8 => Action::FailCommits {
            who,
            times: 1 + dice.below(3) as u8,
        },
        9 => Action::Clock {
            who,
            ahead: i64::from(dice.below(7_200_000)) - 3_600_000,
        },
        10 => Action::RelayDies,
        11 => match dice.below(3) {
            0 => Action::RelayNarrow(dice.chance(50).then(|| 1 + dice.below(4) as u8)),
            _ => Action::RelaySulks(1 + dice.below(4) as u8),
        },
        _ => Action::RelayStingy(dice.chance(60)),
    }
}

fn damage(trouble: u32, dice: &mut Dice) -> Action {
    let who = dice.who();
    let losses = [
        Loss::Sessions,
        Loss::SessionsAndPrekeys,
        Loss::OneSessionAltered,
        Loss::AllButIdentity,
    ];
    match trouble {
        0 | 1 => match dice.chance(50) {
            true => Action::Copy { who },
            false => Action::Back { copy: who },
        },
        2 | 3 => match dice.chance(50) {
            true => Action::RelayCopy,
            false => Action::RelayBack {
                copy: who,
                says_so: dice.chance(60),
            },
        },
        4 | 5 => Action::Lose {
            who,
            what: dice.of(&losses),
            roll: dice.0.next_u32(),
        },
        6 | 7 => Action::Bends(Bend {
            drop: dice.of(&[0, 0, 20, 50]),
            repeat: dice.of(&[0, 20]),
            alter: dice.of(&[0, 0, 20, 50]),
            leap: dice.of(&[0, 0, 5, 20]),
        }),
        8 => Action::Shuffle { who },
        9 => Action::Garbage {
            to: who,
            roll: dice.0.next_u32(),
        },
        // Most worth repeating is a handshake without one-time keys, whose session is gone.
        10 => match dice.below(6) {
            0 => Action::RelayStingy(true),
            1 => Action::Lose {
                who,
                what: Loss::Sessions,
                roll: 0,
            },
            _ => Action::Replay {
                pick: dice.0.next_u32(),
                to: dice.chance(30).then_some(who),
            },
        },
        11 => Action::Alter {
            pick: dice.0.next_u32(),
            byte: dice.0.next_u32(),
        },
        12 | 13 => Action::Flip {
            to: who,
            of: dice.who(),
            roll: dice.0.next_u32(),
        },
        _ => match dice.below(3) {
            0 => Action::BadBundles(1 + dice.below(3) as u8),
            1 => Action::RelayKeepsKeys(dice.chance(60)),
            _ => Action::Clock {
                who,
                // Whoever lost a text that is a month old by its writer's clock does not get it again.
                ahead: (i64::from(dice.below(50)) - 25) * DAY.cast_signed(),
            },
        },
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = if self.fresh { "new" } else { "old" };
        writeln!(
            f,
            "seed {}: {:?}, {} people with {accounts} accounts, {} actions",
            self.seed,
            self.kind,
            self.people,
            self.actions.len()
        )?;
        if !self.devices.is_empty() {
            writeln!(f, "  devices: {:?}", self.devices)?;
        }
        for action in &self.actions {
            writeln!(f, "  {action:?}")?;
        }
        Ok(())
    }
}
