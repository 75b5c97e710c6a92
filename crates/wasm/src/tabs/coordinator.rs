//! One tab: leader or follower. Passes on what its page asks, to its own driver or to the leading
//! tab, and what comes back to its page. The driver does not know it. ARCHITECTURE.md "Tabs".

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use js_sys::Function;
use pawl_client::{CommandError, CommandId, Event, Malformed, QueryReply};
use rand_core::Rng;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::channel::{Channel, ChannelMessage, TabMessage};
use super::web_lock::{Lock, LockMode, Request};
use crate::clock::{now, sleep};
use crate::driver::{Config, DriverInput, Ended, Entrance, Queue, Requester, Sink, lead};
use crate::errors::{StartError, StartErrorCode};
use crate::js::{field, to_js};
use crate::page::Page;
use crate::page::decode;
use crate::random;

/// Milliseconds after which a silent leader is asked whether it is there, and again until it is
/// replaced. A commit may take seconds on a slow phone, but a leader answers beside it.
const SILENCE_MS: u32 = 5_000;
/// Milliseconds after which to ask again, where too much is waiting.
const BUSY_MS: u64 = 1_000;

enum Role {
    /// Works through another tab.
    Follower,
    /// Leads, by the driver behind this entrance.
    Leader { entrance: Rc<Entrance> },
    /// Failed: says nothing any more.
    Ended,
}

/// See the module.
pub(crate) struct Coordinator {
    config: Config,
    page: Page,
    channel: Channel,
    name: String,
    role: RefCell<Role>,
    /// The number of the engine in this tab, once it is loaded.
    own_epoch: Cell<Option<f64>>,
    /// The number of the engine that the page knows of, here or in another tab; 0 before there is one. Who
    /// says less leads no longer.
    leader_epoch: Cell<f64>,
    heard_at: Cell<u64>,
}

impl Coordinator {
    /// Joins the other tabs and begins to wait for the lead.
    pub(crate) fn start(config: Config, on_message: Function) -> Option<Rc<Self>> {
        let page = Page::new(on_message);
        if let Err(error) = check_browser() {
            page.failed(&error);
            return None;
        }
        let tab = Rc::new_cyclic(|weak: &Weak<Self>| {
            let listener = weak.clone();
            let listen = Rc::new(move |heard| {
                if let Some(tab) = listener.upgrade() {
                    tab.hear(heard);
                }
            });
            let channel = Channel::join(&format!("{}-tabs", config.db_name), listen)
                .expect("check_browser has just joined one");
            Self {
                config,
                page,
                channel,
                name: random_name(),
                role: RefCell::new(Role::Follower),
                own_epoch: Cell::new(None),
                leader_epoch: Cell::new(0.0),
                heard_at: Cell::new(now()),
            }
        });
        spawn_local(Rc::clone(&tab).live());
        Some(tab)
    }

    /// A page's command.
    pub(crate) fn command(&self, id: CommandId, command: JsValue) {
        match &*self.role.borrow() {
            Role::Follower => self.say(&TabMessage::Command { id, command }),
            Role::Leader { entrance } => self.queue_command(entrance, id, command),
            Role::Ended => {}
        }
    }

    /// A page's query.
    pub(crate) fn query(&self, id: u32, query: JsValue) {
        let from = self.name.clone();
        match &*self.role.borrow() {
            Role::Follower => self.say(&TabMessage::Query { from, id, query }),
            Role::Leader { entrance } => self.queue_query(entrance, Requester::Page { id }, query),
            Role::Ended => {}
        }
    }

    /// What bears on the connection.
    pub(crate) fn hint(&self, hint: String) {
        match &*self.role.borrow() {
            Role::Follower => self.say(&TabMessage::Hint { hint }),
            Role::Leader { entrance } => queue_hint(entrance, &hint),
            Role::Ended => {}
        }
    }

    fn say(&self, message: &TabMessage) {
        self.channel.say(self.own_epoch.get(), message);
    }

