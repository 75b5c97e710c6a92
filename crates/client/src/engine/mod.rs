//! The engine: one state, one `handle`. Holds the rooms, takes what happens to whom it is about, and lends
//! each flow (`flows/`) the rooms that it needs (`lending.rs`). What one room does by itself stands in the
//! folder of its noun. No flow and no room knows the engine, and none is ahead of the disk: what a step
//! changes is what its tables report.

mod commands;
mod connection;
mod damage;
pub(crate) mod flows;
mod housekeeping;
mod idle;
mod lending;
mod views;

use pawl_wire::ClientFrame;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use self::damage::Damage;
use self::housekeeping::Housekeeping;
use crate::account::Account;
use crate::account::counters::Counters;
use crate::account::recent_commands::RecentCommands;
use crate::api::error::StoreError;
use crate::api::event::{Connection, Event, Phase};
use crate::api::step::{Effects, Hint, Input, Step};
use crate::channel::Channels;
use crate::channel::receipts::Receipts;
use crate::channel::repair_queue::{RepairQueue, find_trouble};
use crate::channel::sessions::Sessions;
use crate::conversations::Conversations;
use crate::conversations::aside::Aside;
use crate::directory::contacts::Contacts;
use crate::directory::lookups::Lookups;
use crate::directory::requests::Requests;
use crate::directory::strangers::Strangers;
use crate::engine::flows::looking_up::ask_strangers;
use crate::inbox::Inbox;
use crate::limits::{SEEN_BLOCKS, SEEN_PER_BLOCK};
use crate::numbers::Millis;
use crate::outbox::Outbox;
use crate::prekeys::Prekeys;
use crate::prekeys::publishing::Publishing;
use crate::relay::Relay;
use crate::storage::rings::Ring;
use crate::storage::room::Room;
use crate::storage::store::{Key, Table};
use crate::storage::tracked::Kept;
use crate::turn::Turn;

/// What the engine must be told about where it runs.
#[derive(Clone)]
pub struct Config {
    /// `host[:port]` of the relay, in lower case, as in the Host header of the connection.
    pub authority: String,
}

/// A record as the driver read it from its store.
pub struct LoadedRecord {
    /// Where it stands.
    pub table: Table,
    /// Under which key.
    pub key: Key,
    /// Its value; nothing where the driver could not unseal it.
    pub value: Option<Zeroizing<Vec<u8>>>,
}

/// Pawl's client without I/O.
pub struct Engine {
    config: Config,
    // On disk.
    account: Kept<Account>,
    counters: Kept<Counters>,
    commands: RecentCommands,
    seen: Ring,
    contacts: Contacts,
    conversations: Conversations,
    channels: Channels,
    sessions: Sessions,
    prekeys: Prekeys,
    outbox: Outbox,
    strangers: Strangers,
    aside: Aside,
    requests: Requests,
    // Only in memory: worth one connection, or one life of the engine.
    relay: Relay,
    lookups: Lookups,
    inbox: Inbox,
    publishing: Publishing,
    receipts: Receipts,
    repairs: RepairQueue,
    housekeeping: Housekeeping,
    damage: Vec<Damage>,
    /// When this engine did its first step.
    began_at: Millis,
    /// When it did its last one.
    stepped_at: Millis,
    shown: (Phase, Connection),
}

/// Gives all rooms, to be asked and to be changed.
macro_rules! rooms {
    ($($room:ident),+ $(,)?) => {
        impl Engine {
            fn all_rooms(&self) -> impl Iterator<Item = &dyn Room> {
                let all: [&dyn Room; _] = [$(&self.$room),+];
                all.into_iter()
            }

            fn rooms(&mut self) -> impl Iterator<Item = &mut dyn Room> {
                let all: [&mut dyn Room; _] = [$(&mut self.$room),+];
                all.into_iter()
            }
        }
    };
}

// All parts of the state, in the order in which they are written: a new one is a line here.
rooms![
    account,
    counters,
    commands,
    seen,
    contacts,
    conversations,
    channels,
    sessions,
    prekeys,
    outbox,
    strangers,
    aside,
    requests,
    relay,
    lookups,
    inbox,
    publishing,
    receipts,
    repairs,
    housekeeping,
];

impl Engine {
    /// Takes everything that the store holds but its messages (see [`Table::is_loaded`]), in any order.
    /// Connects at the first [`Input::Tick`].
    ///
    /// # Errors
    /// [`StoreError`] where a Meta record is damaged or the store is newer than this code. Any other
    /// damaged record is set aside, with an alert: the rest works.
    pub fn load(config: Config, records: Vec<LoadedRecord>) -> Result<Self, StoreError> {
        let mut engine = Self::empty(config);
        engine.take_records(records)?;
        find_trouble(&engine.channels, &mut engine.sessions, &mut engine.repairs);
        engine.setting_aside().settle_aside();
        let is_registering = engine.account.get().registering().is_some();
        engine.relay.set_attempts(u32::from(is_registering));
        engine.shown = (engine.phase(), engine.relay.state());
        Ok(engine)
    }

