//! Being asked to end: by Ctrl-C, or by the system. Between two steps only, so nothing is left half done.

use crate::failure::{Code, Failure};

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks a program to end.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::new(Code::Other, format!("no signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Comes back when the program is to end.
    pub(crate) async fn next(&mut self) -> Failure {
        tokio::select! {
            _ = self.interrupt.recv() => ended(Code::Interrupted),
            _ = self.terminate.recv() => ended(Code::Terminated),
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Comes back when the program is to end.
    pub(crate) async fn next(&mut self) -> Failure {
        // Where there is no Ctrl-C there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        ended(Code::Interrupted)
    }
}

fn ended(code: Code) -> Failure {
    Failure::new(
        code,
        "interrupted; what was written is kept and goes out next time",
    )
}
