//! The binary: flags, log, signals; the rest is the library's.
#![forbid(unsafe_code)]

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pawl_server::{Config, Limits, PublicOrigin};
use tracing_subscriber::EnvFilter;

/// Pawl's relay: hosts the page and moves sealed envelopes. Without flags it serves this machine only.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "PAWL_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder of the store, made when missing
    #[arg(long, env = "PAWL_DATA", default_value = "./.pawl")]
    data: PathBuf,
    /// Where browsers reach this relay when a proxy stands in front, for example https://chat.example.org; may be repeated
    #[arg(long, env = "PAWL_PUBLIC_ORIGIN", value_delimiter = ',')]
    public_origin: Vec<PublicOrigin>,
    /// WebSockets open at once
    #[arg(long, env = "PAWL_CONNECTIONS", default_value_t = Limits::CONNECTIONS)]
    connections: usize,
    /// Messages that may wait in one mailbox
    #[arg(long, env = "PAWL_MAILBOX_MESSAGES", default_value_t = Limits::MAILBOX_MESSAGES)]
    mailbox_messages: u64,
    /// Bytes that may wait in one mailbox
    #[arg(long, env = "PAWL_MAILBOX_BYTES", default_value_t = Limits::MAILBOX_BYTES)]
    mailbox_bytes: u64,
    /// Registrations per minute from one network address
    #[arg(long, env = "PAWL_REGISTRATIONS_PER_MINUTE", default_value_t = Limits::REGISTRATIONS_PER_MINUTE)]
    registrations_per_minute: NonZeroU32,
    /// Look-ups of usernames per minute from one network address
    #[arg(long, env = "PAWL_LOOK_UPS_PER_MINUTE", default_value_t = Limits::LOOK_UPS_PER_MINUTE)]
    look_ups_per_minute: NonZeroU32,
    /// Claims of prekeys per minute from one network address
    #[arg(long, env = "PAWL_CLAIMS_PER_MINUTE", default_value_t = Limits::CLAIMS_PER_MINUTE)]
    claims_per_minute: NonZeroU32,
    /// Envelopes per second on one connection
    #[arg(long, env = "PAWL_SUBMITS_PER_SECOND", default_value_t = Limits::SUBMITS_PER_SECOND)]
    submits_per_second: NonZeroU32,
}

impl Args {
    fn into_config(self) -> Config {
        let mut config = Config::new(self.listen, self.data);
        config.public_origins = self.public_origin;
        config.limits = Limits {
            connections: self.connections,
            mailbox_messages: self.mailbox_messages,
            mailbox_bytes: self.mailbox_bytes,
            registrations_per_minute: self.registrations_per_minute,
            look_ups_per_minute: self.look_ups_per_minute,
            claims_per_minute: self.claims_per_minute,
            submits_per_second: self.submits_per_second,
            ..Limits::default()
        };
        config
    }
}

fn main() -> ExitCode {
    let config = Args::parse().into_config();
    let filter =
        EnvFilter::try_from_env("PAWL_LOG").unwrap_or_else(|_| EnvFilter::new("pawl_server=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let system = actix_web::rt::System::new();
    match system.block_on(pawl_server::run(config, announce, stop_signal())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even that cannot be written, the exit code still says it.
            let _ = writeln!(std::io::stderr(), "pawl-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The one line on standard output. Whoever started the relay may have closed that, which is no
/// reason not to serve.
fn announce(address: SocketAddr) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "Pawl relay on http://{address}").and_then(|()| out.flush());
}

async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(error) => {
                tracing::warn!(%error, "cannot wait for SIGTERM");
                std::future::pending().await
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = interrupt => (),
        _ = terminate => (),
    }
}
