//! Pawl's relay: one binary that hosts the page and moves sealed envelopes.
//!
//! Owns accounts' names, public keys and mailboxes; sees no plaintext and no private key. Knows
//! `pawl-wire` and nothing of the protocol inside an envelope. docs/OPERATIONS.md says how it is run.
#![forbid(unsafe_code)]

mod assets;
mod bans;
mod buckets;
pub mod cli;
mod clock;
mod config;
mod control;
mod copies;
mod fixed;
mod forwarded;
mod gated;
mod headers;
mod health;
mod hub;
mod lines;
mod metrics;
mod network;
mod origin;
mod places;
mod process;
mod random;
mod rates;
mod relay;
mod security;
mod seldom;
mod serving;
mod socket;
mod spare;
mod store;
mod supervisor;
mod top;

pub use assets::{Asset, WEB};
pub use cli::page_list;
pub use config::{Config, Limits};
pub use copies::backup;
pub use fixed::fixed_limits;
pub use headers::SECURITY_HEADERS;
pub use network::{BadNetwork, Network};
pub use origin::{BadOrigin, PublicOrigin};
pub use relay::{StartError, run, run_through};
pub use security::{BadContact, SecurityContact};
pub use store::{BackupError, OpenError, restore};
