//! Sets of message numbers as ranges: what was delivered, what was read. Bounded: past
//! [`crate::limits::MAX_RANGES`] ranges the smallest gap is closed, so that a receipt that was lost
//! may at worst show a message as delivered that is still on its way.

use crate::limits::MAX_RANGES;
use crate::storage::records::RecordError;

/// Numbers from 1, as disjoint ranges in rising order that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    ranges: Vec<(u64, u64)>,
}

impl RangeSet {
    pub(crate) fn contains(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= number);
        after > 0 && self.ranges[after - 1].1 >= number
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The highest number; 0 where there is none.
    pub(crate) fn last(&self) -> u64 {
        self.ranges.last().map_or(0, |range| range.1)
    }

    /// Whether a number is in it, and the last one up to which that stays so.
    pub(crate) fn span(&self, number: u64) -> (bool, u64) {
        let at = self.ranges.partition_point(|range| range.1 < number);
        match self.ranges.get(at) {
            Some((first, last)) if *first <= number => (true, *last),
            Some((first, _)) => (false, first - 1),
            None => (false, u64::MAX),
        }
    }

    /// Adds `first..=last` if that does not make a gap be closed to stay within the bound.
    pub(crate) fn try_insert(&mut self, first: u64, last: u64) -> bool {
        let touches = |range: &(u64, u64)| {
            range.1.saturating_add(1) >= first && range.0 <= last.saturating_add(1)
        };
        let fits = self.ranges.len() < MAX_RANGES || self.ranges.iter().any(touches);
        if fits {
            self.insert_range(first, last);
        }
        fits
    }

    pub(crate) fn insert(&mut self, number: u64) {
        self.insert_range(number, number);
    }

    /// Adds `first..=last`; nothing where it is empty or begins with 0.
    pub(crate) fn insert_range(&mut self, first: u64, last: u64) {
        if first == 0 || last < first {
            return;
        }
        let from = self
            .ranges
            .partition_point(|range| range.1.saturating_add(1) < first);
        let to = self
            .ranges
            .partition_point(|range| range.0 <= last.saturating_add(1));
        let merged = self.ranges[from..to]
            .iter()
            .fold((first, last), |sum, range| {
                (sum.0.min(range.0), sum.1.max(range.1))
            });
        self.ranges.splice(from..to, [merged]);
        if self.ranges.len() > MAX_RANGES {
            self.close_smallest_gap();
        }
    }

    /// Takes a number out; where there is no room for one more range, all of the range above it.
    pub(crate) fn remove(&mut self, number: u64) {
        let at = self.ranges.partition_point(|range| range.1 < number);
        if let Some((first, last)) = self.ranges.get(at).copied().filter(|it| it.0 <= number) {
            let is_full = self.ranges.len() == MAX_RANGES;
            let parts = [(first, number - 1), (number + 1, last)];
            let parts = parts.into_iter().filter(|(first, last)| first <= last);
            let most = if is_full { 1 } else { 2 };
            self.ranges.splice(at..=at, parts.take(most));
        }
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        for (first, last) in &other.ranges {
            self.insert_range(*first, *last);
        }
    }

    /// What is in it up to a number, and not in another set.
    pub(crate) fn without(&self, other: &Self, through: u64) -> Self {
        let mut rest = Self::default();
        for (mut number, last) in self.iter() {
            let last = last.min(through);
            while number <= last {
                let (is_other, until) = other.span(number);
                let until = until.min(last);
                if !is_other {
                    rest.insert_range(number, until);
                }
                number = until + 1;
            }
        }
        rest
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().copied()
    }

    fn close_smallest_gap(&mut self) {
        let gap = |i: &usize| self.ranges[i + 1].0 - self.ranges[*i].1;
        if let Some(at) = (0..self.ranges.len() - 1).min_by_key(gap) {
            let (_, last) = self.ranges.remove(at + 1);
            self.ranges[at].1 = last;
        }
    }

