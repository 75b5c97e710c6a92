//! Clients that keep to the rules beside others that do not: everything at once, judged by the checker (`history`).

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pawl_server::Limits;
use pawl_wire::ClientFrame;

use crate::history::{Event, check};
use crate::support::client::Target;
use crate::support::{Client, Device, Relay, envelope, message_id};
use crate::watching::{free_port, value, word};
use crate::world::{ACTORS, SLEEPER, SLOW, VANDAL, World, below};

/// Deaths of the relay among bad company.
const KILLS: usize = 10;

/// Connections of the vandal that the relay has to end.
const THROWN_OUT: usize = 40;

/// What clients note at most until the relay has ended them, or the slow one has come back to enough: many times what it
/// takes.
const LONG: usize = 150_000;

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
        let thrown_out = stage.thrown_out.load(Ordering::Relaxed);
        assert!(
            world.noted() < LONG,
            "of {THROWN_OUT} connections of the vandal {thrown_out} were ended"
        );
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
    let returns = || stage.returns.load(Ordering::Relaxed);
    // The slow one comes back to far more than a relay without bounds could hold unnoticed.
    let mut enough = usize::MAX;
    while returns() < enough {
        let waiting = waiting_kib(SLOW);
        if enough == usize::MAX && waiting > 2 * SLACK_KIB {
            enough = returns() + 2;
        }
        assert!(
            world.noted() < LONG,
            "{waiting} KiB wait for the slow one, who came back {} times",
            returns()
        );
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

/// Until the relay has no connection but this one, which does what a client does meanwhile.
async fn until_alone(client: &mut Client, metrics: SocketAddr) {
    // Far longer than any machine takes.
    for _ in 0..500 {
        client.send(&ClientFrame::Ping { token: 1 }).await;
        client.settle().await;
        if value(&word(metrics, "/metrics").1, "pawl_connections") == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("they never end");
}

/// Devices are gone without a word: their sockets stay open and take nothing but what the system has room for.
async fn vanish(devices: usize, envelopes: usize, size: usize, set: impl FnOnce(&mut Limits)) {
    let metrics: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let relay = Relay::start_with(|config| {
        set(&mut config.limits);
        config.metrics = Some(metrics);
    });
    let to = Target {
        receive_buffer: Some(1_024),
        ..Target::at(relay.address)
    };
    let mut gone = Vec::new();
    for number in 0..devices {
        let device = Device::new(&format!("gone{number}"));
        Client::register(relay.address, &device).await.leave().await;
        let client = Client::try_auth_at(&to, &device, 0).await;
        gone.push((device, client.expect("it is let in")));
    }
    // After them: she would be idle meanwhile.
    let alice = Device::new("alice");
    let mut from = Client::register(relay.address, &alice).await;
    for (device, _) in &gone {
        for number in 0..envelopes {
            let mut bytes = envelope(u32::try_from(number).expect("small"));
            bytes.resize(size, 0);
            from.store(device.address(), message_id(), bytes).await;
        }
    }
    until_alone(&mut from, metrics).await;
    for (device, _) in &gone {
        let mut again = Client::auth(relay.address, device, 0).await;
        assert_eq!(again.waiting().await.len(), envelopes);
        again.leave().await;
    }
}

#[tokio::test]
async fn connections_of_those_who_vanished_end_after_the_idle_time_and_their_mail_waits() {
    // Every answer to her must come within it.
    let seconds = Duration::from_secs(8);
    vanish(24, 3, 400, |limits| {
        limits.idle_timeout = seconds;
        limits.unsent_timeout = Duration::from_secs(1_000_000);
    })
    .await;
}

#[tokio::test]
async fn connections_that_take_nothing_do_not_wait_for_the_idle_time() {
    let seconds = Duration::from_secs(2);
    vanish(6, 8, 90_000, |limits| {
        limits.idle_timeout = Duration::from_secs(1_000_000);
        limits.unsent_timeout = seconds;
    })
    .await;
}
