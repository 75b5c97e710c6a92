//! The one connection to the relay: when to open, greet, authenticate, ping, give up and try again.
//! What frames mean to conversations stands elsewhere. docs/RELAY-PROTOCOL.md, "Order".

mod greeting;
mod pulse;

use pawl_wire::{ClientFrame, ConnectionError, Epoch, Nonce, Registration, RelayFrame, close_code};

use self::greeting::Challenge;
use self::pulse::{Patience, Pulse};
use crate::engine::Engine;
use crate::error::{AlertCode, CommandError};
use crate::event::{Connection, RegistrationPolicy};
use crate::limits::{
    BACKOFF_FIRST, BACKOFF_LAST, CLOSE_TIMEOUT, CONNECT_TIMEOUT, NUDGE_PAUSE, REPLACED_WAIT,
    SLOW_RETRY, backoff,
};
use crate::rooms::Room;
use crate::step::SocketRequest;
use crate::turn::Turn;

/// Where the socket stands. Times are milliseconds since 1970.
#[derive(Clone, Copy)]
enum Link {
    /// None, since `since`; `patient` where the network's coming back is no reason to hurry.
    Down {
        since: u64,
        retry_at: Option<u64>,
        patient: bool,
    },
    /// Asked for.
    Opening { give_up_at: u64 },
    /// Open, not greeted.
    Greeting { give_up_at: u64 },
    /// Greeted. The answer follows at once, or after the work that a relay may ask a registration for.
    Working { give_up_at: u64 },
    /// `Auth` or `Register` is sent.
    Answering { give_up_at: u64 },
    /// Authenticated.
    Online(Pulse),
    /// Asked to close.
    Closing { give_up_at: u64 },
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
    pub(crate) registration: Option<RegistrationPolicy>,
    /// How often `Register` may have reached the relay, this life or an earlier one.
    pub(crate) register_attempts: u32,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            link: Link::Down {
                since: 0,
                retry_at: Some(0),
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

    /// Whether the relay was not reached as far as a first frame.
    fn is_unanswered(&self) -> bool {
        matches!(self.link, Link::Opening { .. } | Link::Greeting { .. }) || self.is_working()
    }

    /// When something is to be done about the connection.
    fn next_due(&self) -> Option<u64> {
        match self.link {
            Link::Down { retry_at, .. } => retry_at,
            // At once, as soon as whatever else there is was done.
            Link::Working { .. } => Some(0),
            Link::Opening { give_up_at }
            | Link::Greeting { give_up_at }
            | Link::Answering { give_up_at }
            | Link::Closing { give_up_at } => Some(give_up_at),
            Link::Online(pulse) => Some(pulse.due()),
        }
    }

    /// Tries at once, or as soon as the present socket is closed.
    pub(crate) fn hurry(&mut self, now: u64) {
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

    fn ping(&mut self, turn: &mut Turn<'_>) {
        self.pings += 1;
        let token = self.pings;
        turn.send(&ClientFrame::Ping { token });
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.link, Link::Down { .. } | Link::Closing { .. }) {
            turn.socket = Some(SocketRequest::Close);
            self.link = Link::Closing {
                give_up_at: turn.now + CLOSE_TIMEOUT,
            };
        }
    }

    fn stay_away(&mut self, milliseconds: u64, patient: bool) {
        let milliseconds = milliseconds.min(SLOW_RETRY);
        self.wait = Some(Wait {
            milliseconds,
            patient,
        });
    }
}

impl Room for Relay {
    fn due(&self, _: bool) -> Option<u64> {
        self.next_due()
    }

    fn clock_went_back(&mut self, by: u64) {
        self.patience.turn_back(by);
        match &mut self.link {
            Link::Down {
                since, retry_at, ..
            } => {
                *since = since.saturating_sub(by);
                *retry_at = retry_at.map(|time| time.saturating_sub(by));
            }
            Link::Opening { give_up_at }
            | Link::Greeting { give_up_at }
            | Link::Working { give_up_at }
            | Link::Answering { give_up_at }
            | Link::Closing { give_up_at } => *give_up_at = give_up_at.saturating_sub(by),
            Link::Online(pulse) => pulse.turn_back(by),
        }
    }
}

impl Engine {
    pub(crate) fn on_socket_opened(&mut self, turn: &Turn<'_>) {
        if let Link::Opening { .. } = self.relay.link {
            self.relay.link = Link::Greeting {
                give_up_at: turn.now + CONNECT_TIMEOUT,
            };
        }
    }

