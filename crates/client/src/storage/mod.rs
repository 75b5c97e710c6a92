//! How the engine's state is kept: tables that know what changed, records as bytes, sealing, and the small
//! sorted collections that the tables are made of. Knows nothing of what is kept.

pub(crate) mod ranges;
pub(crate) mod records;
pub(crate) mod rings;
pub(crate) mod room;
pub(crate) mod seal;
pub(crate) mod sorted;
pub(crate) mod store;
pub(crate) mod tracked;
