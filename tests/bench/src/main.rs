//! Times the work natively and prints one JSON row for each kind. The counterpart for wasm and for other
//! packages is run.mjs, which measures in the same way. What the whole client does with much mail and many
//! sessions is `engine.rs`, only natively.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the rows are its output")]

mod engine;

use std::time::{Duration, Instant};

use pawl_bench::{BODY_BYTES, Conversation, Skipped};

/// One measurement lasts at least this long, after one that only warms up.
const AT_LEAST: Duration = Duration::from_millis(200);
/// A slice of a registration's work.
const TRIES: u32 = 1 << 16;
/// Of so many measurements the best counts: what disturbs one only ever makes it slower.
const MEASUREMENTS: usize = 9;

fn main() {
    row("setup", 1, || drop(Conversation::set_up()));
    let mut conversation = Conversation::set_up();
    row("pingpong", 20, || conversation.ping_pong(20));
    let mut conversation = Conversation::set_up();
    row("burst", 100, || conversation.burst(100));
    let skipped = Skipped::set_up();
    row("skipped", 1, || skipped.open());
    row("work", TRIES, || pawl_bench::work(TRIES));
    engine::rows();
}

fn row(name: &str, each: u32, mut work: impl FnMut()) {
    measure(each, &mut work);
    let rates = (0..MEASUREMENTS).map(|_| measure(each, &mut work));
    let best = rates.fold(0.0, f64::max);
    let row = serde_json::json!({
        "row": name,
        "implementation": "pawl",
        "runtime": "native",
        "per_second": best.round(),
        "body_bytes": BODY_BYTES,
    });
    println!("{row}");
}

/// How many a second.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn measure(each: u32, work: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut done = 0.0;
    while start.elapsed() < AT_LEAST {
        work();
        done += f64::from(each);
    }
    done / start.elapsed().as_secs_f64()
}
