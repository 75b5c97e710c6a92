//! Two tabs of one profile in a browser: one leads, the other works through it, and takes over when
//! the lead is lost. ARCHITECTURE.md "Tabs".

use js_sys::{Array, Function, Object, Promise, Reflect};
use pawl_wasm::{TABS_VERSION, Tab};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::Database;
use crate::time::Held;

// A page: hears everything, and waits for what it is told to wait for. A test that waits in vain is
// ended by the runner.
#[wasm_bindgen(inline_js = r#"
export class FakePage {
  constructor() {
    this.heard = [];
    this.waiting = [];
    this.listener = (message) => {
      // Each event of a step by itself.
      if (message.type === 'events') message.events.forEach((event) => { this.hear({ type: 'event', event }); });
      else this.hear(message);
    };
  }

  hear(message) {
    this.heard.push(message);
    this.waiting = this.waiting.filter(({ sign, resolve }) => {
      if (!sign(message)) return true;
      resolve(message);
      return false;
    });
  }

  // The first message, past or future, that has all of these fields; it is taken out.
  next(fields) {
    const sign = (message) => Object.entries(fields).every(([name, value]) => at(message, name) === value);
    const index = this.heard.findIndex(sign);
    if (index >= 0) return Promise.resolve(this.heard.splice(index, 1)[0]);
    return new Promise((resolve) => { this.waiting.push({ sign, resolve }); })
      .then((message) => { this.heard.splice(this.heard.indexOf(message), 1); return message; });
  }
}

// Somebody else's tab that leads: holds the lock, hears what followers say, and says what it is told.
export class FakeLeader {
  constructor(name, version) {
    this.version = version;
    this.heard = [];
    this.waiting = [];
    this.channel = new BroadcastChannel(`${name}-tabs`);
    this.channel.onmessage = ({ data }) => {
      const next = this.waiting.findIndex(({ type }) => type === data.type);
      if (next >= 0) this.waiting.splice(next, 1)[0].resolve(data);
      else this.heard.push(data);
    };
    const held = new Promise((resolve) => { this.release = resolve; });
    this.leads = new Promise((leads) => {
      this.isReplaced = new Promise((replaced) => {
        navigator.locks.request(`${name}-leader`, () => { leads(); return held; }).catch(replaced);
      });
    });
  }

  hears(type) {
    const index = this.heard.findIndex((message) => message.type === type);
    if (index >= 0) return Promise.resolve(this.heard.splice(index, 1)[0]);
    return new Promise((resolve) => { this.waiting.push({ type, resolve }); });
  }

  says(epoch, type, more) {
    this.channel.postMessage({ version: this.version, epoch, type, ...more });
  }

  leave() {
    this.channel.close();
    this.release();
  }
}

function at(message, path) {
  return path.split('.').reduce((value, name) => value?.[name], message);
}

export function stealLead(name) {
  return new Promise((resolve) => {
    void navigator.locks.request(name, { steal: true }, async () => { resolve(); });
  });
}
"#)]
extern "C" {
    type FakePage;
    #[wasm_bindgen(constructor)]
    fn new() -> FakePage;
    #[wasm_bindgen(method, getter)]
    fn listener(this: &FakePage) -> Function;
    #[wasm_bindgen(method)]
    fn next(this: &FakePage, fields: &Object) -> Promise;
    #[wasm_bindgen(method, getter)]
    fn heard(this: &FakePage) -> Array;

    type FakeLeader;
    #[wasm_bindgen(constructor)]
    fn new(name: &str, version: u32) -> FakeLeader;
    #[wasm_bindgen(method, getter)]
    fn leads(this: &FakeLeader) -> Promise;
    #[wasm_bindgen(method, getter, js_name = isReplaced)]
    fn is_replaced(this: &FakeLeader) -> Promise;
    #[wasm_bindgen(method)]
    fn hears(this: &FakeLeader, kind: &str) -> Promise;
    #[wasm_bindgen(method)]
    fn says(this: &FakeLeader, epoch: Option<f64>, kind: &str, more: &Object);
    #[wasm_bindgen(method)]
    fn leave(this: &FakeLeader);

    #[wasm_bindgen(js_name = stealLead)]
    fn steal_lead(name: &str) -> Promise;
}

pub(crate) fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value).expect("a plain object");
    }
    object
}

/// A page and its tab.
pub(crate) struct Window {
    page: FakePage,
    pub(crate) tab: Tab,
}

impl Window {
    pub(crate) fn open(database: &Database) -> Self {
        let page = FakePage::new();
        let config = object(&[
            ("authority", "relay.test".into()),
            // Nothing listens there: the engine is offline, which is enough here.
            ("wsUrl", "ws://127.0.0.1:9/api/ws".into()),
            ("dbName", database.0.into()),
        ]);
        let Ok(tab) = Tab::start(config.into(), page.listener()) else {
            panic!("a whole configuration starts a tab");
        };
        Self { page, tab }
    }

    pub(crate) async fn hears(&self, fields: &[(&str, JsValue)]) -> JsValue {
        let heard = JsFuture::from(self.page.next(&object(fields))).await;
        heard.expect("the wait cannot fail")
    }

    pub(crate) async fn is_ready(&self) {
        self.hears(&[("type", "state".into()), ("state", "ready".into())])
            .await;
    }

    pub(crate) async fn asks_for_the_snapshot(&self, id: u32) -> JsValue {
        let query = object(&[("type", "snapshot".into())]);
        self.tab.query(id, query.into());
        self.hears(&[("type", "reply".into()), ("id", id.into())])
            .await
    }

