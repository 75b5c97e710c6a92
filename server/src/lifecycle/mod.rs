//! How a relay begins and ends: what the system hands over and hears back.

pub(crate) mod supervisor;
