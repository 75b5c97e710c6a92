//! The one WebSocket to the relay: binary frames, bounded both ways. Knows nothing of what is in a
//! frame; reconnecting is the engine's decision.

use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

/// Largest frame that is taken from a relay, in bytes: as `pawl_wire::MAX_FRAME`.
const MAX_FRAME: u32 = 128 * 1024;
/// Bytes that may wait in the browser to be sent: several windows of the largest envelopes. Past it
/// the network stands still, and the engine does better to begin again.
const MAX_BUFFERED: u32 = 8 * 1024 * 1024;
/// "The other end broke the protocol", among the close codes that are an application's own.
const PROTOCOL_ERROR: u16 = 4_400;

/// What happened on a socket.
pub(crate) enum SocketEvent {
    /// It is open.
    Opened,
    /// A binary message.
    Frame(Vec<u8>),
    /// It could not be opened or is closed; said once.
    Closed { code: Option<u16> },
}

/// A socket that is being opened or is open; closed, and silent, once it is dropped.
pub(crate) struct Socket {
    inner: WebSocket,
    _opened: Closure<dyn FnMut(Event)>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _closed: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    /// Begins to open one; nothing where the browser refuses the address.
    pub(crate) fn open(url: &str, sink: Rc<dyn Fn(SocketEvent)>) -> Option<Self> {
        let inner = WebSocket::new(url).ok()?;
        inner.set_binary_type(BinaryType::Arraybuffer);
        let on_open = Rc::clone(&sink);
        let opened = Closure::new(move |_| on_open(SocketEvent::Opened));
        let (socket, on_message) = (inner.clone(), Rc::clone(&sink));
        let message = Closure::new(move |event: MessageEvent| match frame(&event) {
            Some(bytes) => on_message(SocketEvent::Frame(bytes)),
            // Its close event follows.
            None => drop(socket.close_with_code(PROTOCOL_ERROR)),
        });
        let closed = Closure::new(move |event: CloseEvent| {
            sink(SocketEvent::Closed {
                code: Some(event.code()),
            });
        });
        inner.set_onopen(Some(opened.as_ref().unchecked_ref()));
        inner.set_onmessage(Some(message.as_ref().unchecked_ref()));
        inner.set_onclose(Some(closed.as_ref().unchecked_ref()));
        Some(Self {
            inner,
            _opened: opened,
            _message: message,
            _closed: closed,
        })
    }

    /// Hands a frame to the browser. Where the socket cannot take it any more its close event says so.
    pub(crate) fn send(&self, frame: &[u8]) {
        if self.inner.ready_state() != WebSocket::OPEN {
            return;
        }
        if self.inner.buffered_amount() > MAX_BUFFERED
            || self.inner.send_with_u8_array(frame).is_err()
        {
            let _ = self.inner.close();
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.inner.set_onopen(None);
        self.inner.set_onmessage(None);
        self.inner.set_onclose(None);
        let _ = self.inner.close();
    }
}

/// The bytes of a binary message of a size that is allowed.
fn frame(event: &MessageEvent) -> Option<Vec<u8>> {
    let buffer: ArrayBuffer = event.data().dyn_into().ok()?;
    (buffer.byte_length() <= MAX_FRAME).then(|| Uint8Array::new(&buffer).to_vec())
}
