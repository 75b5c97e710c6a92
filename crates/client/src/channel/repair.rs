//! What is known of the trouble with one device: when to ask it, what it was asked, when to tell the
//! user, and what was sent to it again. Decides nothing about sessions (`engine/flows/mending.rs`) and reads no text
//! (`engine/flows/resending.rs`). Times are milliseconds since 1970.

use pawl_protocol::SessionTag;

use super::resent::Resent;
use crate::api::event::NoticeCause;
use crate::limits::{
    ANSWER_INTERVAL, ANSWERS_AT_ONCE, HOLE_PATIENCE, MAX_UNREADABLE_TAGS, MEND_FIRST, MEND_FORGET,
    MEND_LAST, NOTICE_AFTER, NOTICE_PATIENCE, SILENCE, backoff,
};
use crate::numbers::{Millis, Number, Position};
use crate::storage::records::{RecordError, tags_from_bytes, tags_to_bytes};

/// Where the repair of a channel stands, as docs/PROTOCOL.md, "Mending", draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing is known to be wrong.
    Well,
    /// The relay has own texts that the device has not said to have, since then.
    Silent(Millis),
    /// Something came that does not open: the device is to be asked.
    Suspicious,
    /// The device was asked and has not answered.
    Asking,
    /// The same, and the user was told that something cannot be read.
    Told,
    /// The device has said what it lacks, since then: it is sent again.
    Knowing(Millis),
}

/// Something that cannot be read, since the device last answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Incident {
    since: Millis,
    cause: NoticeCause,
    is_told: bool,
}

/// What the device was asked and has not echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    /// Unlike that of every other question.
    number: u64,
    /// The newest own text when it was asked.
    newest: Number,
    /// It lets the answer ask in turn: then both know what came until the answer.
    asks_back: bool,
}

/// See the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repair {
    /// When a session was last begun because of a failure, or an answer asked for; 0 for never.
    tried_at: Millis,
    /// How often since all was well for [`MEND_FORGET`].
    tries: u64,
    /// Something came that does not open, since the last try.
    hinted: bool,
    incident: Option<Incident>,
    /// The sessions on which something did not open.
    unreadable: Vec<SessionTag>,
    question: Option<Question>,
    /// The number of the last question.
    asked: u64,
    /// The next receipt asks.
    ask_next: bool,
    /// What the other asked last; 0 for nothing.
    echo: u64,
    /// Everything up to this own text was there for the device to read before its last answer.
    processed: Number,
    /// Since when there are own texts that the relay has and the device is not known to have, or when
    /// it was last heard of since.
    unacked_since: Option<Millis>,
    /// Since when the device is known to lack a text.
    hole_since: Option<Millis>,
    pub(crate) resent: Resent,
    /// What was answered last, and how far ahead of their pace answers are: forgotten with the process.
    echoed: u64,
    answered_until: Millis,
}

/// Numbers in a record before those of what was sent again.
const FIELDS: usize = 15;

impl Repair {
    pub(crate) const fn state(&self) -> State {
        match (self.question, self.incident) {
            (Some(_), Some(Incident { is_told: true, .. })) => State::Told,
            (Some(_), _) => State::Asking,
            (None, _) if self.hinted => State::Suspicious,
            (None, _) => match (self.hole_since, self.unacked_since) {
                (Some(since), _) => State::Knowing(since),
                (None, Some(since)) => State::Silent(since),
                (None, None) => State::Well,
            },
        }
    }

    /// Numbers for a record: 0 for what there is not. Much smaller than a message with fields of its own.
    pub(crate) fn to_fields(&self) -> Vec<u64> {
        let incident = self.incident.as_ref();
        let question = self.question.as_ref();
        let mut fields = vec![
            self.tried_at.0,
            self.tries,
            u64::from(self.hinted),
            incident.map_or(0, |it| u64::from(it.cause.number())),
            incident.map_or(0, |it| it.since.0),
            u64::from(incident.is_some_and(|it| it.is_told)),
            u64::from(question.is_some()),
            question.map_or(0, |it| it.newest.0),
            u64::from(question.is_some_and(|it| it.asks_back)),
            self.asked,
            u64::from(self.ask_next),
            self.echo,
            self.processed.0,
            self.unacked_since.map_or(0, |since| since.0),
            self.hole_since.map_or(0, |since| since.0),
        ];
        debug_assert_eq!(fields.len(), FIELDS);
        fields.extend(self.resent.to_fields());
        fields
    }

