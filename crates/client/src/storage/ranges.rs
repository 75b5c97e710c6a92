//! Sets of message numbers as ranges: what was delivered, what was read. Bounded: past
//! [`crate::limits::MAX_RANGES`] ranges the smallest gap is closed, so that a receipt that was lost
//! may at worst show a message as delivered that is still on its way.

use crate::limits::MAX_RANGES;
use crate::numbers::Number;
use crate::storage::records::RecordError;

/// Numbers from 1, as disjoint ranges in rising order that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    ranges: Vec<(Number, Number)>,
}

impl RangeSet {
    pub(crate) fn contains(&self, number: Number) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= number);
        after > 0 && self.ranges[after - 1].1 >= number
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The highest number; 0 where there is none.
    pub(crate) fn last(&self) -> Number {
        self.ranges.last().map_or(Number::ZERO, |range| range.1)
    }

    /// Whether a number is in it, and the last one up to which that stays so.
    pub(crate) fn span(&self, number: Number) -> (bool, Number) {
        let at = self.ranges.partition_point(|range| range.1 < number);
        match self.ranges.get(at) {
            Some((first, last)) if *first <= number => (true, *last),
            Some((first, _)) => (false, first.previous()),
            None => (false, Number::MAX),
        }
    }

    /// Adds `first..=last` if that does not make a gap be closed to stay within the bound.
    pub(crate) fn try_insert(&mut self, first: Number, last: Number) -> bool {
        let touches = |range: &(Number, Number)| range.1.next() >= first && range.0 <= last.next();
        let fits = self.ranges.len() < MAX_RANGES || self.ranges.iter().any(touches);
        if fits {
            self.insert_range(first, last);
        }
        fits
    }

    pub(crate) fn insert(&mut self, number: Number) {
        self.insert_range(number, number);
    }

    /// Adds `first..=last`; nothing where it is empty or begins with 0.
    pub(crate) fn insert_range(&mut self, first: Number, last: Number) {
        if first == Number::ZERO || last < first {
            return;
        }
        let from = self.ranges.partition_point(|range| range.1.next() < first);
        let to = self.ranges.partition_point(|range| range.0 <= last.next());
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
    pub(crate) fn remove(&mut self, number: Number) {
        let at = self.ranges.partition_point(|range| range.1 < number);
        if let Some((first, last)) = self.ranges.get(at).copied().filter(|it| it.0 <= number) {
            let is_full = self.ranges.len() == MAX_RANGES;
            let parts = [(first, number.previous()), (number.next(), last)];
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
    pub(crate) fn without(&self, other: &Self, through: Number) -> Self {
        let mut rest = Self::default();
        for (mut number, last) in self.iter() {
            let last = last.min(through);
            while number <= last {
                let (is_other, until) = other.span(number);
                let until = until.min(last);
                if !is_other {
                    rest.insert_range(number, until);
                }
                if until == last {
                    break;
                }
                number = until.next();
            }
        }
        rest
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Number, Number)> {
        self.ranges.iter().copied()
    }

    fn close_smallest_gap(&mut self) {
        let gap = |i: &usize| self.ranges[i + 1].0.since(self.ranges[*i].1);
        if let Some(at) = (0..self.ranges.len() - 1).min_by_key(gap) {
            let (_, last) = self.ranges.remove(at + 1);
            self.ranges[at].1 = last;
        }
    }

    /// First and last of each range in turn.
    pub(crate) fn to_fields(&self) -> Vec<u64> {
        self.iter()
            .flat_map(|(first, last)| [first.0, last.0])
            .collect()
    }

    /// Reads what [`Self::to_fields`] gave, from this device's own store.
    pub(crate) fn from_fields(fields: &[u64]) -> Result<Self, RecordError> {
        let (pairs, rest) = fields.as_chunks::<2>();
        let ranges: Vec<_> = pairs
            .iter()
            .map(|[first, last]| (Number(*first), Number(*last)))
            .collect();
        let rising = ranges
            .iter()
            .all(|(first, last)| *first > Number::ZERO && first <= last)
            && ranges.windows(2).all(|pair| pair[1].0 > pair[0].1.next());
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

    fn insert(set: &mut RangeSet, first: u64, last: u64) {
        set.insert_range(Number(first), Number(last));
    }

    fn ranges(set: &RangeSet) -> Vec<(u64, u64)> {
        set.iter().map(|(first, last)| (first.0, last.0)).collect()
    }

    proptest! {
        #[test]
        fn holds_exactly_what_was_put_in_while_the_bound_allows(
            inserts in prop::collection::vec((1_u64..200, 0_u64..6), 0..60),
            others in prop::collection::vec(1_u64..200, 0..20),
        ) {
            let mut set = RangeSet::default();
            let mut model = BTreeSet::new();
            for (first, length) in inserts {
                insert(&mut set, first, first + length);
                model.extend(first..=first + length);
            }
            let held: BTreeSet<u64> = ranges(&set)
                .into_iter()
                .flat_map(|(first, last)| first..=last)
                .collect();
            prop_assert_eq!(&held, &model);
            prop_assert!((0..210).all(|number| set.contains(Number(number)) == model.contains(&number)));
            let mut other = RangeSet::default();
            others.iter().for_each(|number| other.insert(Number(*number)));
            let rest = set.without(&other, Number(150));
            let is_rest = |number| number <= 150 && set.contains(Number(number)) && !other.contains(Number(number));
            prop_assert!((0..210).all(|number| rest.contains(Number(number)) == is_rest(number)));
            prop_assert_eq!(RangeSet::from_fields(&set.to_fields()), Ok(set));
        }

        #[test]
        fn never_forgets_and_never_outgrows_its_bound(
            numbers in prop::collection::vec(1_u64..100_000, 0..400),
        ) {
            let mut set = RangeSet::default();
            numbers.iter().for_each(|number| set.insert(Number(*number)));
            prop_assert!(set.iter().count() <= MAX_RANGES);
            prop_assert!(numbers.iter().all(|number| set.contains(Number(*number))));
            prop_assert_eq!(RangeSet::from_fields(&set.to_fields()), Ok(set));
        }
    }

    #[test]
    fn a_number_that_is_taken_out_is_not_in_it() {
        let mut set = RangeSet::default();
        insert(&mut set, 4, 8);
        for (number, left) in [
            (9, vec![(4, 8)]),
            (6, vec![(4, 5), (7, 8)]),
            (4, vec![(5, 5), (7, 8)]),
            (5, vec![(7, 8)]),
            (8, vec![(7, 7)]),
        ] {
            set.remove(Number(number));
            assert_eq!(ranges(&set), left);
        }
        (1..=MAX_RANGES as u64).for_each(|i| insert(&mut set, 10 * i, 10 * i + 2));
        let before = set.iter().count();
        set.remove(Number(31));
        assert!(set.contains(Number(30)) && !set.contains(Number(31)) && !set.contains(Number(32)));
        assert_eq!(set.iter().count(), before);
    }

    #[test]
    fn the_ends_of_the_number_line_do_no_harm() {
        let mut set = RangeSet::default();
        insert(&mut set, 0, 5);
        insert(&mut set, 9, 3);
        assert!(set.is_empty());
        insert(&mut set, u64::MAX, u64::MAX);
        insert(&mut set, 1, u64::MAX - 1);
        assert_eq!(ranges(&set), [(1, u64::MAX)]);
    }

    #[test]
    fn fields_that_are_no_set_are_refused() {
        for fields in [&[1][..], &[0, 1], &[2, 1], &[1, 2, 3, 4], &[5, 6, 1, 2]] {
            assert_eq!(RangeSet::from_fields(fields), Err(RecordError::Damaged));
        }
    }
}
