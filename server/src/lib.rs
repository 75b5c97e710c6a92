//! Pawl's relay: one binary that hosts the page and moves sealed envelopes.
//!
//! Owns accounts' names, public keys and mailboxes; sees no plaintext and no private key. Knows
//! `pawl-wire` and nothing of the protocol inside an envelope. docs/OPERATIONS.md says how it is run.
//!
//! From the top: `cli` is what an operator types. `serve` begins and ends a relay, `routes` says who
//! answers which path. `connection` is the life of a WebSocket, `requests` what a client asks on it.
//! `state` is what all of them share, each part with its own fields: `admission` says who may
//! connect, `limits` who may do how much, `routing` how mail reaches who is there, `store` what is
//! kept. `control` answers an operator's commands.
#![forbid(unsafe_code)]

mod admission;
pub mod cli;
mod clock;
mod config;
mod connection;
mod control;
mod copies;
mod fixed;
mod health;
mod http;
mod lifecycle;
mod limits;
mod metrics;
mod process;
mod random;
mod requests;
mod routes;
mod routing;
mod serve;
mod spare;
mod state;
mod store;
mod top;

pub use cli::page_list;
pub use config::{Config, Limits};
pub use copies::backup;
pub use fixed::fixed_limits;
pub use http::assets::{Asset, WEB};
pub use http::headers::SECURITY_HEADERS;
pub use http::origin::{BadOrigin, PublicOrigin};
pub use http::security::{BadContact, SecurityContact};
pub use limits::network::{BadNetwork, Network};
pub use serve::{StartError, run, run_through};
pub use store::{BackupError, OpenError, restore};
