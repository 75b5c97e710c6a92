//! Message keys kept for messages that have not come yet, and the chains that have ended but for them.
//! All that bounds them in number and in time is here.
//! It knows no message. PROTOCOL.md "Limits".

use super::keys::{HeaderKey, MessageKey};
use super::{MAX_KEPT_KEYS, MAX_RETIRED_CHAINS, is_expired};
use crate::curve::X25519Public;

/// The key of a message that was stepped over. Boxed, so that moving it leaves no copy behind.
pub(super) struct SkippedKey {
    pub(super) number: u32,
    /// When it was put here, in milliseconds since the epoch.
    pub(super) stored_at: u64,
    pub(super) key: Box<MessageKey>,
}

/// The skipped keys of one chain in rising order of their numbers.
#[derive(Default)]
pub(super) struct SkippedKeys(Vec<SkippedKey>);

impl SkippedKeys {
    /// Takes keys in rising order; `None` when they are not.
    pub(super) fn from_rising(keys: Vec<SkippedKey>) -> Option<Self> {
        let rising = keys.windows(2).all(|pair| pair[0].number < pair[1].number);
        rising.then_some(Self(keys))
    }

    pub(super) fn iter(&self) -> core::slice::Iter<'_, SkippedKey> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key of message `number`, unless it is not there or past its lifetime.
    pub(super) fn get(&self, number: u32, now: u64) -> Option<&MessageKey> {
        let at = self.position(number)?;
        let skipped = &self.0[at];
        (!is_expired(skipped.stored_at, now)).then_some(&*skipped.key)
    }

    pub(super) fn remove(&mut self, number: u32) {
        if let Some(at) = self.position(number) {
            self.0.remove(at);
        }
    }

    /// Adds keys whose numbers are above all that are there.
    pub(super) fn append(&mut self, mut later: Vec<SkippedKey>) {
        self.0.append(&mut later);
    }

    /// Drops keys past their lifetime; whether there were any.
    fn expire(&mut self, now: u64) -> bool {
        let before = self.0.len();
        self.0.retain(|skipped| !is_expired(skipped.stored_at, now));
        self.0.len() < before
    }

    /// Drops up to `excess` keys, the oldest first, and returns what is left of the excess.
    fn drop_oldest(&mut self, excess: usize) -> usize {
        let dropped = excess.min(self.0.len());
        self.0.drain(..dropped);
        excess - dropped
    }

    fn position(&self, number: u32) -> Option<usize> {
        self.0.binary_search_by_key(&number, |s| s.number).ok()
    }
}

/// A receiving chain that its sender has ended. Its header key stays for a while even when no message is
/// missing, so that a late duplicate is known for one.
pub(super) struct RetiredChain {
    pub(super) header_key: HeaderKey,
    pub(super) ratchet_key: X25519Public,
    /// When it was retired, in milliseconds since the epoch.
    pub(super) retired_at: u64,
    pub(super) skipped: SkippedKeys,
}

/// The last few retired chains, the oldest first.
#[derive(Default)]
pub(super) struct RetiredChains(Vec<RetiredChain>);

impl RetiredChains {
    /// Takes chains, the oldest first; `None` when they are too many.
    pub(super) fn from_oldest(chains: Vec<RetiredChain>) -> Option<Self> {
        (chains.len() <= MAX_RETIRED_CHAINS).then_some(Self(chains))
    }

    pub(super) fn iter(&self) -> core::slice::Iter<'_, RetiredChain> {
        self.0.iter()
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut RetiredChain> {
        self.0.get_mut(index)
    }

    pub(super) fn push(&mut self, chain: RetiredChain) {
        if self.0.len() == MAX_RETIRED_CHAINS {
            self.0.remove(0);
        }
        self.0.push(chain);
    }
}

