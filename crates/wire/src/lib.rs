//! Frames and public records that Pawl's client and relay share: bytes in, types out.
//!
//! Owns the protobuf encoding of every frame, the statements that are signed on a connection, the
//! username rule and the limits both sides agree on. Knows no secret and no cryptography but a
//! hash: keys, signatures and, but for size and sender, envelopes are bytes here (`crates/protocol` gives them meaning, which the relay
//! must not know). docs/RELAY-PROTOCOL.md has the dialogue.
#![forbid(unsafe_code)]

mod client_frame;
mod codec;
pub mod digest;
pub mod envelope;
mod hash;
mod ids;
pub mod limits;
mod proto;
mod records;
mod relay_frame;
pub mod statement;
mod username;
pub mod work;

pub use client_frame::{Auth, ClientFrame, Register, Submit};
pub use codec::FrameError;
pub use ids::{
    AccountId, ClaimId, DeviceAddress, Epoch, MessageId, Nonce, SignatureBytes, SigningKeyBytes,
};
pub use records::{Bundle, KeyDigests, KeyRecord, KeyStock, PublishedKeys};
pub use relay_frame::{
    BundleRefusal, ConnectionError, Registration, RelayFrame, SubmitRefusal, close_code,
};
pub use username::{Username, UsernameError};
