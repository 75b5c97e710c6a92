//! The files of deploy/, as they are, under the programs that they are for: Debian's nginx, Caddy and systemd.
//!
//! Not part of `cargo test`, since it needs those programs: `cargo xtask test --only deploy` gets them. Only
//! addresses, names and paths are exchanged for those of the test; everything listens on free loopback ports.
#![forbid(unsafe_code)]

mod compose;
mod manager;
mod proxies;
mod proxy;
mod smuggling;
#[path = "../relay/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "shared with the relay's own tests, which use more"
)]
mod support;
mod systemd;
mod tunnel;
