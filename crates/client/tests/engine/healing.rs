//! Whatever happens to keys, stores, processes and mail, in any order: when it is over, everybody can write
//! to everybody, each text that its sender still has is there once, and nothing goes to and fro for ever.
//! Seeded: a failed run prints its seed, and `PAWL_SEEDS=from..to` runs others.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::support::{Disk, World};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use pawl_client::{Command, MessageStatus, Table};
use pawl_sim::Point;
use pawl_wire::{MessageId, RelayFrame};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Seeds of an ordinary run.
const SEEDS: u64 = 32;

/// What the relay does to deliveries.
#[derive(Clone, Copy, Default)]
struct Faults {
    drop: u32,
    repeat: u32,
    rename: u32,
    alter: u32,
}

struct Storm {
    world: World,
    rng: ChaCha20Rng,
    people: usize,
    faults: Rc<Cell<Faults>>,
    texts: u32,
    /// Old copies of people's stores.
    copies: Vec<(usize, Disk)>,
    log: Vec<String>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let people = if seed.is_multiple_of(4) { 3 } else { 2 };
        let mut world = World::with(seed + 50_000, &NAMES[..people]);
        let faults = Rc::new(Cell::new(Faults::default()));
        let now = faults.clone();
        let mut dice = ChaCha20Rng::from_rng(&mut rng);
        world.relay.bend = Some(Box::new(move |_, frame| bend(frame, now.get(), &mut dice)));
        Self {
            world,
            rng,
            people,
            faults,
            texts: 0,
            copies: Vec::new(),
            log: Vec::new(),
        }
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.rng.next_u32() as usize % sides
    }

    fn pair(&mut self) -> (usize, usize) {
        let from = self.roll(self.people);
        let step = 1 + self.roll(self.people - 1);
        (from, (from + step) % self.people)
    }

    fn say(&mut self, from: usize, to: usize) {
        self.texts += 1;
        let text = format!("{}{}", NAMES[from], self.texts);
        let username = NAMES[to].to_owned();
        let id = self.world.next_id();
        let start = Command::StartConversation { username };
        self.world.ask_as(from, &id, start);
        self.wait_for(from, &id);
        let id = self.world.next_id();
        self.world.send_as(from, &id, NAMES[to], &text);
        self.wait_for(from, &id);
        self.log.push(format!("{text} to {}", NAMES[to]));
    }

    fn wait_for(&mut self, who: usize, id: &str) {
        if self.world.answer(who, id).is_none() {
            self.world.run_for(50);
        }
    }

    /// Hours pass without anything but what is due at their end.
    fn pass(&mut self, hours: u64) {
        for _ in 0..hours.div_ceil(4) {
            self.world.now += hours.min(4) * HOUR;
            self.world.run_for(2 * MINUTE);
        }
    }

    fn lose(&mut self, who: usize, what: &str, gone: impl Fn(Table) -> bool) {
        self.log.push(format!("{} loses {what}", NAMES[who]));
        self.world.lose(who, |table, _| gone(table));
    }

    /// One bit of a session is wrong: it may not decode, or decode and not open.
    fn alter_session(&mut self, who: usize) {
        let roll = self.rng.next_u64();
        let disk = self.world.clients[who].disk.iter_mut();
        let mut sessions: Vec<_> = disk
            .filter(|((table, _), _)| *table == Table::Sessions)
            .collect();
        if sessions.is_empty() {
            return;
        }
        let at = usize::try_from(roll % sessions.len() as u64).expect("few");
        let bytes = &mut sessions[at].1;
        let byte = usize::try_from((roll >> 16) % bytes.len() as u64).expect("few");
        // A record of a newer version is another matter: then nothing loads.
        bytes[byte.max(1)] ^= 1 << ((roll >> 48) % 8);
        self.log
            .push(format!("{}'s session, byte {byte}", NAMES[who]));
        self.world.break_connection(who, None);
        self.world.crash(who);
    }

    fn replay(&mut self) {
        let sent = self.world.relay.submitted.len();
        if sent == 0 {
            return;
        }
        let at = self.roll(sent);
        let old = self.world.relay.submitted[at].clone();
        let name = u128::from_str_radix(&self.world.next_id(), 16).expect("a number");
        let mailbox = self.world.relay.store.boxes.get_mut(&old.recipient);
        mailbox
            .expect("registered")
            .store(MessageId(name.to_be_bytes()), old.envelope);
        self.log.push(format!("envelope {at} again"));
    }

    fn reorder(&mut self, who: usize) {
        let device = self.world.address(NAMES[who]);
        let mailbox = self
            .world
            .relay
            .store
            .boxes
            .get_mut(&device)
            .expect("registered");
        let last = mailbox.mail.len().saturating_sub(1);
        for i in 0..last {
            let (seq, next) = (mailbox.mail[i].seq, mailbox.mail[i + 1].seq);
            mailbox.mail.swap(i, i + 1);
            (mailbox.mail[i].seq, mailbox.mail[i + 1].seq) = (seq, next);
        }
        self.log.push(format!("{}'s mail reordered", NAMES[who]));
    }

    fn act(&mut self) {
        let (who, other) = self.pair();
        match self.roll(26) {
            0..=7 => self.say(who, other),
            8 => {
                self.say(who, other);
                self.say(other, who);
            }
            9..=11 => {
                let minutes = [0, 0, 1, 5, 40][self.roll(5)];
                self.world.run_for(1_000 + minutes * MINUTE);
                self.log.push(format!("{minutes} minutes"));
            }
            12 => {
                let hours = [1, 7, 30][self.roll(3)];
                self.log.push(format!("{hours} hours"));
                self.pass(hours);
            }
            13 | 14 => {
                let network = !self.world.clients[who].network;
                self.log.push(format!("{} network {network}", NAMES[who]));
                self.world.set_network(who, network);
            }
            15 => {
                let crashes = [Point::BeforeCommit, Point::AfterCommit, Point::AfterSending];
                let crash = (self.rng.next_u64() % 20, crashes[self.roll(3)]);
                self.log.push(format!("crash {crash:?}"));
                self.world.crash_in = Some(crash);
            }
            16 => {
                let faults = Faults {
                    drop: [0, 0, 20, 50][self.roll(4)],
                    repeat: [0, 20][self.roll(2)],
                    rename: [0, 20][self.roll(2)],
                    alter: [0, 0, 20, 50][self.roll(4)],
                };
                self.log.push("faults".into());
                self.faults.set(faults);
            }
            17 => {
                // With something in the outbox, as a rule.
                if self.roll(3) > 0 {
                    self.world.set_network(who, false);
                    self.say(who, other);
                    self.world.run_for(1_000);
                    self.world.set_network(who, true);
                }
                self.copies
                    .push((who, self.world.clients[who].disk.clone()));
                self.log.push(format!("copy of {}", NAMES[who]));
            }
            18 if !self.copies.is_empty() => {
                let at = self.roll(self.copies.len());
                let (who, disk) = self.copies.swap_remove(at);
                self.log.push(format!("{} goes back", NAMES[who]));
                self.world.roll_back(who, disk);
            }
            19 => self.lose(who, "sessions", |table| table == Table::Sessions),
            20 => self.lose(who, "sessions and prekeys", |table| {
                matches!(table, Table::Sessions | Table::Prekeys)
            }),
            21 => self.alter_session(who),
            22 => self.replay(),
            23 => self.reorder(who),
            24 => {
                self.world.relay.mood.stingy = !self.world.relay.mood.stingy;
                self.log.push("last-resort keys".into());
            }
            _ => self.lose(who, "all but its identity", |table| table != Table::Meta),
        }
    }

    /// All is well again with relay and network, and time passes.
    fn calm(&mut self) {
        self.faults.set(Faults::default());
        self.world.crash_in = None;
        for who in 0..self.people {
            self.world.set_network(who, true);
        }
        self.log.push("calm".into());
        self.world.run_for(20 * MINUTE);
        self.pass(72);
        self.world.run_for(20 * MINUTE);
    }

    /// Everybody with everybody else, both ways.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let all = (0..self.people).flat_map(|from| (0..self.people).map(move |to| (from, to)));
        all.filter(|(from, to)| from != to).collect()
    }

    /// What stands in the sender's history stands once in the recipient's, and the sender knows.
    fn check(&self, from: usize, to: usize) {
        let received = self.world.received(to, NAMES[from]);
        let mut count = BTreeMap::new();
        for text in &received {
            *count.entry(text.as_str()).or_insert(0) += 1;
        }
        assert!(
            count.values().all(|count| *count == 1),
            "twice: {received:?}"
        );
        for line in self.world.history(from, NAMES[to]) {
            let is_there = count.contains_key(line.text.as_str());
            let arrived = [MessageStatus::Delivered, MessageStatus::Read];
            let is_known = line.status.is_some_and(|it| arrived.contains(&it));
            assert!(
                !line.mine || (is_there && is_known),
                "{} to {}: {:?} is {:?}, there: {is_there}, {received:?}",
                NAMES[from],
                NAMES[to],
                line.text,
                line.status
            );
        }
    }
}

