//! The sending side: active with a chain of its own, or due for a ratchet step because the peer has sent a
//! new ratchet key. Knows nothing of receiving. PROTOCOL.md "Double Ratchet".
//!
//! The step is taken when something is to be sent ("deferring new ratchet key generation" in Signal's text), so
//! a key pair lives no longer than it must, and opening a message needs no randomness.

use rand_core::CryptoRng;

use super::error::SealError;
use super::header::Header;
use super::keys::{ChainKey, HeaderKey, MessageKey, RootKey};
use crate::curve::{NonContributory, X25519Pair, X25519Public};

/// Which of its two states the sending side is in.
pub(super) enum Sending {
    /// A chain has begun; the peer may answer to its ratchet key.
    Active(ActiveChain),
    /// The next message begins a chain.
    Due(DueChain),
}

/// A sending chain.
pub(super) struct ActiveChain {
    /// Our ratchet key pair (`DHRs`).
    pub(super) pair: X25519Pair,
    pub(super) chain: ChainKey,
    pub(super) header_key: HeaderKey,
    /// The header key of our next chain (`NHKs`).
    pub(super) next_header_key: HeaderKey,
    /// The number of the next message (`Ns`).
    pub(super) number: u32,
    /// How long our previous chain was (`PN`).
    pub(super) previous_length: u32,
}

/// A sending chain that has not begun. There is no ratchet key pair, so the peer cannot have answered it.
pub(super) struct DueChain {
    /// The peer's ratchet key (`DHRr`).
    pub(super) their_key: X25519Public,
    /// What the chain's header key will be.
    pub(super) header_key: HeaderKey,
    pub(super) previous_length: u32,
}

impl DueChain {
    /// The sending half of a ratchet step: a new key pair, the root key after it, and the chain.
    pub(super) fn begin(
        &self,
        root: &RootKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<(RootKey, ActiveChain), NonContributory> {
        let pair = X25519Pair::generate(rng);
        let step = root.step(&pair.agree(&self.their_key)?);
        let chain = ActiveChain {
            pair,
            chain: step.chain,
            header_key: HeaderKey::from_bytes(self.header_key.as_bytes()),
            next_header_key: step.next_header,
            number: 0,
            previous_length: self.previous_length,
        };
        Ok((step.root, chain))
    }
}

impl ActiveChain {
    /// The next message's header and key; the chain has moved on when this returns.
    pub(super) fn next(&mut self) -> Result<(Header, MessageKey), SealError> {
        let next_number = self
            .number
            .checked_add(1)
            .ok_or(SealError::ChainExhausted)?;
        let header = Header {
            ratchet_key: self.pair.public(),
            previous_length: self.previous_length,
            number: self.number,
        };
        let (chain, key) = self.chain.advance();
        self.chain = chain;
        self.number = next_number;
        Ok((header, key))
    }
}
