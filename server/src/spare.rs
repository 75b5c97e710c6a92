//! Queues that were long give their memory back once they are empty: thousands of connections are mostly quiet.

use std::collections::VecDeque;

/// Places that an empty queue may keep, so that a conversation does not ask for memory with every message.
pub(crate) const KEPT: usize = 16;

pub(crate) fn give_back<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > KEPT {
        *queue = VecDeque::new();
    }
}