    /// The sessions on which something did not open, for a record.
    pub(crate) fn unreadable_bytes(&self) -> Vec<u8> {
        tags_to_bytes(&self.unreadable)
    }

    /// Reads what [`Self::to_fields`] and [`Self::unreadable_bytes`] gave.
    pub(crate) fn from_fields(fields: &[u64], unreadable: &[u8]) -> Result<Self, RecordError> {
        let (known, resent) = fields
            .split_first_chunk::<FIELDS>()
            .ok_or(RecordError::Damaged)?;
        let [
            tried_at,
            tries,
            hinted,
            cause,
            since,
            is_told,
            is_asking,
            newest,
            asks_back,
            asked,
            ask_next,
            echo,
            processed,
            unacked_since,
            hole_since,
        ] = *known;
        let cause = u32::try_from(cause).map_err(|_| RecordError::Damaged)?;
        let time = |time: u64| (time > 0).then_some(Millis(time));
        Ok(Self {
            tried_at: Millis(tried_at),
            tries,
            hinted: hinted > 0,
            incident: NoticeCause::from_number(cause)?.map(|cause| Incident {
                since: Millis(since),
                cause,
                is_told: is_told > 0,
            }),
            unreadable: tags_from_bytes(unreadable, MAX_UNREADABLE_TAGS)?,
            question: (is_asking > 0).then_some(Question {
                number: asked,
                newest: Number(newest),
                asks_back: asks_back > 0,
            }),
            asked,
            ask_next: ask_next > 0,
            echo,
            processed: Number(processed),
            unacked_since: time(unacked_since),
            hole_since: time(hole_since),
            resent: Resent::from_fields(resent)?,
            ..Self::default()
        })
    }

    /// A failure after a long time without any begins with the short wait; and where the clock went
    /// back, what would be far in the future is a wait from now on.
    pub(crate) fn forget(&mut self, now: Millis) {
        self.tried_at = now.min(self.tried_at);
        self.resent.forget(now);
        for time in [&mut self.unacked_since, &mut self.hole_since] {
            *time = time.map(|time| now.min(time));
        }
        if let Some(incident) = &mut self.incident {
            incident.since = incident.since.min(now);
        }
        if self.question.is_none() && now.since(self.tried_at) >= MEND_FORGET {
            self.tries = 0;
        }
    }

    /// Something came that does not open, on this session; whether that is news.
    pub(crate) fn is_news(&self, tag: SessionTag) -> bool {
        let is_new = self.unreadable.len() < MAX_UNREADABLE_TAGS && !self.unreadable.contains(&tag);
        !self.hinted || self.incident.is_none() || is_new
    }

    /// Notes it.
    pub(crate) fn suspect(&mut self, tag: SessionTag, cause: NoticeCause, now: Millis) {
        self.hinted = true;
        self.incident.get_or_insert(Incident {
            since: now,
            cause,
            is_told: false,
        });
        if self.unreadable.len() < MAX_UNREADABLE_TAGS && !self.unreadable.contains(&tag) {
            self.unreadable.push(tag);
        }
    }

    /// When the device is to be asked, where there is a reason for it. `is_broken`: the session to write
    /// on is missing.
    pub(crate) fn due(&self, is_broken: bool) -> Option<Millis> {
        let is_hinted = self.hinted || is_broken;
        let last = if is_hinted { MEND_LAST } else { u64::MAX };
        let paced = match self.tries.checked_sub(1) {
            Some(waits) => {
                let waits = u32::try_from(waits).unwrap_or(u32::MAX);
                self.tried_at + backoff(MEND_FIRST, last, waits)
            }
            None => Millis::ZERO,
        };
        if is_broken {
            return Some(paced);
        }
        match self.state() {
            State::Suspicious | State::Asking | State::Told => Some(paced),
            State::Well | State::Silent(_) | State::Knowing(_) => {
                self.unacked_since.map(|since| paced.max(since + SILENCE))
            }
        }
    }

    /// When the user is told: not before the device could have answered, also where it is this one that
    /// was away.
    pub(crate) fn notice_due(&self, online_at: Millis) -> Option<Millis> {
        let answered_by = self.tried_at.max(online_at) + NOTICE_PATIENCE;
        let incident = self.incident.filter(|incident| !incident.is_told)?;
        Some(answered_by.max(incident.since + NOTICE_AFTER))
    }

    /// The user is told of the incident, once. Gives what it was.
    pub(crate) fn tell(&mut self) -> Option<NoticeCause> {
        let incident = self.incident.as_mut()?;
        incident.is_told = true;
        Some(incident.cause)
    }

