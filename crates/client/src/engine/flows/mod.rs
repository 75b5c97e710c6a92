//! What the engine does with several rooms at once, one flow in each file. A flow is a struct of the rooms that
//! it needs, borrowed for as long as it runs; where it uses another flow, it lends that one part of them. No flow
//! knows the engine.

pub(crate) mod composing;
pub(crate) mod devices;
pub(crate) mod establishing;
pub(crate) mod failing;
pub(crate) mod looking_up;
pub(crate) mod meeting;
pub(crate) mod mending;
pub(crate) mod opening;
pub(crate) mod receipts;
pub(crate) mod receiving;
pub(crate) mod registration;
pub(crate) mod resending;
pub(crate) mod sending;
pub(crate) mod setting_aside;
pub(crate) mod status;
pub(crate) mod submitted;
pub(crate) mod trust;
