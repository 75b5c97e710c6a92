//! Buckets that are filled at a pace and emptied one by one (the generic cell rate algorithm), and bounded tables of them.
//!
//! A table follows so many keys. One that it follows goes on whatever others do. Where it is full, a newcomer is counted in
//! one of a fixed number of shared buckets: a coarser limit, and no refusal for want of room. Which of them, nobody outside
//! can know. Knows nothing of what its keys are; time is a parameter. The crate that did this before (governor) has
//! tables without a bound, and cannot ask several buckets before it takes from any.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;

/// Keys followed per table, about 100 bytes each.
pub(crate) const MAX_FOLLOWED: usize = 50_000;

/// Buckets that newcomers share while a table is full, 8 bytes each: a thousand accounts of one person are in the way of
/// one newcomer in sixty.
pub(crate) const SHARED: usize = 65_536;

/// A full table is looked through for buckets that are full again, this often at most.
const LOOK_EVERY_NS: u64 = 10_000_000_000;

const SECOND_NS: u64 = 1_000_000_000;

/// How large a bucket is and how fast it fills.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Nanoseconds for one more.
    each: u64,
    /// Nanoseconds from empty to full, less one.
    room: u64,
}

impl Pace {
    /// So many at once, and as many again within `seconds`.
    pub(crate) fn new(count: NonZeroU32, seconds: u64) -> Self {
        Self::with_burst(count, count, seconds)
    }

    /// `burst` at once, and `count` more within `seconds`.
    pub(crate) fn with_burst(burst: NonZeroU32, count: NonZeroU32, seconds: u64) -> Self {
        let each = (seconds * SECOND_NS / u64::from(count.get())).max(1);
        Self {
            each,
            room: each.saturating_mul(u64::from(burst.get()) - 1),
        }
    }

    /// One more out of a bucket that is full again at `full_at`: when it then is.
    ///
    /// # Errors
    /// Nanoseconds until there is one.
    pub(crate) fn take(self, full_at: u64, now: u64) -> Result<u64, u64> {
        let full_at = full_at.max(now);
        match (full_at - now).checked_sub(self.room) {
            Some(wait @ 1..) => Err(wait),
            _ => Ok(full_at.saturating_add(self.each)),
        }
    }
}

/// What a table follows.
pub(crate) trait Key: Hash + Eq + Clone {
    /// By what it counts where it is not followed: something that costs more to have many of.
    type Coarse: Hash;

    fn coarse(&self) -> Self::Coarse;
}

/// One out of a table, not taken yet.
pub(crate) struct Step<K> {
    place: Place<K>,
    full_at: u64,
}

enum Place<K> {
    Followed(K),
    Shared(usize),
}

pub(crate) struct Table<K> {
    pace: Pace,
    most: usize,
    followed: HashMap<K, u64>,
    /// Empty until the table was full for the first time.
    shared: Vec<u64>,
    hasher: RandomState,
    look_at: u64,
}

impl<K: Key> Table<K> {
    pub(crate) fn new(pace: Pace, most: usize) -> Self {
        Self {
            pace,
            most,
            followed: HashMap::new(),
            shared: Vec::new(),
            hasher: RandomState::new(),
            look_at: 0,
        }
    }

    /// Whether `key` may have one more; [`Self::take`] gives it.
    ///
    /// # Errors
    /// Nanoseconds to wait.
    pub(crate) fn ask(&mut self, key: K, now: u64) -> Result<Step<K>, u64> {
        if let Some(full_at) = self.followed.get(&key) {
            let full_at = self.pace.take(*full_at, now)?;
            let place = Place::Followed(key);
            return Ok(Step { place, full_at });
        }
        if self.followed.len() >= self.most && now >= self.look_at {
            self.look_at = now.saturating_add(LOOK_EVERY_NS);
            self.forget_quiet(now);
        }
        if self.followed.len() < self.most {
            let full_at = self.pace.take(0, now)?;
            let place = Place::Followed(key);
            return Ok(Step { place, full_at });
        }
        if self.shared.is_empty() {
            self.shared = vec![0; SHARED];
        }
        let number = self.hasher.hash_one(key.coarse()) % SHARED as u64;
        let number = usize::try_from(number).unwrap_or_default();
        let full_at = self.pace.take(self.shared[number], now)?;
        let place = Place::Shared(number);
        Ok(Step { place, full_at })
    }

