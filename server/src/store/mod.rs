//! What the relay keeps: accounts, public keys, mail. One SQLite file, one writer, two readers.
//!
//! Owns durability, uniqueness and the limits of what is stored. Knows nothing of sockets: an answer
//! is a [`Pending`], which resolves only when what it says is on disk.

mod accounts;
mod admin;
mod backup;
mod bans;
mod caps;
mod claims;
mod copying;
mod erased;
mod error;
mod examine;
mod facade;
mod fixed;
mod folder;
mod ids;
mod inbox;
mod inspect;
mod invites;
mod jobs;
mod keys;
mod lane;
mod live;
mod mail;
mod message;
mod pending;
mod people;
mod place;
mod readers;
mod room;
mod rows;
mod schema;
mod shares;
mod streams;
mod sweep;
mod time;
mod turns;
mod unused;
mod writer;

pub(crate) use accounts::{KnownDevice, Opened, Registered};
pub(crate) use admin::{Admin, AdminError};
pub(crate) use backup::{Backup, Take, look, pour, read, restore_from};
pub use backup::{BackupError, restore};
pub(crate) use bans::{Added, Ban, BanList, Banned};
pub(crate) use caps::Capped;
pub(crate) use claims::Claimed;
pub(crate) use copying::{Copying, State as CopyState};
pub use error::OpenError;
pub(crate) use error::StoreError;
pub(crate) use examine::{Health, examine};
pub(crate) use facade::Store;
pub(crate) use fixed::fixed_limits;
pub(crate) use ids::DeviceId;
pub(crate) use inspect::{Inspected, inspect, inspect_pipe};
pub(crate) use invites::{Invite, Terms};
pub(crate) use keys::Published;
pub(crate) use lane::Lane;
pub(crate) use live::{Listener, Outlet};
pub(crate) use mail::{Letter, MailRead, Submitted};
pub(crate) use pending::Pending;
pub(crate) use people::{AccountRow, Erased};
pub(crate) use streams::Outgoing;
pub(crate) use turns::Whose;
pub(crate) use writer::Wake;

#[cfg(test)]
mod one_device;

#[cfg(test)]
#[path = "nobody_tests.rs"]
mod nobody_tests;
