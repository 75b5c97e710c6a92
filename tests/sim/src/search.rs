//! Many seeds at once: one thread for each core, whichever seed comes next.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::fault::Fault;
use crate::law::Failure;
use crate::plan::Plan;
use crate::run::run;

/// What a search came to.
#[derive(Debug, Default)]
pub struct Found {
    /// Seeds that were run.
    pub seeds: u64,
    /// Steps of engines in them.
    pub steps: u64,
    /// Texts in them.
    pub texts: usize,
    /// Seeds that failed, in order, and how.
    pub failures: Vec<(u64, Failure)>,
}

/// Runs these seeds, all of them or until one fails.
///
/// # Panics
/// Where a thread does, which is the simulator's own fault.
#[must_use]
pub fn search(seeds: std::ops::Range<u64>, fault: Option<Fault>, stops: bool) -> Found {
    let next = AtomicU64::new(seeds.start);
    let is_over = AtomicBool::new(false);
    let found = Mutex::new(Found::default());
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let report = run(&Plan::of_seed(seed), fault, false);
            let mut found = found.lock().expect("no thread panics");
            found.seeds += 1;
            found.steps += report.steps;
            found.texts += report.texts;
            if let Some(failure) = report.failure {
                found.failures.push((seed, failure));
                is_over.fetch_or(stops, Ordering::Relaxed);
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().expect("no thread panics");
    found.failures.sort_by_key(|(seed, _)| *seed);
    found
}
