//! Clients that keep to the rules beside others that do not: everything at once, judged by the checker (`history`).

use std::sync::atomic::Ordering;

use crate::history::{Event, check};
use crate::world::{ACTORS, SLEEPER, SLOW, VANDAL, World, below};

/// Deaths of the relay among bad company.
const KILLS: usize = 10;

/// Connections of the vandal that the relay has to end.
const THROWN_OUT: usize = 40;

/// What the relay's resident memory may grow by under a load that goes on: windows that fill, caches, the
/// allocator's slack.
const SLACK_KIB: u64 = 12 * 1024;

fn count(history: &[Event], wanted: impl Fn(&Event) -> bool) -> usize {
    history.iter().filter(|event| wanted(event)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_company_and_deaths_break_no_promise() {
    let mut world = World::start_rough().await;
    let stage = world.stage.clone();
    let mut kills = 0;
    while kills < KILLS || stage.thrown_out.load(Ordering::Relaxed) < THROWN_OUT {
        world.go_on(600 + below(1_200), usize::MAX / 2).await;
        world.kill();
        world.restart();
        kills += 1;
    }
    let history = world.end().await;
    assert_eq!(check(&history), [].into());
    // All of that took place.
    let flung: Vec<_> = history
        .iter()
        .filter_map(|event| match event {
            Event::Flung { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    let landed = count(
        &history,
        |event| matches!(event, Event::Delivered { at, id, .. } if *at <= SLEEPER && flung.contains(id)),
    );
    let came = |who| {
        count(
            &history,
            |event| matches!(event, Event::Delivered { at, .. } if *at == who),
        )
    };
    let unread = stage.unread.load(Ordering::Relaxed);
    assert!(landed > 20, "{landed}");
    assert!(unread > 0 && came(SLOW) > 0 && came(VANDAL) > 0);
    assert!((0..ACTORS).all(|actor| came(actor) > came(VANDAL)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_and_dead_connections_cost_bounded_memory_and_hold_nobody_up() {
    let mut world = World::start_rough().await;
    let stage = world.stage.clone();
    world.go_on(3_000, usize::MAX / 2).await;
    let before = world.relay().resident_kib();
    let mut most = before;
    let waiting_kib = |who| (stage.waiting(who) / 1024) as u64;
    // Far more waits for the slow one than a relay without bounds could hold unnoticed.
    while waiting_kib(SLOW) < 2 * SLACK_KIB {
        world.go_on(500, usize::MAX / 2).await;
        most = most.max(world.relay().resident_kib());
    }
    assert!(most - before < SLACK_KIB, "from {before} to {most} KiB");
    for fast in 0..ACTORS {
        let waiting = waiting_kib(fast);
        assert!(waiting < SLACK_KIB / 4, "{waiting} KiB wait for {fast}");
    }
    assert_eq!(check(&world.end().await), [].into());
}
