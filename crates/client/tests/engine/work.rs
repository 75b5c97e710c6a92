//! A relay that asks a registration for work: it is done in slices, for this connection only, as far as any relay
//! may ask and as long as it waits.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::{START, World, effects};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_client::{
    Command, CommandError, Config, Connection, Engine, Event, Input, Phase, SocketRequest, Step,
};
use pawl_sim::Point;
use pawl_sim::relay::AUTHORITY;
use pawl_wire::limits::{FRAME_VERSION, MAX_WORK_BITS, WORK_TIMEOUT_MS};
use pawl_wire::work::Puzzle;
use pawl_wire::{
    ClientFrame, ConnectionError, Epoch, Nonce, Register, Registration, RelayFrame, close_code,
};

const ALICE: usize = 0;

fn phase(world: &World) -> Phase {
    world.clients[ALICE].engine.snapshot().phase
}

fn is_ready(world: &World) -> bool {
    matches!(phase(world), Phase::Ready { .. })
}

#[test]
fn what_a_relay_asks_for_is_worked_for_once() {
    for bits in [0, 1, 12, 17] {
        let mut world = World::new(900, 1);
        world.relay.work_bits = bits;
        world.settle();
        // The model relay lets nobody in who has not worked for this very connection.
        assert_eq!(world.create(ALICE, "alice"), None, "{bits} bits");
        // A device that is known is asked for nothing.
        world.relay.work_bits = MAX_WORK_BITS;
        world.break_connection(ALICE, None);
        world.settle();
        let snapshot = world.clients[ALICE].engine.snapshot();
        assert!(snapshot.connection == Connection::Online, "{bits} bits");
    }
}

#[test]
fn more_than_any_relay_may_ask_for_is_refused_in_words_and_nothing_is_kept() {
    let mut world = World::new(901, 1);
    world.settle();
    for bits in [MAX_WORK_BITS + 1, u32::MAX] {
        world.relay.work_bits = bits;
        let refused = Some(CommandError::WorkTooMuch);
        assert_eq!(world.create(ALICE, "alice"), refused);
        assert!(matches!(phase(&world), Phase::NoAccount { .. }));
    }
    world.relay.work_bits = 12;
    assert_eq!(world.create(ALICE, "alice"), None);
}

#[test]
fn a_relay_that_refuses_the_work_is_at_fault() {
    let mut world = World::new(902, 1);
    world.relay.bend = Some(Box::new(|_, frame| match frame {
        RelayFrame::AuthOk(_) => vec![RelayFrame::Error {
            code: ConnectionError::WorkNeeded,
            retry_after_ms: 0,
        }],
        other => vec![other],
    }));
    world.settle();
    assert_eq!(
        world.create(ALICE, "alice"),
        Some(CommandError::RelayUnavailable)
    );
}

#[test]
fn a_process_that_dies_at_work_begins_it_anew_and_registers_all_the_same() {
    // After these steps it has been challenged and has tried one slice and two of two hundred.
    for steps in [2, 3] {
        let mut world = World::new(904, 1);
        world.settle();
        world.relay.work_bits = 12;
        let said = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&said);
        world.relay.bend = Some(Box::new(move |_, mut frame| {
            let mut said = heard.borrow_mut();
            if let (RelayFrame::Challenge { work_bits, .. }, []) = (&mut frame, &said[..]) {
                *work_bits = MAX_WORK_BITS;
            }
            said.push(match &frame {
                RelayFrame::Challenge { work_bits, .. } => *work_bits,
                RelayFrame::AuthOk(_) => 0,
                _ => u32::MAX,
            });
            vec![frame]
        }));
        let id = world.next_id();
        let create = Command::CreateAccount {
            username: "alice".into(),
            invite: None,
        };
        world.crash_in = Some((steps, Point::AfterSending));
        world.ask_as(ALICE, &id, create);
        world.settle();
        assert_eq!(said.borrow()[..3], [MAX_WORK_BITS, 12, 0]);
        assert!(is_ready(&world));
    }
}

#[test]
fn an_account_that_may_be_there_is_kept_whatever_is_asked_for_it() {
    let mut world = World::new(905, 1);
    world.settle();
    // The account is made and the answer is lost.
    world.relay.bend = Some(Box::new(|_, frame| match frame {
        RelayFrame::AuthOk(_) => Vec::new(),
        other => vec![other],
    }));
    let id = world.next_id();
    let create = Command::CreateAccount {
        username: "alice".into(),
        invite: None,
    };
    world.ask_as(ALICE, &id, create);
    world.settle();
    world.relay.bend = None;
    world.relay.work_bits = MAX_WORK_BITS + 1;
    world.break_connection(ALICE, None);
    world.run_for(60_000);
    assert!(matches!(phase(&world), Phase::Registering { .. }));
    assert_eq!(world.answer(ALICE, &id), None);
    world.relay.work_bits = 12;
    world.run_for(10 * 60_000);
    assert!(is_ready(&world));
    assert_eq!(world.answer(ALICE, &id), Some(None));
}