    pub(crate) fn take(&mut self, step: Step<K>) {
        match step.place {
            Place::Followed(key) => {
                self.followed.insert(key, step.full_at);
            }
            Place::Shared(number) => self.shared[number] = step.full_at,
        }
    }

    /// How many are followed.
    pub(crate) fn followed(&self) -> u64 {
        self.followed.len() as u64
    }

    /// Forgets whose buckets are full: they are as new ones.
    pub(crate) fn forget_quiet(&mut self, now: u64) {
        self.followed.retain(|_, full_at| *full_at > now);
    }

    /// Gives back the memory of what was forgotten.
    pub(crate) fn shrink(&mut self) {
        self.followed.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Key for (u32, u32) {
        type Coarse = u32;

        fn coarse(&self) -> u32 {
            self.0
        }
    }

    fn table(count: u32, most: usize) -> Table<(u32, u32)> {
        let count = NonZeroU32::new(count).expect("not zero");
        Table::new(Pace::new(count, 60), most)
    }

    fn take(table: &mut Table<(u32, u32)>, key: (u32, u32), now: u64) -> Result<(), u64> {
        let step = table.ask(key, now)?;
        table.take(step);
        Ok(())
    }

    #[test]
    fn a_bucket_gives_what_is_in_it_and_then_keeps_its_pace() {
        let mut table = table(3, 10);
        for _ in 0..3 {
            assert_eq!(take(&mut table, (1, 1), 0), Ok(()));
        }
        assert_eq!(take(&mut table, (1, 1), 0), Err(20 * SECOND_NS));
        assert_eq!(take(&mut table, (1, 1), 19 * SECOND_NS), Err(SECOND_NS));
        assert_eq!(take(&mut table, (1, 1), 20 * SECOND_NS), Ok(()));
        assert!(take(&mut table, (1, 1), 20 * SECOND_NS).is_err());
        for _ in 0..3 {
            assert_eq!(take(&mut table, (1, 1), 80 * SECOND_NS), Ok(()));
        }
        assert!(take(&mut table, (1, 1), 80 * SECOND_NS).is_err());
    }

    #[test]
    fn what_is_asked_and_not_taken_counts_for_nothing() {
        let mut table = table(1, 10);
        for _ in 0..3 {
            assert!(table.ask((1, 1), 0).is_ok());
        }
        assert!(table.followed.is_empty());
        assert_eq!(take(&mut table, (1, 1), 0), Ok(()));
    }

    #[test]
    fn newcomers_of_a_full_table_share_by_what_is_coarse() {
        let mut table = table(2, 2);
        for key in [(1, 1), (1, 2)] {
            assert_eq!(take(&mut table, key, 0), Ok(()));
        }
        // All that one person makes up is one bucket.
        let let_in = (3..100).filter(|i| take(&mut table, (2, *i), 0).is_ok());
        assert_eq!(let_in.count(), 2);
        assert_eq!(take(&mut table, (1, 1), 0), Ok(()), "followed");
        let refused = (10..110).filter(|i| take(&mut table, (*i, 1), 0).is_err());
        assert!(refused.count() <= 2, "others are not in it");
        assert_eq!(table.followed.len(), 2);
    }

    #[test]
    fn a_full_table_is_looked_through_now_and_then() {
        let mut table = table(60, 2);
        for key in [(1, 1), (1, 2)] {
            assert_eq!(take(&mut table, key, 0), Ok(()));
        }
        assert_eq!(take(&mut table, (2, 1), 0), Ok(()));
        assert!(!table.followed.contains_key(&(2, 1)));
        let later = LOOK_EVERY_NS;
        assert_eq!(take(&mut table, (2, 1), later - 1), Ok(()));
        assert!(!table.followed.contains_key(&(2, 1)));
        assert_eq!(take(&mut table, (2, 1), later), Ok(()));
        assert!(table.followed.contains_key(&(2, 1)));
        table.forget_quiet(later + SECOND_NS);
        assert!(table.followed.is_empty());
    }
}
