//! How soon a line that is dead without a word is known to be dead, and that a slow one is not taken for it.

use crate::support::{World, effects};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_client::{Connection, Effects, Event, Hint, Input, SocketRequest};
use pawl_wire::{ClientFrame, RelayFrame};

const ALICE: usize = 0;

/// Alice's engine, whose line is dead: whatever it sends is gone, and nothing comes.
struct Dead {
    world: World,
    rng: ChaCha20Rng,
    now: u64,
    wake_at: u64,
    /// What was seen, with the milliseconds since the line died.
    pings: Vec<u64>,
    shown: Vec<(u64, Connection)>,
    closed: Option<u64>,
    begun: u64,
}

impl Dead {
    fn new(seed: u64) -> Self {
        let world = World::talking(seed, 1);
        let (now, wake_at) = (world.now, world.clients[ALICE].wake_at);
        let mut dead = Self {
            world,
            rng: ChaCha20Rng::seed_from_u64(seed),
            now,
            wake_at: wake_at.expect("online"),
            pings: Vec::new(),
            shown: Vec::new(),
            closed: None,
            begun: now,
        };
        dead.input(Input::Tick);
        dead
    }

    fn input(&mut self, input: Input) {
        let engine = &mut self.world.clients[ALICE].engine;
        let step = engine.handle(input, self.now, &mut self.rng);
        let Effects {
            frames,
            socket,
            events,
            wake_at,
            ..
        } = effects(step);
        self.wake_at = wake_at.expect("something is always due");
        let at = self.now - self.begun;
        let is_ping =
            |frame: &Vec<u8>| matches!(ClientFrame::decode(frame), Ok(ClientFrame::Ping { .. }));
        self.pings
            .extend(frames.iter().filter(|frame| is_ping(frame)).map(|_| at));
        let shown = events.iter().filter_map(|event| match event {
            Event::ConnectionChanged { connection } => Some((at, *connection)),
            _ => None,
        });
        self.shown.extend(shown);
        if socket == Some(SocketRequest::Close) {
            self.closed = self.closed.or(Some(at));
        }
    }

    fn hint(&mut self, hint: Hint) {
        self.input(Input::Hint(hint));
    }

