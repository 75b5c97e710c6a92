//! The writing half of a connection: frames out, bounded in time; the last word and the close code.

use std::sync::Arc;
use std::time::Duration;

use actix_http::ws::{CloseCode, OpCode};
use pawl_wire::{ConnectionError, RelayFrame, close_code};

use super::pipe::Sender;
use super::reader::ReadError;
use crate::metrics::Metrics;
use crate::requests::Rejected;
use crate::store::StoreError;
use crate::top::Visit;

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

impl From<Rejected> for End {
    fn from(rejected: Rejected) -> Self {
        Self::Error(rejected.error, rejected.retry_after_ms)
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Rejected::from(error).into()
    }
}

pub(crate) struct Outgoing {
    sender: Sender,
    metrics: Arc<Metrics>,
    visit: Box<Visit>,
}

impl Outgoing {
    pub(crate) fn new(sender: Sender, metrics: Arc<Metrics>, visit: Visit) -> Self {
        Self {
            sender,
            metrics,
            visit: Box::new(visit),
        }
    }

    /// # Errors
    /// [`End::Gone`] when the peer is gone or takes nothing.
    pub(crate) async fn send(&mut self, frame: &RelayFrame) -> Result<(), End> {
        self.put(OpCode::Binary, &frame.encode()).await?;
        self.metrics.said(frame);
        self.visit.said(frame);
        Ok(())
    }

    /// Waits until the peer has taken most of what was sent.
    ///
    /// # Errors
    /// [`End::Gone`].
    pub(crate) async fn taken(&self) -> Result<(), End> {
        self.sender.taken().await.map_err(|_| End::Gone)
    }

    /// Whether the peer has much to take, for which the connection is not read.
    pub(crate) fn is_behind(&self) -> bool {
        self.sender.is_behind()
    }

    pub(crate) async fn pong(&mut self, payload: &[u8]) -> Result<(), End> {
        self.put(OpCode::Pong, payload).await
    }

    async fn put(&mut self, code: OpCode, payload: &[u8]) -> Result<(), End> {
        match tokio::time::timeout(SEND_TIMEOUT, self.sender.room()).await {
            Ok(Ok(())) => self.sender.put(code, payload),
            Ok(Err(_)) | Err(_) => return Err(End::Gone),
        }
        Ok(())
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
            self.sender.close(code);
        }
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
