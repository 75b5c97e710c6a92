//! What the connection's frames, its beginning and its end mean to the rooms of the engine. Where the
//! connection stands is `relay`'s. docs/RELAY-PROTOCOL.md, "Order".

use pawl_wire::limits::{FRAME_VERSION, MAX_WORK_BITS};
use pawl_wire::{
    Auth, ClientFrame, ConnectionError, KeyStock, RelayFrame, SignatureBytes, close_code, statement,
};

use super::Engine;
use crate::api::error::{AlertCode, CommandError};
use crate::engine::flows::registration::{refusal_of, register_frame};
use crate::limits::{BACKOFF_LAST, MAX_TOLD_SEQ, RECEIVE_WINDOW, REPLACED_WAIT, SLOW_RETRY};
use crate::relay::{Challenge, Due, Stage};
use crate::turn::Turn;

impl Engine {
    /// A person asks for an attempt now. One that waits for a network that is gone is given up for it.
    pub(super) fn on_try_now(&mut self, turn: &mut Turn<'_>) {
        if self.account.get().ready().is_some() && self.relay.is_opening() {
            self.disconnect(turn);
        }
        self.relay.hurry(turn.now);
    }

    /// Opens, works, pings and gives up when it is time.
    pub(super) fn keep_connection(&mut self, turn: &mut Turn<'_>) {
        match self.relay.due_now(turn.now) {
            None => {}
            Some(Due::Open) => self.relay.open(self.account.get().0.is_some(), turn),
            Some(Due::CountAsClosed) => self.on_socket_closed(None, turn),
            Some(Due::Work { is_late }) => self.work_for_the_relay(is_late, turn),
            Some(Due::Ping) if self.relay.keep_alive(turn) => {}
            Some(Due::Ping | Due::GiveUp) => self.disconnect(turn),
        }
    }

    /// Ends the connection from this side.
    fn disconnect(&mut self, turn: &mut Turn<'_>) {
        let was_tried = self.relay.is_unanswered();
        self.relay.close(turn);
        self.forget_connection(was_tried, turn);
    }

    pub(super) fn on_socket_closed(&mut self, code: Option<u16>, turn: &mut Turn<'_>) {
        if self.relay.is_down() {
            return;
        }
        // The close code says what a last frame would have said, where that did not arrive.
        let error = ConnectionError::ALL
            .iter()
            .find(|e| code == Some(close_code::of(**e)));
        if let (Some(error), false) = (error, self.relay.is_closing()) {
            self.on_connection_error(*error, 0, turn);
        }
        let was_tried = self.relay.is_unanswered();
        self.relay.on_closed(turn);
        self.forget_connection(was_tried, turn);
    }

    /// Everything that was worth this connection only.
    fn forget_connection(&mut self, was_tried: bool, turn: &mut Turn<'_>) {
        for room in self.rooms() {
            room.connection_lost();
        }
        (self.lookups).fail(&CommandError::Offline, &mut self.commands, turn);
        if was_tried && !self.relay.was_asked_to_register() {
            (self.registration()).refuse_registration(CommandError::Offline, turn);
        }
    }

