//! What the worker says to its own page (web/src/worker/messages.ts, `WorkerToPage`).

use js_sys::Function;
use wasm_bindgen::JsValue;

use crate::errors::StartError;
use crate::js::{object, to_js};

/// The page of this tab.
pub(crate) struct Page(Function);

impl Page {
    pub(crate) fn new(on_message: Function) -> Self {
        Self(on_message)
    }

    /// There is an engine, here or in another tab. Said again for every new one.
    pub(crate) fn ready(&self) {
        self.tell("state", &[("state", "ready".into())]);
    }

    /// Final.
    pub(crate) fn failed(&self, error: &StartError) {
        self.tell(
            "state",
            &[("state", "failed".into()), ("error", to_js(error))],
        );
    }

    /// What a step of the engine says.
    pub(crate) fn events(&self, events: &JsValue) {
        self.tell("events", &[("events", events.clone())]);
    }

    /// The answer to a query.
    pub(crate) fn reply(&self, id: u32, reply: &JsValue) {
        self.tell("reply", &[("id", id.into()), ("reply", reply.clone())]);
    }

    fn tell(&self, kind: &str, fields: &[(&str, JsValue)]) {
        let message = object(fields);
        js_sys::Reflect::set(&message, &"type".into(), &kind.into())
            .expect("a plain object takes any field");
        // What the listener throws is the page's fault and must not stop the engine; the browser
        // reports it.
        if let Err(error) = self.0.call1(&JsValue::NULL, &message) {
            web_sys::console::error_1(&error);
        }
    }
}
