//! Why the worker cannot run, as the page is told (web/src/worker/messages.ts, `StartError`). The words
//! belong to the page.

use serde::Serialize;

use crate::store::OpenError;

/// See `StartErrorCode` in messages.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum StartErrorCode {
    /// No IndexedDB here.
    NoIndexedDb,
    /// No Web Locks.
    NoLocks,
    /// No WebCrypto.
    NoWebCrypto,
    /// What is stored cannot be read any more.
    StoreDamaged,
    /// What is stored was written by a newer version.
    StoreNewer,
    /// What is stored was written by a version whose stores are not read any more.
    StoreOlder,
    /// The store keeps refusing to write.
    StoreFailed,
    /// No room left.
    StoreFull,
    /// Another tab runs a newer version.
    UpdatedElsewhere,
}

/// Final: the page can only be reloaded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StartError {
    /// What a page tells the user by.
    pub(crate) code: StartErrorCode,
    /// For a report of a fault; no names and no texts.
    pub(crate) detail: String,
}

impl StartError {
    /// An error with its detail.
    pub(crate) fn new(code: StartErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        let code = match error {
            OpenError::Unavailable(_) => StartErrorCode::NoIndexedDb,
            OpenError::Newer => StartErrorCode::StoreNewer,
            OpenError::Damaged(_) => StartErrorCode::StoreDamaged,
            OpenError::Full(_) => StartErrorCode::StoreFull,
            OpenError::Crypto(_) => StartErrorCode::NoWebCrypto,
            OpenError::Failed(_) | OpenError::Fenced => StartErrorCode::StoreFailed,
        };
        Self::new(code, error.to_string())
    }
}

impl From<pawl_client::StoreError> for StartError {
    fn from(error: pawl_client::StoreError) -> Self {
        let code = match error {
            pawl_client::StoreError::Corrupted(_) => StartErrorCode::StoreDamaged,
            pawl_client::StoreError::Newer => StartErrorCode::StoreNewer,
            pawl_client::StoreError::Older => StartErrorCode::StoreOlder,
        };
        Self::new(code, error.to_string())
    }
}
