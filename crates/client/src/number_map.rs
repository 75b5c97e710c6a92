//! Which message number stands at which position, for the messages whose status may still change.
//! Numbers count one person's texts; positions count all lines of a conversation on this device.

use std::collections::VecDeque;

use crate::limits::MAX_RUNS;
use crate::records::RecordError;

/// `count` texts in a row: numbers and positions rise together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    number: u64,
    position: u64,
    count: u64,
}

/// Runs in order of position, [`MAX_RUNS`] at most: the oldest are forgotten first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NumberMap {
    runs: VecDeque<Run>,
}

impl NumberMap {
    /// Adds a text; positions only rise.
    pub(crate) fn push(&mut self, number: u64, position: u64) {
        if let Some(last) = self.runs.back_mut()
            && last.number.checked_add(last.count) == Some(number)
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

    /// Every number and its position, in order of position.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.runs
            .iter()
            .flat_map(|run| (0..run.count).map(|i| (run.number + i, run.position + i)))
    }

    /// How many texts are in it.
    pub(crate) fn count(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }

    /// Takes out all texts up to a position and gives their numbers as ranges.
    pub(crate) fn take_through(&mut self, position: u64) -> Vec<(u64, u64)> {
        let mut taken = Vec::new();
        while let Some(run) = self.runs.front_mut() {
            if run.position > position {
                break;
            }
            let count = run.count.min(position - run.position + 1);
            taken.push((run.number, run.number + count - 1));
            run.number += count;
            run.position += count;
            run.count -= count;
            if run.count == 0 {
                self.runs.pop_front();
            }
        }
        taken
    }

    /// Forgets the oldest texts for as long as `done` says that their number is settled.
    pub(crate) fn drop_settled(&mut self, done: impl Fn(u64) -> bool) {
        while let Some(run) = self.runs.front_mut() {
            let settled = (0..run.count).take_while(|i| done(run.number + i)).count() as u64;
            if settled < run.count {
                run.number += settled;
                run.position += settled;
                run.count -= settled;
                break;
            }
            self.runs.pop_front();
        }
    }

    /// Number, position and count of each run in turn.
    pub(crate) fn to_fields(&self) -> Vec<u64> {
        self.runs
            .iter()
            .flat_map(|run| [run.number, run.position, run.count])
            .collect()
    }

    /// Reads what [`Self::to_fields`] gave, from this device's own store.
    pub(crate) fn from_fields(fields: &[u64]) -> Result<Self, RecordError> {
        let (runs, rest) = fields.as_chunks::<3>();
        let runs: VecDeque<Run> = runs
            .iter()
            .map(|[number, position, count]| Run {
                number: *number,
                position: *position,
                count: *count,
            })
            .collect();
        let sound = |run: &Run| {
            run.count > 0
                && run.number.checked_add(run.count).is_some()
                && run.position.checked_add(run.count).is_some()
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

    #[test]
    fn texts_in_a_row_are_one_run() {
        let mut map = NumberMap::default();
        (1..=1_000).for_each(|i| map.push(i, i + 7));
        map.push(1_001, 2_000);
        assert_eq!(map.to_fields(), [1, 8, 1_000, 1_001, 2_000, 1]);
        assert_eq!(NumberMap::from_fields(&map.to_fields()), Ok(map.clone()));
        assert_eq!(map.take_through(10), [(1, 3)]);
        assert_eq!(map.count(), 998);
        map.drop_settled(|number| number <= 1_000);
        assert_eq!(map.iter().collect::<Vec<_>>(), [(1_001, 2_000)]);
        assert_eq!(map.take_through(u64::MAX), [(1_001, 1_001)]);
        assert_eq!(map, NumberMap::default());
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut map = NumberMap::default();
        (1..=MAX_RUNS as u64 + 5).for_each(|i| map.push(i, 3 * i));
        assert_eq!(map.count(), MAX_RUNS as u64);
        assert_eq!(map.iter().next(), Some((6, 18)));
    }
}
