//! Laws of the whole road in native code: the real engine against the real relay over real sockets.
//! (The same road in browsers is in `tests/browser`.)
#![forbid(unsafe_code)]
#![cfg(not(target_arch = "wasm32"))]

mod device;
mod published;
mod restored;
mod secrecy;
mod vectors;