/// An engine whose relay is written by hand, so that a test stands between two slices.
struct Bench {
    engine: Engine,
    rng: ChaCha20Rng,
    now: u64,
}

/// What a step gave that a test looks at.
struct Seen {
    register: Option<Register>,
    socket: Option<SocketRequest>,
    wake_at: Option<u64>,
    done: Vec<Option<CommandError>>,
}

fn seen(step: Step) -> Seen {
    let step = effects(step);
    let register = step.frames.iter().find_map(|bytes| {
        let frame = ClientFrame::decode(bytes).expect("the engine speaks frames");
        match frame {
            ClientFrame::Register(register) => Some(*register),
            _ => None,
        }
    });
    let done = step.events.into_iter().filter_map(|event| match event {
        Event::CommandDone { error, .. } => Some(error),
        _ => None,
    });
    Seen {
        register,
        socket: step.socket,
        wake_at: step.wake_at,
        done: done.collect(),
    }
}

impl Bench {
    fn new(seed: u64) -> Self {
        let authority = AUTHORITY.to_owned();
        let engine = Engine::load(Config { authority }, Vec::new()).expect("an empty store");
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self {
            engine,
            rng,
            now: START,
        }
    }

    fn tell(&mut self, input: Input) -> Seen {
        seen(self.engine.handle(input, self.now, &mut self.rng))
    }

    /// Asks for an account; the socket that is asked for is open then.
    fn create(&mut self, id: &str) {
        let command = Command::CreateAccount {
            username: "alice".into(),
            invite: None,
        };
        let id = id.into();
        let step = self.tell(Input::Command { id, command });
        assert_eq!(step.socket, Some(SocketRequest::Open));
        self.tell(Input::SocketOpened);
    }

    fn challenge(&mut self, nonce: u8, work_bits: u32) -> Seen {
        let challenge = RelayFrame::Challenge {
            versions: (FRAME_VERSION, FRAME_VERSION),
            nonce: Nonce([nonce; 32]),
            epoch: Epoch([1; 16]),
            registration: Registration::Open,
            work_bits,
        };
        self.tell(Input::Frames(vec![challenge.encode()]))
    }

    /// In the middle of work that takes many steps.
    fn at_work(seed: u64) -> Self {
        let mut bench = Self::new(seed);
        bench.create("1");
        let step = bench.challenge(1, MAX_WORK_BITS);
        assert!(step.register.is_none() && step.done.is_empty());
        assert_eq!(step.wake_at, Some(0), "it goes on at once");
        let step = bench.tell(Input::Tick);
        assert!(step.register.is_none() && step.done.is_empty());
        assert_eq!(step.wake_at, Some(0));
        bench
    }
}

#[test]
fn work_is_done_in_slices_and_begun_anew_on_another_connection() {
    let mut bench = Bench::at_work(914);
    let closed = bench.tell(Input::SocketClosed { code: None });
    assert_eq!(closed.done, [Some(CommandError::Offline)]);
    assert_ne!(
        closed.wake_at,
        Some(0),
        "nothing is worked for without a relay"
    );
    bench.create("2");
    let mut step = bench.challenge(2, 18);
    let mut slices = 1;
    let register = loop {
        if let Some(register) = step.register {
            break register;
        }
        step = bench.tell(Input::Tick);
        slices += 1;
    };
    assert!(slices > 1, "18 bits are more than one slice, by this seed");
    let account = register.device.account;
    let solves = |nonce| Puzzle::new(18, &Nonce([nonce; 32]), &account).is_solved_by(register.work);
    assert!(solves(2) && !solves(1));
}

#[test]
fn a_device_that_is_too_slow_says_so_while_the_relay_still_waits() {
    let mut bench = Bench::at_work(911);
    bench.now += WORK_TIMEOUT_MS - 1;
    let step = bench.tell(Input::Tick);
    assert_eq!(step.done, [Some(CommandError::WorkTooSlow)]);
    assert_eq!(step.socket, Some(SocketRequest::Close));
    // A machine that slept hears it from the relay, as a last frame or as a close code alone.
    let timed_out = RelayFrame::Error {
        code: ConnectionError::TimedOut,
        retry_after_ms: 0,
    };
    let code = Some(close_code::of(ConnectionError::TimedOut));
    for input in [
        Input::Frames(vec![timed_out.encode()]),
        Input::SocketClosed { code },
    ] {
        let step = Bench::at_work(912).tell(input);
        assert_eq!(step.done, [Some(CommandError::WorkTooSlow)]);
    }
}

#[test]
fn a_clock_that_goes_back_makes_nobody_work_longer() {
    let mut bench = Bench::at_work(913);
    bench.now -= 60 * 60 * 1_000;
    let step = bench.tell(Input::Tick);
    assert!(step.done.is_empty() && step.wake_at == Some(0));
    bench.now += WORK_TIMEOUT_MS;
    let step = bench.tell(Input::Tick);
    assert_eq!(step.done, [Some(CommandError::WorkTooSlow)]);
}
