//! What the writer's thread is asked, and the queue in which that waits.

use std::sync::Arc;

use super::jobs::{Job, Reply};
use super::live::{Listener, Outlet, Submission};
use super::people::Erased;
use super::turns::Turns;
use super::{DeviceId, Lane};

/// Messages that may wait: more than a group, so that the thread is never starved, and a bound on memory
/// (each holds one frame at most). A full queue holds back the connections that fill it.
pub(super) const QUEUE: usize = 512;

/// Messages of one network in a round while others wait, so that theirs are not behind all of its.
pub(super) const PART: usize = 32;

pub(super) enum Message {
    Job(Box<dyn Job>),
    Mail(Box<Submission>),
    Acknowledge(DeviceId, u64),
    Open(Vec<DeviceId>, Box<dyn Job>),
    Listen(Listener),
    Leave(DeviceId, Arc<dyn Outlet>),
    Hurry(Lane),
    Erase(DeviceId, u64, Reply<Erased>),
}

/// The thread's end of the queue: when it is gone nobody waits for it.
pub(super) struct Taker(pub(super) Arc<Turns<Message>>);

impl Drop for Taker {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
