//! `run`: the log, the signals, and the relay between them.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use futures_util::{Stream, StreamExt, stream};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::complain;
use super::flags::Flags;

pub(super) fn run(flags: Flags, data: PathBuf) -> ExitCode {
    log(flags.log);
    for name in super::unknown_variables() {
        tracing::warn!("the variable {name} is not known and sets nothing");
    }
    let config = flags.into_config(data);
    #[cfg(unix)]
    super::files::raise(config.limits.connections);
    let system = actix_web::rt::System::new();
    // They are caught before anybody is told that the relay serves, and would end it at once until then.
    let run = async { crate::run_through(config, announce, signals()).await };
    match system.block_on(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// The relay's own words, and faults of what it is built on. Nothing below that of others: they would log
/// addresses and requests. Nor what the HTTP parser says of requests that are none, at the level of errors: anybody
/// can send those.
fn log(level: LevelFilter) {
    let is_terminal = std::io::stderr().is_terminal();
    let others = level.min(LevelFilter::ERROR);
    let filter = Targets::new()
        .with_default(others)
        .with_target("actix_http::h1", LevelFilter::OFF)
        .with_target("pawl_server", level);
    tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .with_ansi(is_terminal)
                .with_writer(std::io::stderr),
        )
        .with(filter)
        .init();
}

/// The one line on standard output. Whoever started the relay may have closed that, which is no
/// reason not to serve.
fn announce(address: SocketAddr) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "Pawl relay on http://{address}").and_then(|()| out.flush());
}

/// What asks the relay to go down, as often as it comes: SIGTERM, Ctrl-C, and SIGHUP, a terminal that closed.
#[cfg(unix)]
fn signals() -> impl Stream<Item = ()> {
    use tokio::signal::unix::{SignalKind, signal};

    let kinds = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ];
    let each = kinds.into_iter().filter_map(|kind| match signal(kind) {
        Ok(mut signal) => Some(stream::poll_fn(move |cx| signal.poll_recv(cx))),
        Err(error) => {
            tracing::warn!(%error, ?kind, "cannot wait for a signal");
            None
        }
    });
    stream::select_all(each).chain(stream::pending())
}

#[cfg(not(unix))]
fn signals() -> impl Stream<Item = ()> {
    let next = |()| async { tokio::signal::ctrl_c().await.ok().map(|()| ((), ())) };
    stream::unfold((), next).chain(stream::pending())
}
