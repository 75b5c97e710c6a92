//! Reads a WebSocket: whole messages out, never more than one message's limit in memory.
//!
//! actix's codec looks at a frame's size only when all of it is buffered, so a frame of 4 GiB would be
//! collected first. This looks at the header before it reads on, and asks for bytes only when a frame
//! is incomplete: what it holds is the limit and one portion of the socket.

use std::rc::Rc;

use actix_http::ws::{OpCode, Parser};
use actix_web::dev::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::http::gated::Gate;

/// Fragments of one message: a browser cuts a large one at whatever its buffers hold, a few KiB at least.
pub(crate) const MAX_FRAGMENTS: usize = 256;

/// The largest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: u64 = 125;

/// Bytes that are asked of the socket at a time: several of them lie between it and us.
const PORTION: usize = 16 * 1024;

/// What arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Message(Bytes),
    Ping(Bytes),
    Pong,
    Close,
}

/// Why nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The peer went away without a word.
    Gone,
    /// Larger than allowed now, by its header or by the sum of its fragments.
    TooLarge,
    /// A text frame.
    Text,
    /// Against RFC 6455: compressed, unmasked, reserved, fragmented wrongly.
    Protocol,
}

pub(crate) struct Reader {
    payload: Payload,
    /// Lets in what is wanted, where the socket has one.
    gate: Option<Rc<Gate>>,
    buffer: BytesMut,
    limit: usize,
    /// Fragments of a message whose end has not come.
    partial: Option<Partial>,
}

#[derive(Default)]
struct Partial {
    bytes: BytesMut,
    fragments: usize,
}

impl Reader {
    /// `limit`: largest message in bytes.
    pub(crate) fn new(payload: Payload, limit: usize) -> Self {
        Self {
            payload,
            gate: None,
            buffer: BytesMut::new(),
            limit,
            partial: None,
        }
    }

    /// From here on the socket is read only when something is wanted of it.
    pub(crate) fn behind(mut self, gate: Option<Rc<Gate>>) -> Self {
        if let Some(gate) = &gate {
            gate.close();
        }
        self.gate = gate;
        self
    }

    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next message or control frame. Nothing is lost when this is dropped before it is done.
    ///
    /// # Errors
    /// [`ReadError`], after which the connection must end.
    pub(crate) async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            check_header(&self.buffer, self.limit)?;
            // Even a frame of the right size is only handed over by the parser when it is complete.
            match Parser::parse(&mut self.buffer, true, self.limit) {
                Ok(Some((finished, code, data))) => {
                    let data = data.unwrap_or_default();
                    if let Some(incoming) = self.accept(finished, code, data)? {
                        return Ok(incoming);
                    }
                }
                Ok(None) => self.fill().await?,
                Err(_) => return Err(ReadError::Protocol),
            }
        }
    }

    async fn fill(&mut self) -> Result<(), ReadError> {
        if self.buffer.is_empty() {
            // What is left of a buffer of the socket's would keep all of it while the connection is quiet.
            self.buffer = BytesMut::new();
        }
        if let Some(gate) = &self.gate {
            gate.want(PORTION);
        }
        match self.payload.next().await {
            Some(Ok(bytes)) if self.buffer.is_empty() => self.buffer = BytesMut::from(bytes),
            Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
            Some(Err(_)) | None => return Err(ReadError::Gone),
        }
        Ok(())
    }

    fn accept(
        &mut self,
        finished: bool,
        code: OpCode,
        data: BytesMut,
    ) -> Result<Option<Incoming>, ReadError> {
        match code {
            OpCode::Ping if finished => Ok(Some(Incoming::Ping(data.freeze()))),
            OpCode::Pong if finished => Ok(Some(Incoming::Pong)),
            OpCode::Close if finished => Ok(Some(Incoming::Close)),
            OpCode::Text => Err(ReadError::Text),
            OpCode::Binary if self.partial.is_none() => {
                if finished {
                    return Ok(Some(Incoming::Message(data.freeze())));
                }
                self.partial = Some(Partial::default());
                self.append(finished, &data)
            }
            OpCode::Continue => self.append(finished, &data),
            _ => Err(ReadError::Protocol),
        }
    }

    fn append(&mut self, finished: bool, data: &[u8]) -> Result<Option<Incoming>, ReadError> {
        let partial = self.partial.as_mut().ok_or(ReadError::Protocol)?;
        partial.fragments += 1;
        if partial.fragments > MAX_FRAGMENTS || partial.bytes.len() + data.len() > self.limit {
            return Err(ReadError::TooLarge);
        }
        partial.bytes.extend_from_slice(data);
        if !finished {
            return Ok(None);
        }
        let whole = self.partial.take().unwrap_or_default();
        Ok(Some(Incoming::Message(whole.bytes.freeze())))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // What still comes is read and thrown away, until actix closes.
        if let Some(gate) = &self.gate {
            gate.want(usize::MAX);
        }
    }
}

/// Looks at what is there of a frame's header, which may be cut anywhere.
fn check_header(buffer: &[u8], limit: usize) -> Result<(), ReadError> {
    let [first, second, rest @ ..] = buffer else {
        return Ok(());
    };
    let is_control = first & 0x08 != 0;
    let declared = match second & 0x7f {
        126 => rest
            .first_chunk()
            .map(|len| u64::from(u16::from_be_bytes(*len))),
        127 => rest.first_chunk().map(|len| u64::from_be_bytes(*len)),
        short => Some(u64::from(short)),
    };
    match declared {
        // The length itself is not all here: ten bytes at most are buffered.
        None => Ok(()),
        Some(length) if is_control && length > MAX_CONTROL => Err(ReadError::Protocol),
        Some(length) if length > limit as u64 => Err(ReadError::TooLarge),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
