//! Why a connection ends over what was asked on it, and how long whoever asked is told to wait.

use pawl_wire::ConnectionError;

use crate::limits::bans;
use crate::limits::rates::TooFast;
use crate::store::StoreError;

/// A full mailbox empties when its owner comes back: minutes, not seconds.
pub(super) const FULL_RETRY_MS: u64 = 60_000;

/// What somebody is told to wait who gets no place: others leave at any time.
pub(crate) const PLACE_RETRY_SECONDS: u32 = 10;

/// After a fault of the store: time for a full disk to be noticed, not for a crowd to come at once.
pub(crate) const STORE_RETRY_MS: u64 = 2_000;

/// What the client is told before its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) error: ConnectionError,
    /// When to come back, in milliseconds; 0 for its own choice.
    pub(crate) retry_after_ms: u64,
}

impl Rejected {
    /// There is no place for who is not known.
    pub(super) const FULL: Self = Self {
        error: ConnectionError::Unavailable,
        retry_after_ms: PLACE_RETRY_SECONDS as u64 * 1_000,
    };

    /// Whoever asked is shut out.
    pub(crate) const BANNED: Self = Self {
        error: ConnectionError::Banned,
        retry_after_ms: bans::RETRY_MS,
    };
}

impl From<ConnectionError> for Rejected {
    fn from(error: ConnectionError) -> Self {
        Self {
            error,
            retry_after_ms: 0,
        }
    }
}

impl From<TooFast> for Rejected {
    fn from(wait: TooFast) -> Self {
        Self {
            error: ConnectionError::RateLimited,
            retry_after_ms: wait.0,
        }
    }
}

impl From<StoreError> for Rejected {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a connection ends because of the store");
        Self {
            error: ConnectionError::Unavailable,
            retry_after_ms: STORE_RETRY_MS,
        }
    }
}
