//! What was sent again to a device, how often and how many in a day: what one wrong word of it can cause.
//! Times are milliseconds since 1970.

use crate::limits::{
    DAY, MAX_RESENT, MEND_FIRST, MEND_LAST, RESEND_TRIES, RESENDS_PER_DAY, backoff,
};
use crate::numbers::{Millis, Number, Position};
use crate::storage::records::RecordError;

/// See the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resent {
    /// Number and count of each text that was sent again and is not known to have arrived.
    texts: Vec<(Number, u64)>,
    /// When the last of them were.
    pub(super) at: Millis,
    /// How many since `day_at`.
    today: u64,
    day_at: Millis,
}

impl Resent {
    pub(super) fn to_fields(&self) -> Vec<u64> {
        let texts = self.texts.iter();
        let texts = texts.flat_map(|(number, tries)| [number.0, *tries]);
        [self.at.0, self.day_at.0, self.today]
            .into_iter()
            .chain(texts)
            .collect()
    }

    /// Reads what [`Self::to_fields`] gave.
    pub(super) fn from_fields(fields: &[u64]) -> Result<Self, RecordError> {
        let ([at, day_at, today], texts) =
            fields.split_first_chunk().ok_or(RecordError::Damaged)?;
        let (texts, odd) = texts.as_chunks::<2>();
        if !odd.is_empty() || texts.len() > MAX_RESENT {
            return Err(RecordError::Damaged);
        }
        let texts = texts
            .iter()
            .map(|[number, tries]| (Number(*number), *tries));
        Ok(Self {
            texts: texts.collect(),
            at: Millis(*at),
            today: *today,
            day_at: Millis(*day_at),
        })
    }

    /// Where the clock went back, what would be far in the future is a wait from now on.
    pub(super) fn forget(&mut self, now: Millis) {
        self.at = now.min(self.at);
        self.day_at = now.min(self.day_at);
    }

    fn tries_of(&self, number: Number) -> u64 {
        let mut texts = self.texts.iter();
        let found = texts.find(|(resent, _)| *resent == number);
        found.map_or(0, |(_, tries)| *tries)
    }

    /// Whether a text was sent again too often.
    pub(crate) fn is_hopeless(&self, number: Number) -> bool {
        self.tries_of(number) >= RESEND_TRIES
    }

    /// A text is sent again.
    pub(crate) fn count(&mut self, number: Number) {
        let tries = self.tries_of(number) + 1;
        self.keep(|resent| resent != number);
        self.texts.push((number, tries));
        let surplus = self.texts.len().saturating_sub(MAX_RESENT);
        self.texts.drain(..surplus);
        self.today += 1;
    }

    /// Forgets about texts that arrived, or never will.
    pub(crate) fn keep(&mut self, keep: impl Fn(Number) -> bool) {
        self.texts.retain(|(number, _)| keep(*number));
    }

    /// When these texts may go out again: with each try later, and so many a day. `first`: when those may
    /// that were not tried yet.
    pub(super) fn next_at(&self, texts: &[(Number, Position)], first: Millis) -> Millis {
        let tries = texts.iter().map(|(number, _)| self.tries_of(*number));
        let waits = u32::try_from(tries.max().unwrap_or(0)).unwrap_or(u32::MAX);
        let paced = match waits.checked_sub(1) {
            Some(waits) => self.at + backoff(MEND_FIRST, MEND_LAST, waits),
            None => first,
        };
        match self.today >= RESENDS_PER_DAY {
            true => paced.max(self.day_at + DAY),
            false => paced,
        }
    }

    /// How many more texts may be sent again within a day of the first.
    pub(crate) fn left(&mut self, now: Millis) -> usize {
        if now.between(self.day_at) >= DAY {
            (self.day_at, self.today) = (now, 0);
        }
        let left = RESENDS_PER_DAY.saturating_sub(self.today);
        usize::try_from(left).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_for_the_texts_tried_last() {
        let mut resent = Resent::default();
        for number in (1..=500).chain([500, 500]) {
            resent.count(Number(number));
        }
        assert_eq!(resent.texts.len(), MAX_RESENT);
        assert_eq!(
            (resent.tries_of(Number(1)), resent.tries_of(Number(500))),
            (0, 3)
        );
    }
}
