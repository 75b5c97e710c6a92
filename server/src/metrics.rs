//! What the relay counts about itself, and how that reads for Prometheus.
//!
//! Sums over everybody and nothing else: no count has an account, a device, an address or a time of its own.
//! docs/OPERATIONS.md lists every metric; a test compares.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pawl_wire::{BundleRefusal, ConnectionError, RelayFrame, SubmitRefusal};

use crate::process::Process;
use crate::store::Capped;

/// Upper bounds, in seconds, of how long commits take: from a fast disk's flush to one that is ill.
const COMMIT_BOUNDS: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// The media type of the text below.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One counter for each value of an enum whose numbers begin at 1.
struct ByCause<const N: usize>([Counter; N]);

impl<const N: usize> Default for ByCause<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl<const N: usize> ByCause<N> {
    fn count(&self, number: u32) {
        let place = (number as usize).checked_sub(1);
        if let Some(counter) = place.and_then(|place| self.0.get(place)) {
            counter.add(1);
        }
    }
}

/// Why no WebSocket was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// As many are open as may be.
    Full = 1,
    /// As many are open from one network address as may be.
    Address,
    /// The relay goes down.
    Closing,
    /// A page of another origin.
    Origin,
    /// No usable Host header.
    Host,
    /// A handshake that has or may have a body.
    Body,
}

impl TurnedAway {
    const ALL: [Self; 6] = [
        Self::Full,
        Self::Address,
        Self::Closing,
        Self::Origin,
        Self::Host,
        Self::Body,
    ];
}

/// What happens, counted where it happens.
#[derive(Default)]
pub(crate) struct Metrics {
    pub(crate) connections: Counter,
    pub(crate) clock_jumps: Counter,
    pub(crate) read_failures: Counter,
    admitted: Counter,
    stored: Counter,
    duplicates: Counter,
    delivered: Counter,
    bundles: Counter,
    published: Counter,
    turned_away: ByCause<{ TurnedAway::ALL.len() }>,
    submit_refusals: ByCause<{ SubmitRefusal::ALL.len() }>,
    bundle_refusals: ByCause<{ BundleRefusal::ALL.len() }>,
    errors: ByCause<{ ConnectionError::ALL.len() }>,
    capped: ByCause<{ Capped::ALL.len() }>,
    pub(crate) commits: Commits,
}

/// What the store's writer does.
#[derive(Default)]
pub(crate) struct Commits {
    jobs: Counter,
    failures: Counter,
    nanoseconds: Counter,
    /// Commits that took at most the bound of the same place; the last place has the others.
    within: [Counter; COMMIT_BOUNDS.len() + 1],
}

impl Commits {
    pub(crate) fn count(&self, jobs: usize, took: Duration, committed: bool) {
        if !committed {
            self.failures.add(1);
            return;
        }
        self.jobs.add(jobs as u64);
        self.nanoseconds
            .add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        let seconds = took.as_secs_f64();
        let place = COMMIT_BOUNDS.iter().position(|bound| seconds <= *bound);
        self.within[place.unwrap_or(COMMIT_BOUNDS.len())].add(1);
    }
}

/// What is looked up when somebody asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Levels {
    pub(crate) is_ready: bool,
    pub(crate) connections: u64,
    pub(crate) accounts: u64,
    pub(crate) devices: u64,
    pub(crate) waiting_messages: u64,
    pub(crate) waiting_bytes: u64,
    pub(crate) store_bytes: u64,
    pub(crate) log_bytes: u64,
    pub(crate) free_bytes: Option<u64>,
    pub(crate) queued_writes: u64,
    pub(crate) queued_reads: u64,
    pub(crate) followed_pairs: u64,
    pub(crate) process: Process,
}

impl Metrics {
    pub(crate) fn turned_away(&self, why: TurnedAway) {
        self.turned_away.count(why as u32);
    }

    pub(crate) fn capped(&self, which: Capped) {
        self.capped.count(which as u32);
    }

