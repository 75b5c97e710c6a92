//! The relay's laws, over real sockets and a real SQLite file in a temporary folder.

mod mailbox;
mod support;
