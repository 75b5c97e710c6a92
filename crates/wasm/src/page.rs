//! What the worker says to its own page (web/src/worker/messages.ts, `WorkerToPage`).

use js_sys::Function;
use pawl_client::{Event, QueryReply};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::errors::StartError;
use crate::values::to_js;

/// One message to the page.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum ToPage<'a> {
    /// Where the worker stands.
    State(WorkerState<'a>),
    /// What the engine says.
    Event { event: &'a Event },
    /// The answer to a query.
    Reply { id: u32, reply: &'a QueryReply },
}

/// See `WorkerState` in messages.ts.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub(crate) enum WorkerState<'a> {
    /// There is an engine, here or in another tab. Said again for every new one.
    Ready,
    /// Final.
    Failed { error: &'a StartError },
}

/// The page of this tab.
pub(crate) struct Page(Function);

impl Page {
    pub(crate) fn new(on_message: Function) -> Self {
        Self(on_message)
    }

    pub(crate) fn tell(&self, message: &ToPage<'_>) {
        // What the listener throws is the page's fault and must not stop the engine; the browser
        // reports it.
        if let Err(error) = self.0.call1(&JsValue::NULL, &to_js(message)) {
            web_sys::console::error_1(&error);
        }
    }
}
