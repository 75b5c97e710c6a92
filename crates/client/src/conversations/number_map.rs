//! Which message number stands at which position, for the messages whose status may still change.
//! Numbers count one person's texts; positions count all lines of a conversation on this device.

use std::collections::VecDeque;

use crate::limits::MAX_RUNS;
use crate::numbers::{Number, Position};
use crate::storage::ranges::RangeSet;
use crate::storage::records::RecordError;

/// `count` texts in a row: numbers and positions rise together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    number: Number,
    position: Position,
    count: u64,
}

/// Runs in order of position, [`MAX_RUNS`] at most: the oldest are forgotten first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NumberMap {
    runs: VecDeque<Run>,
}

impl NumberMap {
    /// Adds a text; positions only rise.
    pub(crate) fn push(&mut self, number: Number, position: Position) {
        if let Some(last) = self.runs.back_mut()
            && last.number + last.count == number
            && last.position + last.count == position
        {
            last.count += 1;
            return;
        }
        self.runs.push_back(Run {
            number,
            position,
            count: 1,
        });
        if self.runs.len() > MAX_RUNS {
            self.runs.pop_front();
        }
    }

    /// Numbers that are in one set and not in another, with their positions, in order of position.
    /// Steps over ranges, so that it costs what it finds and not what there is.
    pub(crate) fn between(
        &self,
        inside: &RangeSet,
        outside: &RangeSet,
        limit: usize,
    ) -> Vec<(Number, Position)> {
        let mut found = Vec::new();
        for run in &self.runs {
            let (mut number, end) = (run.number, run.number + run.count);
            while number < end && found.len() < limit {
                let (is_in, in_until) = inside.span(number);
                let (is_out, out_until) = outside.span(number);
                let until = in_until.min(out_until).min(end.previous());
                if is_in && !is_out {
                    let room = (limit - found.len()) as u64;
                    let taken = (number.0..=until.0).map(Number);
                    let taken = taken.take(usize::try_from(room).unwrap_or(limit));
                    found.extend(taken.map(|n| (n, run.position + n.since(run.number))));
                }
                number = until.next();
            }
        }
        found
    }

    /// The number before one that is in it, where that is known; else itself less one.
    pub(crate) fn before(&self, number: Number) -> Number {
        let at = self.runs.iter().position(|run| run.number == number);
        let previous = at
            .and_then(|at| at.checked_sub(1))
            .and_then(|at| self.runs.get(at));
        previous.map_or(number.previous(), |run| run.number + (run.count - 1))
    }

    /// The number of the text at a position.
    pub(crate) fn number_at(&self, position: Position) -> Option<Number> {
        let holds = |run: &&Run| (run.position..run.position + run.count).contains(&position);
        let run = self.runs.iter().find(holds)?;
        Some(run.number + position.since(run.position))
    }

    /// Forgets the oldest runs of which all is settled, but not the newest `keep`.
    pub(crate) fn drop_settled(&mut self, settled: &RangeSet, keep: usize) {
        while self.runs.len() > keep
            && let Some(run) = self.runs.front()
            && settled.span(run.number) >= (true, run.number + (run.count - 1))
        {
            self.runs.pop_front();
        }
    }

    /// Number, position and count of each run in turn.
    pub(crate) fn to_fields(&self) -> Vec<u64> {
        self.runs
            .iter()
            .flat_map(|run| [run.number.0, run.position.0, run.count])
            .collect()
    }

    /// Reads what [`Self::to_fields`] gave, from this device's own store.
    pub(crate) fn from_fields(fields: &[u64]) -> Result<Self, RecordError> {
        let (runs, rest) = fields.as_chunks::<3>();
        let runs: VecDeque<Run> = runs
            .iter()
            .map(|[number, position, count]| Run {
                number: Number(*number),
                position: Position(*position),
                count: *count,
            })
            .collect();
        let sound = |run: &Run| {
            run.count > 0
                && run.number.0.checked_add(run.count).is_some()
                && run.position.0.checked_add(run.count).is_some()
        };
        if rest.is_empty() && runs.len() <= MAX_RUNS && runs.iter().all(sound) {
            Ok(Self { runs })
        } else {
            Err(RecordError::Damaged)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(map: &mut NumberMap, number: u64, position: u64) {
        map.push(Number(number), Position(position));
    }

    #[test]
    fn texts_in_a_row_are_one_run() {
        let mut map = NumberMap::default();
        (1..=1_000).for_each(|i| push(&mut map, i, i + 7));
        push(&mut map, 1_001, 2_000);
        assert_eq!(map.to_fields(), [1, 8, 1_000, 1_001, 2_000, 1]);
        assert_eq!(NumberMap::from_fields(&map.to_fields()), Ok(map.clone()));
        let mut settled = RangeSet::default();
        settled.insert_range(Number(1), Number(999));
        map.drop_settled(&settled, 0);
        assert_eq!(
            map.to_fields().len(),
            6,
            "a run stays until all of it is settled"
        );
        settled.insert_range(Number(1), Number(1_000));
        map.drop_settled(&settled, 2);
        assert_eq!(map.to_fields().len(), 6, "the newest runs stay");
        map.drop_settled(&settled, 0);
        assert_eq!(map.to_fields(), [1_001, 2_000, 1]);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut map = NumberMap::default();
        (1..=MAX_RUNS as u64 + 5).for_each(|i| push(&mut map, i, 3 * i));
        assert_eq!(map.to_fields().len(), 3 * MAX_RUNS);
        assert_eq!(map.to_fields()[..3], [6, 18, 1]);
    }

    #[test]
    fn what_is_in_one_set_and_not_in_another_is_found_with_its_position() {
        let mut map = NumberMap::default();
        (5..=9).for_each(|i| push(&mut map, i, i + 100));
        (1_000_000..=1_000_009).for_each(|i| push(&mut map, i, i + 1_000));
        let (mut inside, mut outside) = (RangeSet::default(), RangeSet::default());
        inside.insert_range(Number(1), Number(1_000_004));
        outside.insert_range(Number(6), Number(7));
        outside.insert_range(Number(9), Number(1_000_002));
        let found = [
            (5, 105),
            (8, 108),
            (1_000_003, 1_001_003),
            (1_000_004, 1_001_004),
        ]
        .map(|(number, position)| (Number(number), Position(position)));
        assert_eq!(map.between(&inside, &outside, 99), found);
        assert_eq!(map.between(&inside, &outside, 3), found[..3]);
        let at = [104, 105, 109, 110, 1_001_003].map(|position| map.number_at(Position(position)));
        let numbers = [None, Some(5), Some(9), None, Some(1_000_003)];
        assert_eq!(at, numbers.map(|number| number.map(Number)));
        assert!(map.between(&outside, &inside, 99).is_empty());
        let before = [5, 6, 1_000_000].map(|number| map.before(Number(number)));
        assert_eq!(before, [4, 5, 9].map(Number));
    }
}