    /// Whether there is anything to look after.
    pub(crate) fn is_troubled(&self) -> bool {
        self.state() != State::Well
            || self.notice_due(Millis::ZERO).is_some()
            || self.unacked_since.is_some()
    }

    /// Whether nothing but silence is a reason to ask.
    pub(crate) fn is_only_silent(&self) -> bool {
        !self.hinted && self.question.is_none()
    }

    /// One more try, at least so many.
    pub(crate) fn count_mending(&mut self, least: Option<u64>) {
        self.tries = match least {
            Some(least) => self.tries.max(least),
            None => self.tries.saturating_add(1),
        };
        self.hinted = false;
    }

    /// Whether an answer is awaited.
    pub(crate) const fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    pub(crate) const fn asks_next(&self) -> bool {
        self.ask_next
    }

    /// Something is asked: it is asked again, but not at once. Gives the question's number.
    pub(crate) fn ask(&mut self, newest: Number, asks_back: bool, now: Millis) -> u64 {
        self.asked = now.0.max(self.asked + 1);
        self.question = Some(Question {
            number: self.asked,
            newest,
            asks_back,
        });
        self.ask_next = false;
        self.tried_at = now;
        self.tries = self.tries.max(1);
        self.asked
    }

    /// The device echoes a question: where it is the last one, nothing that came before is open any
    /// more. What came between a question and an answer that does not ask in turn is.
    pub(crate) fn hear_echo(&mut self, echo: u64) {
        let Some(question) = self.question.filter(|question| question.number == echo) else {
            return;
        };
        self.question = None;
        self.processed = self.processed.max(question.newest);
        // No more is on its way: what is missing now is missing.
        self.hole_since = Some(Millis(1));
        if self.hinted && !question.asks_back {
            return;
        }
        self.hinted = false;
        self.incident = None;
        self.unreadable.clear();
    }

    /// The device asks; `rounds`: how often the answer may ask in turn.
    pub(crate) fn hear_question(&mut self, number: u64, rounds: u32) {
        self.echo = number;
        self.ask_next |= rounds > 0;
    }

    /// What the other asked last; 0 for nothing.
    pub(crate) const fn echo(&self) -> u64 {
        self.echo
    }

    /// Everything up to this own text was there for the device to read before its last answer.
    pub(crate) const fn processed(&self) -> Number {
        self.processed
    }

    pub(crate) fn unreadable(&self) -> Vec<SessionTag> {
        self.unreadable.clone()
    }

    /// The relay has a text that the device has not said to have. Whether nothing was known of that.
    pub(crate) fn wait_for_receipt(&mut self, now: Millis) -> bool {
        let is_news = self.unacked_since.is_none();
        self.unacked_since.get_or_insert(now);
        is_news
    }

    /// A receipt says whether all has arrived.
    pub(crate) fn hear_receipt(&mut self, all_arrived: bool, now: Millis) {
        self.unacked_since = (!all_arrived).then_some(now);
    }

    /// Whether the device is known to lack a text.
    pub(crate) const fn knows_of_hole(&self) -> bool {
        self.hole_since.is_some()
    }

    /// Since when the device is known to lack a text.
    pub(crate) fn note_hole(&mut self, since: Option<Millis>) {
        self.hole_since = since;
    }

    /// The user wants an own text to be sent again that was given up: at once.
    pub(crate) fn retry(&mut self, number: Number) {
        self.processed = self.processed.max(number);
        self.hole_since = Some(Millis(1));
    }

    /// Texts were sent again: the next receipt asks whether they arrived.
    pub(crate) fn ask_about_resent(&mut self, now: Millis) {
        self.resent.at = now;
        self.ask_next = true;
    }

    /// When these texts may go out again.
    pub(crate) fn resend_at(&self, holes: &[(Number, Position)]) -> Millis {
        let first = self.hole_since.unwrap_or_default() + HOLE_PATIENCE;
        self.resent.next_at(holes, first)
    }

    /// Whether what the other asked waits for its answer; a clock that went back makes it wait no longer.
    pub(crate) fn answer_waits(&self, now: Millis) -> bool {
        let wait = self.answered_until.since(now + ANSWERS_AT_ONCE);
        self.echo != self.echoed && wait > 0 && wait <= ANSWER_INTERVAL
    }

    /// It is answered with what is written now.
    pub(crate) fn answer(&mut self, now: Millis) {
        if self.echo != self.echoed {
            self.echoed = self.echo;
            let until = self.answered_until.max(now).min(now + ANSWERS_AT_ONCE);
            self.answered_until = until + ANSWER_INTERVAL;
        }
    }
}
