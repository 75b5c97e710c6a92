//! Between a connection's task and the one that writes its socket: frames as bytes, bounded, in one buffer that
//! is not there while nothing is to be sent.
//!
//! Both tasks are on one thread, so nothing is locked. Knows RFC 6455's framing and none of our frames.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_http::ws::{CloseCode, OpCode, Parser};
use actix_web::body::{BodySize, MessageBody};
use bytes::{Bytes, BytesMut};

/// Bytes that may wait for the socket, rounded up to the last frame.
pub(crate) const MAX_WAITING: usize = 64 * 1024;

/// With so many waiting nothing more is read: what is asked would have to wait as well.
pub(crate) const MAX_UNTAKEN: usize = 32 * 1024;

/// Bytes that are handed to the socket's task at a time. It keeps what its buffer grew to, and has its buffer
/// full before it writes; so much more than that may lie in it.
pub(crate) const PIECE: usize = 4 * 1024;

/// Nobody writes the socket any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

#[derive(Default)]
struct Pipe {
    waiting: BytesMut,
    /// Nothing more comes in.
    finished: bool,
    /// Nothing more is taken out.
    gone: bool,
    /// Waits for bytes.
    body: Option<Waker>,
    /// Waits for room.
    sender: Option<Waker>,
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

fn wait<T>(place: &mut Option<Waker>, cx: &Context<'_>) -> Poll<T> {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *place = Some(cx.waker().clone()),
    }
    Poll::Pending
}

/// Where frames go in; dropping it ends the response.
pub(super) struct Sender(Rc<RefCell<Pipe>>);

/// Where they come out, as a response's body.
pub(super) struct Body(Rc<RefCell<Pipe>>);

pub(super) fn pipe() -> (Sender, Body) {
    let pipe = Rc::default();
    (Sender(Rc::clone(&pipe)), Body(pipe))
}

impl Sender {
    /// Waits until a frame may be put in.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) async fn room(&self) -> Result<(), Gone> {
        self.below(MAX_WAITING).await
    }

    /// Waits until the peer has taken so much that more of what it asks may be read.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) async fn taken(&self) -> Result<(), Gone> {
        self.below(MAX_UNTAKEN).await
    }

    /// Whether so much waits that nothing is read.
    pub(super) fn is_behind(&self) -> bool {
        self.0.borrow().waiting.len() >= MAX_UNTAKEN
    }

    async fn below(&self, bytes: usize) -> Result<(), Gone> {
        poll_fn(|cx| {
            let mut pipe = self.0.borrow_mut();
            if pipe.gone {
                Poll::Ready(Err(Gone))
            } else if pipe.waiting.len() < bytes {
                Poll::Ready(Ok(()))
            } else {
                wait(&mut pipe.sender, cx)
            }
        })
        .await
    }

    /// Puts a frame in; there must be room for it.
    pub(super) fn put(&self, code: OpCode, payload: &[u8]) {
        let pipe = &mut *self.0.borrow_mut();
        Parser::write_message(&mut pipe.waiting, payload, code, true, false);
        wake(&mut pipe.body);
    }

    /// Puts the last frame in.
    pub(super) fn close(self, code: CloseCode) {
        Parser::write_close(&mut self.0.borrow_mut().waiting, Some(code.into()), false);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let pipe = &mut *self.0.borrow_mut();
        pipe.finished = true;
        wake(&mut pipe.body);
    }
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let pipe = &mut *self.0.borrow_mut();
        if !pipe.waiting.is_empty() {
            wake(&mut pipe.sender);
            // The buffer's memory goes with its last bytes.
            let piece = if pipe.waiting.len() <= PIECE {
                std::mem::take(&mut pipe.waiting)
            } else {
                pipe.waiting.split_to(PIECE)
            };
            return Poll::Ready(Some(Ok(piece.freeze())));
        }
        if pipe.finished {
            return Poll::Ready(None);
        }
        wait(&mut pipe.body, cx)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let pipe = &mut *self.0.borrow_mut();
        pipe.gone = true;
        pipe.waiting = BytesMut::new();
        wake(&mut pipe.sender);
    }
}

#[cfg(test)]
#[path = "pipe_tests.rs"]
mod tests;