    /// Called for every frame that goes out: it says what was done.
    pub(crate) fn said(&self, frame: &RelayFrame) {
        match frame {
            RelayFrame::AuthOk(_) => self.admitted.add(1),
            RelayFrame::Stored { duplicate, .. } if *duplicate => self.duplicates.add(1),
            RelayFrame::Stored { .. } => self.stored.add(1),
            RelayFrame::Refused { cause, .. } => self.submit_refusals.count(*cause as u32),
            RelayFrame::Deliver { .. } => self.delivered.add(1),
            RelayFrame::Bundle { .. } => self.bundles.add(1),
            RelayFrame::NoBundle { cause, .. } => self.bundle_refusals.count(*cause as u32),
            RelayFrame::Published { .. } => self.published.add(1),
            RelayFrame::Error { code, .. } => self.errors.count(*code as u32),
            RelayFrame::Challenge { .. }
            | RelayFrame::QueueEmpty { .. }
            | RelayFrame::Account { .. }
            | RelayFrame::KeysLow(_)
            | RelayFrame::Pong { .. }
            | RelayFrame::Drain { .. } => (),
        }
    }

    /// All of it as Prometheus reads it.
    pub(crate) fn text(&self, levels: Levels) -> String {
        let mut page = Page::default();
        let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
        page.head("pawl_build_info", "gauge", "the version of the relay");
        page.row("pawl_build_info", &version, 1);
        for (name, help, value) in levels.rows().into_iter().chain(levels.of_store()) {
            page.gauge(name, help, value);
        }
        // Not every system tells these.
        for (name, help, value) in levels.of_machine() {
            if let Some(value) = value {
                page.gauge(name, help, value);
            }
        }
        for (name, help, counter) in self.rows() {
            page.counter(name, help, counter);
        }
        self.refusals(&mut page);
        self.commits.write(&mut page);
        page.0
    }

    fn rows(&self) -> [(&'static str, &'static str, &Counter); 9] {
        [
            (
                "pawl_connections_total",
                "WebSockets that were opened",
                &self.connections,
            ),
            (
                "pawl_admitted_total",
                "devices that authenticated or registered",
                &self.admitted,
            ),
            (
                "pawl_stored_total",
                "messages that were stored",
                &self.stored,
            ),
            (
                "pawl_duplicates_total",
                "messages that were there already",
                &self.duplicates,
            ),
            (
                "pawl_delivered_total",
                "messages sent to their device, repetitions too",
                &self.delivered,
            ),
            (
                "pawl_bundles_total",
                "prekey bundles given out",
                &self.bundles,
            ),
            (
                "pawl_published_total",
                "uploads of prekeys",
                &self.published,
            ),
            (
                "pawl_clock_jumps_total",
                "jumps of the machine's clock",
                &self.clock_jumps,
            ),
            (
                "pawl_read_failures_total",
                "reads that the store could not do",
                &self.read_failures,
            ),
        ]
    }

    fn refusals(&self, page: &mut Page) {
        page.causes(
            "pawl_turned_away_total",
            "WebSockets that were not opened",
            &TurnedAway::ALL,
            &self.turned_away,
        );
        page.causes(
            "pawl_submit_refusals_total",
            "messages that were not taken",
            SubmitRefusal::ALL,
            &self.submit_refusals,
        );
        page.causes(
            "pawl_bundle_refusals_total",
            "claims that got no bundle",
            BundleRefusal::ALL,
            &self.bundle_refusals,
        );
        page.causes(
            "pawl_errors_total",
            "connections that the relay ended",
            ConnectionError::ALL,
            &self.errors,
        );
        page.causes(
            "pawl_accounts_refused_total",
            "accounts that were not made since there are enough",
            &Capped::ALL,
            &self.capped,
        );
    }
}

impl Levels {
    fn rows(self) -> [(&'static str, &'static str, u64); 5] {
        let is_ready = self.is_ready.into();
        [
            (
                "pawl_ready",
                "1 while connections and writes are taken",
                is_ready,
            ),
            (
                "pawl_connections",
                "WebSockets that are open",
                self.connections,
            ),
            ("pawl_accounts", "accounts that there are", self.accounts),
            ("pawl_devices", "devices that are registered", self.devices),
            (
                "pawl_followed_pairs",
                "pairs of account and device whose claims are counted",
                self.followed_pairs,
            ),
        ]
    }