    /// Follows, then leads, for as long as the tab lives.
    async fn live(self: Rc<Self>) {
        while let Some(mut lock) = self.follow().await {
            let (entrance, queue) = Queue::new();
            step_down_when(lock.lost.take(), Rc::downgrade(&entrance));
            self.role.replace(Role::Leader { entrance });
            let ended = lead(&self.config, queue, &*self).await;
            self.own_epoch.set(None);
            match ended {
                Ended::Deposed => drop(self.role.replace(Role::Follower)),
                Ended::Fatal(error) => return self.fail(&error),
            }
        }
    }

    /// Waits for the lead; takes it where nobody answers.
    async fn follow(&self) -> Option<Lock> {
        let mut request = Request::new(&self.lock_name(), LockMode::Wait)?;
        self.say(&TabMessage::Hello);
        let mut asked = false;
        loop {
            match select(&mut request.granted, pin!(sleep(SILENCE_MS))).await {
                Either::Left((Ok(()), _)) => return Some(request.into_lock()),
                Either::Left((Err(_), _)) => {
                    // It has them: Chromium refuses them together with the store.
                    let detail = "site data is blocked: Web Locks are refused";
                    self.fail(&StartError::new(StartErrorCode::NoIndexedDb, detail));
                    return None;
                }
                Either::Right(_) => {}
            }
            let silent = now().saturating_sub(self.heard_at.get()) >= u64::from(SILENCE_MS);
            if silent && asked {
                request = Request::new(&self.lock_name(), LockMode::Steal)?;
            } else if silent {
                self.say(&TabMessage::Hello);
            }
            asked = silent;
        }
    }

    fn lock_name(&self) -> String {
        format!("{}-leader", self.config.db_name)
    }

    fn hear(&self, heard: ChannelMessage) {
        match heard {
            ChannelMessage::Current { epoch, message } => self.hear_message(epoch, message),
            ChannelMessage::Newer => {
                let detail = "a newer version runs in another tab";
                self.fail(&StartError::new(StartErrorCode::UpdatedElsewhere, detail));
            }
            // Anything that is said tells it that it is outdated.
            ChannelMessage::Older => self.say(&TabMessage::Hello),
        }
    }

    fn hear_message(&self, epoch: Option<f64>, message: TabMessage) {
        let role = &*self.role.borrow();
        if let Some(epoch) = epoch {
            if epoch < self.leader_epoch.get() {
                return;
            }
            let is_new = epoch > self.leader_epoch.get();
            match role {
                Role::Follower if is_new => {
                    self.leader_epoch.set(epoch);
                    self.page.ready();
                }
                // This tab slept while another one took the lead, which it will hear of as a follower.
                Role::Leader { entrance } if is_new && self.own_epoch.get().is_some() => {
                    let _ = entrance.push(DriverInput::Deposed);
                }
                _ => {}
            }
        }
        match role {
            Role::Leader { entrance } => self.hear_as_leader(entrance, message),
            Role::Follower => self.hear_as_follower(epoch.is_some(), message),
            Role::Ended => {}
        }
    }

    fn hear_as_leader(&self, entrance: &Entrance, message: TabMessage) {
        match message {
            TabMessage::Hello => self.say(&TabMessage::Leader),
            TabMessage::Command { id, command } => self.queue_command(entrance, id, command),
            TabMessage::Query { from, id, query } => {
                self.queue_query(entrance, Requester::Tab { tab: from, id }, query);
            }
            TabMessage::Hint { hint } => queue_hint(entrance, &hint),
            // Another leader's.
            TabMessage::Leader | TabMessage::Events { .. } | TabMessage::Reply { .. } => {}
        }
    }

    /// What a leader says before it has an engine means only that it is there.
    fn hear_as_follower(&self, has_engine: bool, message: TabMessage) {
        match message {
            TabMessage::Leader => {}
            TabMessage::Events { events } if has_engine => self.page.events(&events),
            TabMessage::Reply { to, id, reply } if has_engine && to == self.name => {
                self.page.reply(id, &reply);
            }
            // Other followers'.
            _ => return,
        }
        self.heard_at.set(now());
    }

