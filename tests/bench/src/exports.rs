//! The same work for JavaScript, which does the timing. Only in wasm.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Conversation, Skipped};

/// A conversation that JavaScript holds.
#[wasm_bindgen(js_name = Conversation)]
#[derive(Debug)]
pub struct Held(Conversation);

#[wasm_bindgen(js_class = Conversation)]
impl Held {
    /// Sets a conversation up.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "JavaScript's constructor")]
    pub fn new() -> Self {
        Self(Conversation::set_up())
    }

    /// `count` messages in turn.
    #[wasm_bindgen(js_name = pingPong)]
    pub fn ping_pong(&mut self, count: u32) {
        self.0.ping_pong(count);
    }

    /// `count` messages in one direction.
    pub fn burst(&mut self, count: u32) {
        self.0.burst(count);
    }
}

/// `tries` at a relay's puzzle.
#[wasm_bindgen]
pub fn work(tries: u32) {
    crate::work(tries);
}

/// A message with a thousand lost ones before it.
#[wasm_bindgen(js_name = Skipped)]
#[derive(Debug)]
pub struct HeldSkipped(Skipped);

#[wasm_bindgen(js_class = Skipped)]
impl HeldSkipped {
    /// Sets it up.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "JavaScript's constructor")]
    pub fn new() -> Self {
        Self(Skipped::set_up())
    }

    /// Opens it.
    pub fn open(&self) {
        self.0.open();
    }
}
