//! The one connection to the relay: where it stands, how long to wait for what, and when to ping, to give up
//! and to try again. What a connection's frames and its end mean to the rest stands in
//! `engine/connection.rs`. docs/RELAY-PROTOCOL.md, "Order".

mod pulse;

use pawl_wire::work::Puzzle;
use pawl_wire::{Epoch, Nonce, Registration};

use self::pulse::{Patience, Pulse};
use crate::account::OwnAccount;
use crate::api::event::{Connection, RegistrationPolicy};
use crate::api::step::SocketRequest;
use crate::limits::{
    BACKOFF_FIRST, BACKOFF_LAST, CLOSE_TIMEOUT, CONNECT_TIMEOUT, NUDGE_PAUSE, SLOW_RETRY,
    WORK_PATIENCE, WORK_SLICE, backoff,
};
use crate::numbers::Millis;
use crate::storage::room::Room;
use crate::turn::Turn;

/// Where the socket stands. Times are milliseconds since 1970.
#[derive(Clone, Copy)]
enum Link {
    /// None, since `since`; `patient` where the network's coming back is no reason to hurry.
    Down {
        since: Millis,
        retry_at: Option<Millis>,
        patient: bool,
    },
    /// Asked for.
    Opening { give_up_at: Millis },
    /// Open, not greeted.
    Greeting { give_up_at: Millis },
    /// Greeted. The answer follows at once, or after the work that a relay may ask a registration for.
    Working { give_up_at: Millis },
    /// `Auth` or `Register` is sent.
    Answering { give_up_at: Millis },
    /// Authenticated.
    Online(Pulse),
    /// Asked to close.
    Closing { give_up_at: Millis },
}

/// How far a connection has come, for what its frames may be.
pub(crate) enum Stage {
    /// There is no socket that a frame could be of.
    Closed,
    /// The challenge comes next.
    Greeting,
    /// The answer to the challenge is worked for: nothing comes.
    Working,
    /// The relay lets this device in next, or not.
    Answering,
    /// Authenticated.
    Online,
}

/// What is to be done about the connection now.
pub(crate) enum Due {
    Open,
    /// The socket is asked to close for so long that it counts as closed.
    CountAsClosed,
    /// A slice of the work, unless it has taken too long.
    Work {
        is_late: bool,
    },
    Ping,
    GiveUp,
}

/// What a connection is to be answered with.
#[derive(Clone, Copy)]
pub(crate) struct Challenge {
    pub(crate) nonce: Nonce,
    pub(crate) epoch: Epoch,
    pub(crate) work_bits: u32,
}

/// How long to stay away.
#[derive(Clone, Copy)]
struct Wait {
    milliseconds: u64,
    patient: bool,
}

/// What is known of relay and connection.
pub(crate) struct Relay {
    link: Link,
    failures: u32,
    wait: Option<Wait>,
    pings: u64,
    patience: Patience,
    /// The newest one.
    challenge: Challenge,
    /// Numbers that were tried as an answer to it.
    tried: u64,
    registration: Option<RegistrationPolicy>,
    /// How often `Register` may have reached the relay, this life or an earlier one.
    register_attempts: u32,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            link: Link::Down {
                since: Millis::ZERO,
                retry_at: Some(Millis::ZERO),
                patient: false,
            },
            failures: 0,
            wait: None,
            pings: 0,
            patience: Patience::default(),
            challenge: Challenge {
                nonce: Nonce([0; Nonce::LEN]),
                epoch: Epoch([0; Epoch::LEN]),
                work_bits: 0,
            },
            tried: 0,
            registration: None,
            register_attempts: 0,
        }
    }
}

impl Relay {
    pub(crate) fn state(&self) -> Connection {
        match self.link {
            Link::Online(pulse) if !pulse.is_doubted() => Connection::Online,
            Link::Online(_)
            | Link::Opening { .. }
            | Link::Greeting { .. }
            | Link::Working { .. }
            | Link::Answering { .. } => Connection::Connecting,
            Link::Down { .. } | Link::Closing { .. } => Connection::Offline,
        }
    }

    pub(crate) fn is_online(&self) -> bool {
        matches!(self.link, Link::Online(_))
    }

