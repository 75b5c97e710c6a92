//! Who may do how much: addresses, accounts and networks, what they do at a pace, and who is shut
//! out. The numbers are `crate::config`'s.

pub(crate) mod bans;
pub(crate) mod buckets;
pub(crate) mod network;
pub(crate) mod places;
pub(crate) mod rates;
pub(crate) mod registrations;
pub(crate) mod seldom;
