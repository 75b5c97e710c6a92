//! Sockets as actix gets them: so many from one network address, and read only as far as somebody wants the bytes.
//!
//! actix reads a socket until it has 128 KiB, whether anybody takes them or not, and has no setting for it. What the bytes
//! are is looked at by [`Lines`] alone.

use std::cell::{Cell, RefCell};
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use actix_web::rt::net::TcpStream;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::lines::Lines;
use crate::limits::places::Place;

/// How much of a socket may be read. The socket and its reader are on one thread.
pub(crate) struct Gate {
    left: Cell<usize>,
    /// Waits for more.
    waiting: RefCell<Option<Waker>>,
}

impl Gate {
    /// Nothing more is read until somebody wants it.
    pub(crate) fn close(&self) {
        self.left.set(0);
    }

    /// So many bytes may be read, and what one read brings beyond.
    pub(crate) fn want(&self, bytes: usize) {
        self.left.set(self.left.get().max(bytes));
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

pub(crate) struct Gated {
    stream: TcpStream,
    gate: Rc<Gate>,
    lines: Lines,
    _place: Option<Place>,
}

impl Gated {
    pub(crate) fn new(stream: TcpStream, place: Option<Place>) -> Self {
        let gate = Gate {
            left: Cell::new(usize::MAX),
            waiting: RefCell::default(),
        };
        Self {
            stream,
            gate: Rc::new(gate),
            lines: Lines::default(),
            _place: place,
        }
    }

    pub(crate) fn gate(&self) -> Rc<Gate> {
        Rc::clone(&self.gate)
    }

    pub(crate) fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.stream)
    }
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let left = self.gate.left.get();
        if left == 0 {
            self.gate.waiting.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.lines.look(&mut buffer.filled_mut()[before..]);
        let came = buffer.filled().len() - before;
        self.gate.left.set(left.saturating_sub(came));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