    /// Lets time pass, as alarms have it.
    fn run_for(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.wake_at <= end && self.closed.is_none() {
            self.now = self.now.max(self.wake_at);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// The relay is heard after all.
    fn hear(&mut self) {
        let pong = RelayFrame::Pong { token: 1 };
        self.input(Input::Frames(vec![pong.encode()]));
    }

    fn send(&mut self, text: &str) {
        let id = self.world.next_id();
        let command = pawl_sim::sending(&self.world.clients[ALICE].engine, "bob", text);
        self.input(Input::Command { id, command });
    }
}

#[test]
fn a_text_that_is_not_answered_for_five_seconds_is_followed_by_a_ping_and_ten_end_the_line() {
    let mut dead = Dead::new(11_000);
    dead.send("are you there?");
    dead.run_for(60_000);
    // The ping that is sent anyway asks for no answer in that time.
    let [4_000, asked] = dead.pings[..] else {
        panic!("{:?}", dead.pings);
    };
    assert!((5_000..5_200).contains(&asked), "{asked}");
    assert_eq!(dead.closed, Some(asked + 5_000));
}

#[test]
fn while_somebody_looks_a_line_that_died_is_given_up_after_fifteen_seconds_of_silence() {
    let mut dead = Dead::new(11_010);
    dead.hint(Hint::Watched);
    let begun = dead.pings.len();
    for _ in 0..4 {
        dead.run_for(5_000);
        dead.hint(Hint::Watched);
    }
    assert!(
        dead.closed.expect("given up") <= 15_000,
        "{:?}",
        dead.closed
    );
    assert_eq!(dead.pings.len(), begun + 1);
}

#[test]
fn nobody_looks_then_it_is_pinged_every_twenty_five_seconds_and_given_up_after_eighty() {
    let mut dead = Dead::new(11_020);
    dead.run_for(100_000);
    assert!(
        dead.pings
            .windows(2)
            .all(|pair| pair[1] - pair[0] == 25_000),
        "{:?}",
        dead.pings
    );
    assert!((60_000..=80_000).contains(&dead.closed.expect("given up")));
    let mut left = Dead::new(11_021);
    left.hint(Hint::Watched);
    for _ in 0..12 {
        left.run_for(3_000);
        left.hear();
    }
    let watched = left.pings.len();
    left.run_for(50_000);
    assert_eq!((left.pings.len() - watched, left.closed), (2, None));
}

#[test]
fn a_machine_that_says_it_has_no_network_is_connecting_at_once_and_online_again_where_that_was_not_true()
 {
    let mut dead = Dead::new(11_030);
    dead.hint(Hint::NetworkDown);
    assert_eq!(dead.shown, [(0, Connection::Connecting)]);
    assert_eq!(dead.pings, [0]);
    dead.run_for(1_000);
    dead.hear();
    assert_eq!(dead.shown.last(), Some(&(1_000, Connection::Online)));
    dead.hint(Hint::NetworkDown);
    dead.run_for(60_000);
    assert_eq!(dead.closed, Some(6_000));
}

#[test]
fn a_line_that_needs_half_a_minute_for_what_was_asked_is_not_taken_for_dead() {
    let mut dead = Dead::new(11_040);
    dead.send(&"x".repeat(60_000));
    dead.run_for(24_000);
    assert_eq!(dead.closed, None);
    dead.hear();
    dead.run_for(10_000);
    assert_eq!(dead.closed, None);
}

#[test]
fn each_time_that_a_ping_was_in_vain_the_next_may_take_longer_until_one_is_answered_soon() {
    let mut world = World::talking(11_050, 1);
    let mut waits = Vec::new();
    for _ in 0..5 {
        let mut dead = Dead {
            world,
            ..Dead::new(11_051)
        };
        dead.now = dead.world.now;
        dead.begun = dead.now;
        dead.hint(Hint::NetworkUp);
        dead.run_for(60_000);
        waits.push(dead.closed.expect("given up"));
        world = dead.world;
        world.now = dead.now;
        world.break_connection(ALICE, None);
        world.run_for(60_000);
    }
    assert_eq!(waits, [5_000, 10_000, 20_000, 40_000, 40_000]);
    world.set_network(ALICE, true);
    world.settle();
    let mut dead = Dead {
        world,
        ..Dead::new(11_052)
    };
    (dead.now, dead.begun) = (dead.world.now, dead.world.now);
    dead.hint(Hint::NetworkUp);
    dead.run_for(60_000);
    assert_eq!(dead.closed, Some(5_000));
}

/// Alice without a network, after so many attempts that the next is far away.
fn far_from_the_next_attempt(seed: u64) -> World {
    let mut world = World::talking(seed, 1);
    world.set_network(ALICE, false);
    world.run_for(180_000);
    while world.clients[ALICE].wake_at.expect("tries again") < world.now + 10_000 {
        world.run_for(1_000);
    }
    world.clients[ALICE].network = true;
    world
}

fn is_online(world: &World) -> bool {
    world.clients[ALICE].engine.snapshot().connection == Connection::Online
}

#[test]
fn a_key_press_and_a_press_of_try_now_cut_the_wait_short() {
    for (seed, hint) in [(11_060, Hint::Nudged), (11_070, Hint::TryNow)] {
        let mut world = far_from_the_next_attempt(seed);
        world.run_for(1_000);
        assert!(!is_online(&world));
        world.input(ALICE, Input::Hint(hint));
        world.run_for(1);
        assert!(is_online(&world), "{hint:?}");
    }
}

#[test]
fn however_many_keys_are_pressed_the_relay_sees_one_attempt_a_second() {
    let mut world = far_from_the_next_attempt(11_080);
    world.clients[ALICE].network = false;
    world.clients[ALICE].events.clear();
    for _ in 0..500 {
        world.input(ALICE, Input::Hint(Hint::Nudged));
        world.run_for(20);
    }
    let attempt = Event::ConnectionChanged {
        connection: Connection::Connecting,
    };
    let attempts = world.clients[ALICE]
        .events
        .iter()
        .filter(|event| **event == attempt);
    assert!((9..=11).contains(&attempts.count()));
}

#[test]
fn keys_that_are_pressed_do_not_hurry_an_account_that_was_refused() {
    let mut world = World::talking(11_090, 1);
    world.end(ALICE, pawl_wire::ConnectionError::Banned);
    world.run_for(1_000);
    for _ in 0..100 {
        world.input(ALICE, Input::Hint(Hint::Nudged));
        world.run_for(100);
    }
    assert!(!is_online(&world));
    world.input(ALICE, Input::Hint(Hint::TryNow));
    world.run_for(100);
    assert!(is_online(&world));
}
