//! Who counts most, in a fixed number of places.
//!
//! The algorithm is called "space saving". Whoever has no place takes the lightest one's and its count, as a debt.
//! So a count is never too small, and without its debt never too large. Whoever caused more than one part in
//! `places` of all has a place: many who cause little do not push out one who causes much.

use std::collections::HashMap;
use std::hash::Hash;

struct Count {
    all: u64,
    /// At most so much of it was caused by others.
    debt: u64,
}

pub(super) struct Heavy<K> {
    places: usize,
    counts: HashMap<K, Count>,
}

impl<K: Copy + Eq + Hash + Ord> Heavy<K> {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places,
            counts: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, who: K, weight: u64) {
        if let Some(count) = self.counts.get_mut(&who) {
            count.all = count.all.saturating_add(weight);
            return;
        }
        let debt = if self.counts.len() < self.places {
            0
        } else {
            self.give_up_lightest()
        };
        let all = debt.saturating_add(weight);
        self.counts.insert(who, Count { all, debt });
    }

    /// What the lightest one counted.
    fn give_up_lightest(&mut self) -> u64 {
        let lightest = self.counts.iter().min_by_key(|(_, count)| count.all);
        let Some((who, all)) = lightest.map(|(who, count)| (*who, count.all)) else {
            return 0;
        };
        self.counts.remove(&who);
        all
    }

    /// What each has caused at least.
    pub(super) fn certain(&self) -> impl Iterator<Item = (K, u64)> {
        self.counts
            .iter()
            .map(|(who, count)| (*who, count.all - count.debt))
    }
}

/// The most of these, the heaviest first; who is in both adds up.
pub(super) fn heaviest<K: Copy + Eq + Hash + Ord>(
    both: [&Heavy<K>; 2],
    most: usize,
) -> Vec<(K, u64)> {
    let mut sums = HashMap::new();
    for (who, count) in both.into_iter().flat_map(Heavy::certain) {
        let sum: &mut u64 = sums.entry(who).or_default();
        *sum = sum.saturating_add(count);
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then(a.cmp(b)));
    sums.truncate(most);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: usize = 16;

    fn first(heavy: &Heavy<u32>) -> (u32, u64) {
        heaviest([heavy, &Heavy::new(PLACES)], 1)[0]
    }

    #[test]
    fn a_thousand_who_cause_little_do_not_push_out_one_who_causes_much() {
        // Before, after, and among them.
        for turn in [0, 1, 2] {
            let mut heavy = Heavy::new(PLACES);
            for number in 0..10_000 {
                heavy.add(1 + number % 1_000, 1);
                let is_its_turn = match turn {
                    0 => number < 1_000,
                    1 => number >= 9_000,
                    _ => number % 10 == 0,
                };
                if is_its_turn {
                    heavy.add(0, 1);
                }
                assert!(heavy.counts.len() <= PLACES);
            }
            let (who, count) = first(&heavy);
            assert_eq!(who, 0, "turn {turn}");
            assert!(count <= 1_000, "no more than it caused: {count}");
            assert!(count >= 1_000 - 11_000 / 16, "{count}");
        }
    }

    #[test]
    fn nobody_is_said_to_have_caused_what_others_did() {
        let mut heavy = Heavy::new(2);
        for who in 1..=50 {
            heavy.add(who, 10);
        }
        for (who, count) in heavy.certain() {
            assert_eq!(count, 10, "{who}");
        }
    }

    #[test]
    fn two_windows_add_up_and_the_heaviest_is_first() {
        let (mut old, mut new) = (Heavy::new(PLACES), Heavy::new(PLACES));
        old.add(1, 5);
        old.add(2, 7);
        new.add(1, 5);
        new.add(3, 1);
        assert_eq!(heaviest([&old, &new], 2), [(1, 10), (2, 7)]);
    }
}
