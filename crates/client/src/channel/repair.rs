//! What is known of the trouble with one device: when to ask it, what it was asked, when to tell the
//! user, and what was sent to it again. Decides nothing (`mending.rs`, `resending.rs`).

use pawl_protocol::SessionTag;

use crate::limits::{
    ANSWER_INTERVAL, ANSWERS_AT_ONCE, DAY, HOLE_PATIENCE, MAX_RESENT, MEND_FIRST, MEND_FORGET,
    MEND_LAST, NOTICE_AFTER, NOTICE_PATIENCE, RESEND_TRIES, RESENDS_PER_DAY, SILENCE, backoff,
};
use crate::records::RecordError;

/// The incident was told to the user.
const TOLD: u64 = u64::MAX;

/// What is known of the trouble with a device, as it stands in its channel's record. Times are
/// milliseconds since 1970; 0 is never.
#[derive(Clone, Default)]
pub(crate) struct Repair {
    /// When a session was last begun because of a failure, or an answer asked for.
    pub(crate) tried_at: u64,
    /// How often since all was well for [`MEND_FORGET`].
    pub(crate) tries: u64,
    /// Something came that does not open, since the last try.
    pub(crate) hinted: bool,
    /// When the first of what cannot be read came, since the other last answered; or [`TOLD`].
    pub(crate) incident_at: u64,
    /// What it was.
    pub(crate) cause: u64,
    /// On which sessions.
    pub(crate) unreadable: Vec<u8>,
    /// What this device asked and the other has not echoed; 0 for nothing.
    pub(crate) asked: u64,
    /// The newest own text when it asked.
    pub(crate) asked_number: u64,
    /// The next receipt asks.
    pub(crate) ask_next: bool,
    /// What the other asked last.
    pub(crate) echo: u64,
    /// Everything up to this own text was there for the other to read before its last answer.
    pub(crate) processed: u64,
    /// Since when there are own texts that the relay has and the other is not known to have, or when
    /// the other was last heard of since.
    pub(crate) silent_since: u64,
    /// Since when the other is known to lack a text.
    pub(crate) hole_since: u64,
    /// Number and count of each text that was sent again and is not known to have arrived.
    pub(crate) resent: Vec<u64>,
    pub(crate) resent_at: u64,
    /// Texts sent again since `day_at`.
    pub(crate) resent_today: u64,
    pub(crate) day_at: u64,
    /// What was answered last, and how far ahead of their pace answers are: forgotten with the process.
    pub(crate) echoed: u64,
    pub(crate) answered_until: u64,
    /// What is asked lets the answer ask in turn: then both know what came until the answer.
    pub(crate) asks_back: bool,
}

/// How many numbers and flags of a [`Repair`] stand in its record.
const NUMBERS: usize = 13;
const FLAGS: usize = 3;

impl Repair {
    /// In the order in which they stand in the record; new ones come last.
    fn places(&mut self) -> ([&mut u64; NUMBERS], [&mut bool; FLAGS]) {
        let numbers = [
            &mut self.tried_at,
            &mut self.tries,
            &mut self.incident_at,
            &mut self.cause,
            &mut self.asked,
            &mut self.asked_number,
            &mut self.echo,
            &mut self.processed,
            &mut self.silent_since,
            &mut self.hole_since,
            &mut self.resent_at,
            &mut self.resent_today,
            &mut self.day_at,
        ];
        let flags = [&mut self.hinted, &mut self.ask_next, &mut self.asks_back];
        (numbers, flags)
    }

    /// Everything but `unreadable`, for a record. Much smaller than a message with fields of its own.
    pub(crate) fn to_fields(&self) -> Vec<u64> {
        let mut copy = self.clone();
        let (numbers, flags) = copy.places();
        let mut fields: Vec<u64> = numbers.iter().map(|number| **number).collect();
        fields.extend(flags.iter().map(|flag| u64::from(**flag)));
        fields.extend_from_slice(&self.resent);
        fields
    }

    /// Reads what [`Self::to_fields`] gave.
    pub(crate) fn from_fields(fields: &[u64], unreadable: Vec<u8>) -> Result<Self, RecordError> {
        let (known, resent) = fields
            .split_at_checked(NUMBERS + FLAGS)
            .ok_or(RecordError::Damaged)?;
        let mut repair = Self {
            unreadable,
            resent: resent.to_vec(),
            ..Self::default()
        };
        let (numbers, flags) = repair.places();
        let mut known = known.iter().copied();
        for (number, field) in numbers.into_iter().zip(&mut known) {
            *number = field;
        }
        for (flag, field) in flags.into_iter().zip(known) {
            *flag = field > 0;
        }
        Ok(repair)
    }

