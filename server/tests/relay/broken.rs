//! Whether the checker finds relays whose code is broken on purpose, by kills, losses of power and
//! jumps of the clock that the relay as it is survives. `cargo xtask prove-relay` builds one, switches one mistake on after the other, and runs what must find
//! it; without that the program here is the real one, and nothing may be found.

use std::time::Duration;

use crate::disk::Luck;
use crate::history::{Broken, check};
use crate::power;
use crate::strace;
use crate::world::{World, below};

/// Kills, or cuts, after which all clients come back and the checker looks; and how often that is tried. One round finds
/// the rarest mistake about every other time.
const DEATHS: usize = 8;
const ROUNDS: usize = 20;

/// What a hunt takes at most, so that one which hangs is named: many times what it needs.
const HUNT: Duration = Duration::from_secs(8 * 60);

/// Writes take so long that many of the kills come between two of one commit, or flushes, and they come between two
/// commits.
const WRITES: strace::Fault = "pwrite64:delay_enter=1500";
const FLUSHES: strace::Fault = "fsync:delay_enter=15000";

/// What is broken after some kills in the midst of writing.
async fn kills(slow: strace::Fault) -> Vec<Broken> {
    let mut world = World::start().await;
    for _ in 0..DEATHS {
        world.kill();
        world.relive(strace::start(world.folder.path(), &[slow]));
        world.go_on(20 + below(60), usize::MAX / 2).await;
        // Else it is always killed soon after an answer.
        tokio::time::sleep(Duration::from_millis(below(60) as u64)).await;
    }
    world.kill();
    world.restart();
    check(&world.end().await).into_iter().collect()
}

/// What is broken after some losses of power on a disk that kept nothing which was not flushed.
async fn cuts() -> Vec<Broken> {
    let (history, _) = power::run(DEATHS / 2, &[], || Luck::Nothing).await;
    check(&history).into_iter().collect()
}

/// What is broken after some load, without anything that is done to the relay.
async fn load() -> Vec<Broken> {
    let mut world = World::start().await;
    world.go_on(2_000, usize::MAX / 2).await;
    check(&world.end().await).into_iter().collect()
}

/// What is broken when the machine's clock jumps.
#[cfg(target_os = "linux")]
async fn jumps() -> Vec<Broken> {
    let (history, _) = crate::clocks::run().await;
    check(&history).into_iter().collect()
}

/// Until it is found. Who forgets a message has often forgotten a claim of the same commit, too.
async fn hunt<F: Future<Output = Vec<Broken>>>(deaths: fn() -> F, is_it: fn(&Broken) -> bool) {
    assert!(
        std::env::var_os("PAWL_BROKEN_SERVER").is_some(),
        "there is no broken relay: cargo xtask prove-relay"
    );
    let rounds = async {
        for _ in 0..ROUNDS {
            if deaths().await.iter().any(is_it) {
                return true;
            }
        }
        false
    };
    let found = tokio::time::timeout(HUNT, rounds).await;
    assert!(found.expect("a hunt comes to an end"), "not found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_as_it_is_survives_the_same() {
    assert_eq!(kills(WRITES).await, []);
    assert_eq!(kills(FLUSHES).await, []);
    assert_eq!(cuts().await, []);
    assert_eq!(load().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "of a relay that is broken on purpose: cargo xtask prove-relay"]
async fn what_is_stored_before_its_commit_is_lost_by_kills() {
    hunt(|| kills(WRITES), |broken| matches!(broken, Broken::Lost(_))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "of a relay that is broken on purpose: cargo xtask prove-relay"]
async fn what_is_not_flushed_is_lost_with_the_power() {
    hunt(cuts, |broken| matches!(broken, Broken::Lost(_))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "of a relay that is broken on purpose: cargo xtask prove-relay"]
async fn a_key_that_is_taken_in_another_commit_is_given_twice_by_kills() {
    hunt(
        || kills(FLUSHES),
        |broken| matches!(broken, Broken::KeyTwice(..)),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "of a relay that is broken on purpose: cargo xtask prove-relay"]
async fn what_is_read_from_anothers_mailbox_is_seen() {
    hunt(load, |broken| matches!(broken, Broken::ForAnother(..))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "of a relay that is broken on purpose: cargo xtask prove-relay"]
async fn what_another_acknowledged_is_missed() {
    hunt(load, |broken| matches!(broken, Broken::Lost(_))).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "of a relay that is broken on purpose: cargo xtask prove-relay"]
async fn what_expires_by_a_clock_that_jumps_is_missed() {
    hunt(jumps, |broken| matches!(broken, Broken::Lost(_))).await;
}
