//! Received lines that the person has not seen, in order of position: how many, from where on, and, for
//! their sender's receipt, which text of which device stands there.

use std::collections::VecDeque;

use pawl_wire::{AccountId, DeviceAddress};
use prost::Message;

use crate::limits::MAX_RUNS;
use crate::numbers::{Number, Position};
use crate::storage::records::{self, RecordError};

/// The text of a device: where its sender is told when it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextOf {
    pub(crate) device: DeviceAddress,
    pub(crate) number: Number,
}

/// `count` lines in a row: positions rise, and numbers where the lines are texts of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: Option<TextOf>,
    position: Position,
    count: u64,
}

/// Runs in order of position, [`MAX_RUNS`] at most: the oldest are forgotten first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    runs: VecDeque<Run>,
}

/// A run as it stands in a record.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RunRecord {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(uint64, tag = "2")]
    count: u64,
    #[prost(uint64, tag = "3")]
    number: u64,
    #[prost(bytes = "vec", tag = "4")]
    account: Vec<u8>,
    #[prost(uint32, tag = "5")]
    device: u32,
}

impl Unread {
    /// Adds a line; positions only rise.
    pub(crate) fn push(&mut self, text: Option<TextOf>, position: Position) {
        if let (Some(last), Some(text)) = (self.runs.back_mut(), text)
            && let Some(first) = last.first
            && first.device == text.device
            && first.number + last.count == text.number
            && last.position + last.count == position
        {
            last.count += 1;
            return;
        }
        self.runs.push_back(Run {
            first: text,
            position,
            count: 1,
        });
        if self.runs.len() > MAX_RUNS {
            self.runs.pop_front();
        }
    }

    /// How many lines.
    pub(crate) fn count(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }

    /// The position of the oldest.
    pub(crate) fn first_position(&self) -> Option<Position> {
        self.runs.front().map(|run| run.position)
    }

    /// Takes out all lines up to a position. Gives the texts among them: the first one of each run, and
    /// how many.
    pub(crate) fn take_through(&mut self, position: Position) -> Vec<(Option<TextOf>, u64)> {
        let mut taken = Vec::new();
        while let Some(run) = self.runs.front_mut() {
            if run.position > position {
                break;
            }
            let count = run
                .count
                .min(position.since(run.position).saturating_add(1));
            taken.push((run.first, count));
            if let Some(first) = &mut run.first {
                first.number = first.number + count;
            }
            run.position = run.position + count;
            run.count -= count;
            if run.count == 0 {
                self.runs.pop_front();
            }
        }
        taken
    }

    /// Nobody is told any more of what is seen.
    pub(crate) fn forget_texts(&mut self) {
        self.runs.iter_mut().for_each(|run| run.first = None);
    }

    pub(crate) fn to_records(&self) -> Vec<RunRecord> {
        let runs = self.runs.iter();
        runs.map(|run| RunRecord {
            position: run.position.0,
            count: run.count,
            number: run.first.map_or(0, |first| first.number.0),
            account: run
                .first
                .map_or_else(Vec::new, |first| first.device.account.0.to_vec()),
            device: run.first.map_or(0, |first| first.device.device),
        })
        .collect()
    }

    /// Reads what [`Self::to_records`] gave, from this device's own store.
    pub(crate) fn from_records(runs: &[RunRecord]) -> Result<Self, RecordError> {
        let read = |run: &RunRecord| {
            let account = records::fixed_or_none(&run.account)?;
            Ok(Run {
                first: account.map(|account| TextOf {
                    device: DeviceAddress {
                        account: AccountId(account),
                        device: run.device,
                    },
                    number: Number(run.number),
                }),
                position: Position(run.position),
                count: run.count,
            })
        };
        let runs: VecDeque<Run> = runs.iter().map(read).collect::<Result<_, RecordError>>()?;
        let sound = |run: &Run| {
            let number = run.first.map_or(0, |first| first.number.0);
            run.count > 0
                && number.checked_add(run.count).is_some()
                && run.position.0.checked_add(run.count).is_some()
        };
        if runs.len() > MAX_RUNS || !runs.iter().all(sound) {
            return Err(RecordError::Damaged);
        }
        Ok(Self { runs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(device: u32, number: u64) -> Option<TextOf> {
        let account = AccountId([1; 32]);
        let device = DeviceAddress { account, device };
        let number = Number(number);
        Some(TextOf { device, number })
    }

    #[test]
    fn each_devices_texts_are_told_apart_though_their_numbers_are_the_same() {
        let mut unread = Unread::default();
        for (of, position) in [
            (text(1, 5), 10),
            (text(1, 6), 11),
            (text(2, 7), 12),
            (text(2, 5), 13),
            (None, 14),
            (None, 15),
            (text(1, 7), 16),
        ] {
            unread.push(of, Position(position));
        }
        let again = Unread::from_records(&unread.to_records());
        assert_eq!(again.as_ref(), Ok(&unread));
        assert_eq!(
            (unread.count(), unread.first_position()),
            (7, Some(Position(10)))
        );
        assert_eq!(unread.take_through(Position(9)), []);
        assert_eq!(unread.take_through(Position(10)), [(text(1, 5), 1)]);
        let rest = [(text(1, 6), 1), (text(2, 7), 1), (text(2, 5), 1)];
        assert_eq!(unread.take_through(Position(13)), rest);
        unread.forget_texts();
        assert_eq!(
            unread.take_through(Position::MAX),
            [(None, 1), (None, 1), (None, 1)]
        );
        assert_eq!((unread.count(), unread.first_position()), (0, None));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut unread = Unread::default();
        (1..=MAX_RUNS as u64 + 5).for_each(|i| unread.push(text(1, 2 * i), Position(i)));
        assert_eq!(unread.count(), MAX_RUNS as u64);
        assert_eq!(unread.first_position(), Some(Position(6)));
    }
}