    pub(crate) fn on_network_up(&mut self, turn: &mut Turn<'_>) {
        match &mut self.relay.link {
            Link::Down {
                retry_at: Some(retry_at),
                patient: false,
                ..
            } => {
                *retry_at = turn.now;
                self.relay.failures = 0;
            }
            // A socket may have died with the old network without anyone being told.
            Link::Online(pulse) => pulse.probe(turn.now),
            _ => {}
        }
    }

    /// A person is there: they wait no longer than a moment. However many keys are pressed, the relay sees an
    /// attempt a second.
    pub(crate) fn on_nudged(&mut self, turn: &Turn<'_>) {
        if let Link::Down {
            since,
            retry_at: Some(retry_at),
            patient: false,
        } = &mut self.relay.link
        {
            *retry_at = (*retry_at).min(turn.now.max(*since + NUDGE_PAUSE));
        }
    }

    /// A person asks for an attempt now. One that waits for a network that is gone is given up for it.
    pub(crate) fn on_try_now(&mut self, turn: &mut Turn<'_>) {
        let is_account = self.account.get().ready().is_some();
        if is_account && matches!(self.relay.link, Link::Opening { .. }) {
            self.disconnect(turn);
        }
        self.relay.hurry(turn.now);
    }

    /// Opens, pings and gives up when it is time.
    pub(crate) fn keep_connection(&mut self, turn: &mut Turn<'_>) {
        if self.relay.next_due().is_none_or(|due| due > turn.now) {
            return;
        }
        match &mut self.relay.link {
            Link::Down { .. } => self.open(turn),
            Link::Closing { .. } => self.on_socket_closed(None, turn),
            Link::Working { give_up_at } => {
                let is_late = turn.now >= *give_up_at;
                self.go_on_working(is_late, turn);
            }
            Link::Online(_) => self.keep_alive(turn),
            _ => self.disconnect(turn),
        }
    }

