//! The relay's laws, over real sockets and a real SQLite file in a temporary folder.
#![forbid(unsafe_code)]

mod abuse;
mod admission;
mod assets;
mod broken;
mod calls;
mod caps;
mod care;
#[cfg(target_os = "linux")]
mod clocks;
#[cfg(unix)]
mod control;
mod copies;
mod crash;
mod crowded;
mod disk;
mod door;
#[cfg(unix)]
mod ending;
mod erased;
mod faults;
#[cfg(target_os = "linux")]
mod full;
mod handshake;
#[cfg(unix)]
mod held;
mod history;
mod hostile;
mod keys;
mod lists;
mod live;
mod mailbox;
mod memory;
mod operations;
mod places;
mod power;
mod security;
mod settings;
mod shares;
mod strace;
mod support;
#[cfg(unix)]
mod top;
mod traced;
mod trouble;
mod turns;
mod uploads;
mod vandal;
mod watching;
mod work;
mod world;