    /// Whether a socket is open or being opened.
    pub(crate) fn is_trying(&self) -> bool {
        self.state() == Connection::Connecting
    }

    /// Whether the answer to the challenge is being worked for.
    pub(crate) fn is_working(&self) -> bool {
        matches!(self.link, Link::Working { .. })
    }

    /// Whether no `Register` can have reached the relay but that of this connection.
    pub(crate) fn is_first_attempt(&self) -> bool {
        self.register_attempts == u32::from(matches!(self.link, Link::Answering { .. }))
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.link {
            Link::Down { .. } | Link::Opening { .. } | Link::Closing { .. } => Stage::Closed,
            Link::Greeting { .. } => Stage::Greeting,
            Link::Working { .. } => Stage::Working,
            Link::Answering { .. } => Stage::Answering,
            Link::Online(_) => Stage::Online,
        }
    }

    pub(crate) fn is_down(&self) -> bool {
        matches!(self.link, Link::Down { .. })
    }

    pub(crate) fn is_opening(&self) -> bool {
        matches!(self.link, Link::Opening { .. })
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.link, Link::Closing { .. })
    }

    /// Who may make an account there, where the relay has said so.
    pub(crate) const fn registration(&self) -> Option<RegistrationPolicy> {
        self.registration
    }

    /// The newest challenge.
    pub(crate) const fn challenge(&self) -> Challenge {
        self.challenge
    }

    /// How often `Register` may have reached the relay for an account that is begun or loaded now.
    pub(crate) fn set_attempts(&mut self, attempts: u32) {
        self.register_attempts = attempts;
    }

    pub(crate) const fn was_asked_to_register(&self) -> bool {
        self.register_attempts > 0
    }

    pub(crate) fn count_attempt(&mut self) {
        self.register_attempts += 1;
    }

    /// Whether the relay was not reached as far as a first frame.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.link, Link::Opening { .. } | Link::Greeting { .. }) || self.is_working()
    }

    /// When something is to be done about the connection.
    fn next_due(&self) -> Option<Millis> {
        match self.link {
            Link::Down { retry_at, .. } => retry_at,
            // At once, as soon as whatever else there is was done.
            Link::Working { .. } => Some(Millis::ZERO),
            Link::Opening { give_up_at }
            | Link::Greeting { give_up_at }
            | Link::Answering { give_up_at }
            | Link::Closing { give_up_at } => Some(give_up_at),
            Link::Online(pulse) => Some(pulse.due()),
        }
    }

    /// What is to be done about it now, where anything is.
    pub(crate) fn due_now(&self, now: Millis) -> Option<Due> {
        self.next_due().filter(|due| *due <= now)?;
        Some(match self.link {
            Link::Down { .. } => Due::Open,
            Link::Closing { .. } => Due::CountAsClosed,
            Link::Working { give_up_at } => Due::Work {
                is_late: now >= give_up_at,
            },
            Link::Online(_) => Due::Ping,
            Link::Opening { .. } | Link::Greeting { .. } | Link::Answering { .. } => Due::GiveUp,
        })
    }

    /// Opens a socket, where there is something to learn or to do.
    pub(crate) fn open(&mut self, has_account: bool, turn: &mut Turn<'_>) {
        self.link = if has_account || self.registration.is_none() {
            turn.socket = Some(SocketRequest::Open);
            Link::Opening {
                give_up_at: turn.now + CONNECT_TIMEOUT,
            }
        } else {
            Link::Down {
                since: turn.now,
                retry_at: None,
                patient: false,
            }
        };
    }

    pub(crate) fn on_opened(&mut self, now: Millis) {
        if let Link::Opening { .. } = self.link {
            self.link = Link::Greeting {
                give_up_at: now + CONNECT_TIMEOUT,
            };
        }
    }

    /// The machine has a network again.
    pub(crate) fn on_network_up(&mut self, now: Millis) {
        match &mut self.link {
            Link::Down {
                retry_at: Some(retry_at),
                patient: false,
                ..
            } => {
                *retry_at = now;
                self.failures = 0;
            }
            // A socket may have died with the old network without anyone being told.
            Link::Online(pulse) => pulse.probe(now),
            _ => {}
        }
    }

    /// A person is there: they wait no longer than a moment. However many keys are pressed, the relay sees an
    /// attempt a second.
    pub(crate) fn on_nudged(&mut self, now: Millis) {
        if let Link::Down {
            since,
            retry_at: Some(retry_at),
            patient: false,
        } = &mut self.link
        {
            *retry_at = (*retry_at).min(now.max(*since + NUDGE_PAUSE));
        }
    }

    /// The relay has greeted.
    pub(crate) fn on_challenge(&mut self, challenge: Challenge, registration: Registration) {
        self.challenge = challenge;
        self.registration = Some(match registration {
            Registration::Open => RegistrationPolicy::Open,
            Registration::Invite => RegistrationPolicy::Invite,
            Registration::Closed => RegistrationPolicy::Closed,
        });
    }

    /// The answer to the challenge is worked for from now on.
    pub(crate) fn begin_work(&mut self, now: Millis) {
        self.tried = 0;
        self.link = Link::Working {
            give_up_at: now + WORK_PATIENCE,
        };
    }

    /// A slice of the work that the relay asks of a registration; the number that it wants, where that is found.
    pub(crate) fn work(&mut self, own: &OwnAccount) -> Option<u64> {
        let Challenge {
            nonce, work_bits, ..
        } = &self.challenge;
        let puzzle = Puzzle::new(*work_bits, nonce, &own.address().account);
        let solved = puzzle.solve(self.tried, WORK_SLICE);
        if solved.is_none() {
            self.tried += WORK_SLICE;
        }
        solved
    }

    /// The challenge is answered.
    pub(crate) fn on_answered(&mut self, now: Millis) {
        self.link = Link::Answering {
            give_up_at: now + CONNECT_TIMEOUT,
        };
    }

    /// The relay has let this device in.
    pub(crate) fn come_online(&mut self, now: Millis) {
        self.failures = 0;
        self.link = Link::Online(Pulse::new(&self.patience, now));
    }

    /// There is no socket any more: waits until the next attempt.
    pub(crate) fn on_closed(&mut self, turn: &mut Turn<'_>) {
        let wait = self.wait.take().unwrap_or_else(|| {
            let longest = backoff(BACKOFF_FIRST, BACKOFF_LAST, self.failures);
            Wait {
                milliseconds: turn.jittered(longest),
                patient: false,
            }
        });
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Down {
            since: turn.now,
            retry_at: Some(turn.now + wait.milliseconds),
            patient: wait.patient,
        };
    }

    /// Tries at once, or as soon as the present socket is closed.
    pub(crate) fn hurry(&mut self, now: Millis) {
        match &mut self.link {
            Link::Down {
                retry_at, patient, ..
            } => {
                *retry_at = Some(now);
                *patient = false;
            }
            Link::Closing { .. } => {
                self.wait = Some(Wait {
                    milliseconds: 0,
                    patient: false,
                })
            }
            _ => {}
        }
    }

    /// Asks for the socket's end.
    pub(crate) fn close(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.link, Link::Down { .. } | Link::Closing { .. }) {
            turn.socket = Some(SocketRequest::Close);
            self.link = Link::Closing {
                give_up_at: turn.now + CLOSE_TIMEOUT,
            };
        }
    }

    /// Waits so long after this connection, at most [`SLOW_RETRY`].
    pub(crate) fn stay_away(&mut self, milliseconds: u64, patient: bool) {
        let milliseconds = milliseconds.min(SLOW_RETRY);
        self.wait = Some(Wait {
            milliseconds,
            patient,
        });
    }
}

impl Room for Relay {
    fn due(&self, _: bool) -> Option<Millis> {
        self.next_due()
    }

    fn clock_went_back(&mut self, by: u64) {
        self.patience.turn_back(by);
        match &mut self.link {
            Link::Down {
                since, retry_at, ..
            } => {
                *since = since.earlier_by(by);
                *retry_at = retry_at.map(|time| time.earlier_by(by));
            }
            Link::Opening { give_up_at }
            | Link::Greeting { give_up_at }
            | Link::Working { give_up_at }
            | Link::Answering { give_up_at }
            | Link::Closing { give_up_at } => *give_up_at = give_up_at.earlier_by(by),
            Link::Online(pulse) => pulse.turn_back(by),
        }
    }
}