    fn empty(config: Config) -> Self {
        Self {
            config,
            account: Kept::new("account", Account::default()),
            counters: Kept::new("counters", Counters::default()),
            commands: RecentCommands::new(),
            seen: Ring::new("seen", SEEN_BLOCKS, SEEN_PER_BLOCK),
            contacts: Contacts::new(),
            conversations: Conversations::new(),
            channels: Channels::new(),
            sessions: Sessions::new(),
            prekeys: Prekeys::new(),
            outbox: Outbox::new(),
            strangers: Strangers::new(),
            aside: Aside::new(),
            requests: Requests::new(),
            relay: Relay::default(),
            lookups: Lookups::default(),
            inbox: Inbox::default(),
            publishing: Publishing::default(),
            receipts: Receipts::default(),
            repairs: RepairQueue::default(),
            housekeeping: Housekeeping::default(),
            damage: Vec::new(),
            began_at: Millis::ZERO,
            stepped_at: Millis::ZERO,
            shown: (Phase::NoAccount { registration: None }, Connection::Offline),
        }
    }

    /// One step: what happened goes in; changes, frames and events come out (see [`Step`]). `now` is
    /// in milliseconds since 1970.
    pub fn handle(&mut self, input: Input, now: u64, rng: &mut dyn CryptoRng) -> Step {
        let now = Millis(now);
        let mut turn = Turn::new(now, rng);
        if self.began_at == Millis::ZERO {
            self.began_at = now;
        }
        let by = self.stepped_at.since(now);
        if by > 0 {
            // What is due in a minute is due in a minute, and not when the clock says so again.
            for room in self.rooms() {
                room.clock_went_back(by);
            }
        }
        self.stepped_at = now;
        self.mend_damage(&mut turn);
        match input {
            Input::Command { id, command } => self.on_command(id, command, &mut turn),
            Input::SocketOpened => self.relay.on_opened(turn.now),
            Input::Frames(frames) => {
                for frame in &frames {
                    self.on_frame(frame, &mut turn);
                }
            }
            Input::SocketClosed { code } => self.on_socket_closed(code, &mut turn),
            Input::Lines(rows) => self.resending().on_lines(&rows, &mut turn),
            Input::Tick => {}
            Input::Hint(hint) => self.on_hint(hint, &mut turn),
        }
        self.acknowledge(&mut turn);
        self.keep_house(&mut turn);
        self.keep_connection(&mut turn);
        self.work(&mut turn);
        self.relay.watch_answers(&turn);
        self.finish(turn)
    }

    fn on_hint(&mut self, hint: Hint, turn: &mut Turn<'_>) {
        match hint {
            Hint::NetworkUp => self.relay.on_network_up(turn.now),
            Hint::NetworkDown => self.relay.on_network_down(turn.now),
            Hint::Watched => self.relay.on_watched(turn.now),
            Hint::Nudged => self.relay.on_nudged(turn.now),
            Hint::TryNow => self.on_try_now(turn),
        }
    }

    /// Tells the relay, once for all of this step, what is on disk when the step's frames leave.
    fn acknowledge(&self, turn: &mut Turn<'_>) {
        if std::mem::take(&mut turn.acknowledge) {
            let through = self.counters.get().last_seq;
            turn.send(&ClientFrame::Ack { through });
        }
    }

    /// Whatever can go on goes on, whatever it waited for.
    fn work(&mut self, turn: &mut Turn<'_>) {
        if !self.relay.is_online() {
            return;
        }
        self.mending().mend(turn);
        self.writing_receipts().write_receipts(turn);
        if let Some(mut sending) = self.sending() {
            sending.send_waiting(turn);
        }
        self.lookups.ask_all(&self.contacts, turn);
        ask_strangers(&mut self.strangers, &self.inbox, &mut self.lookups, turn);
        let (account, counters) = (&self.account, &mut self.counters);
        (self.publishing).publish(account, counters, &mut self.prekeys, turn);
    }

    fn finish(&mut self, mut turn: Turn<'_>) -> Step {
        let events = self.events(&mut turn);
        let mut changes = std::mem::take(&mut turn.changes);
        for room in self.rooms() {
            room.flush(&mut changes);
        }
        let effects = Effects {
            frames: turn.frames,
            socket: turn.socket,
            wake_at: self.wake_at().map(|at| at.0),
            events,
            reads: turn.reads,
        };
        Step::new(changes, effects)
    }

    fn events(&mut self, turn: &mut Turn<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        let (phase, connection) = (self.phase(), self.relay.state());
        if phase != self.shown.0 {
            events.push(Event::PhaseChanged {
                phase: phase.clone(),
            });
        }
        if connection != self.shown.1 {
            events.push(Event::ConnectionChanged { connection });
        }
        self.shown = (phase, connection);
        let alerts = std::mem::take(&mut turn.alerts);
        events.extend(alerts.into_iter().map(|alert| Event::Alert { alert }));
        self.show_previews(turn);
        for id in std::mem::take(&mut turn.shown) {
            if let Some(conversation) = self.conversation_view(id) {
                events.push(Event::ConversationChanged { conversation });
            }
        }
        events.extend(turn.message_events());
        let done = std::mem::take(&mut turn.done);
        events.extend(
            done.into_iter()
                .map(|(id, error)| Event::CommandDone { id, error }),
        );
        events
    }

    /// Whether nothing is under way in any room.
    fn rooms_are_idle(&self) -> bool {
        self.all_rooms().all(|room| room.is_idle())
    }

    /// The next time at which something is due without anything happening outside.
    fn wake_at(&self) -> Option<Millis> {
        let housekeeping = self.account.get().0.as_ref();
        let housekeeping = housekeeping.map(|_| self.housekeeping_due());
        let is_online = self.relay.is_online();
        let strangers = self.strangers.due_with(&self.lookups).filter(|_| is_online);
        let rooms = self.all_rooms().map(|room| room.due(is_online));
        let due = rooms.chain([housekeeping, strangers]);
        due.flatten().min()
    }
}
