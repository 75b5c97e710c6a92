//! Property: two parties under random drop, duplication, reordering, delay and reloading agree with a plain
//! model of the ratchet that has numbers in the place of keys.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::common::{NOW, Party, rng, stored};
use pawl_protocol::{
    Envelope, MAX_KEPT_KEYS, MAX_RETIRED_CHAINS, MAX_SKIP, OpenError, SKIPPED_KEY_LIFETIME_MS,
    Session,
};

/// Where a message stands in its sender's chains.
#[derive(Clone, Copy, Debug)]
struct Place {
    chain: u32,
    previous_length: u32,
    number: u32,
}

/// One side of the model.
#[derive(Default)]
struct Model {
    /// The sending chain, and whether the next message begins another.
    sending: u32,
    due: bool,
    sent: u32,
    previous_length: u32,
    /// The receiving chain, if there is one, and its next number.
    receiving: Option<(u32, u32)>,
    /// When each retired chain was retired.
    retired: BTreeMap<u32, u64>,
    /// When each skipped message was stepped over.
    skipped: BTreeMap<(u32, u32), u64>,
}

impl Model {
    fn seal(&mut self) -> Place {
        if self.due {
            self.due = false;
            self.previous_length = self.sent;
            self.sent = 0;
            self.sending += 1;
        }
        self.sent += 1;
        Place {
            chain: self.sending,
            previous_length: self.previous_length,
            number: self.sent - 1,
        }
    }

    fn open(&mut self, place: Place, now: u64) -> Result<(), OpenError> {
        let (chain, next) = self.receiving.unwrap_or((0, 0));
        if self.receiving.is_some() && place.chain == chain && place.number >= next {
            if (place.number - next) as usize > MAX_SKIP {
                return Err(OpenError::TooManySkipped);
            }
            self.skip(chain, next..place.number, now);
            self.receiving = Some((chain, place.number + 1));
        } else if self.receiving.is_none() || place.chain == chain + 1 {
            self.step(place, now)?;
        } else if place.chain == chain || self.retired.contains_key(&place.chain) {
            let at = self.skipped.get(&(place.chain, place.number));
            if at.is_none_or(|at| now - at > SKIPPED_KEY_LIFETIME_MS) {
                return Err(OpenError::MessageKeyGone);
            }
            self.skipped.remove(&(place.chain, place.number));
        } else {
            return Err(OpenError::HeaderNotAuthentic);
        }
        self.prune(now);
        Ok(())
    }

    fn step(&mut self, place: Place, now: u64) -> Result<(), OpenError> {
        let rest = self
            .receiving
            .map_or(0, |(_, next)| place.previous_length - next);
        if rest as usize > MAX_SKIP || (rest + place.number) as usize > MAX_SKIP {
            return Err(OpenError::TooManySkipped);
        }
        if let Some((ended, next)) = self.receiving {
            self.skip(ended, next..place.previous_length, now);
            self.retired.insert(ended, now);
            while self.retired.len() > MAX_RETIRED_CHAINS {
                self.retired.pop_first();
            }
        }
        self.skip(place.chain, 0..place.number, now);
        self.receiving = Some((place.chain, place.number + 1));
        self.due = true;
        Ok(())
    }

    fn skip(&mut self, chain: u32, numbers: core::ops::Range<u32>, now: u64) {
        self.skipped
            .extend(numbers.map(|number| ((chain, number), now)));
    }

    fn prune(&mut self, now: u64) {
        self.retired
            .retain(|_, at| now - *at <= SKIPPED_KEY_LIFETIME_MS);
        let current = self.receiving.map(|(chain, _)| chain);
        let retired = &self.retired;
        self.skipped.retain(|(chain, _), at| {
            let known = retired.contains_key(chain) || current == Some(*chain);
            known && now - *at <= SKIPPED_KEY_LIFETIME_MS
        });
        while self.skipped.len() > MAX_KEPT_KEYS {
            self.skipped.pop_first();
        }
    }
}

