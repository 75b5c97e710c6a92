//! Whether the relay at the other end of an open line is still there: when to ping, how long to wait for
//! an answer, when the line counts as dead.

use pawl_wire::ClientFrame;
use pawl_wire::limits::{
    ANSWER_WAIT_MS, IDLE_TIMEOUT_MS, PING_INTERVAL_MS, PONG_TIMEOUT_MS, WATCHED_PING_MS,
};

use super::{Link, Relay};
use crate::limits::{LONGEST_PATIENCE, SLOWEST_LINE, WATCH_LEASE};
use crate::numbers::Millis;
use crate::turn::Turn;

/// An open line. Times are milliseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Pulse {
    heard_at: Millis,
    ping_at: Millis,
    /// The next ping must be answered in time.
    must_answer: bool,
    /// A ping that must be answered: when it was sent, and by when anything has to come.
    probe: Option<(Millis, Millis)>,
    /// By when what was asked should have brought anything.
    answer_by: Option<Millis>,
    /// The machine says that it has no network, which is not always true.
    doubted: bool,
}

/// What outlives a connection.
pub(super) struct Patience {
    /// A page is looked at until then, as far as is known.
    watched_until: Millis,
    /// How long an answer to a ping may take.
    pong: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            watched_until: Millis::ZERO,
            pong: PONG_TIMEOUT_MS,
        }
    }
}

impl Patience {
    fn is_watched(&self, now: Millis) -> bool {
        now < self.watched_until
    }

    fn interval(&self, now: Millis) -> u64 {
        match self.is_watched(now) {
            true => WATCHED_PING_MS,
            false => PING_INTERVAL_MS,
        }
    }

    pub(super) fn turn_back(&mut self, by: u64) {
        self.watched_until = self.watched_until.earlier_by(by);
    }

    /// A ping was not answered: the next one may take longer, so that a line that is slow is not taken for
    /// dead for ever.
    fn grow(&mut self) {
        self.pong = (self.pong * 2).min(LONGEST_PATIENCE);
    }
}

impl Pulse {
    pub(super) fn new(patience: &Patience, now: Millis) -> Self {
        Self {
            heard_at: now,
            ping_at: now + patience.interval(now),
            must_answer: false,
            probe: None,
            answer_by: None,
            doubted: false,
        }
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.doubted
    }

    pub(super) fn due(&self) -> Millis {
        let times = [
            Some(self.ping_at),
            self.probe.map(|(_, by)| by),
            self.answer_by,
        ];
        let dead_at = self.heard_at + IDLE_TIMEOUT_MS;
        times.into_iter().flatten().fold(dead_at, Millis::min)
    }

    pub(super) fn turn_back(&mut self, by: u64) {
        for time in [&mut self.heard_at, &mut self.ping_at] {
            *time = time.earlier_by(by);
        }
        self.probe = self
            .probe
            .map(|(sent, end)| (sent.earlier_by(by), end.earlier_by(by)));
        self.answer_by = self.answer_by.map(|time| time.earlier_by(by));
    }

    /// Anything that is heard says that the relay is there.
    pub(super) fn heard(&mut self, patience: &mut Patience, now: Millis) {
        if let Some((sent_at, _)) = self.probe.take()
            && now.since(sent_at) <= PONG_TIMEOUT_MS
        {
            patience.pong = PONG_TIMEOUT_MS;
        }
        self.heard_at = now;
        self.answer_by = None;
        self.doubted = false;
        if patience.is_watched(now) {
            self.ping_at = now + WATCHED_PING_MS;
        }
    }

    /// So many bytes went out that the relay answers. A slow line needs time for many of them.
    fn asked(&mut self, bytes: u64, now: Millis) {
        if self.probe.is_none() {
            let time = bytes / SLOWEST_LINE;
            let by = self.answer_by.unwrap_or(now + ANSWER_WAIT_MS);
            self.answer_by = Some(by + time);
        }
    }

    /// Finds out now whether the relay is there.
    pub(super) fn probe(&mut self, now: Millis) {
        self.ping_at = now;
        self.must_answer = true;
    }

    /// Whether the line counts as dead.
    pub(super) fn is_dead(&self, now: Millis) -> bool {
        now >= self.heard_at + IDLE_TIMEOUT_MS || self.probe.is_some_and(|(_, by)| now >= by)
    }

    /// A ping goes out.
    fn pinged(&mut self, patience: &Patience, now: Millis) {
        let is_late = self.answer_by.is_some_and(|by| by <= now);
        if is_late {
            self.answer_by = None;
        }
        if self.must_answer || is_late || patience.is_watched(now) {
            self.probe.get_or_insert((now, now + patience.pong));
        }
        self.must_answer = false;
        self.ping_at = now + patience.interval(now);
    }
}

impl Relay {
    /// A ping; false where the line is dead.
    pub(crate) fn keep_alive(&mut self, turn: &mut Turn<'_>) -> bool {
        let Link::Online(pulse) = &mut self.link else {
            return true;
        };
        if pulse.is_dead(turn.now) {
            self.patience.grow();
            return false;
        }
        pulse.pinged(&self.patience, turn.now);
        self.pings += 1;
        let token = self.pings;
        turn.send(&ClientFrame::Ping { token });
        true
    }

    /// A frame came.
    pub(crate) fn on_heard(&mut self, now: Millis) {
        if let Link::Online(pulse) = &mut self.link {
            pulse.heard(&mut self.patience, now);
        }
    }

    /// What this step asked of the relay is waited for.
    pub(crate) fn watch_answers(&mut self, turn: &Turn<'_>) {
        if let Link::Online(pulse) = &mut self.link
            && turn.asked > 0
        {
            pulse.asked(turn.asked, turn.now);
        }
    }

    /// The machine says that it has no network. Often that is true, and then no answer comes.
    pub(crate) fn on_network_down(&mut self, now: Millis) {
        if let Link::Online(pulse) = &mut self.link {
            pulse.doubted = true;
            pulse.probe(now);
        }
    }

    /// Somebody looks at a page, and is to see soon what is true.
    pub(crate) fn on_watched(&mut self, now: Millis) {
        let was_watched = self.patience.is_watched(now);
        self.patience.watched_until = now + WATCH_LEASE;
        if let (Link::Online(pulse), false) = (&mut self.link, was_watched) {
            let ping_at = pulse.heard_at + WATCHED_PING_MS;
            pulse.ping_at = pulse.ping_at.min(ping_at);
        }
    }
}
