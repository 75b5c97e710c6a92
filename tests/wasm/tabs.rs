//! Two tabs of one profile in a browser: one leads, the other works through it, and takes over when
//! the lead is lost. ARCHITECTURE.md "Tabs".

use js_sys::{Function, Object, Promise, Reflect};
use pawl_wasm::Tab;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::Database;

// A page: hears everything, and waits for what it is told to wait for. A test that waits in vain is
// ended by the runner.
#[wasm_bindgen(inline_js = r#"
export class FakePage {
  constructor() {
    this.heard = [];
    this.waiting = [];
    this.listener = (message) => {
      this.heard.push(message);
      this.waiting = this.waiting.filter(({ sign, resolve }) => {
        if (!sign(message)) return true;
        resolve(message);
        return false;
      });
    };
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
    #[wasm_bindgen(js_name = stealLead)]
    fn steal_lead(name: &str) -> Promise;
}

fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value).expect("a plain object");
    }
    object
}

/// A page and its tab.
struct Window {
    page: FakePage,
    tab: Tab,
}

impl Window {
    fn open(database: &Database) -> Self {
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

    async fn hears(&self, fields: &[(&str, JsValue)]) -> JsValue {
        let heard = JsFuture::from(self.page.next(&object(fields))).await;
        heard.expect("the wait cannot fail")
    }

    async fn is_ready(&self) {
        self.hears(&[("type", "state".into()), ("state", "ready".into())])
            .await;
    }

    async fn asks_for_the_snapshot(&self, id: u32) -> JsValue {
        let query = object(&[("type", "snapshot".into())]);
        self.tab.query(id, query.into());
        self.hears(&[("type", "reply".into()), ("id", id.into())])
            .await
    }

    /// A command that fails alike on every engine without an account.
    async fn asks_in_vain(&self, id: &str) -> JsValue {
        let command = object(&[
            ("type", "sendText".into()),
            ("conversation", "bob".into()),
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

fn at(value: &JsValue, path: &str) -> JsValue {
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
