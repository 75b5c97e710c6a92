//! What an operator's commands ask of a running relay: one request and its answer, in lines of JSON, over a Unix
//! socket in the data folder.
//!
//! Owns the words of both and the socket's place. `listener` is the relay's end, `link` the commands'. Whoever may
//! write into the folder may ask; nobody else can open the socket.

#[cfg(unix)]
mod link;
#[cfg(unix)]
mod listener;
#[cfg(unix)]
mod look;
#[cfg(not(unix))]
mod nowhere;

#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::{AccountRow, Erased};

#[cfg(unix)]
pub(crate) use self::link::Link;
#[cfg(unix)]
pub(crate) use self::listener::{Stop, start};
#[cfg(not(unix))]
pub(crate) use self::nowhere::{Link, Stop, start};

/// Beside the store.
const SOCKET: &str = "relay.sock";

/// Connections at once; the next one waits until one of them is done.
const MAX_CONNECTIONS: usize = 4;

/// Of each list of `top`.
pub(crate) const MAX_ROWS: usize = 100;

/// One line.
const MAX_REQUEST: usize = 4 * 1_024;

/// For the request to come.
const REQUEST_TIME: Duration = Duration::from_secs(5);

/// For all that is asked to be done and the answer to be taken.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// In the manual's words.
pub(crate) fn fixed_limits() -> [(&'static str, String); 2] {
    let value = format!(
        "{MAX_CONNECTIONS} at once, {} KiB and {} s for a request, {} s for an answer",
        MAX_REQUEST / 1_024,
        REQUEST_TIME.as_secs(),
        ANSWER_TIME.as_secs()
    );
    [
        ("commands that ask a running relay", value),
        (
            "accounts and networks that `top` follows",
            format!("{} per table", crate::top::PLACES),
        ),
    ]
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// All accounts, a line each.
    ListAccounts {},
    /// Erases what waits for an account.
    EraseMail { name: String },
    /// Erases an account with all that is its own.
    EraseAccount { name: String },
    /// Who causes what, so many of each.
    Top { rows: usize },
    /// All that the store holds.
    Copy {},
}

/// One line of an answer. The last one is none of the first kinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Line {
    Account(Account),
    Erased(Amount),
    Top(Sight),
    /// The pieces of a copy follow, each behind its length in four bytes, the lowest first. Behind a length of 0 comes
    /// the last line.
    Copy {},
    /// All is said.
    Done {},
    /// There is no account of this name.
    NoAccount {},
    /// Why not, for people.
    Refused(String),
}

/// An account in a list, also as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) devices: u64,
    pub(crate) waiting_messages: u64,
    pub(crate) waiting_bytes: u64,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            name: row.name,
            devices: row.devices,
            waiting_messages: row.waiting_messages,
            waiting_bytes: row.waiting_bytes,
        }
    }
}

/// Somebody and what they caused at least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cause {
    /// An account's name, or a network as `ban add` takes it.
    pub(crate) who: String,
    pub(crate) count: u64,
}

/// Who causes what, also as `--json` prints it. Each list has the heaviest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sight {
    /// What is not said to be now is of so many seconds.
    pub(crate) seconds: u64,
    pub(crate) accounts_by_messages: Vec<Cause>,
    pub(crate) accounts_by_bytes: Vec<Cause>,
    /// Bytes that wait for them now.
    pub(crate) mailboxes_by_bytes: Vec<Cause>,
    /// Connections that are open now, and those that were opened.
    pub(crate) networks_by_open: Vec<Cause>,
    pub(crate) networks_by_connections: Vec<Cause>,
    pub(crate) networks_by_registrations: Vec<Cause>,
    pub(crate) networks_by_refusals: Vec<Cause>,
}

/// What was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl From<Erased> for Amount {
    fn from(Erased { messages, bytes }: Erased) -> Self {
        Self { messages, bytes }
    }
}

/// Systems keep a socket's path in a field of some hundred bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path {0} is longer than a socket's may be: give the data folder a shorter one")]
pub(crate) struct TooLong(String);

/// Why a relay cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// Nobody listens there.
    #[error(
        "a relay or a command uses it and takes no requests; try again when it has started or ended"
    )]
    Nobody,
    #[error("the relay cannot be asked: {0}")]
    Io(#[from] std::io::Error),
    #[error("the relay ended its answer in the middle")]
    Cut,
    #[error("the relay answers what this command does not know; are both of one version?")]
    Unknown,
}

/// Where the socket of a relay with this folder is.
#[cfg(unix)]
fn address(folder: &Path) -> Result<(PathBuf, socket2::SockAddr), TooLong> {
    let path = folder.join(SOCKET);
    match socket2::SockAddr::unix(&path) {
        Ok(address) => Ok((path, address)),
        Err(_) => Err(TooLong(path.display().to_string())),
    }
}
