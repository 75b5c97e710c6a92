//! A copy that the relay gives to a command: the relay reads, so that no other process holds the store open.
//!
//! While a snapshot is read, SQLite's log cannot begin anew and grows with all that is written. So the snapshot has a
//! bound, and is given up there, however fast or slowly the copy is taken.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::timeout;

use super::room::{log_length, used};
use super::{OpenError, rows, schema};

/// The log may grow so far, or to a part of the store where that is more: a large store takes long to read.
pub(super) const MOST_LOG: u64 = 2 * schema::JOURNAL_BYTES.unsigned_abs();
pub(super) const LOG_PART: u64 = 4;

/// So long nobody takes anything.
pub(super) const STALL: Duration = Duration::from_secs(60);

/// Between two looks at the log.
const LOOK: Duration = Duration::from_millis(100);

/// Pieces on their way.
const QUEUE: usize = 4;

/// Why a copy is given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum GivenUp {
    #[error(
        "relay.db-wal has grown to {0} MiB while the copy was taken: take it to a faster disk, or when less is written"
    )]
    Log(u64),
    #[error("nobody took any of the copy for {0} seconds")]
    Stalled(u64),
    #[error("the store cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the store cannot be read: {0}")]
    Open(#[from] OpenError),
    /// Nobody wants it any more.
    #[error("the copy was not wanted any more")]
    Gone,
}

/// Watches the log of a store that is read.
pub(super) struct LogWatch {
    folder: PathBuf,
    most: u64,
}

impl LogWatch {
    pub(super) fn new(folder: &Path, conn: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            most: MOST_LOG.max(used(conn)? / LOG_PART),
        })
    }

    /// For where no relay may run: what is there already nobody makes shorter, so that only what comes then counts.
    pub(super) fn of_growth(folder: &Path, conn: &Connection) -> rusqlite::Result<Self> {
        let mut watch = Self::new(folder, conn)?;
        watch.most = watch.most.saturating_add(log_length(folder));
        Ok(watch)
    }

    pub(super) fn check(&self) -> Result<(), GivenUp> {
        let length = log_length(&self.folder);
        match length > self.most {
            true => Err(GivenUp::Log(length >> 20)),
            false => Ok(()),
        }
    }
}

/// How a copy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Done,
    GivenUp(String),
}

/// A copy on its way.
pub(crate) struct Copying {
    pub(crate) pieces: mpsc::Receiver<Vec<u8>>,
    /// Stays at `Running` where the thread ended without a word.
    pub(crate) state: watch::Receiver<State>,
}

/// Begins to read the store in this folder; `place` is given back at the end.
pub(super) fn start(folder: PathBuf, place: OwnedSemaphorePermit) -> std::io::Result<Copying> {
    let (pieces, taken) = mpsc::channel(QUEUE);
    let (state, seen) = watch::channel(State::Running);
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let giver = Giver {
        clock,
        pieces,
        stall: STALL,
    };
    std::thread::Builder::new()
        .name("store-copy".into())
        .spawn(move || {
            let end = match giver.give_all(&folder) {
                Ok(()) => State::Done,
                Err(GivenUp::Gone) => return,
                Err(why) => {
                    tracing::warn!(%why, "a copy of the store is given up");
                    State::GivenUp(why.to_string())
                }
            };
            // Before the pieces end: who sees that looks at the state, and may begin another copy at once.
            state.send_replace(end);
            drop(place);
            drop(giver);
        })?;
    Ok(Copying {
        pieces: taken,
        state: seen,
    })
}

struct Giver {
    clock: tokio::runtime::Runtime,
    pieces: mpsc::Sender<Vec<u8>>,
    stall: Duration,
}

impl Giver {
    fn give_all(&self, folder: &Path) -> Result<(), GivenUp> {
        let conn = schema::open_reader(&folder.join("relay.db"))?;
        let log = LogWatch::new(folder, &conn)?;
        self.await_short(&log)?;
        rows::walk(&conn, |piece| self.give(piece, &log))
    }

    /// A log that has grown, under the copy before this one or under another reader, begins anew with the second commit
    /// after that.
    fn await_short(&self, log: &LogWatch) -> Result<(), GivenUp> {
        let mut waited = Duration::ZERO;
        while let Err(long) = log.check() {
            if self.pieces.is_closed() {
                return Err(GivenUp::Gone);
            }
            if waited >= self.stall {
                return Err(long);
            }
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        Ok(())
    }

    fn give(&self, piece: Vec<u8>, log: &LogWatch) -> Result<(), GivenUp> {
        let mut waited = Duration::ZERO;
        loop {
            log.check()?;
            let place = async { timeout(LOOK, self.pieces.reserve()).await };
            match self.clock.block_on(place) {
                Ok(Ok(place)) => {
                    place.send(piece);
                    return Ok(());
                }
                Ok(Err(_)) => return Err(GivenUp::Gone),
                Err(_) => waited += LOOK,
            }
            if waited >= self.stall {
                return Err(GivenUp::Stalled(self.stall.as_secs()));
            }
        }
    }
}

#[cfg(test)]
#[path = "copying_tests.rs"]
mod tests;
