//! Sessions that mend themselves: when to begin one anew because of a failure, what to ask the other, and
//! when to tell the user. A message that does not open is only a hint; what the other's device says inside
//! an opened message decides. Sending again is `resending.rs`. docs/PROTOCOL.md, "Mending".

use pawl_protocol::SessionTag;

use crate::contacts::{Contact, PeerId};
use crate::conversations::Conversation;
use crate::engine::Engine;
use crate::event::NoticeCause;
use crate::limits::{
    MAX_MENDED_AT_ONCE, MAX_UNREADABLE_TAGS, MEND_FIRST, MEND_FORGET, MEND_LAST, MEND_ROUNDS,
    MEND_STEP, NOTICE_AFTER, NOTICE_PATIENCE, SILENCE, SILENCE_TRIES, backoff,
};
use crate::lines;
use crate::records::RecordError;
use crate::sorted::SortedSet;
use crate::turn::Turn;

/// The incident was told to the user.
const TOLD: u64 = u64::MAX;

/// What is known of a person's trouble, as it stands in the conversation's record. Times are
/// milliseconds since 1970; 0 is never.
#[derive(Clone, Default)]
pub(crate) struct Mending {
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
    /// Older versions counted here the lines about changes of identity.
    pub(crate) unused: u64,
    /// Which texts were received is lost to damage: all before the next one.
    pub(crate) amnesia: bool,
    /// What was answered last, and how far ahead of their pace answers are: forgotten with the process.
    pub(crate) echoed: u64,
    pub(crate) answered_until: u64,
    /// What is asked lets the answer ask in turn: then both know what came until the answer.
    pub(crate) asks_back: bool,
}

/// How many numbers and flags of a [`Mending`] stand in its record.
const NUMBERS: usize = 14;
const FLAGS: usize = 4;

/// Who has trouble, in memory.
#[derive(Default)]
pub(crate) struct Mender {
    troubled: SortedSet<PeerId>,
    /// Whose session to write on is missing.
    broken: SortedSet<PeerId>,
    pub(crate) due: Option<u64>,
    /// When this connection began; 0 where there is none.
    online_at: u64,
    /// For how many people sessions were begun since then.
    begun: (u64, usize),
    /// Whose lines are being read from the store: numbers and positions.
    pub(crate) reading: Option<(PeerId, Vec<(u64, u64)>)>,
}

