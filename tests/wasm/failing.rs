//! A browser whose storage hangs or is full: no tab waits for ever, nothing is lost, and what can go on
//! goes on. ARCHITECTURE.md "Durability".

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{Database, fail_put_after};
use crate::tabs::{Window, at, object};
use crate::time::Held;

#[wasm_bindgen(inline_js = r#"
// One kind of call is never answered until the function that comes back is called.
export function hang(kind) {
  const prototype = kind === 'decrypt' ? SubtleCrypto.prototype : IDBObjectStore.prototype;
  const call = prototype[kind];
  prototype[kind] = () => (kind === 'decrypt' ? new Promise(() => {}) : {});
  return () => { prototype[kind] = call; };
}
"#)]
extern "C" {
    fn hang(kind: &str) -> js_sys::Function;
}

fn call(function: &js_sys::Function) {
    let _ = function.call0(&JsValue::NULL);
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
        let answer = hang(kind);
        let window = Window::open(&database);
        assert_eq!(
            time.flies_until(fails(&window)).await,
            "storeFailed",
            "{kind}"
        );
        call(&answer);
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
    let answer = hang("put");
    create_account(&follower, "0a");
    assert_eq!(time.flies_until(fails(&leader)).await, "storeFailed");
    call(&answer);
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
