//! The current receiving chain, and how far a message would move a chain on.
//! A plan changes nothing; it is applied when its message has proved authentic.
//! It knows nothing of sending. PROTOCOL.md "Double Ratchet".

use super::error::OpenError;
use super::keys::{ChainKey, HeaderKey, MessageKey};
use super::skipped::{RetiredChain, SkippedKey, SkippedKeys};
use crate::curve::X25519Public;

/// The chain of the peer's latest ratchet key that has come in.
pub(super) struct ReceivingChain {
    pub(super) header_key: HeaderKey,
    /// The peer's ratchet key (`DHRr`).
    pub(super) ratchet_key: X25519Public,
    pub(super) chain: ChainKey,
    /// The number of the next message (`Nr`).
    pub(super) next: u32,
    pub(super) skipped: SkippedKeys,
}

/// What a chain would be after a message, and the keys on the way to it.
pub(super) struct Advance {
    pub(super) chain: ChainKey,
    pub(super) key: MessageKey,
    pub(super) skipped: Vec<SkippedKey>,
}

impl Advance {
    /// Moves a chain whose next message is `next` up to message `number`, which is not below it; at most
    /// `budget` messages may be stepped over.
    pub(super) fn plan(
        chain: &ChainKey,
        next: u32,
        number: u32,
        budget: usize,
        now: u64,
    ) -> Result<Self, OpenError> {
        let count = skip_count(next, number, budget)?;
        let mut skipped = Vec::with_capacity(count);
        let (mut chain, mut key) = chain.advance();
        for number in next..number {
            let (next_chain, next_key) = chain.advance();
            skipped.push(SkippedKey {
                number,
                stored_at: now,
                key: Box::new(key),
            });
            (chain, key) = (next_chain, next_key);
        }
        Ok(Self {
            chain,
            key,
            skipped,
        })
    }
}

impl ReceivingChain {
    /// The keys of the messages between the next one and `length`, at which the peer says it ended the chain.
    pub(super) fn plan_end(&self, length: u32, now: u64) -> Result<Vec<SkippedKey>, OpenError> {
        if length == self.next {
            return Ok(Vec::new());
        }
        let last = length.checked_sub(1).filter(|last| *last >= self.next);
        let last = last.ok_or(OpenError::InvalidHeader)?;
        // The last message itself is stepped over too.
        let count = skip_count(self.next, length, super::MAX_SKIP)?;
        let advance = Advance::plan(&self.chain, self.next, last, count, now)?;
        let mut skipped = advance.skipped;
        skipped.push(SkippedKey {
            number: last,
            stored_at: now,
            key: Box::new(advance.key),
        });
        Ok(skipped)
    }

    pub(super) fn apply(&mut self, advance: Advance, number: u32) {
        self.chain = advance.chain;
        self.next = number + 1; // no header carries the last u32
        self.skipped.append(advance.skipped);
    }

    /// Ends the chain; its chain key is wiped, so that no key beyond its end can ever be made.
    pub(super) fn retire(mut self, rest: Vec<SkippedKey>, now: u64) -> RetiredChain {
        self.skipped.append(rest);
        RetiredChain {
            header_key: self.header_key,
            ratchet_key: self.ratchet_key,
            retired_at: now,
            skipped: self.skipped,
        }
    }
}

fn skip_count(next: u32, number: u32, budget: usize) -> Result<usize, OpenError> {
    let count = number.checked_sub(next).ok_or(OpenError::InvalidHeader)?;
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= budget)
        .ok_or(OpenError::TooManySkipped)
}