/// Drops what is past its lifetime; whether there was anything.
pub(super) fn expire(retired: &mut RetiredChains, current: &mut SkippedKeys, now: u64) -> bool {
    let before = retired.0.len();
    retired.0.retain(|chain| !is_expired(chain.retired_at, now));
    let mut dropped = retired.0.len() < before;
    for chain in &mut retired.0 {
        dropped |= chain.skipped.expire(now);
    }
    dropped | current.expire(now)
}

/// Drops what is past its lifetime, and the oldest keys beyond [`MAX_KEPT_KEYS`].
pub(super) fn prune(retired: &mut RetiredChains, current: &mut SkippedKeys, now: u64) {
    expire(retired, current, now);
    let kept: usize = retired.0.iter().map(|chain| chain.skipped.len()).sum();
    let mut excess = (kept + current.len()).saturating_sub(MAX_KEPT_KEYS);
    for keys in retired
        .0
        .iter_mut()
        .map(|c| &mut c.skipped)
        .chain([current])
    {
        excess = keys.drop_oldest(excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::X25519Pair;
    use crate::ratchet::SKIPPED_KEY_LIFETIME_MS;

    const NOW: u64 = 1_700_000_000_000;
    const LONG_AGO: u64 = NOW - SKIPPED_KEY_LIFETIME_MS - 1;

    fn keys(numbers: impl IntoIterator<Item = u32>, stored_at: u64) -> Vec<SkippedKey> {
        let key = |number| SkippedKey {
            number,
            stored_at,
            key: Box::new(MessageKey::from_bytes(&[1; 32])),
        };
        numbers.into_iter().map(key).collect()
    }

    fn retired(retired_at: u64, keys: Vec<SkippedKey>) -> RetiredChains {
        RetiredChains(vec![RetiredChain {
            header_key: HeaderKey::from_bytes(&[2; 32]),
            ratchet_key: X25519Pair::from_bytes(&[3; 32]).public(),
            retired_at,
            skipped: SkippedKeys(keys),
        }])
    }

    #[test]
    fn no_number_stands_twice() {
        assert!(SkippedKeys::from_rising(keys([1, 2], NOW)).is_some());
        assert!(SkippedKeys::from_rising(keys([1, 1], NOW)).is_none());
        assert!(SkippedKeys::from_rising(keys([2, 1], NOW)).is_none());
    }

    #[test]
    fn what_is_past_its_lifetime_goes_wherever_it_is_and_that_is_told() {
        let times = [NOW, LONG_AGO];
        for (chain_at, key_at, current_at) in times
            .iter()
            .flat_map(|chain| times.map(|key| (*chain, key)))
            .flat_map(|(chain, key)| times.map(|current| (chain, key, current)))
        {
            let mut old = retired(chain_at, keys([1], key_at));
            let mut current = SkippedKeys(keys([1], current_at));
            let told = expire(&mut old, &mut current, NOW);
            assert_eq!(told, [chain_at, key_at, current_at].contains(&LONG_AGO));
            assert_eq!(old.0.len(), usize::from(chain_at == NOW));
            let left: usize = old.0.iter().map(|chain| chain.skipped.len()).sum();
            assert_eq!(left, usize::from(chain_at == NOW && key_at == NOW));
            assert_eq!(current.len(), usize::from(current_at == NOW));
            assert!(
                !expire(&mut old, &mut current, NOW),
                "nothing is left to drop"
            );
        }
    }

    #[test]
    fn the_oldest_keys_go_first_and_no_more_than_must() {
        let kept = u32::try_from(MAX_KEPT_KEYS).unwrap();
        for (in_current, first) in [(kept - 2, 0), (kept - 1, 0), (kept, 0), (kept + 1, 1)] {
            let mut old = retired(NOW, keys([5, 7], NOW));
            let mut current = SkippedKeys(keys(0..in_current, NOW));
            prune(&mut old, &mut current, NOW);
            let left = old.0[0].skipped.len();
            assert_eq!(left + current.len(), MAX_KEPT_KEYS);
            assert_eq!(current.0[0].number, first);
        }
    }
}