    fn of_store(self) -> [(&'static str, &'static str, u64); 6] {
        [
            (
                "pawl_waiting_messages",
                "messages in all mailboxes",
                self.waiting_messages,
            ),
            (
                "pawl_waiting_bytes",
                "bytes of envelopes in all mailboxes",
                self.waiting_bytes,
            ),
            (
                "pawl_store_bytes",
                "size of the store's files",
                self.store_bytes,
            ),
            (
                "pawl_log_bytes",
                "size of the store's write-ahead log",
                self.log_bytes,
            ),
            (
                "pawl_queued_writes",
                "requests that wait for the store's writer",
                self.queued_writes,
            ),
            (
                "pawl_queued_reads",
                "requests that wait for the store's readers",
                self.queued_reads,
            ),
        ]
    }

    /// The last three have the names that Prometheus' own clients give them.
    fn of_machine(self) -> [(&'static str, &'static str, Option<u64>); 4] {
        [
            (
                "pawl_free_bytes",
                "room on the disk of the data folder",
                self.free_bytes,
            ),
            (
                "process_resident_memory_bytes",
                "memory that the relay has",
                self.process.resident_bytes,
            ),
            (
                "process_open_fds",
                "files and sockets that are open",
                self.process.open_files,
            ),
            (
                "process_max_fds",
                "files and sockets that may be open",
                self.process.most_files,
            ),
        ]
    }
}

impl Commits {
    fn write(&self, page: &mut Page) {
        page.counter(
            "pawl_commit_failures_total",
            "commits that the disk refused",
            &self.failures,
        );
        page.counter(
            "pawl_commit_jobs_total",
            "requests that were committed, several in one commit",
            &self.jobs,
        );
        let name = "pawl_commit_seconds";
        page.head(name, "histogram", "how long commits took");
        let mut within = 0;
        for (bound, counter) in COMMIT_BOUNDS.iter().zip(&self.within) {
            within += counter.get();
            page.row(
                "pawl_commit_seconds_bucket",
                &format!("le=\"{bound}\""),
                within,
            );
        }
        within += self.within[COMMIT_BOUNDS.len()].get();
        page.row("pawl_commit_seconds_bucket", "le=\"+Inf\"", within);
        let seconds = Duration::from_nanos(self.nanoseconds.get()).as_secs_f64();
        page.row("pawl_commit_seconds_sum", "", seconds);
        page.row("pawl_commit_seconds_count", "", within);
    }
}

/// Prometheus' text format. Writing into a string does not fail.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn row(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        self.row(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.head(name, "counter", help);
        self.row(name, "", counter.get());
    }

    fn causes<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        causes: &[impl Debug],
        counters: &ByCause<N>,
    ) {
        self.head(name, "counter", help);
        for (cause, counter) in causes.iter().zip(&counters.0) {
            self.row(name, &format!("cause=\"{cause:?}\""), counter.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_of_an_enum_counts_at_its_own_place() {
        let metrics = Metrics::default();
        for (times, code) in ConnectionError::ALL.iter().enumerate() {
            for _ in 0..times {
                metrics.said(&RelayFrame::Error {
                    code: *code,
                    retry_after_ms: 0,
                });
            }
        }
        let text = metrics.text(Levels::default());
        for (times, code) in ConnectionError::ALL.iter().enumerate() {
            let row = format!("pawl_errors_total{{cause=\"{code:?}\"}} {times}\n");
            assert!(text.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_commit_is_in_every_bucket_from_its_own_on() {
        let commits = Commits::default();
        commits.count(5, Duration::from_millis(2), true);
        commits.count(1, Duration::from_secs(9), true);
        commits.count(7, Duration::from_secs(9), false);
        let mut page = Page::default();
        commits.write(&mut page);
        for row in [
            "bucket{le=\"0.001\"} 0",
            "bucket{le=\"0.003\"} 1",
            "bucket{le=\"3\"} 1",
            "bucket{le=\"+Inf\"} 2",
            "count 2",
            "sum 9.002",
        ] {
            assert!(
                page.0.contains(&format!("pawl_commit_seconds_{row}\n")),
                "{row}: {}",
                page.0
            );
        }
        assert!(page.0.contains("pawl_commit_jobs_total 6\n"));
        assert!(page.0.contains("pawl_commit_failures_total 1\n"));
    }
}
