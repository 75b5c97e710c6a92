//! Whether anything is under way with the relay: for a driver that ends when its work is done, as a program
//! in a terminal does. Reads, never changes; ending earlier loses nothing either.

use super::Engine;

impl Engine {
    /// Whether the relay still gives what waited when the connection began. Until then more frames follow
    /// at once, and a driver does well to wait some milliseconds for the rest of a window.
    #[must_use]
    pub fn is_catching_up(&self) -> bool {
        self.relay.is_online() && !self.inbox.is_caught_up()
    }

    /// Whether all that waited at the relay is on this disk, and all that this device has to say to it just
    /// now is answered. What waits for a time or for a decision of the user is nothing to wait for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.relay.is_online() && self.rooms_are_idle()
    }
}