impl Mending {
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
            &mut self.unused,
        ];
        let flags = [
            &mut self.hinted,
            &mut self.ask_next,
            &mut self.amnesia,
            &mut self.asks_back,
        ];
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
        let mut mending = Self {
            unreadable,
            resent: resent.to_vec(),
            ..Self::default()
        };
        let (numbers, flags) = mending.places();
        let mut known = known.iter().copied();
        for (number, field) in numbers.into_iter().zip(&mut known) {
            *number = field;
        }
        for (flag, field) in flags.into_iter().zip(known) {
            *flag = field > 0;
        }
        Ok(mending)
    }

    /// A failure after a long time without any begins with the short wait.
    fn forget(&mut self, now: u64) {
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
    fn due(&self, is_broken: bool) -> Option<u64> {
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
    fn notice_due(&self, online_at: u64) -> Option<u64> {
        let is_open = self.incident_at > 0 && self.incident_at != TOLD;
        let answered_by = self.tried_at.max(online_at) + NOTICE_PATIENCE;
        is_open.then(|| answered_by.max(self.incident_at + NOTICE_AFTER))
    }

    /// Whether there is anything to look after.
    fn is_troubled(&self) -> bool {
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
}

impl Engine {
    /// After loading: who was in trouble, and whose session is not there or says to be another's.
    pub(crate) fn find_trouble(&mut self) {
        let troubled = |(peer, c): (PeerId, &Conversation)| c.mending.is_troubled().then_some(peer);
        self.mender.troubled = self.conversations.iter().filter_map(troubled).collect();
        for (peer, contact) in self.contacts.iter() {
            let Some(tag) = contact.active else {
                continue;
            };
            let slot = self.sessions.get(tag);
            let account = slot.map(|slot| slot.session.peer().account());
            if account != Some(contact.account) {
                self.sessions.remove(tag);
                self.mender.troubled.insert(peer);
                self.mender.broken.insert(peer);
            }
        }
        self.mender.due = Some(0);
    }

    /// Somebody's trouble is to be looked at in this step.
    pub(crate) fn trouble(&mut self, peer: PeerId) {
        self.mender.troubled.insert(peer);
        self.mender.due = Some(0);
    }

    /// Something came that does not open, and says that it is from this person. Anybody can make such a
    /// thing: it changes nothing but that their device is asked, at a bounded rate.
    pub(crate) fn hint(
        &mut self,
        peer: PeerId,
        tag: SessionTag,
        cause: NoticeCause,
        turn: &Turn<'_>,
    ) {
        let Some(mending) = self.conversations.get(peer).map(|c| &c.mending) else {
            return;
        };
        let tags = mending.unreadable();
        let is_news = tags.len() < MAX_UNREADABLE_TAGS && !tags.contains(&tag);
        if mending.hinted && mending.incident_at > 0 && !is_news {
            return;
        }
        if let Some(conversation) = self.conversations.edit(peer) {
            let mending = &mut conversation.mending;
            mending.hinted = true;
            if mending.incident_at == 0 {
                mending.incident_at = turn.now;
                mending.cause = u64::from(lines::notice_number(cause));
            }
            if is_news {
                mending.unreadable.extend_from_slice(tag.as_bytes());
            }
        }
        self.trouble(peer);
    }

    /// Something of the pinned account was opened: it is written to on that session, unless the session
    /// only receives, and at once.
    pub(crate) fn heard_on(&mut self, peer: PeerId, tag: SessionTag) {
        if self.sending.is_given_up(peer) {
            self.mender.due = Some(0);
        }
        self.sending.release(peer);
        let only_receives = self.sessions.get(tag).is_none_or(|slot| slot.retired);
        let is_news = |c: &Contact| {
            !c.replied || !c.tags.contains(&tag) || (c.active != Some(tag) && !only_receives)
        };
        if self.contacts.get(peer).is_some_and(is_news)
            && let Some(contact) = self.contacts.edit(peer)
        {
            contact.remember(tag);
            contact.replied = true;
            if !only_receives {
                contact.active = Some(tag);
            }
        }
    }

    /// Looks after everybody who is in trouble, where it is time.
    pub(crate) fn mend(&mut self, turn: &mut Turn<'_>) {
        if !self.relay.is_online() {
            self.mender.online_at = 0;
            return;
        }
        if self.mender.online_at == 0 {
            // Whoever could not be helped on the connection before is looked at again.
            (self.mender.online_at, self.mender.due) = (turn.now, Some(0));
            self.refresh_changed();
        }
        let is_due = self.mender.due.is_some_and(|due| due <= turn.now);
        if !is_due || self.account.get().ready().is_none() {
            return;
        }
        let (since, mut begun) = self.mender.begun;
        let is_over = turn.now.abs_diff(since) >= MEND_STEP;
        let since = if is_over { turn.now } else { since };
        begun = if is_over { 0 } else { begun };
        let mut next = u64::MAX;
        for peer in std::mem::take(&mut self.mender.troubled) {
            if begun == MAX_MENDED_AT_ONCE {
                self.mender.troubled.insert(peer);
                next = next.min(turn.now + MEND_STEP);
                continue;
            }
            begun += usize::from(self.mend_session_of(peer, turn));
            if let Some(due) = self.next_trouble(peer, turn) {
                self.mender.troubled.insert(peer);
                next = next.min(due);
            }
        }
        self.mender.begun = (since, begun);
        self.mender.due = (next < u64::MAX).then_some(next);
    }

    /// When this person's trouble is to be looked at again; nothing where there is none. Notices and
    /// texts to send again that are due are dealt with.
    fn next_trouble(&mut self, peer: PeerId, turn: &mut Turn<'_>) -> Option<u64> {
        let is_broken = self.mender.broken.contains(&peer);
        let online_at = self.mender.online_at;
        let mending = &self.conversations.get(peer)?.mending;
        if mending
            .notice_due(online_at)
            .is_some_and(|due| due <= turn.now)
        {
            let cause = u32::try_from(mending.cause).unwrap_or(0);
            let cause = lines::notice_from_number(cause).ok().flatten();
            self.notice(peer, cause.unwrap_or(NoticeCause::Unreadable), turn);
            self.conversations.edit(peer)?.mending.incident_at = TOLD;
        }
        let resend = self.resend_due(peer, turn);
        let mending = &self.conversations.get(peer)?.mending;
        if !mending.is_troubled() && !is_broken && resend.is_none() {
            return None;
        }
        let due = [
            mending.due(is_broken),
            mending.notice_due(online_at),
            resend,
        ];
        // What is due and could not be done now waits for what lets it be done.
        let later = |due: &u64| *due > turn.now;
        Some(
            due.into_iter()
                .flatten()
                .filter(later)
                .min()
                .unwrap_or(u64::MAX),
        )
    }

    /// Asks, and begins a session anew for it unless nothing but silence is the reason, where that is due and may be.
    fn mend_session_of(&mut self, peer: PeerId, turn: &mut Turn<'_>) -> bool {
        let is_broken = self.mender.broken.contains(&peer);
        let may_send = self.may_send_signal(peer);
        let Some(conversation) = self.conversations.get(peer) else {
            return false;
        };
        let mut mending = conversation.mending.clone();
        mending.forget(turn.now);
        if mending.to_fields() != conversation.mending.to_fields()
            && let Some(conversation) = self.conversations.edit(peer)
        {
            // The clock went back: what would be far in the future is a wait from now on.
            conversation.mending.clone_from(&mending);
        }
        let is_due = mending.due(is_broken).is_some_and(|due| due <= turn.now);
        if !is_due || !may_send {
            return false;
        }
        // Silence is no failure: mostly they are away, and the session there is serves.
        let is_silence = !mending.hinted && !is_broken && mending.asked == 0;
        mending.tries = match is_silence {
            true => mending.tries.max(SILENCE_TRIES),
            false => mending.tries.saturating_add(1),
        };
        mending.hinted = false;
        if let Some(conversation) = self.conversations.edit(peer) {
            conversation.mending = mending;
        }
        self.mender.broken.remove(&peer);
        if !is_silence {
            self.begin_anew(peer);
        }
        for id in self.outbox.ids_of(peer) {
            if id.number == 0 {
                self.outbox.remove(id);
            }
        }
        self.enqueue_receipt(peer, Some(MEND_ROUNDS), turn.now);
        true
    }

    /// Every session with a person so far only receives; the next thing to send claims a fresh bundle.
    fn begin_anew(&mut self, peer: PeerId) {
        let Some(contact) = self.contacts.edit(peer) else {
            return;
        };
        contact.active = None;
        let tags = self.sessions.of_account(&contact.account);
        self.sessions.retire(&tags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DAY;

    #[test]
    fn what_came_between_a_question_and_an_answer_that_does_not_ask_is_asked_about() {
        for asks_back in [true, false] {
            let mut mending = Mending::default();
            mending.ask(7, asks_back, 1_000);
            mending.hinted = true;
            mending.incident_at = 2_000;
            mending.answered();
            assert_eq!((mending.asked, mending.processed), (0, 7));
            // After an answer that asks in turn, this side's own answer says what it lacks.
            assert_eq!(mending.hinted, !asks_back);
            assert_eq!(mending.due(false).is_some(), !asks_back);
        }
    }

    #[test]
    fn all_of_it_comes_back_from_a_record() {
        let mut mending = Mending::default();
        let (numbers, _) = mending.places();
        for (number, i) in numbers.into_iter().zip(1..) {
            *number = i;
        }
        for flag in 0..FLAGS {
            let (_, flags) = mending.places();
            *flags[flag] = true;
            mending.resent.push(100);
            let fields = mending.to_fields();
            let again = Mending::from_fields(&fields, vec![9; 16]).expect("a record");
            assert_eq!(again.to_fields(), fields);
            assert_eq!((again.resent.len(), again.unreadable.len()), (flag + 1, 16));
        }
        assert!(Mending::from_fields(&[1, 2, 3], Vec::new()).is_err());
    }

    #[test]
    fn a_clock_that_was_ahead_makes_nobody_wait_for_it() {
        let mut mending = Mending::default();
        mending.ask(1, true, 90 * DAY);
        (mending.incident_at, mending.silent_since) = (91 * DAY, 92 * DAY);
        (mending.hole_since, mending.day_at, mending.resent_at) = (DAY, 93 * DAY, 94 * DAY);
        mending.forget(2 * DAY);
        assert!(mending.due(false).is_some_and(|due| due < 3 * DAY));
        assert!(mending.notice_due(0).is_some_and(|due| due <= 3 * DAY));
        assert!(mending.resend_at(&[(1, 1)]) < 3 * DAY);
        mending.incident_at = TOLD;
        mending.forget(3 * DAY);
        assert_eq!(mending.incident_at, TOLD);
    }
}
