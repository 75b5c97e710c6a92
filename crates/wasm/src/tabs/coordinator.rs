//! One tab: leader or follower. Passes on what its page asks, to its own driver or to the leading
//! tab, and what comes back to its page. ARCHITECTURE.md "Tabs".

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};

use futures_channel::mpsc;
use futures_util::future::{Either, select};
use js_sys::Function;
use pawl_client::{CommandError, CommandId, Event, QueryReply};
use rand_core::Rng;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::channel::{Channel, Heard, TabMessage};
use super::web_lock::{How, Lock, Request};
use crate::clock::{now, sleep};
use crate::driver::{Ended, Work, lead};
use crate::errors::{StartError, StartErrorCode};
use crate::js::{field, to_js};
use crate::page::Page;
use crate::page::decode::{self, text};
use crate::random;

/// What waits for the driver at most: a relay's window of frames and what some hundred tabs ask.
const MAX_WORK: usize = 4_096;
/// Milliseconds after which a silent leader is asked whether it is there, and again until it is
/// replaced. A commit may take seconds on a slow phone, but a leader answers beside it.
const SILENCE_MS: u32 = 5_000;
/// Milliseconds after which to ask again, where too much is waiting.
const BUSY_MS: u64 = 1_000;

/// The database's name; tests have their own.
const DATABASE: &str = "pawl";

/// What the page says about where it runs.
pub(crate) struct TabConfig {
    /// `host[:port]`, as in the page's address.
    pub(crate) authority: String,
    /// Where the relay's WebSocket is.
    pub(crate) ws_url: String,
    /// The database.
    pub(crate) db_name: String,
}

impl TabConfig {
    /// From `{ authority, wsUrl, dbName? }`.
    pub(crate) fn from_js(config: &JsValue) -> Option<Self> {
        Some(Self {
            authority: text(config, "authority")?,
            ws_url: text(config, "wsUrl")?,
            db_name: text(config, "dbName").unwrap_or_else(|| DATABASE.into()),
        })
    }
}

/// Who asked a query.
pub(crate) enum Asker {
    /// The page of this tab.
    Page { id: u32 },
    /// Another tab.
    Tab { tab: String, id: u32 },
}

enum Role {
    /// Works through another tab.
    Follower,
    /// With what waits for its driver.
    Leader { works: mpsc::Sender<Work> },
    /// Failed: says nothing any more.
    Ended,
}

/// See the module.
pub(crate) struct Tab {
    pub(crate) config: TabConfig,
    page: Page,
    channel: Channel,
    name: String,
    role: RefCell<Role>,
    /// The number of the engine in this tab, once it is loaded.
    own: Cell<Option<f64>>,
    /// The number of the engine that the page knows of, here or in another tab; 0 before there is one. Who
    /// says less leads no longer.
    newest: Cell<f64>,
    heard_at: Cell<u64>,
    sockets: Cell<u32>,
    lost_frames: Cell<bool>,
}

