//! A browser whose storage hangs or is full: no tab waits for ever, nothing is lost, and what can go on
//! goes on. ARCHITECTURE.md "Durability".

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{Database, fail_put_after};
use crate::tabs::{Window, at, object};
use crate::time::Held;

#[wasm_bindgen(inline_js = r#"
// One kind of call is not answered. `reached`: one was made, and what its transaction was asked before is answered.
export class Hang {
  constructor(kind) {
    this.kind = kind;
    this.prototype = kind === 'decrypt' ? SubtleCrypto.prototype : IDBObjectStore.prototype;
    this.call = this.prototype[kind];
    this.reached = new Promise((reached) => {
      this.prototype[kind] = function () {
        if (kind !== 'decrypt') {
          this.count().onsuccess = reached;
          return {};
        }
        reached();
        return new Promise(() => {});
      };
    });
  }

  // Calls are answered from now on.
  end() {
    this.prototype[this.kind] = this.call;
  }
}
"#)]
extern "C" {
    type Hang;
    #[wasm_bindgen(constructor)]
    fn new(kind: &str) -> Hang;
    #[wasm_bindgen(method, getter)]
    fn reached(this: &Hang) -> js_sys::Promise;
    #[wasm_bindgen(method)]
    fn end(this: &Hang);
}

impl Hang {
    /// Time must not fly before: the store would be given up while it works, and answer nobody.
    async fn is_reached(&self) {
        JsFuture::from(self.reached()).await.expect("it is reached");
    }
}

/// Changes something, so that it needs a commit; nobody answers it while there is no relay.
fn create_account(window: &Window, id: &str) {
    let command = object(&[
        ("type", "createAccount".into()),
        ("username", "alice".into()),
    ]);
    window.tab.command(id.repeat(16), command.into());
}

async fn fails(window: &Window) -> JsValue {
    let failed = window.hears(&[("state", "failed".into())]).await;
    at(&failed, "error.code")
}

#[wasm_bindgen_test]
async fn a_store_that_hangs_at_the_start_is_told() {
    let database = Database::fresh("hanging-start").await;
    drop(database.open().await);
    for kind in ["get", "getAll", "decrypt"] {
        let time = Held::new();
        let hang = Hang::new(kind);
        let window = Window::open(&database);
        hang.is_reached().await;
        assert_eq!(
            time.flies_until(fails(&window)).await,
            "storeFailed",
            "{kind}"
        );
        hang.end();
    }
}

#[wasm_bindgen_test]
async fn a_leader_whose_commit_hangs_says_so_and_lets_another_lead() {
    let database = Database::fresh("hanging-commit").await;
    let leader = Window::open(&database);
    leader.is_ready().await;
    let follower = Window::open(&database);
    follower.is_ready().await;

    let time = Held::new();
    let hang = Hang::new("put");
    create_account(&follower, "0a");
    hang.is_reached().await;
    assert_eq!(time.flies_until(fails(&leader)).await, "storeFailed");
    hang.end();
    // What the follower asked is asked anew by its page when it is told of the next engine.
    follower.is_ready().await;
    let reply = follower.asks_for_the_snapshot(1).await;
    assert_eq!(at(&reply, "reply.snapshot.phase.type"), "noAccount");
}

#[wasm_bindgen_test]
async fn without_room_what_is_asked_is_refused_and_the_same_engine_goes_on() {
    let database = Database::fresh("full").await;
    let leader = Window::open(&database);
    leader.is_ready().await;
    let follower = Window::open(&database);
    follower.is_ready().await;

    fail_put_after(0, "QuotaExceededError");
    create_account(&follower, "0a");
    for window in [&leader, &follower] {
        window
            .hears(&[("event.alert.code", "storeFull".into())])
            .await;
        let done = window.hears(&[("event.type", "commandDone".into())]).await;
        assert_eq!(at(&done, "event.error.code"), "storeFailed");
        let reply = window.asks_for_the_snapshot(1).await;
        assert_eq!(at(&reply, "reply.snapshot.phase.type"), "noAccount");
    }
    create_account(&follower, "0b");
    follower
        .hears(&[("event.phase.type", "registering".into())])
        .await;
}