/// What happens to the two parties.
#[derive(Clone, Debug)]
enum Step {
    /// A side seals this many messages.
    Send(bool, u16),
    /// One of the messages under way to a side comes in: it is taken away, or stays to come in again.
    Deliver(bool, prop::sample::Index, bool),
    /// The oldest message under way to a side comes in.
    DeliverOldest(bool),
    /// A message under way to a side is lost.
    Drop(bool, prop::sample::Index),
    /// A side is stored and restored.
    Reload(bool),
    /// Hours pass.
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = any::<bool>();
    let index = any::<prop::sample::Index>();
    let step = prop_oneof![
        6 => (side, 1..4_u16).prop_map(|(side, count)| Step::Send(side, count)),
        1 => (side, 200..700_u16).prop_map(|(side, count)| Step::Send(side, count)),
        6 => (side, index.clone(), any::<bool>()).prop_map(|(s, i, keep)| Step::Deliver(s, i, keep)),
        6 => side.prop_map(Step::DeliverOldest),
        2 => (side, index).prop_map(|(side, index)| Step::Drop(side, index)),
        1 => side.prop_map(Step::Reload),
        1 => any::<u8>().prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..150)
}

struct Side {
    session: Session,
    model: Model,
    /// What is under way to this side.
    incoming: Vec<(Place, Vec<u8>)>,
}

struct World {
    /// Bob at 0, Alice, who began, at 1.
    sides: [Side; 2],
    rng: chacha20::ChaCha20Rng,
    now: u64,
}

impl World {
    /// Alice has written, and Bob has accepted her session.
    fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let (alice, bob) = (Party::new(&mut rng), Party::new(&mut rng));
        let mut a = alice.initiate(&bob, &mut rng);
        let (b, _) = bob.accept(&a.seal(b"first", &mut rng).unwrap());
        let side = |session, model| Side {
            session,
            model,
            incoming: Vec::new(),
        };
        let mut world = Self {
            sides: [side(b, Model::default()), side(a, Model::default())],
            rng,
            now: NOW,
        };
        let place = world.sides[1].model.seal();
        world.sides[0].model.open(place, NOW).unwrap();
        world
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Send(from, count) => (0..count).for_each(|_| self.send(from)),
            Step::Deliver(to, index, keep) => {
                let count = self.sides[usize::from(to)].incoming.len();
                if count > 0 {
                    self.deliver(to, index.index(count), keep);
                }
            }
            Step::DeliverOldest(to) if !self.sides[usize::from(to)].incoming.is_empty() => {
                self.deliver(to, 0, false);
            }
            Step::DeliverOldest(_) => {}
            Step::Drop(to, index) => {
                let incoming = &mut self.sides[usize::from(to)].incoming;
                if !incoming.is_empty() {
                    incoming.remove(index.index(incoming.len()));
                }
            }
            Step::Reload(side) => {
                let session = &mut self.sides[usize::from(side)].session;
                *session = Session::from_bytes(&stored(session)).unwrap();
            }
            Step::Wait(hours) => self.now += u64::from(hours) * 3_600_000,
        }
    }

    fn send(&mut self, from: bool) {
        let side = &mut self.sides[usize::from(from)];
        let place = side.model.seal();
        let text = format!("{from} {place:?}");
        let envelope = side.session.seal(text.as_bytes(), &mut self.rng).unwrap();
        self.sides[usize::from(!from)]
            .incoming
            .push((place, envelope));
    }

    fn deliver(&mut self, to: bool, index: usize, keep: bool) {
        let side = &mut self.sides[usize::from(to)];
        let (place, envelope) = match keep {
            true => side.incoming[index].clone(),
            false => side.incoming.remove(index),
        };
        let before = stored(&side.session);
        let envelope = Envelope::decode(&envelope).unwrap();
        let opened = side.session.open(&envelope, self.now);
        assert_eq!(
            opened.as_ref().map(|_| ()).map_err(|e| *e),
            side.model.open(place, self.now),
            "{to} {place:?}"
        );
        match opened {
            Ok(text) => assert_eq!(text.as_bytes(), format!("{} {place:?}", !to).as_bytes()),
            Err(_) => assert!(stored(&side.session) == before, "a failed open changed it"),
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn two_parties_agree_with_a_plain_model(seed in any::<u64>(), steps in steps()) {
        let mut world = World::new(seed);
        for step in steps {
            world.apply(step);
        }
        // And at the end, with everything under way lost, they agree about a message each way.
        for from in [true, false, true] {
            world.sides[usize::from(!from)].incoming.clear();
            world.send(from);
            world.deliver(!from, 0, false);
        }
    }
}
