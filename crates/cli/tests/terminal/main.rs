//! The real program against the real relay: what people and scripts see of it.
#![forbid(unsafe_code)]

mod backup;
mod bot;
mod export;
mod refusals;
mod support;
mod talk;
mod tls;
mod trust;
mod verify_site;
