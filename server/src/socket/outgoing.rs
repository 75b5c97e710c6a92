//! The writing half of a connection: frames out, bounded in time; the last word and the close code.

use std::sync::Arc;
use std::time::Duration;

use actix_ws::{CloseCode, CloseReason, Session};
use bytes::Bytes;
use pawl_wire::{ConnectionError, RelayFrame, close_code};

use super::reader::ReadError;
use crate::metrics::Metrics;

/// A peer that takes nothing for so long is given up, so that it cannot hold its connection.
pub(crate) const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nobody is there to hear it.
    Gone,
    /// The client closed.
    Closed,
    /// The client is told why, and when to come back (milliseconds, 0 for its own choice).
    Error(ConnectionError, u64),
    /// What came was no message.
    Unreadable(ReadError),
    /// The relay goes down.
    Restart,
}

impl From<ConnectionError> for End {
    fn from(error: ConnectionError) -> Self {
        Self::Error(error, 0)
    }
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Gone => Self::Gone,
            other => Self::Unreadable(other),
        }
    }
}

impl From<crate::store::StoreError> for End {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(%error, "a connection ends because of the store");
        Self::Error(ConnectionError::Unavailable, super::STORE_RETRY_MS)
    }
}

pub(crate) struct Outgoing {
    session: Session,
    metrics: Arc<Metrics>,
}

impl Outgoing {
    pub(crate) fn new(session: Session, metrics: Arc<Metrics>) -> Self {
        Self { session, metrics }
    }

    /// # Errors
    /// [`End::Gone`] when the peer is gone or takes nothing.
    pub(crate) async fn send(&mut self, frame: &RelayFrame) -> Result<(), End> {
        let send = self.session.binary(Bytes::from(frame.encode()));
        within(send).await?;
        self.metrics.said(frame);
        Ok(())
    }

    pub(crate) async fn pong(&mut self, payload: &[u8]) -> Result<(), End> {
        within(self.session.pong(payload)).await
    }

    /// Says the last word and closes.
    pub(crate) async fn finish(mut self, end: End) {
        tracing::debug!(cause = ?end, "a connection ends");
        let (frame, code) = last_word(end);
        if let Some((error, retry_after_ms)) = frame {
            let frame = RelayFrame::Error {
                code: error,
                retry_after_ms,
            };
            if self.send(&frame).await.is_err() {
                return;
            }
        }
        if let Some(code) = code {
            let reason = CloseReason {
                code,
                description: None,
            };
            // A peer that is gone by now has no use for it.
            let _ = within(self.session.close(Some(reason))).await;
        }
    }
}

async fn within(send: impl Future<Output = Result<(), actix_ws::Closed>>) -> Result<(), End> {
    match tokio::time::timeout(SEND_TIMEOUT, send).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

fn last_word(end: End) -> (Option<(ConnectionError, u64)>, Option<CloseCode>) {
    match end {
        End::Gone => (None, None),
        End::Closed => (None, Some(CloseCode::Normal)),
        End::Restart => (None, Some(CloseCode::from(close_code::RESTART))),
        End::Error(error, wait) => (
            Some((error, wait)),
            Some(CloseCode::Other(close_code::of(error))),
        ),
        End::Unreadable(error) => {
            let code = match error {
                ReadError::TooLarge => CloseCode::Size,
                ReadError::Text => CloseCode::Unsupported,
                ReadError::Protocol | ReadError::Gone => CloseCode::Protocol,
            };
            (Some((ConnectionError::Malformed, 0)), Some(code))
        }
    }
}
