//! Pawl's engine in a Web Worker: the only crate that knows a browser. It drives `pawl-client` (commit,
//! then send, then show), keeps its records sealed in IndexedDB, holds the WebSocket, and lets one tab
//! of many own all that. No decision of the protocol is made here. ARCHITECTURE.md "The worker".

#![forbid(unsafe_code)]

mod api;
mod clock;
mod driver;
mod errors;
mod js;
pub mod page;
mod random;
pub mod store;
mod tabs;

pub use api::Tab;
pub use tabs::VERSION as TABS_VERSION;