    /// A command that fails alike on every engine without an account.
    async fn asks_in_vain(&self, id: &str) -> JsValue {
        let command = object(&[
            ("type", "sendText".into()),
            ("conversation", "AAAQEAYEAUDAOCAJBIFQYDIOB4".into()),
            ("text", "hello".into()),
        ]);
        self.tab.command(id.into(), command.into());
        self.hears(&[
            ("event.type", "commandDone".into()),
            ("event.id", id.into()),
        ])
        .await
    }
}

pub(crate) fn at(value: &JsValue, path: &str) -> JsValue {
    path.split('.').fold(value.clone(), |value, name| {
        Reflect::get(&value, &name.into()).expect("an object")
    })
}

#[wasm_bindgen_test]
async fn a_second_tab_works_through_the_first() {
    let database = Database::fresh("tabs").await;
    let leader = Window::open(&database);
    leader.is_ready().await;
    let follower = Window::open(&database);
    follower.is_ready().await;

    for (window, id) in [(&leader, 1), (&follower, 1), (&follower, 2)] {
        let reply = window.asks_for_the_snapshot(id).await;
        assert_eq!(at(&reply, "reply.snapshot.phase.type"), "noAccount");
        assert!(at(&reply, "reply.snapshot.phase.registration").is_null());
    }
    for (window, id) in [(&leader, "0a"), (&follower, "0b")] {
        let done = window.asks_in_vain(&id.repeat(16)).await;
        assert_eq!(at(&done, "event.error.code"), "noAccount");
    }
}

#[wasm_bindgen_test]
async fn a_tab_that_loses_the_lead_goes_on_with_a_new_engine() {
    let database = Database::fresh("takeover").await;
    let first = Window::open(&database);
    first.is_ready().await;
    let second = Window::open(&database);
    second.is_ready().await;

    let steal = steal_lead(&format!("{}-leader", database.0));
    JsFuture::from(steal).await.expect("the lock is taken");
    first.is_ready().await;
    second.is_ready().await;
    for window in [&first, &second] {
        let reply = window.asks_for_the_snapshot(7).await;
        assert_eq!(at(&reply, "reply.snapshot.phase.type"), "noAccount");
    }
}

/// What a leader's reply or event holds is passed on unread, so a mark will do.
fn marked(mark: &str) -> JsValue {
    object(&[("type", mark.into())]).into()
}

fn shows(mark: &str) -> Object {
    object(&[("events", Array::of1(&marked(mark)).into())])
}

#[wasm_bindgen_test]
async fn what_a_leader_says_that_leads_no_longer_is_not_heard() {
    let database = Database::fresh("old-leader").await;
    let leader = FakeLeader::new(database.0, TABS_VERSION);
    JsFuture::from(leader.leads())
        .await
        .expect("the lock is free");
    let window = Window::open(&database);
    leader.says(Some(7.0), "leader", &object(&[]));
    window.is_ready().await;

    window.tab.query(1, marked("snapshot"));
    let asked = JsFuture::from(leader.hears("query")).await.expect("asked");
    for (epoch, mark) in [(Some(6.0), "old"), (None, "none"), (Some(7.0), "new")] {
        leader.says(epoch, "events", &shows(mark));
        let reply = [("to", at(&asked, "from")), ("id", at(&asked, "id"))];
        let reply = [&reply[..], &[("reply", marked(mark))]].concat();
        leader.says(epoch, "reply", &object(&reply));
    }
    let event = window.hears(&[("type", "event".into())]).await;
    assert_eq!(at(&event, "event.type"), "new");
    let reply = window.hears(&[("type", "reply".into())]).await;
    assert_eq!(at(&reply, "reply.type"), "new");

    // An old leader changes nothing; a new one is told.
    leader.says(Some(6.0), "leader", &object(&[]));
    leader.says(Some(8.0), "leader", &object(&[]));
    window.is_ready().await;
    leader.says(Some(8.0), "events", &shows("last"));
    window.hears(&[("event.type", "last".into())]).await;
    assert_eq!(window.page.heard().length(), 0, "nothing else was heard");
    leader.leave();
    window.is_ready().await;
}

#[wasm_bindgen_test]
async fn a_leader_that_hears_of_a_newer_one_steps_down() {
    let database = Database::fresh("thawed").await;
    let window = Window::open(&database);
    window.is_ready().await;
    let leader = FakeLeader::new(database.0, TABS_VERSION);
    leader.says(None, "hello", &object(&[]));
    let own = JsFuture::from(leader.hears("leader")).await.expect("told");
    let own = at(&own, "epoch").as_f64().expect("a number");

    leader.says(Some(own), "events", &shows("same"));
    leader.says(Some(own + 1.0), "leader", &object(&[]));
    JsFuture::from(leader.leads()).await.expect("it lets go");
    JsFuture::from(leader.hears("hello")).await.expect("asked");
    leader.says(Some(own + 1.0), "leader", &object(&[]));
    window.is_ready().await;
    leader.says(Some(own + 1.0), "events", &shows("new"));
    window.hears(&[("event.type", "new".into())]).await;
    leader.leave();
    window.is_ready().await;
}

#[wasm_bindgen_test]
async fn a_leader_that_never_answers_is_replaced() {
    let database = Database::fresh("silent").await;
    let leader = FakeLeader::new(database.0, TABS_VERSION);
    JsFuture::from(leader.leads())
        .await
        .expect("the lock is free");
    let time = Held::new();
    let window = Window::open(&database);
    let replaced = time.flies_until(JsFuture::from(leader.is_replaced()));
    replaced.await.expect("its lock is taken");
    // Time stands still while the store is opened, which would be given up after half a minute.
    window.is_ready().await;
    let reply = window.asks_for_the_snapshot(1).await;
    assert_eq!(at(&reply, "reply.snapshot.phase.type"), "noAccount");
}
