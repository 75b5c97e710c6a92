//! Limits that client and relay agree on, each with its reason. Sizes are bytes.
//!
//! The relay may be configured below some of them, never above: a client refuses what exceeds them.

/// Version of the frames in this crate; a relay names the versions it speaks in `Challenge`.
pub const FRAME_VERSION: u32 = 1;

/// Smallest envelope between clients: a message without a handshake, of the smallest size class.
pub const MIN_ENVELOPE: usize = 305;

/// Largest envelope between clients: what one message may cost a mailbox.
pub const MAX_ENVELOPE: usize = 96 * 1024;

/// Largest frame: one envelope, or one batch of one-time keys, and room for their fields.
pub const MAX_FRAME: usize = 128 * 1024;

/// Largest frame before authentication: one `Register` with its signed keys fits in a quarter.
pub const MAX_UNAUTHENTICATED_FRAME: usize = 16 * 1024;

/// Largest signed account record: ten devices of about 200 bytes each.
pub const MAX_ACCOUNT_RECORD: usize = 4 * 1024;

/// Largest public key record: an ML-KEM-768 key (1,184) with id and signature.
pub const MAX_KEY_RECORD: usize = 1_536;

/// A one-time X25519 prekey: id and key. Key records have these lengths and no others, where the relay takes them.
pub const ONE_TIME_PREKEY_RECORD: usize = 36;

/// A signed X25519 prekey: id, key and signature.
pub const SIGNED_PREKEY_RECORD: usize = 100;

/// An ML-KEM prekey, one-time or last-resort: kind, id, key and signature.
pub const KEM_RECORD: usize = 1_253;

/// One-time keys of one kind that the relay holds for a device.
pub const MAX_ONE_TIME_KEYS: usize = 100;

/// Below this many one-time keys of one kind the relay says `KeysLow` and the client refills.
pub const LOW_ONE_TIME_KEYS: usize = 25;

/// One-time keys of one kind in one `Publish`, so that it fits in a frame.
pub const MAX_KEYS_PER_PUBLISH: usize = 50;

/// Characters in a username.
pub const MAX_USERNAME: usize = 32;

/// Characters in an invite code.
pub const MAX_INVITE: usize = 64;

/// Deliveries a relay may have unacknowledged on one connection; `Auth` may ask for fewer.
pub const MAX_RECEIVE_WINDOW: u32 = 64;

/// Milliseconds an unauthenticated connection may stay open.
pub const AUTH_TIMEOUT_MS: u64 = 5_000;

/// Leading zero bits that a relay may ask of a registration: three seconds in a page, half a minute on a slow telephone.
pub const MAX_WORK_BITS: u32 = 24;

/// Milliseconds an unauthenticated connection may stay open where the relay asks for work.
pub const WORK_TIMEOUT_MS: u64 = 60_000;

/// Milliseconds between a client's pings: under the minute after which common proxies cut idle ones.
pub const PING_INTERVAL_MS: u64 = 25_000;

/// Milliseconds without a frame after which a client pings while somebody looks at its page, so that a dead
/// line is known before a person wonders.
pub const WATCHED_PING_MS: u64 = 10_000;

/// Milliseconds that a request waits for any frame before the client pings.
pub const ANSWER_WAIT_MS: u64 = 5_000;

/// Milliseconds that either of these pings waits for any frame; twice as long after each time in vain.
pub const PONG_TIMEOUT_MS: u64 = 5_000;

/// Milliseconds without a frame after which either side gives a connection up: three pings missed.
pub const IDLE_TIMEOUT_MS: u64 = 80_000;

/// Milliseconds a waiting message is kept: 30 days, as long as retired prekeys are.
pub const MAIL_LIFETIME_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
