//! How mail reaches a device that is connected: which devices are, and how much is on its way to
//! each. Knows no socket.

pub(crate) mod delivery;
pub(crate) mod hub;
