//! Time as the browser gives it: now, a pause, a deadline, and the one alarm of the engine.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::WorkerGlobalScope;

/// Longest single timer: browsers take 31 bits of milliseconds. Waking early is harmless.
const MAX_TIMER_MS: u64 = 3_600_000;

/// Milliseconds since 1970.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a browser's clock is after 1970 and below 2^53"
)]
pub(crate) fn now() -> u64 {
    js_sys::Date::now() as u64
}

/// A timer that is cleared when it is dropped.
struct Timer {
    handle: i32,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    fn start(milliseconds: u32, callback: impl FnOnce() + 'static) -> Self {
        let callback = Closure::once(callback);
        let handle = scope()
            .set_timeout_with_callback_and_timeout_and_arguments_0(
                callback.as_ref().unchecked_ref(),
                i32::try_from(milliseconds).unwrap_or(i32::MAX),
            )
            .expect("a worker always grants a timer");
        Self {
            handle,
            _callback: callback,
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        scope().clear_timeout_with_handle(self.handle);
    }
}

/// Comes back after that many milliseconds.
pub(crate) async fn sleep(milliseconds: u32) {
    let (done, wait) = oneshot::channel();
    let _timer = Timer::start(milliseconds, move || {
        let _ = done.send(());
    });
    // A sender that is dropped unsent would mean that the timer is gone: waiting is over as well.
    let _ = wait.await;
}

/// The future's output, or nothing where it takes longer; it is dropped then. The time is taken in parts: a
/// worker that slept itself (a frozen tab, a closed lid) finds one of them over, and waits for the others.
pub(crate) async fn within<T>(milliseconds: u32, future: impl Future<Output = T>) -> Option<T> {
    const PARTS: u32 = 6;
    let mut future = pin!(future);
    for _ in 0..PARTS {
        let part = pin!(sleep(milliseconds / PARTS));
        if let Either::Left((output, _)) = select(&mut future, part).await {
            return Some(output);
        }
    }
    None
}

/// Wakes the engine at the time that it last asked for.
pub(crate) struct Alarm {
    timer: Option<Timer>,
    ring: Rc<dyn Fn()>,
    due: Rc<Cell<u64>>,
}

impl Alarm {
    /// An alarm that is not set.
    pub(crate) fn new(ring: Rc<dyn Fn()>) -> Self {
        Self {
            timer: None,
            ring,
            due: Rc::default(),
        }
    }

    /// Rings once at `at` (milliseconds since 1970), or an hour from now if that is earlier; replaces
    /// the time before.
    pub(crate) fn set(&mut self, at: u64) {
        if self.timer.is_some() && self.due.get() == at {
            return;
        }
        let wait = at.saturating_sub(now()).min(MAX_TIMER_MS);
        let (ring, due) = (Rc::clone(&self.ring), Rc::clone(&self.due));
        self.due.set(at);
        self.timer = Some(Timer::start(
            u32::try_from(wait).expect("an hour at most"),
            move || {
                due.set(u64::MAX);
                ring();
            },
        ));
    }
}

fn scope() -> WorkerGlobalScope {
    JsValue::from(js_sys::global()).unchecked_into()
}
