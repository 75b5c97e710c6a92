//! Why a message cannot be sealed or opened, one error for each operation.
//! Each variant says whose fault it is where that can be known.
//! It knows nothing of what is done about it. PROTOCOL.md "Double Ratchet".

use crate::curve::NonContributory;

/// Why a plaintext was not sealed. The session is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Longer than [`crate::MAX_PLAINTEXT_BYTES`]. Blame: the caller.
    #[error("the plaintext is too long for one message")]
    TooLong,
    /// The sending chain has used every number that a header can carry; a new session is needed.
    #[error("the sending chain is exhausted")]
    ChainExhausted,
    /// The peer's ratchet key contributes nothing (it was checked when it came in, so the stored state is bad).
    #[error(transparent)]
    PeerKey(#[from] NonContributory),
}

/// Why a message was not opened. The session is as it was, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The message names another session.
    #[error("the message belongs to another session")]
    WrongSession,
    /// No header key that the session has opens the header: not authentic, of a chain that is long gone, or
    /// of the state of a peer that this session never reached.
    #[error("no header key of the session opens the message's header")]
    HeaderNotAuthentic,
    /// The header is authentic and says what no honest peer would. Blame: the peer.
    #[error("the message's header contradicts the session")]
    InvalidHeader,
    /// The header is authentic, and its message key has been used already, or was dropped because of age or
    /// number. What an ordinary duplicate gives.
    #[error("the message's key has been used or dropped")]
    MessageKeyGone,
    /// The message is more than [`crate::MAX_SKIP`] messages ahead.
    #[error("the message skips too many others")]
    TooManySkipped,
    /// The header is authentic, the body is not.
    #[error("the message's body is not authentic")]
    BodyNotAuthentic,
    /// The body is authentic and its padding is not the one of its plaintext. Blame: the peer.
    #[error("the message's padding is not canonical")]
    InvalidPadding,
    /// The peer's new ratchet key contributes nothing. Blame: the peer.
    #[error(transparent)]
    PeerKey(#[from] NonContributory),
}
