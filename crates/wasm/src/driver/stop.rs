//! Why an engine's loop ended, and the time that its store has to answer.

use crate::clock::within;
use crate::errors::{StartError, StartErrorCode};
use crate::store::{CommitError, OpenError};

/// Milliseconds for any one piece of work with the store: far above the slowest disk, and short enough to
/// tell a person.
const STORE_TIMEOUT_MS: u32 = 30_000;

/// Why a driver's loop ended.
pub(super) enum Stop {
    Deposed,
    /// No room: see `full_disk.rs`.
    Full,
    Failed(String),
    Silent,
    Unloaded(StartError),
}

/// A browser's store may hang for good, and its WebCrypto as well, and with them every tab.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    within(STORE_TIMEOUT_MS, work)
        .await
        .unwrap_or(Err(Stop::Silent))
}

/// What another try cannot change.
pub(super) fn final_at_once(error: &StartError) -> bool {
    !matches!(error.code, StartErrorCode::StoreFailed)
}

pub(super) fn given_up(detail: String) -> StartError {
    StartError::new(StartErrorCode::StoreFailed, detail)
}

impl From<CommitError> for Stop {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Fenced => Self::Deposed,
            CommitError::Full(_) => Self::Full,
            CommitError::Failed(detail) => Self::Failed(detail),
        }
    }
}

impl From<OpenError> for Stop {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Fenced => Self::Deposed,
            other => Self::Unloaded(other.into()),
        }
    }
}
