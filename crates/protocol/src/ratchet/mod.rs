//! The Double Ratchet with header encryption (Signal, revision 4). PROTOCOL.md "Double Ratchet".
//!
//! States are types: a sending side is active or due for its next ratchet step, a receiving chain is current
//! or retired. Opening computes what would follow and applies it only when the message is authentic. It knows
//! no handshake, no peer and no store.

mod error;
mod header;
mod keys;
mod receiving;
mod sending;
mod skipped;
mod state;
mod storage;

pub use error::{OpenError, SealError};
pub(crate) use header::SEALED_HEADER_BYTES;
pub(crate) use keys::{ChainKey, HeaderKey, RootKey};
pub(crate) use state::Ratchet;

/// The most message keys that one message may make its recipient derive ahead: 1,000 lost messages in a row
/// can be stepped over, and a hostile peer can cost a millisecond or two and not more.
pub const MAX_SKIP: usize = 1_000;
/// The most skipped message keys that a session keeps; beyond it the oldest go first. 44 kB when stored.
pub const MAX_KEPT_KEYS: usize = 1_000;
/// How long a skipped message key or a retired chain is kept, in milliseconds: 7 days, which late mail of one
/// sender can hardly exceed, and after which nobody should be able to open it any more.
pub const SKIPPED_KEY_LIFETIME_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// How many retired receiving chains are kept: a chain goes after 5 ratchet steps. It also bounds the header
/// keys that are tried on a message: these, the current one and the next one.
pub const MAX_RETIRED_CHAINS: usize = 5;

/// Whether something of time `then` is past its lifetime at `now`. A clock that went back expires nothing.
fn is_expired(then: u64, now: u64) -> bool {
    now.saturating_sub(then) > SKIPPED_KEY_LIFETIME_MS
}