/// A failed run says what happened in it.
impl Drop for Storm {
    #[expect(clippy::print_stderr, reason = "how a run failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what happened: {}", self.log.join(", "));
        }
    }
}

fn bend(frame: RelayFrame, faults: Faults, dice: &mut ChaCha20Rng) -> Vec<RelayFrame> {
    let RelayFrame::Deliver {
        seq,
        message_id,
        mut envelope,
    } = frame
    else {
        return vec![frame];
    };
    let mut rolls = |chance| dice.next_u32() % 100 < chance;
    if rolls(faults.drop) {
        return Vec::new();
    }
    if rolls(faults.alter) {
        let at = envelope.len() - 1;
        envelope[at] ^= 1;
    }
    let renames = rolls(faults.rename);
    let copies = 1 + usize::from(rolls(faults.repeat));
    let copy = |i: usize| RelayFrame::Deliver {
        seq,
        message_id: if renames && i > 0 {
            MessageId([7; 16])
        } else {
            message_id
        },
        envelope: envelope.clone(),
    };
    (0..copies).map(copy).collect()
}

fn run(seed: u64) {
    let mut storm = Storm::new(seed);
    storm.say(0, 1);
    let steps = 10 + storm.roll(30);
    for _ in 0..steps {
        storm.act();
    }
    storm.calm();
    for (from, to) in storm.pairs() {
        storm.say(from, to);
    }
    storm.world.run_for(20 * MINUTE);
    storm.pass(48);
    for (from, to) in storm.pairs() {
        storm.check(from, to);
    }
    let before = storm.world.relay.submitted.len();
    storm.pass(72);
    assert_eq!(storm.world.relay.submitted.len(), before, "goes on");
}

#[test]
fn whatever_happened_everybody_talks_again_and_nothing_is_lost_or_twice() {
    let seeds = std::env::var("PAWL_SEEDS").ok();
    let seeds = seeds.as_deref().and_then(|range| range.split_once(".."));
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let (from, to) = seeds.map_or((0, SEEDS), |(from, to)| (number(from), number(to)));
    let fails = |seed: &u64| std::panic::catch_unwind(|| run(*seed)).is_err();
    let failed: Vec<_> = (from..to).filter(fails).collect();
    assert!(failed.is_empty(), "seeds {failed:?}");
}
