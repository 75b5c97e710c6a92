//! The tabs of one browser profile: one leads and owns the engine. ARCHITECTURE.md "Tabs".

mod channel;
mod coordinator;
mod web_lock;

pub use self::channel::VERSION;
pub(crate) use self::coordinator::Coordinator;
