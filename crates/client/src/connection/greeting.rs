//! From the relay's challenge to an authenticated connection, by way of the work that a relay may ask of a
//! registration. The work is of one connection: when that ends, the next one's is begun anew.

use pawl_wire::limits::{FRAME_VERSION, MAX_WORK_BITS};
use pawl_wire::work::Puzzle;
use pawl_wire::{
    Auth, ClientFrame, ConnectionError, Epoch, KeyStock, Nonce, SignatureBytes, statement,
};

use super::{Link, Pulse};
use crate::engine::Engine;
use crate::error::CommandError;
use crate::limits::{
    CLOSE_TIMEOUT, CONNECT_TIMEOUT, MAX_TOLD_SEQ, RECEIVE_WINDOW, SLOW_RETRY, WORK_PATIENCE,
    WORK_SLICE,
};
use crate::step::SocketRequest;
use crate::turn::Turn;

/// What a connection is to be answered with.
pub(super) struct Challenge {
    pub(super) nonce: Nonce,
    pub(super) epoch: Epoch,
    pub(super) work_bits: u32,
}

impl Engine {
    pub(super) fn on_challenge(&mut self, versions: (u32, u32), turn: &mut Turn<'_>) {
        if !(versions.0..=versions.1).contains(&FRAME_VERSION) {
            self.on_connection_error(ConnectionError::UnsupportedVersion, 0, turn);
            self.disconnect(turn);
            return;
        }
        let is_new = self.account.get().registering().is_some();
        if is_new && self.relay.challenge.work_bits > MAX_WORK_BITS {
            self.relay.stay_away(SLOW_RETRY, true);
            return self.give_work_up(CommandError::WorkTooMuch, turn);
        }
        // It goes on with `keep_connection`, in this step and, where there is work, the next ones.
        self.relay.tried = 0;
        self.relay.link = Link::Working {
            give_up_at: turn.now + WORK_PATIENCE,
        };
    }

    /// A slice of the work, so that whatever else happens is never held up for long; then the answer.
    pub(super) fn go_on_working(&mut self, is_late: bool, turn: &mut Turn<'_>) {
        if is_late {
            return self.give_work_up(CommandError::WorkTooSlow, turn);
        }
        let work = match self.account.get().registering() {
            Some((own, _)) => {
                let Challenge {
                    nonce, work_bits, ..
                } = &self.relay.challenge;
                let puzzle = Puzzle::new(*work_bits, nonce, &own.address().account);
                puzzle.solve(self.relay.tried, WORK_SLICE)
            }
            None => Some(0),
        };
        match work {
            Some(work) => self.answer(work, turn),
            None => self.relay.tried += WORK_SLICE,
        }
    }

    /// What was sent before may have made the account, so then it goes on later.
    fn give_work_up(&mut self, error: CommandError, turn: &mut Turn<'_>) {
        if self.relay.is_first_attempt() {
            self.refuse_registration(error, turn);
        }
        self.disconnect(turn);
    }

    /// Says who this is.
    fn answer(&mut self, work: u64, turn: &mut Turn<'_>) {
        let Challenge { nonce, epoch, .. } = self.relay.challenge;
        let connection = statement::Connection {
            authority: &self.config.authority,
            nonce,
            epoch,
        };
        let frame = if let Some((own, registering)) = self.account.get().registering() {
            self.relay.register_attempts += 1;
            self.register_frame(&connection, own, registering, work)
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
            self.relay.link = Link::Closing {
                give_up_at: turn.now + CLOSE_TIMEOUT,
            };
            turn.socket = Some(SocketRequest::Close);
            return;
        };
        turn.send(&frame);
        self.relay.link = Link::Answering {
            give_up_at: turn.now + CONNECT_TIMEOUT,
        };
    }

    pub(super) fn on_auth_ok(&mut self, stock: &KeyStock, turn: &mut Turn<'_>) {
        let epoch = self.relay.challenge.epoch;
        self.relay.failures = 0;
        self.relay.link = Link::Online(Pulse::new(&self.relay.patience, turn.now));
        let known = self.counters.get().epoch;
        if known != Some(epoch) || self.counters.get().last_seq > MAX_TOLD_SEQ {
            let counters = self.counters.edit();
            counters.epoch = Some(epoch);
            counters.last_seq = 0;
        }
        let is_restored = known.is_some_and(|known| known != epoch);
        self.on_stock(stock, is_restored, turn);
        self.complete_registration(turn);
        self.wake_all();
    }
}
