//! Who leads: the holder of an exclusive Web Lock. The browser gives it to the next tab when its
//! holder is closed, crashes or lets go; a tab whose leader has fallen silent (a browser may freeze
//! a hidden tab) takes it by force. The store's fence holds even where two believe to lead.

use futures_channel::oneshot;
use js_sys::{Function, Object, Promise};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::AbortController;

use crate::js::{field, object};

// web-sys has these behind a flag of the compiler that everybody who builds would have to set.
#[wasm_bindgen]
extern "C" {
    type LockManager;

    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, options: &Object, callback: &Function) -> Promise;
}

/// Whether to wait for the lock or to take it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// In turn.
    Wait,
    /// From whoever holds it, who then hears that it is lost.
    Steal,
}

/// A request for the lock; given up when it is dropped before it is granted.
pub(crate) struct Request {
    /// Answered once the lock is held; cancelled where the browser refuses.
    pub(crate) granted: oneshot::Receiver<()>,
    lock: Option<Lock>,
    abort: AbortController,
}

/// The lock: held until it is dropped.
pub(crate) struct Lock {
    /// Answered when it is lost to another tab.
    pub(crate) lost: Option<oneshot::Receiver<()>>,
    release: Function,
}

impl Request {
    /// Asks for the lock `name`; nothing where the browser has no locks.
    pub(crate) fn new(name: &str, mode: LockMode) -> Option<Self> {
        let manager = manager()?;
        let abort = AbortController::new().ok()?;
        let (held, release) = open_promise();
        let (grant, granted) = oneshot::channel();
        let (lose, lost) = oneshot::channel();
        let callback = Closure::once(move |_lock: JsValue| {
            let _ = grant.send(());
            held
        });
        let request = manager.request(
            name,
            &options(mode, &abort),
            callback.as_ref().unchecked_ref(),
        );
        spawn_local(async move {
            // Settles when the lock is released, stolen or refused; the callback lives until then.
            let _ = JsFuture::from(request).await;
            drop(callback);
            let _ = lose.send(());
        });
        let lock = Lock {
            lost: Some(lost),
            release,
        };
        Some(Self {
            granted,
            lock: Some(lock),
            abort,
        })
    }

    /// The lock of a request that was granted.
    pub(crate) fn into_lock(mut self) -> Lock {
        self.lock
            .take()
            .expect("it is there until it is taken here")
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.lock.is_some() {
            self.abort.abort();
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.release.call0(&JsValue::NULL);
    }
}

/// Whether the browser has Web Locks here.
pub(crate) fn available() -> bool {
    manager().is_some()
}

fn manager() -> Option<LockManager> {
    let navigator = field(&js_sys::global(), "navigator")?;
    field(&navigator, "locks")
        .filter(JsValue::is_object)
        .map(JsCast::unchecked_into)
}

/// `steal` and `signal` exclude each other.
fn options(mode: LockMode, abort: &AbortController) -> Object {
    object(&[match mode {
        LockMode::Wait => ("signal", abort.signal().into()),
        LockMode::Steal => ("steal", JsValue::TRUE),
    }])
}

/// A promise and what resolves it.
fn open_promise() -> (Promise, Function) {
    let mut resolve = None;
    let promise = Promise::new(&mut |resolver, _| resolve = Some(resolver));
    let resolve = resolve.expect("a promise calls its executor at once");
    (promise, resolve.unchecked_into())
}
