//! What only a browser can show, run by `wasm-pack test --headless --firefox`: the real core, the real
//! store in IndexedDB, and tabs that share one engine.
#![forbid(unsafe_code)]
#![cfg(target_arch = "wasm32")]

mod asked;
mod core;
mod failing;
mod store;
mod support;
mod tabs;
mod time;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