    /// First and last of each range in turn.
    pub(crate) fn to_fields(&self) -> Vec<u64> {
        self.iter()
            .flat_map(|(first, last)| [first, last])
            .collect()
    }

    /// Reads what [`Self::to_fields`] gave, from this device's own store.
    pub(crate) fn from_fields(fields: &[u64]) -> Result<Self, RecordError> {
        let (pairs, rest) = fields.as_chunks::<2>();
        let ranges: Vec<_> = pairs.iter().map(|[first, last]| (*first, *last)).collect();
        let rising = ranges
            .iter()
            .all(|(first, last)| *first > 0 && first <= last)
            && ranges
                .windows(2)
                .all(|pair| pair[1].0.checked_sub(pair[0].1).is_some_and(|gap| gap > 1));
        if rest.is_empty() && rising && ranges.len() <= MAX_RANGES {
            Ok(Self { ranges })
        } else {
            Err(RecordError::Damaged)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn holds_exactly_what_was_put_in_while_the_bound_allows(
            inserts in prop::collection::vec((1_u64..200, 0_u64..6), 0..60),
            others in prop::collection::vec(1_u64..200, 0..20),
        ) {
            let mut set = RangeSet::default();
            let mut model = BTreeSet::new();
            for (first, length) in inserts {
                set.insert_range(first, first + length);
                model.extend(first..=first + length);
            }
            let held: BTreeSet<u64> = set.iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(&held, &model);
            prop_assert!((0..210).all(|number| set.contains(number) == model.contains(&number)));
            let mut other = RangeSet::default();
            others.iter().for_each(|number| other.insert(*number));
            let rest = set.without(&other, 150);
            let is_rest = |number| number <= 150 && set.contains(number) && !other.contains(number);
            prop_assert!((0..210).all(|number| rest.contains(number) == is_rest(number)));
            prop_assert_eq!(RangeSet::from_fields(&set.to_fields()), Ok(set));
        }

        #[test]
        fn never_forgets_and_never_outgrows_its_bound(
            numbers in prop::collection::vec(1_u64..100_000, 0..400),
        ) {
            let mut set = RangeSet::default();
            numbers.iter().for_each(|number| set.insert(*number));
            prop_assert!(set.iter().count() <= MAX_RANGES);
            prop_assert!(numbers.iter().all(|number| set.contains(*number)));
            prop_assert_eq!(RangeSet::from_fields(&set.to_fields()), Ok(set));
        }
    }

    #[test]
    fn a_number_that_is_taken_out_is_not_in_it() {
        let mut set = RangeSet::default();
        set.insert_range(4, 8);
        for (number, left) in [
            (9, vec![(4, 8)]),
            (6, vec![(4, 5), (7, 8)]),
            (4, vec![(5, 5), (7, 8)]),
            (5, vec![(7, 8)]),
            (8, vec![(7, 7)]),
        ] {
            set.remove(number);
            assert_eq!(set.iter().collect::<Vec<_>>(), left);
        }
        (1..=MAX_RANGES as u64).for_each(|i| set.insert_range(10 * i, 10 * i + 2));
        let before = set.iter().count();
        set.remove(31);
        assert!(set.contains(30) && !set.contains(31) && !set.contains(32));
        assert_eq!(set.iter().count(), before);
    }

    #[test]
    fn the_ends_of_the_number_line_do_no_harm() {
        let mut set = RangeSet::default();
        set.insert_range(0, 5);
        set.insert_range(9, 3);
        assert!(set.is_empty());
        set.insert_range(u64::MAX, u64::MAX);
        set.insert_range(1, u64::MAX - 1);
        assert_eq!(set.iter().collect::<Vec<_>>(), [(1, u64::MAX)]);
    }

    #[test]
    fn fields_that_are_no_set_are_refused() {
        for fields in [&[1][..], &[0, 1], &[2, 1], &[1, 2, 3, 4], &[5, 6, 1, 2]] {
            assert_eq!(RangeSet::from_fields(fields), Err(RecordError::Damaged));
        }
    }
}
