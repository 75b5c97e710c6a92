//! What JavaScript sees: one class with a handful of calls (web/src/worker/worker.ts).

use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};

use crate::page::decode;
use crate::tabs::Coordinator;

/// One tab. Everything that it has to say goes to `on_message`.
#[wasm_bindgen]
pub struct Tab(Option<Rc<Coordinator>>);

#[wasm_bindgen]
impl Tab {
    /// Starts the tab; `on_message` is told `ready` or `failed`, and everything after.
    ///
    /// # Errors
    /// A configuration that does not fit its type.
    pub fn start(config: JsValue, on_message: Function) -> Result<Tab, JsError> {
        std::panic::set_hook(Box::new(|info| {
            // Where, and no more: what a panic says might hold what must not be told.
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            web_sys::console::error_1(&format!("the engine stopped at {place}").into());
        }));
        let fault = "a tab is started with its authority and wsUrl";
        let config = decode::config(&config).ok_or_else(|| JsError::new(fault))?;
        Ok(Self(Coordinator::start(config, on_message)))
    }

    /// A command, answered by an event `commandDone` with the same id.
    pub fn command(&self, id: String, command: JsValue) {
        if let Some(tab) = &self.0 {
            tab.command(id, command);
        }
    }

    /// A query, answered by a reply with the same id.
    pub fn query(&self, id: u32, query: JsValue) {
        if let Some(tab) = &self.0 {
            tab.query(id, query);
        }
    }

    /// What bears on the connection: `pawl_client::Hint` by its name.
    pub fn hint(&self, hint: String) {
        if let Some(tab) = &self.0 {
            tab.hint(hint);
        }
    }
}
