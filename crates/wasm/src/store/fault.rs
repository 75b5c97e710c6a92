//! What can go wrong with a browser's store, told apart by what can be done about it. rexie's own
//! texts say little; the name of the DOMException underneath is what tells.

use std::error::Error;

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The browser has no IndexedDB here, or refuses it.
    #[error("IndexedDB is not available: {0}")]
    Unavailable(String),
    /// Written by a newer version.
    #[error("the store was written by a newer version")]
    Newer,
    /// The data key is gone or does not open, while records are there.
    #[error("the data key cannot be read: {0}")]
    Damaged(&'static str),
    /// No room left.
    #[error("no room left on this device: {0}")]
    Full(String),
    /// Somebody has opened it since.
    #[error("another tab has taken the store over")]
    Fenced,
    /// WebCrypto refused.
    #[error("WebCrypto failed: {0}")]
    Crypto(String),
    /// Anything else that the browser said.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// The store cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub struct ReadError(pub String);

/// A step was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody opened the store after us and writes to it now.
    #[error("another tab has taken the store over")]
    Fenced,
    /// No room left.
    #[error("no room left on this device: {0}")]
    Full(String),
    /// Anything else that the browser said.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// An error of rexie as the browser put it: rexie itself says only "idb error", or that a commit failed. Of what
/// was asked beside the request that failed, the browser says only that it was aborted.
pub(super) fn describe(error: &rexie::Error) -> String {
    let text = error.source().unwrap_or(error).to_string();
    let says_little = error.source().is_none() || text.contains("AbortError");
    let why = says_little.then(super::durability::why_aborted);
    why.filter(|why| !why.is_empty()).unwrap_or(text)
}

impl From<rexie::Error> for ReadError {
    fn from(error: rexie::Error) -> Self {
        Self(describe(&error))
    }
}

impl From<rexie::Error> for CommitError {
    fn from(error: rexie::Error) -> Self {
        let text = describe(&error);
        if text.contains("QuotaExceededError") {
            Self::Full(text)
        } else {
            Self::Failed(text)
        }
    }
}

impl From<rexie::Error> for OpenError {
    fn from(error: rexie::Error) -> Self {
        let text = describe(&error);
        if text.contains("VersionError") {
            Self::Newer
        } else if text.contains("QuotaExceededError") {
            Self::Full(text)
        } else {
            Self::Failed(text)
        }
    }
}

impl From<CommitError> for OpenError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Full(text) => Self::Full(text),
            CommitError::Fenced => Self::Fenced,
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.0)
    }
}
