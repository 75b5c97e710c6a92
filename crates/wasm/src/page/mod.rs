//! The page of this tab: what it asks is read, and what it is told is written.

pub mod decode;
mod endpoint;

pub(crate) use self::endpoint::Page;
