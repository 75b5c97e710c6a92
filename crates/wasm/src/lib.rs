//! Pawl's engine in a Web Worker: the only crate that knows a browser. It drives `pawl-client` (commit,
//! then send, then show), keeps its records sealed in IndexedDB, holds the WebSocket, and lets one tab
//! of many own all that. No decision of the protocol is made here. ARCHITECTURE.md "The worker".

#![forbid(unsafe_code)]

mod api;
pub mod asked;
mod clock;
mod driver;
mod errors;
mod leader;
mod page;
mod random;
mod socket;
pub mod store;
mod tab;
mod tabs;
mod values;
mod work;

pub use api::Tab;
pub use tabs::VERSION as TABS_VERSION;
