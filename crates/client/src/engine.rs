//! The engine: one state, one `handle`. Thin: everything that it does stands in the module of its noun.
//! Nothing here or there is ahead of the disk: what a step changes is what its tables report.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::account::Account;
use crate::aside::Aside;
use crate::channel::Channels;
use crate::channel::sessions::Sessions;
use crate::connection::Relay;
use crate::contacts::Contacts;
use crate::conversations::Conversations;
use crate::counters::Counters;
use crate::damage::Damage;
use crate::error::StoreError;
use crate::event::{Connection, Event, Phase};
use crate::housekeeping::Housekeeping;
use crate::in_flight::Sending;
use crate::inbox::Inbox;
use crate::limits::{RECENT_COMMANDS, SEEN_BLOCKS, SEEN_PER_BLOCK};
use crate::lookups::Lookups;
use crate::mending::Mender;
use crate::outbox::Outbox;
use crate::prekeys::Prekeys;
use crate::publishing::Publishing;
use crate::receipts::Receipts;
use crate::requests::Requests;
use crate::rings::Ring;
use crate::rooms::Room;
use crate::step::{Effects, Hint, Input, Step};
use crate::store::{Key, Table};
use crate::strangers::Strangers;
use crate::tracked::{Kept, Tracked};
use crate::turn::Turn;

/// Ids in one block of the commands' ring.
const COMMANDS_PER_BLOCK: u64 = 64;

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
    pub(crate) config: Config,
    // On disk.
    pub(crate) account: Kept<Account>,
    pub(crate) counters: Kept<Counters>,
    pub(crate) recent_commands: Ring,
    pub(crate) seen: Ring,
    pub(crate) contacts: Contacts,
    pub(crate) conversations: Conversations,
    pub(crate) channels: Channels,
    pub(crate) sessions: Sessions,
    pub(crate) prekeys: Prekeys,
    pub(crate) outbox: Outbox,
    pub(crate) strangers: Strangers,
    pub(crate) aside: Aside,
    pub(crate) requests: Requests,
    // Only in memory: worth one connection, or one life of the engine.
    pub(crate) relay: Relay,
    pub(crate) sending: Sending,
    pub(crate) lookups: Lookups,
    pub(crate) inbox: Inbox,
    pub(crate) publishing: Publishing,
    pub(crate) receipts: Receipts,
    pub(crate) mender: Mender,
    pub(crate) housekeeping: Housekeeping,
    pub(crate) damage: Vec<Damage>,
    /// When this engine did its first step.
    pub(crate) born_at: u64,
    /// When it did its last one.
    stepped_at: u64,
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

            pub(crate) fn rooms(&mut self) -> impl Iterator<Item = &mut dyn Room> {
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
    recent_commands,
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
    sending,
    lookups,
    inbox,
    publishing,
    receipts,
    mender,
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
        engine.find_trouble();
        engine.settle_aside();
        engine.relay.register_attempts = u32::from(engine.account.get().registering().is_some());
        engine.shown = (engine.phase(), engine.relay.state());
        Ok(engine)
    }

    fn empty(config: Config) -> Self {
        let recent_blocks = RECENT_COMMANDS / COMMANDS_PER_BLOCK + 1;
        Self {
            config,
            account: Kept::new("account", Account::default()),
            counters: Kept::new("counters", Counters::default()),
            recent_commands: Ring::new("command", recent_blocks, COMMANDS_PER_BLOCK),
            seen: Ring::new("seen", SEEN_BLOCKS, SEEN_PER_BLOCK),
            contacts: Contacts::new(),
            conversations: Tracked::new(Table::Conversations),
            channels: Channels::new(),
            sessions: Sessions::new(),
            prekeys: Prekeys::new(),
            outbox: Outbox::new(),
            strangers: Strangers::new(),
            aside: Aside::new(),
            requests: Requests::new(),
            relay: Relay::default(),
            sending: Sending::default(),
            lookups: Lookups::default(),
            inbox: Inbox::default(),
            publishing: Publishing::default(),
            receipts: Receipts::default(),
            mender: Mender::default(),
            housekeeping: Housekeeping::default(),
            damage: Vec::new(),
            born_at: 0,
            stepped_at: 0,
            shown: (Phase::NoAccount { registration: None }, Connection::Offline),
        }
    }

    /// One step: what happened goes in; changes, frames and events come out (see [`Step`]). `now` is
    /// in milliseconds since 1970.
    pub fn handle(&mut self, input: Input, now: u64, rng: &mut dyn CryptoRng) -> Step {
        let mut turn = Turn::new(now, rng);
        if self.born_at == 0 {
            self.born_at = now;
        }
        if let Some(by) = self.stepped_at.checked_sub(now).filter(|by| *by > 0) {
            // What is due in a minute is due in a minute, and not when the clock says so again.
            for room in self.rooms() {
                room.clock_went_back(by);
            }
        }
        self.stepped_at = now;
        self.mend_damage(&mut turn);
        match input {
            Input::Command { id, command } => self.on_command(id, command, &mut turn),
            Input::SocketOpened => self.on_socket_opened(&turn),
            Input::Frames(frames) => {
                for frame in &frames {
                    self.on_frame(frame, &mut turn);
                }
            }
            Input::SocketClosed { code } => self.on_socket_closed(code, &mut turn),
            Input::Lines(rows) => self.on_lines(&rows, &mut turn),
            Input::Tick => {}
            Input::Hint(hint) => self.on_hint(hint, &mut turn),
        }
        self.acknowledge(&mut turn);
        self.keep_house(&mut turn);
        self.keep_connection(&mut turn);
        self.work(&mut turn);
        self.watch_answers(&turn);
        self.finish(turn)
    }

    fn on_hint(&mut self, hint: Hint, turn: &mut Turn<'_>) {
        match hint {
            Hint::NetworkUp => self.on_network_up(turn),
            Hint::NetworkDown => self.on_network_down(turn),
            Hint::Watched => self.on_watched(turn),
            Hint::Nudged => self.on_nudged(turn),
            Hint::TryNow => self.on_try_now(turn),
        }
    }

    /// Whatever can go on goes on, whatever it waited for.
    fn work(&mut self, turn: &mut Turn<'_>) {
        self.mend(turn);
        self.write_receipts(turn);
        self.send_waiting(turn);
        self.ask_lookups(turn);
        self.ask_strangers(turn);
        self.publish(turn);
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
            wake_at: self.wake_at(),
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
    pub(crate) fn rooms_are_idle(&self) -> bool {
        self.all_rooms().all(|room| room.is_idle())
    }

    /// The next time at which something is due without anything happening outside.
    fn wake_at(&self) -> Option<u64> {
        let housekeeping = self.account.get().0.as_ref();
        let housekeeping = housekeeping.map(|_| self.housekeeping_due());
        let is_online = self.relay.is_online();
        let strangers = self.strangers_due().filter(|_| is_online);
        let rooms = self.all_rooms().map(|room| room.due(is_online));
        let due = rooms.chain([housekeeping, strangers]);
        due.flatten().min()
    }
}