    /// A failure after a long time without any begins with the short wait.
    pub(crate) fn forget(&mut self, now: u64) {
        let mut times = [
            &mut self.tried_at,
            &mut self.resent_at,
            &mut self.day_at,
            &mut self.silent_since,
            &mut self.hole_since,
        ];
        times.iter_mut().for_each(|time| **time = now.min(**time));
        if self.incident_at != TOLD {
            self.incident_at = self.incident_at.min(now);
        }
        if self.asked == 0 && now - self.tried_at >= MEND_FORGET {
            self.tries = 0;
        }
    }

    /// When a session is to be begun, where there is a reason for it.
    pub(crate) fn due(&self, is_broken: bool) -> Option<u64> {
        let is_hinted = self.hinted || is_broken;
        let last = if is_hinted { MEND_LAST } else { u64::MAX };
        let paced = match self.tries.checked_sub(1) {
            Some(waits) => {
                let waits = u32::try_from(waits).unwrap_or(u32::MAX);
                self.tried_at + backoff(MEND_FIRST, last, waits)
            }
            None => 0,
        };
        if is_hinted || self.asked > 0 {
            Some(paced)
        } else if self.silent_since > 0 {
            Some(paced.max(self.silent_since + SILENCE))
        } else {
            None
        }
    }

    /// When the user is told: not before the other could have answered, also where it is this device that
    /// was away.
    pub(crate) fn notice_due(&self, online_at: u64) -> Option<u64> {
        let is_open = self.incident_at > 0 && self.incident_at != TOLD;
        let answered_by = self.tried_at.max(online_at) + NOTICE_PATIENCE;
        is_open.then(|| answered_by.max(self.incident_at + NOTICE_AFTER))
    }

    /// The user is told of the incident, once.
    pub(crate) fn told(&mut self) {
        self.incident_at = TOLD;
    }

    /// Whether a text was sent again too often.
    pub(crate) fn is_hopeless(&self, number: u64) -> bool {
        self.tries_of(number) >= RESEND_TRIES
    }

    /// Whether there is anything to look after.
    pub(crate) fn is_troubled(&self) -> bool {
        let times = [self.asked, self.silent_since, self.hole_since];
        self.hinted || times != [0; 3] || self.notice_due(0).is_some()
    }

    /// Something is asked: it is asked again, but not at once.
    pub(crate) fn ask(&mut self, newest_number: u64, asks_back: bool, now: u64) {
        self.asks_back = asks_back;
        self.asked = now.max(self.asked + 1);
        self.asked_number = newest_number;
        self.tried_at = now;
        self.tries = self.tries.max(1);
    }

    /// The other has answered what was asked: nothing that came before is open any more. What came between
    /// a question and an answer that does not ask in turn is.
    pub(crate) fn answered(&mut self) {
        self.processed = self.processed.max(self.asked_number);
        self.asked = 0;
        if self.hinted && !self.asks_back {
            return;
        }
        self.hinted = false;
        self.incident_at = 0;
        self.unreadable.clear();
    }

    pub(crate) fn unreadable(&self) -> Vec<SessionTag> {
        let (tags, _) = self.unreadable.as_chunks::<16>();
        tags.iter()
            .map(|tag| SessionTag::from_bytes(*tag))
            .collect()
    }

    fn tries_of(&self, number: u64) -> u64 {
        let (resent, _) = self.resent.as_chunks::<2>();
        let found = resent.iter().find(|[resent, _]| *resent == number);
        found.map_or(0, |[_, tries]| *tries)
    }

    pub(crate) fn count_try(&mut self, number: u64) {
        let tries = self.tries_of(number) + 1;
        self.keep_resent(|resent| resent != number);
        self.resent.extend([number, tries]);
        let surplus = self.resent.len().saturating_sub(2 * MAX_RESENT);
        self.resent.drain(..surplus);
    }

    /// Forgets about texts that arrived, or never will.
    pub(crate) fn keep_resent(&mut self, keep: impl Fn(u64) -> bool) {
        let (resent, _) = self.resent.as_chunks::<2>();
        let kept = resent.iter().filter(|[number, _]| keep(*number));
        self.resent = kept.flatten().copied().collect();
    }

