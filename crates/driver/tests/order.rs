//! The order of a step, by a host that writes down what it is asked for.
#![forbid(unsafe_code)]

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_client::{Change, Command, Config, Engine, Event, Input, Key, SocketRequest, Step};
use pawl_driver::{Host, at_once, carry_out};

const NOW: u64 = 1_790_000_000_000;

/// Fails at one call, if at any.
struct Recorder {
    asked: Vec<&'static str>,
    fails_at: Option<&'static str>,
}

impl Recorder {
    fn note(&mut self, what: &'static str) -> Result<(), &'static str> {
        self.asked.push(what);
        if self.fails_at == Some(what) {
            return Err(what);
        }
        Ok(())
    }
}

impl Host for Recorder {
    type Error = &'static str;

    async fn commit(&mut self, changes: Vec<Change>) -> Result<(), &'static str> {
        assert!(!changes.is_empty());
        self.note("commit")
    }

    fn send(&mut self, _frames: Vec<Vec<u8>>) -> Result<(), &'static str> {
        self.note("send")
    }

    fn serve(&mut self, _request: SocketRequest) -> Result<(), &'static str> {
        self.note("serve")
    }

    fn wake_at(&mut self, _at: Option<u64>) -> Result<(), &'static str> {
        self.note("wake_at")
    }

    fn show(&mut self, _events: Vec<Event>) -> Result<(), &'static str> {
        self.note("show")
    }
}

/// A first step, which asks for a connection, and one that makes an account.
fn steps() -> [Step; 2] {
    let authority = "relay.test".to_owned();
    let mut engine = Engine::load(Config { authority }, Vec::new()).expect("an empty store");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let first = engine.handle(Input::Tick, NOW, &mut rng);
    let command = Command::CreateAccount {
        username: "alice".into(),
        invite: None,
    };
    let id = format!("{:032x}", 1);
    let second = engine.handle(Input::Command { id, command }, NOW, &mut rng);
    assert!(first.changes().is_empty() && !second.changes().is_empty());
    [first, second]
}

/// What a host was asked for, and how the step ended.
type Ran = (Vec<&'static str>, Result<Vec<Key>, &'static str>);

/// Carries both steps out.
fn run(fails_at: Option<&'static str>) -> [Ran; 2] {
    steps().map(|step| {
        let asked = Vec::new();
        let mut host = Recorder { asked, fails_at };
        let ended = at_once(carry_out(&mut host, step));
        (host.asked, ended)
    })
}

#[test]
fn what_is_committed_is_sent_then_shown() {
    let [(first, first_ended), (second, second_ended)] = run(None);
    assert_eq!(first, ["send", "serve", "wake_at", "show"]);
    assert_eq!(second, ["commit", "send", "wake_at", "show"]);
    assert!(first_ended.is_ok() && second_ended.is_ok());
}

#[test]
fn nothing_is_done_after_what_failed() {
    for fails_at in ["commit", "send", "serve", "wake_at", "show"] {
        for (asked, ended) in run(Some(fails_at)) {
            let fails = asked.contains(&fails_at);
            assert_eq!(ended.err(), fails.then_some(fails_at));
            assert!(!fails || asked.last() == Some(&fails_at), "{asked:?}");
        }
    }
    let [_, (asked, _)] = run(Some("commit"));
    assert_eq!(asked, ["commit"]);
}