    pub(super) fn on_frame(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        let Ok(frame) = RelayFrame::decode(bytes) else {
            self.disconnect(turn);
            return;
        };
        match (self.relay.stage(), frame) {
            (Stage::Closed, _) => {}
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
                Stage::Greeting,
                RelayFrame::Challenge {
                    versions,
                    nonce,
                    epoch,
                    registration,
                    work_bits,
                },
            ) => {
                let challenge = Challenge {
                    nonce,
                    epoch,
                    work_bits,
                };
                self.relay.on_challenge(challenge, registration);
                self.on_challenge(versions, turn);
            }
            (Stage::Answering, RelayFrame::AuthOk(stock)) => self.on_auth_ok(&stock, turn),
            (Stage::Online, frame) => {
                self.relay.on_heard(turn.now);
                self.on_online_frame(frame, turn);
            }
            // Anything else at this point is no relay that follows its own contract.
            _ => self.disconnect(turn),
        }
    }

    fn on_online_frame(&mut self, frame: RelayFrame, turn: &mut Turn<'_>) {
        match frame {
            RelayFrame::Stored { message_id, .. } => self.submitted().on_stored(message_id, turn),
            RelayFrame::Refused {
                message_id,
                cause,
                retry_after_ms,
            } => {
                (self.submitted()).on_refused(message_id, cause, retry_after_ms, turn);
            }
            RelayFrame::Deliver {
                seq,
                message_id,
                envelope,
            } => {
                if !self.receiving().on_deliver(seq, message_id, envelope, turn) {
                    self.disconnect(turn);
                }
            }
            RelayFrame::QueueEmpty { .. } => {
                self.inbox.caught_up();
                self.receipts.hurry(turn.now);
            }
            RelayFrame::Account { username, record } => {
                self.looking_up().on_account(&username, record, turn);
            }
            RelayFrame::Bundle { claim, bundle } => {
                if let Some(mut establishing) = self.establishing() {
                    establishing.on_bundle(claim, &bundle, turn);
                }
            }
            RelayFrame::NoBundle {
                claim,
                cause,
                retry_after_ms,
            } => {
                if let Some(mut establishing) = self.establishing() {
                    establishing.on_no_bundle(claim, cause, retry_after_ms, turn);
                }
            }
            RelayFrame::Published { request } => self.publishing.on_published(request),
            RelayFrame::KeysLow(stock) => {
                (self.publishing).on_stock(&mut self.prekeys, &stock, false, turn);
            }
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
            ConnectionError::KeyReused => {
                let (account, counters) = (&self.account, &mut self.counters);
                (self.publishing).skip_prekey_ids(account, counters, &mut self.prekeys, turn);
            }
            _ if retry_after > 0 => self.relay.stay_away(retry_after, true),
            _ => {}
        }
        if let Some(error) = refusal_of(code, retry_after, &self.relay) {
            self.registration().refuse_registration(error, turn);
        }
    }

    fn on_challenge(&mut self, versions: (u32, u32), turn: &mut Turn<'_>) {
        if !(versions.0..=versions.1).contains(&FRAME_VERSION) {
            self.on_connection_error(ConnectionError::UnsupportedVersion, 0, turn);
            self.disconnect(turn);
            return;
        }
        let is_new = self.account.get().registering().is_some();
        if is_new && self.relay.challenge().work_bits > MAX_WORK_BITS {
            self.relay.stay_away(SLOW_RETRY, true);
            return self.give_work_up(CommandError::WorkTooMuch, turn);
        }
        // It goes on with `keep_connection`, in this step and, where there is work, the next ones.
        self.relay.begin_work(turn.now);
    }

    /// A slice of the work, so that whatever else happens is never held up for long; then the answer. The
    /// work is of one connection: when that ends, the next one's is begun anew.
    fn work_for_the_relay(&mut self, is_late: bool, turn: &mut Turn<'_>) {
        if is_late {
            return self.give_work_up(CommandError::WorkTooSlow, turn);
        }
        let work = match self.account.get().registering() {
            Some((own, _)) => self.relay.work(own),
            None => Some(0),
        };
        if let Some(work) = work {
            self.answer(work, turn);
        }
    }

    /// What was sent before may have made the account, so then it goes on later.
    fn give_work_up(&mut self, error: CommandError, turn: &mut Turn<'_>) {
        if self.relay.is_first_attempt() {
            self.registration().refuse_registration(error, turn);
        }
        self.disconnect(turn);
    }

    /// Says who this is.
    fn answer(&mut self, work: u64, turn: &mut Turn<'_>) {
        let Challenge { nonce, epoch, .. } = self.relay.challenge();
        let connection = statement::Connection {
            authority: &self.config.authority,
            nonce,
            epoch,
        };
        let frame = if let Some((own, registering)) = self.account.get().registering() {
            self.relay.count_attempt();
            register_frame(&self.prekeys, &connection, own, registering, work)
        } else if let Some(own) = self.account.get().ready() {
            // Sequence numbers of another epoch mean nothing in this one.
            let counters = self.counters.get();
            let last_seq = if counters.epoch == Some(epoch) && counters.last_seq <= MAX_TOLD_SEQ {
                counters.last_seq
            } else {
                0
            };
            let bytes = statement::auth(&connection, own.address(), last_seq);
            let signature = own.device.keys().sign_statement(&bytes);
            ClientFrame::Auth(Auth {
                version: FRAME_VERSION,
                device: own.address(),
                last_seq,
                receive_window: RECEIVE_WINDOW,
                signature: SignatureBytes(signature.expect("statements begin with their prefix")),
            })
        } else {
            // Only what new accounts need was to be learned.
            return self.relay.close(turn);
        };
        turn.send(&frame);
        self.relay.on_answered(turn.now);
    }

    fn on_auth_ok(&mut self, stock: &KeyStock, turn: &mut Turn<'_>) {
        let epoch = self.relay.challenge().epoch;
        self.relay.come_online(turn.now);
        let known = self.counters.get().epoch;
        if known != Some(epoch) || self.counters.get().last_seq > MAX_TOLD_SEQ {
            let counters = self.counters.edit();
            counters.epoch = Some(epoch);
            counters.last_seq = 0;
        }
        let is_restored = known.is_some_and(|known| known != epoch);
        (self.publishing).on_stock(&mut self.prekeys, stock, is_restored, turn);
        self.registration().complete_registration(turn);
        self.outbox.come_online();
    }
}