    /// When these texts may go out again: with each try later, and so many a day.
    pub(crate) fn resend_at(&self, holes: &[(u64, u64)]) -> u64 {
        let tries = holes.iter().map(|(number, _)| self.tries_of(*number));
        let waits = u32::try_from(tries.max().unwrap_or(0)).unwrap_or(u32::MAX);
        let paced = match waits.checked_sub(1) {
            Some(waits) => self.resent_at + backoff(MEND_FIRST, MEND_LAST, waits),
            None => self.hole_since + HOLE_PATIENCE,
        };
        if self.resent_today >= RESENDS_PER_DAY {
            paced.max(self.day_at + DAY)
        } else {
            paced
        }
    }

    /// How many more texts may be sent again within a day of the first.
    pub(crate) fn resends_left(&mut self, now: u64) -> usize {
        if now.abs_diff(self.day_at) >= DAY {
            (self.day_at, self.resent_today) = (now, 0);
        }
        let left = RESENDS_PER_DAY.saturating_sub(self.resent_today);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Whether what the other asked waits for its answer; a clock that went back makes it wait no longer.
    pub(crate) fn answer_waits(&self, now: u64) -> bool {
        let wait = self.answered_until.saturating_sub(now + ANSWERS_AT_ONCE);
        self.echo != self.echoed && wait > 0 && wait <= ANSWER_INTERVAL
    }

    /// It is answered with what is written now.
    pub(crate) fn answer(&mut self, now: u64) {
        if self.echo != self.echoed {
            self.echoed = self.echo;
            let until = self.answered_until.max(now).min(now + ANSWERS_AT_ONCE);
            self.answered_until = until + ANSWER_INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DAY;

    #[test]
    fn what_came_between_a_question_and_an_answer_that_does_not_ask_is_asked_about() {
        for asks_back in [true, false] {
            let mut repair = Repair::default();
            repair.ask(7, asks_back, 1_000);
            repair.hinted = true;
            repair.incident_at = 2_000;
            repair.answered();
            assert_eq!((repair.asked, repair.processed), (0, 7));
            // After an answer that asks in turn, this side's own answer says what it lacks.
            assert_eq!(repair.hinted, !asks_back);
            assert_eq!(repair.due(false).is_some(), !asks_back);
        }
    }

    #[test]
    fn all_of_it_comes_back_from_a_record() {
        let mut repair = Repair::default();
        let (numbers, _) = repair.places();
        for (number, i) in numbers.into_iter().zip(1..) {
            *number = i;
        }
        for flag in 0..FLAGS {
            let (_, flags) = repair.places();
            *flags[flag] = true;
            repair.resent.push(100);
            let fields = repair.to_fields();
            let again = Repair::from_fields(&fields, vec![9; 16]).expect("a record");
            assert_eq!(again.to_fields(), fields);
            assert_eq!((again.resent.len(), again.unreadable.len()), (flag + 1, 16));
        }
        assert!(Repair::from_fields(&[1, 2, 3], Vec::new()).is_err());
    }

    #[test]
    fn a_clock_that_was_ahead_makes_nobody_wait_for_it() {
        let mut repair = Repair::default();
        repair.ask(1, true, 90 * DAY);
        (repair.incident_at, repair.silent_since) = (91 * DAY, 92 * DAY);
        (repair.hole_since, repair.day_at, repair.resent_at) = (DAY, 93 * DAY, 94 * DAY);
        repair.forget(2 * DAY);
        assert!(repair.due(false).is_some_and(|due| due < 3 * DAY));
        assert!(repair.notice_due(0).is_some_and(|due| due <= 3 * DAY));
        assert!(repair.resend_at(&[(1, 1)]) < 3 * DAY);
        repair.incident_at = TOLD;
        repair.forget(3 * DAY);
        assert_eq!(repair.incident_at, TOLD);
    }

    #[test]
    fn tries_are_counted_for_the_texts_tried_last() {
        let mut repair = Repair::default();
        for number in (1..=500).chain([500, 500]) {
            repair.count_try(number);
        }
        assert_eq!(repair.resent.len(), 2 * MAX_RESENT);
        assert_eq!((repair.tries_of(1), repair.tries_of(500)), (0, 3));
    }
}
