//! Proof of work: who has not worked for this very connection registers nothing, and costs the relay next to nothing.

use std::process::Command;
use std::time::Duration;

use pawl_wire::limits::MAX_WORK_BITS;
use pawl_wire::work::Puzzle;
use pawl_wire::{ConnectionError, Nonce, Register, Registration};

use crate::support::{Child, Client, Device, End, Relay};

/// A thousandth of a second of work.
const BITS: u32 = 10;

fn asking() -> Relay {
    Relay::start_with(|config| config.limits.proof_of_work = BITS)
}

fn puzzle(nonce: &Nonce, device: &Device) -> Puzzle {
    Puzzle::new(BITS, nonce, &device.address().account)
}

/// A number that answers this puzzle, or the first that does not.
fn number(puzzle: &Puzzle, is_answer: bool) -> u64 {
    let mut numbers = 0..;
    let found = numbers.find(|number| puzzle.is_solved_by(*number) == is_answer);
    found.expect("there are many")
}

/// Registers on a connection of its own, with this done to what would be right.
async fn first(relay: &Relay, device: &Device, change: impl FnOnce(&mut Register)) -> Option<End> {
    let mut client = Client::connect(relay.address).await;
    let mut register = device.register(&client.challenge);
    register.work = number(&puzzle(&client.challenge.nonce, device), true);
    change(&mut register);
    client.join(register).await
}

fn refused(error: ConnectionError) -> Option<End> {
    Some(End::refused(error))
}

#[tokio::test]
async fn who_has_worked_is_let_in_and_who_has_not_is_told() {
    let relay = asking();
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    let needed = refused(ConnectionError::WorkNeeded);
    let mut client = Client::connect(relay.address).await;
    assert_eq!(client.work_bits, BITS);
    let mut register = alice.register(&client.challenge);
    register.work = number(&puzzle(&client.challenge.nonce, &alice), false);
    assert_eq!(client.join(register).await, needed);
    // Somebody else's work is none.
    let mut client = Client::connect(relay.address).await;
    let mut register = alice.register(&client.challenge);
    let [mine, others] = [&alice, &bob].map(|device| puzzle(&client.challenge.nonce, device));
    let work = (0..).find(|work| others.is_solved_by(*work) && !mine.is_solved_by(*work));
    register.work = work.expect("there are many");
    assert_eq!(client.join(register).await, needed);
    assert_eq!(first(&relay, &alice, |_| ()).await, None);
    // A device that is known is asked for nothing; a registration that is repeated is.
    Client::auth(relay.address, &alice, 0).await;
    assert_eq!(first(&relay, &alice, |_| ()).await, None);
}

#[tokio::test]
async fn work_counts_on_its_own_connection_only() {
    let relay = asking();
    let alice = Device::new("alice");
    let mut one = Client::connect(relay.address).await;
    let work = number(&puzzle(&one.challenge.nonce, &alice), true);
    let mut register = alice.register(&one.challenge);
    register.work = work;
    assert_eq!(one.join(register).await, None);
    // Where the same number happens to be an answer once more, another connection is taken.
    let mut other = loop {
        let client = Client::connect(relay.address).await;
        if !puzzle(&client.challenge.nonce, &alice).is_solved_by(work) {
            break client;
        }
    };
    let mut register = alice.register(&other.challenge);
    register.work = work;
    let needed = refused(ConnectionError::WorkNeeded);
    assert_eq!(other.join(register).await, needed);
}

#[tokio::test]
async fn work_is_looked_at_before_signatures_rates_names_and_invites() {
    let relay = Relay::start_with(|config| {
        config.limits.proof_of_work = BITS;
        config.limits.registrations_per_minute = 2.try_into().expect("not zero");
        config.registration = Registration::Invite;
    });
    let alice = Device::new("alice");
    let needed = refused(ConnectionError::WorkNeeded);
    for _ in 0..4 {
        let mut client = Client::connect(relay.address).await;
        let mut register = alice.register(&client.challenge);
        register.work = number(&puzzle(&client.challenge.nonce, &alice), false);
        register.account_signature.0[0] ^= 1;
        assert_eq!(client.join(register).await, needed);
    }
    // None of them used up a registration; and work does not stand for a signature or an invite.
    let forged = first(&relay, &alice, |register| {
        register.account_signature.0[0] ^= 1
    });
    assert_eq!(forged.await, refused(ConnectionError::AuthFailed));
    let uninvited = first(&relay, &alice, |_| ()).await;
    assert_eq!(uninvited, refused(ConnectionError::InviteNeeded));
}

#[tokio::test]
async fn a_relay_that_asks_for_none_looks_at_none() {
    let open = Relay::start();
    let closed = Relay::start_with(|config| {
        config.limits.proof_of_work = MAX_WORK_BITS;
        config.registration = Registration::Closed;
    });
    let shut = refused(ConnectionError::RegistrationClosed);
    for (relay, end) in [(&open, None), (&closed, shut)] {
        let mut client = Client::connect(relay.address).await;
        assert_eq!(client.work_bits, 0, "nobody works for nothing");
        let mut register = Device::new("alice").register(&client.challenge);
        register.work = u64::MAX;
        assert_eq!(client.join(register).await, end);
    }
}

#[tokio::test]
async fn a_connection_has_time_for_the_work_and_no_more() {
    let short = Duration::from_millis(200);
    let relay = Relay::start_with(|config| {
        config.limits.proof_of_work = BITS;
        config.limits.auth_timeout = short;
    });
    let alice = Device::new("alice");
    let mut client = Client::connect(relay.address).await;
    tokio::time::sleep(4 * short).await;
    let mut register = alice.register(&client.challenge);
    register.work = number(&puzzle(&client.challenge.nonce, &alice), true);
    assert_eq!(client.join(register).await, None);
    let relay = Relay::start_with(|config| {
        config.limits.proof_of_work = BITS;
        config.limits.work_timeout = short;
    });
    let end = Client::connect(relay.address).await.end().await;
    assert_eq!(Some(end), refused(ConnectionError::TimedOut));
}

#[tokio::test]
async fn flag_variable_and_file_set_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pawl.toml");
    std::fs::write(&file, "proof-of-work = 3\n").expect("a file");
    let data = folder.path().join("data");
    for (variable, flag, bits) in [
        (None, None, 3),
        (Some("4"), None, 4),
        (Some("4"), Some("5"), 5),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pawl-server"));
        command.args(["--listen=127.0.0.1:0", "--data"]).arg(&data);
        command.arg("--config").arg(&file);
        command.envs(variable.map(|bits| ("PAWL_PROOF_OF_WORK", bits)));
        command.args(flag.map(|bits| format!("--proof-of-work={bits}")));
        let relay = Child::spawn(&mut command);
        let client = Client::connect(relay.address).await;
        assert_eq!(client.work_bits, bits);
        relay.kill();
    }
}
