//! File descriptors: how many a relay needs, and as many as the system gives.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Besides the WebSockets: the page's connections, the store, the log.
const OTHERS: u64 = 600;

pub(super) fn needed(connections: usize) -> u64 {
    connections as u64 + OTHERS
}

/// As many as this process can get; `None` without a limit.
pub(super) fn most() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the soft limit to the hard one, and says where that is still too few.
pub(super) fn raise(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let now = if current == maximum {
        current
    } else {
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => maximum,
            Err(error) => {
                tracing::debug!(%error, "the limit of open files stays as it is");
                current
            }
        }
    };
    let needed = needed(connections);
    if now.is_some_and(|now| now < needed) {
        tracing::warn!(
            allowed = now,
            needed,
            "too few open files are allowed for --connections: raise LimitNOFILE or `ulimit -Hn`, or lower it"
        );
    }
}
