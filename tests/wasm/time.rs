//! Time as a test wants it: long timers of this worker wait until the test lets time fly.

use futures_util::future::{Either, select};
use std::pin::pin;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(inline_js = r#"
const real = { setTimeout: self.setTimeout, clearTimeout: self.clearTimeout, now: Date.now };
const held = new Map();
const moved = new Map();
let passed = 0;
let next = 1_000_000_000;

export function hold() {
  Date.now = () => real.now() + passed;
  self.setTimeout = (callback, wait = 0, ...given) => {
    if (wait < 1000) return real.setTimeout.call(self, callback, wait, ...given);
    held.set(++next, { callback, at: Date.now() + wait });
    return next;
  };
  self.clearTimeout = (handle) => { if (!held.delete(handle)) real.clearTimeout.call(self, moved.get(handle) ?? handle); };
}

// A second is over: what is due rings, and whatever follows from it has a moment of real time.
export async function second() {
  passed += 1000;
  const due = [...held].filter(([, timer]) => timer.at <= Date.now());
  for (const [handle, { callback }] of due) if (held.delete(handle)) callback();
  await new Promise((resolve) => { real.setTimeout.call(self, resolve, 2); });
}

export function release() {
  self.setTimeout = real.setTimeout;
  Date.now = real.now;
  for (const [handle, { callback, at }] of held) moved.set(handle, real.setTimeout.call(self, callback, Math.max(0, at - real.now() - passed)));
  held.clear();
  passed = 0;
}
"#)]
extern "C" {
    fn hold();
    fn second() -> js_sys::Promise;
    fn release();
}

/// Time stands still while it is held, but for short timers.
pub(crate) struct Held;

impl Held {
    pub(crate) fn new() -> Self {
        hold();
        Self
    }

    /// Lets time fly until something has happened. Where it never does, the runner ends the test.
    pub(crate) async fn flies_until<T>(&self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            match select(&mut what, JsFuture::from(second())).await {
                Either::Left((happened, _)) => return happened,
                Either::Right((passed, _)) => drop(passed.expect("it cannot fail")),
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        release();
    }
}
