//! Who people are: which account is whose, which devices an account lists, whose name is being asked for, and
//! whose first messages wait. What is said to them and by them is `channel`'s and `conversations`'.

pub(crate) mod contacts;
pub(crate) mod lookups;
pub(crate) mod requests;
pub(crate) mod strangers;