    fn open(&mut self, turn: &mut Turn<'_>) {
        let is_wanted = self.account.get().0.is_some() || self.relay.registration.is_none();
        self.relay.link = if is_wanted {
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

    /// Ends the connection from this side.
    pub(crate) fn disconnect(&mut self, turn: &mut Turn<'_>) {
        let was_tried = self.relay.is_unanswered();
        self.relay.close(turn);
        self.forget_connection(was_tried, turn);
    }

    pub(crate) fn on_socket_closed(&mut self, code: Option<u16>, turn: &mut Turn<'_>) {
        if matches!(self.relay.link, Link::Down { .. }) {
            return;
        }
        // The close code says what a last frame would have said, where that did not arrive.
        let error = ConnectionError::ALL
            .iter()
            .find(|e| code == Some(close_code::of(**e)));
        if let (Some(error), false) = (error, matches!(self.relay.link, Link::Closing { .. })) {
            self.on_connection_error(*error, 0, turn);
        }
        let was_tried = self.relay.is_unanswered();
        let wait = self.relay.wait.take().unwrap_or_else(|| {
            let longest = backoff(BACKOFF_FIRST, BACKOFF_LAST, self.relay.failures);
            Wait {
                milliseconds: turn.jittered(longest),
                patient: false,
            }
        });
        self.relay.failures = self.relay.failures.saturating_add(1);
        let retry_at = Some(turn.now + wait.milliseconds);
        self.relay.link = Link::Down {
            since: turn.now,
            retry_at,
            patient: wait.patient,
        };
        self.forget_connection(was_tried, turn);
    }

    /// Everything that was worth this connection only.
    fn forget_connection(&mut self, was_tried: bool, turn: &mut Turn<'_>) {
        for room in self.rooms() {
            room.connection_lost();
        }
        self.fail_lookups(&CommandError::Offline, turn);
        if was_tried && self.relay.register_attempts == 0 {
            self.refuse_registration(CommandError::Offline, turn);
        }
    }

    pub(crate) fn on_frame(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        let Ok(frame) = RelayFrame::decode(bytes) else {
            self.disconnect(turn);
            return;
        };
        match (self.relay.link, frame) {
            (Link::Down { .. } | Link::Opening { .. } | Link::Closing { .. }, _) => {}
            (
                _,
                RelayFrame::Error {
                    code,
                    retry_after_ms,
                },
            ) => {
                self.on_connection_error(code, retry_after_ms, turn);
                self.disconnect(turn);
            }
            (
                Link::Greeting { .. },
                RelayFrame::Challenge {
                    versions,
                    nonce,
                    epoch,
                    registration,
                    work_bits,
                },
            ) => {
                self.relay.registration = Some(policy(registration));
                self.relay.challenge = Challenge {
                    nonce,
                    epoch,
                    work_bits,
                };
                self.on_challenge(versions, turn);
            }
            (Link::Answering { .. }, RelayFrame::AuthOk(stock)) => self.on_auth_ok(&stock, turn),
            (Link::Online(mut pulse), frame) => {
                pulse.heard(&mut self.relay.patience, turn.now);
                self.relay.link = Link::Online(pulse);
                self.on_online_frame(frame, turn);
            }
            // Anything else at this point is no relay that follows its own contract.
            _ => self.disconnect(turn),
        }
    }

    fn on_online_frame(&mut self, frame: RelayFrame, turn: &mut Turn<'_>) {
        match frame {
            RelayFrame::Stored { message_id, .. } => self.on_stored(message_id, turn),
            RelayFrame::Refused {
                message_id,
                cause,
                retry_after_ms,
            } => {
                self.on_refused(message_id, cause, retry_after_ms, turn);
            }
            RelayFrame::Deliver {
                seq,
                message_id,
                envelope,
            } => {
                self.on_deliver(seq, message_id, envelope, turn);
            }
            RelayFrame::QueueEmpty { .. } => {
                self.inbox.caught_up = true;
                self.receipts.hurry(turn.now);
            }
            RelayFrame::Account { username, record } => self.on_account(&username, record, turn),
            RelayFrame::Bundle { claim, bundle } => self.on_bundle(claim, &bundle, turn),
            RelayFrame::NoBundle {
                claim,
                cause,
                retry_after_ms,
            } => {
                self.on_no_bundle(claim, cause, retry_after_ms, turn);
            }
            RelayFrame::Published { request } => self.publishing.on_published(request),
            RelayFrame::KeysLow(stock) => self.on_stock(&stock, false, turn),
            RelayFrame::Pong { .. } => {}
            RelayFrame::Drain { reconnect_after_ms } => {
                self.relay.stay_away(reconnect_after_ms, false);
                self.disconnect(turn);
            }
            RelayFrame::Challenge { .. } | RelayFrame::AuthOk(_) | RelayFrame::Error { .. } => {
                self.disconnect(turn);
            }
        }
    }

    fn on_connection_error(
        &mut self,
        code: ConnectionError,
        retry_after: u64,
        turn: &mut Turn<'_>,
    ) {
        match code {
            ConnectionError::UnsupportedVersion => {
                turn.alert(AlertCode::VersionMismatch);
                self.relay.stay_away(SLOW_RETRY, true);
            }
            ConnectionError::UnknownDevice
            | ConnectionError::AuthFailed
            | ConnectionError::Banned
                if self.account.get().ready().is_some() =>
            {
                turn.alert(AlertCode::DeviceUnknown);
                self.relay.stay_away(SLOW_RETRY, true);
            }
            ConnectionError::Replaced => {
                turn.alert(AlertCode::Replaced);
                let jitter = turn.jittered(REPLACED_WAIT);
                self.relay.stay_away(REPLACED_WAIT + jitter, true);
            }
            ConnectionError::Malformed => self.relay.stay_away(BACKOFF_LAST, true),
            ConnectionError::KeyReused => self.skip_prekey_ids(turn),
            _ if retry_after > 0 => self.relay.stay_away(retry_after, true),
            _ => {}
        }
        self.on_registration_error(code, retry_after, turn);
    }
}

fn policy(registration: Registration) -> RegistrationPolicy {
    match registration {
        Registration::Open => RegistrationPolicy::Open,
        Registration::Invite => RegistrationPolicy::Invite,
        Registration::Closed => RegistrationPolicy::Closed,
    }
}
