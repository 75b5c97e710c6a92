//! What is HTTP: the sockets that it comes from, what a request says of its sender, the files that
//! are served. `crate::routes` says who answers which path.

pub(crate) mod assets;
pub(crate) mod forwarded;
pub(crate) mod gated;
pub(crate) mod headers;
pub(crate) mod health;
pub(crate) mod lines;
pub(crate) mod listen;
pub(crate) mod origin;
pub(crate) mod security;
