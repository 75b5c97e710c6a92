//! How a relay goes on and ends: what is done again and again, the goodbyes, and what the system
//! hands over and hears back. `crate::serve` has the order.

pub(crate) mod close;
pub(crate) mod supervisor;
pub(crate) mod sweep;
