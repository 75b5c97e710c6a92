//! Runs one engine after another. When a commit fails the engine is thrown away and loaded again from the
//! store, and every page asks again what was not answered.

use std::cell::Cell;

use super::Config;
use super::engine::Driver;
use super::full_disk::{FULL_RETRY_MS, refuse};
use super::queue::{DriverInput, Queue};
use super::sink::Sink;
use super::stop::{Stop, final_at_once, given_up, in_time};
use crate::clock::sleep;
use crate::errors::{StartError, StartErrorCode};

/// Failed steps in a row after which the store is given up.
const MAX_FAILURES: u32 = 3;
/// Milliseconds before the store is tried again, times the failures so far.
const RETRY_MS: u32 = 200;

/// Why an engine runs here no longer.
pub(crate) enum Ended {
    /// Another tab leads.
    Deposed,
    /// Nothing can be done here any more.
    Fatal(StartError),
}

/// Leads until another tab does, or nothing works any more.
pub(crate) async fn lead(config: &Config, mut queue: Queue, sink: &dyn Sink) -> Ended {
    let failures = Cell::new(0);
    let mut epoch = None;
    let mut open = Vec::new();
    loop {
        let loading = Driver::load(config, &mut queue, sink, &failures, epoch);
        let ended = match in_time(loading).await {
            Ok(mut driver) => {
                epoch = Some(driver.store.epoch());
                sink.ready(driver.store.epoch());
                let stop = driver.run().await;
                open = driver.open;
                stop
            }
            Err(Stop::Unloaded(error))
                if epoch.is_some() && error.code == StartErrorCode::StoreNewer =>
            {
                let code = StartErrorCode::UpdatedElsewhere;
                Stop::Unloaded(StartError { code, ..error })
            }
            Err(stop) => stop,
        };
        failures.set(failures.get() + 1);
        match ended {
            Stop::Deposed => return Ended::Deposed,
            // Firefox closes a database that has met a full disk, and opening it writes.
            Stop::Unloaded(error) if error.code == StartErrorCode::StoreFull && epoch.is_some() => {
                failures.set(0);
                while let Some(input) = queue.try_next() {
                    if let DriverInput::Command { id, .. } = input {
                        open.push(id);
                    }
                }
                refuse(sink, std::mem::take(&mut open));
                sleep(FULL_RETRY_MS).await;
            }
            Stop::Unloaded(error) if final_at_once(&error) || failures.get() > MAX_FAILURES => {
                return Ended::Fatal(error);
            }
            Stop::Failed(detail) if failures.get() > MAX_FAILURES => {
                return Ended::Fatal(given_up(detail));
            }
            // Whatever hangs in there hangs on: only another worker can go on.
            Stop::Silent => return Ended::Fatal(given_up("the store does not answer".into())),
            Stop::Unloaded(_) | Stop::Failed(_) | Stop::Full => {
                sleep(RETRY_MS * failures.get()).await
            }
        }
    }
}
