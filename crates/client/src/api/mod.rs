//! What goes into the engine and what comes out, as a driver and a page see it: commands, steps, events and
//! errors. Types only; nothing here knows a room.

pub(crate) mod command;
pub(crate) mod decode;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod step;