    fn queue_command(&self, entrance: &Entrance, id: CommandId, command: JsValue) {
        let Some(command) = understood(decode::question(&command)) else {
            return;
        };
        let input = DriverInput::Command {
            id: id.clone(),
            command,
        };
        if entrance.push(input).is_err() {
            let error = Some(busy());
            self.show(&[Event::CommandDone { id, error }]);
        }
    }

    fn queue_query(&self, entrance: &Entrance, requester: Requester, query: JsValue) {
        let Some(query) = understood(decode::question(&query)) else {
            return;
        };
        if let Err(DriverInput::Query { requester, .. }) =
            entrance.push(DriverInput::Query { requester, query })
        {
            self.reply(&requester, &QueryReply::Failed { error: busy() });
        }
    }

    fn fail(&self, error: &StartError) {
        self.role.replace(Role::Ended);
        self.page.failed(error);
    }
}

impl Sink for Coordinator {
    /// Every page draws itself anew.
    fn ready(&self, epoch: f64) {
        self.own_epoch.set(Some(epoch));
        self.leader_epoch.set(epoch);
        self.say(&TabMessage::Leader);
        self.page.ready();
    }

    /// To every page, as one message: a page draws itself once for each.
    fn show(&self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let events = to_js(&events);
        self.page.events(&events);
        self.say(&TabMessage::Events { events });
    }

    fn reply(&self, to: &Requester, reply: &QueryReply) {
        let reply = to_js(reply);
        match to {
            Requester::Page { id } => self.page.reply(*id, &reply),
            Requester::Tab { tab, id } => self.say(&TabMessage::Reply {
                to: tab.clone(),
                id: *id,
                reply,
            }),
        }
    }
}

/// Tells the driver once the lock is lost.
fn step_down_when(lost: Option<oneshot::Receiver<()>>, entrance: Weak<Entrance>) {
    spawn_local(async move {
        if let Some(lost) = lost {
            let _ = lost.await;
            if let Some(entrance) = entrance.upgrade() {
                let _ = entrance.push(DriverInput::Deposed);
            }
        }
    });
}

/// None is needed: where too much waits, it is dropped.
fn queue_hint(entrance: &Entrance, hint: &str) {
    if let Some(hint) = understood(decode::hint(hint)) {
        let _ = entrance.push(DriverInput::Hint(hint));
    }
}

/// What a page asks. The generated types hold pages to it, so anything else is a fault of ours: it is
/// reported, and does nothing.
fn understood<T>(asked: Result<T, Malformed>) -> Option<T> {
    asked
        .inspect_err(|error| {
            let report = format!("a page asks what the engine does not know: {error}");
            web_sys::console::error_1(&report.into());
        })
        .ok()
}

fn busy() -> CommandError {
    CommandError::RateLimited {
        retry_after_ms: BUSY_MS,
    }
}

/// This tab among the others.
fn random_name() -> String {
    format!("{:016x}", random::generator().next_u64())
}

/// What the worker cannot do without, each with its own words on the page.
fn check_browser() -> Result<(), StartError> {
    let scope = js_sys::global();
    let database = field(&scope, "indexedDB");
    let subtle = field(&scope, "crypto").and_then(|crypto| field(&crypto, "subtle"));
    if !database.is_some_and(|database| database.is_object()) {
        let detail = "there is no indexedDB";
        return Err(StartError::new(StartErrorCode::NoIndexedDb, detail));
    }
    if !subtle.is_some_and(|subtle| subtle.is_object()) {
        let detail = "there is no crypto.subtle";
        return Err(StartError::new(StartErrorCode::NoWebCrypto, detail));
    }
    if !super::web_lock::available() {
        let detail = "there is no navigator.locks";
        return Err(StartError::new(StartErrorCode::NoLocks, detail));
    }
    if !Channel::allowed() {
        let detail = "site data is blocked: no BroadcastChannel";
        return Err(StartError::new(StartErrorCode::NoIndexedDb, detail));
    }
    Ok(())
}