impl Tab {
    /// Joins the other tabs and begins to wait for the lead.
    pub(crate) fn start(config: TabConfig, on_message: Function) -> Option<Rc<Self>> {
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
                own: Cell::new(None),
                newest: Cell::new(0.0),
                heard_at: Cell::new(now()),
                sockets: Cell::new(0),
                lost_frames: Cell::new(false),
            }
        });
        spawn_local(Rc::clone(&tab).live());
        Some(tab)
    }

    /// A page's command.
    pub(crate) fn command(&self, id: CommandId, command: JsValue) {
        match &mut *self.role.borrow_mut() {
            Role::Follower => self.say(&TabMessage::Command { id, command }),
            Role::Leader { works } => self.queue_command(works, id, command),
            Role::Ended => {}
        }
    }

    /// A page's query.
    pub(crate) fn query(&self, id: u32, query: JsValue) {
        let from = self.name.clone();
        match &mut *self.role.borrow_mut() {
            Role::Follower => self.say(&TabMessage::Query { from, id, query }),
            Role::Leader { works } => self.queue_query(works, Asker::Page { id }, query),
            Role::Ended => {}
        }
    }

    /// What bears on the connection.
    pub(crate) fn hint(&self, hint: String) {
        match &mut *self.role.borrow_mut() {
            Role::Follower => self.say(&TabMessage::Hint { hint }),
            Role::Leader { works } => queue_hint(works, &hint),
            Role::Ended => {}
        }
    }

    /// Something for this tab's driver. Where too much waits it is dropped: an alarm is set again by
    /// the next step, and a socket that loses a frame must be closed (see [`Tab::lost_frames`]).
    pub(crate) fn work(&self, work: Work) {
        if let Role::Leader { works } = &mut *self.role.borrow_mut()
            && let Err(refused) = works.try_send(work)
            && matches!(refused.into_inner(), Work::Socket { .. })
        {
            self.lost_frames.set(true);
        }
    }

    /// Whether something that came on the socket was dropped since this was last asked.
    pub(crate) fn lost_frames(&self) -> bool {
        self.lost_frames.take()
    }

    /// Shows a step's events to every page, as one message: a page draws itself once for each.
    pub(crate) fn show(&self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let events = to_js(&events);
        self.page.events(&events);
        self.say(&TabMessage::Events { events });
    }

    /// Answers a query.
    pub(crate) fn reply(&self, asker: &Asker, reply: &QueryReply) {
        let reply = to_js(reply);
        match asker {
            Asker::Page { id } => self.page.reply(*id, &reply),
            Asker::Tab { tab, id } => self.say(&TabMessage::Reply {
                to: tab.clone(),
                id: *id,
                reply,
            }),
        }
    }

    /// There is a new engine in this tab: every page draws itself anew.
    pub(crate) fn lead_with(&self, number: f64) {
        self.own.set(Some(number));
        self.newest.set(number);
        self.say(&TabMessage::Leader);
        self.page.ready();
    }

    fn say(&self, message: &TabMessage) {
        self.channel.say(self.own.get(), message);
    }

    /// The number of the newest socket.
    pub(crate) fn socket_number(&self) -> u32 {
        self.sockets.get()
    }

    /// The number of a socket that is about to replace the newest.
    pub(crate) fn next_socket_number(&self) -> u32 {
        self.sockets.set(self.sockets.get() + 1);
        self.sockets.get()
    }

    /// Follows, then leads, for as long as the tab lives.
    async fn live(self: Rc<Self>) {
        while let Some(mut lock) = self.follow().await {
            let (works, queue) = mpsc::channel(MAX_WORK);
            self.role.replace(Role::Leader { works });
            let lost = lock.lost.take();
            let deposed = Rc::clone(&self);
            spawn_local(async move {
                if let Some(lost) = lost {
                    let _ = lost.await;
                    deposed.work(Work::Deposed);
                }
            });
            let ended = lead(&self, queue).await;
            self.own.set(None);
            match ended {
                Ended::Deposed => drop(self.role.replace(Role::Follower)),
                Ended::Fatal(error) => return self.fail(&error),
            }
        }
    }

    /// Waits for the lead; takes it where nobody answers.
    async fn follow(&self) -> Option<Lock> {
        let mut request = Request::new(&self.lock_name(), How::Wait)?;
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
                request = Request::new(&self.lock_name(), How::Steal)?;
            } else if silent {
                self.say(&TabMessage::Hello);
            }
            asked = silent;
        }
    }

    fn lock_name(&self) -> String {
        format!("{}-leader", self.config.db_name)
    }

    fn hear(&self, heard: Heard) {
        match heard {
            Heard::Message { epoch, message } => self.hear_message(epoch, message),
            Heard::Newer => {
                let detail = "a newer version runs in another tab";
                self.fail(&StartError::new(StartErrorCode::UpdatedElsewhere, detail));
            }
            // Anything that is said tells it that it is outdated.
            Heard::Older => self.say(&TabMessage::Hello),
        }
    }

    fn hear_message(&self, epoch: Option<f64>, message: TabMessage) {
        let role = &mut *self.role.borrow_mut();
        if let Some(epoch) = epoch {
            if epoch < self.newest.get() {
                return;
            }
            let is_new = epoch > self.newest.get();
            match role {
                Role::Follower if is_new => {
                    self.newest.set(epoch);
                    self.page.ready();
                }
                // This tab slept while another one took the lead, which it will hear of as a follower.
                Role::Leader { works } if is_new && self.own.get().is_some() => {
                    drop(works.try_send(Work::Deposed));
                }
                _ => {}
            }
        }
        match role {
            Role::Leader { works } => self.hear_as_leader(works, message),
            Role::Follower => self.hear_as_follower(epoch.is_some(), message),
            Role::Ended => {}
        }
    }

    fn hear_as_leader(&self, works: &mut mpsc::Sender<Work>, message: TabMessage) {
        match message {
            TabMessage::Hello => self.say(&TabMessage::Leader),
            TabMessage::Command { id, command } => self.queue_command(works, id, command),
            TabMessage::Query { from, id, query } => {
                self.queue_query(works, Asker::Tab { tab: from, id }, query);
            }
            TabMessage::Hint { hint } => queue_hint(works, &hint),
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

    fn queue_command(&self, works: &mut mpsc::Sender<Work>, id: CommandId, command: JsValue) {
        let Some(command) = understood(decode::command(&command)) else {
            return;
        };
        let work = Work::Command {
            id: id.clone(),
            command,
        };
        if works.try_send(work).is_err() {
            let error = Some(busy());
            self.show(&[Event::CommandDone { id, error }]);
        }
    }

    fn queue_query(&self, works: &mut mpsc::Sender<Work>, asker: Asker, query: JsValue) {
        let Some(query) = understood(decode::query(&query)) else {
            return;
        };
        if let Err(refused) = works.try_send(Work::Query { asker, query })
            && let Work::Query { asker, .. } = refused.into_inner()
        {
            self.reply(&asker, &QueryReply::Failed { error: busy() });
        }
    }

    fn fail(&self, error: &StartError) {
        self.role.replace(Role::Ended);
        self.page.failed(error);
    }
}

/// None is needed: where too much waits, it is dropped.
fn queue_hint(works: &mut mpsc::Sender<Work>, hint: &str) {
    if let Some(hint) = understood(decode::hint(hint)) {
        let _ = works.try_send(Work::Hint(hint));
    }
}

/// What a page asks. The generated types hold pages to it, so anything else is a fault of ours: it is
/// reported, and does nothing.
fn understood<T>(asked: Option<T>) -> Option<T> {
    if asked.is_none() {
        web_sys::console::error_1(&"a page asks what the engine does not know".into());
    }
    asked
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
