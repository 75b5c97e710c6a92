//! What is measured over a span: messages, the server's processor time, times from submit to deliver.

use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use crate::server::Server;

/// Bytes of one message's body.
pub(crate) const BODY: usize = 400;

/// The clock that bodies carry.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the load's one reading of the clock"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A span in which a server works.
pub(crate) struct Span<'a> {
    server: &'a Server,
    began: Clock,
    cpu_us: u64,
}

impl<'a> Span<'a> {
    pub(crate) fn begin(server: &'a Server) -> Result<Self> {
        Ok(Self {
            server,
            cpu_us: server.cpu_us()?,
            began: Clock::start(),
        })
    }

    /// The row of `count` things done since the beginning.
    pub(crate) fn row(&self, row: &str, implementation: &str, count: u64) -> Result<Value> {
        let seconds = self.began.us() as f64 / 1e6;
        let cpu_us = self.server.cpu_us()? - self.cpu_us;
        Ok(json!({
            "row": row,
            "implementation": implementation,
            "count": count,
            "per_second": round(count as f64 / seconds),
            "server_us_each": round(cpu_us as f64 / count as f64),
        }))
    }
}

/// One decimal is more than the noise leaves.
pub(crate) fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Adds the median and the 99th percentile of `times`, in microseconds.
pub(crate) fn add_latencies(row: &mut Value, mut times: Vec<u64>) {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied();
    row["p50_us"] = json!(at(50));
    row["p99_us"] = json!(at(99));
}
