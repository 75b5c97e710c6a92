//! Asking the relay who has a name: to start a conversation, to confirm a stranger's name, to see
//! whether somebody's devices or account changed. The answer is believed only where it is signed.

use pawl_protocol::VerifiedAccountRecord;
use pawl_wire::{ClaimId, ClientFrame, DeviceAddress, Username};

use crate::account::recent_commands::RecentCommands;
use crate::api::command::CommandId;
use crate::api::error::CommandError;
use crate::directory::contacts::Contacts;
use crate::ids::ContactId;
use crate::limits::{MAX_CLAIMS, MAX_LOOKUPS, MAX_OWN_CONVERSATIONS, MAX_WAITING_COMMANDS};
use crate::storage::room::Room;
use crate::storage::sorted::{SortedMap, SortedSet};
use crate::turn::Turn;

/// What was asked on this connection, and who waits for an answer.
#[derive(Default)]
pub(crate) struct Lookups {
    asked: SortedSet<Username>,
    /// `StartConversation` commands by the name they asked for.
    starting: SortedMap<CommandId, Username>,
    /// People whose devices or account the relay says are no longer there.
    refreshing: SortedSet<ContactId>,
    /// Devices that the relay says it does not know.
    unknown: SortedSet<DeviceAddress>,
    /// Those of them whose names are still to be asked for.
    to_refresh: SortedSet<ContactId>,
    /// Bundles that were claimed on this connection.
    claims: SortedMap<ClaimId, DeviceAddress>,
}

impl Lookups {
    pub(crate) fn is_refreshing(&self, contact: ContactId) -> bool {
        self.refreshing.contains(&contact)
    }

    /// Whether a name is being asked for on this connection, and how many are.
    pub(crate) fn is_asked(&self, name: &Username) -> bool {
        self.asked.contains(name)
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.len()
    }

    fn has_room(&self) -> bool {
        self.asked.len() < MAX_LOOKUPS
    }

    /// Whether a name is to be asked for now.
    pub(crate) fn ask(&mut self, name: &Username) -> bool {
        self.has_room() && self.asked.insert(name.clone())
    }

    /// Asks what became of a person whom the relay says it does not know.
    pub(crate) fn refresh(&mut self, contact: ContactId) {
        if self.refreshing.insert(contact) {
            self.to_refresh.insert(contact);
        }
    }

    /// The same, since the relay does not know one of their devices.
    pub(crate) fn refresh_because_of(&mut self, device: DeviceAddress, contact: ContactId) {
        self.unknown.insert(device);
        self.refresh(contact);
    }

    /// Asks whether names that changed hands still are those others'.
    pub(crate) fn refresh_changed(&mut self, contacts: &Contacts) {
        for contact in contacts.changed().collect::<Vec<_>>() {
            self.refresh(contact);
        }
    }

    /// Asks for every name that somebody waits for, once per connection at a time.
    pub(crate) fn ask_all(&mut self, contacts: &Contacts, turn: &mut Turn<'_>) {
        while self.has_room()
            && let Some(contact) = self.to_refresh.pop_first()
        {
            let contact = contacts.get(contact);
            if let Some(username) = contact.map(|contact| contact.username().clone()) {
                self.look_up(username, turn);
            }
        }
        let starting = self.starting.values().cloned();
        for username in starting.collect::<SortedSet<_>>() {
            self.look_up(username, turn);
        }
    }

    fn look_up(&mut self, username: Username, turn: &mut Turn<'_>) {
        if self.ask(&username) {
            turn.send(&ClientFrame::LookUp { username });
        }
    }

    /// The connection is gone: commands are answered, everything else is asked for again.
    pub(crate) fn fail(
        &mut self,
        error: &CommandError,
        commands: &mut RecentCommands,
        turn: &mut Turn<'_>,
    ) {
        self.asked.clear();
        self.claims.clear();
        self.refreshing.clear();
        self.to_refresh.clear();
        self.unknown.clear();
        for (id, _) in std::mem::take(&mut self.starting) {
            commands.done(id, Err(error.clone()), turn);
        }
    }

    /// Whether a name was asked for; it is answered now.
    pub(crate) fn take_asked(&mut self, name: &Username) -> bool {
        self.asked.remove(name)
    }

    /// The `StartConversation` commands that waited for a name.
    pub(crate) fn take_starting(&mut self, username: &Username) -> Vec<CommandId> {
        let all = std::mem::take(&mut self.starting).into_iter();
        let (theirs, rest): (SortedMap<_, _>, _) = all.partition(|(_, name)| name == username);
        self.starting = rest;
        theirs.into_iter().map(|(id, _)| id).collect()
    }

    /// Whether it was asked what became of a person; that is answered now.
    pub(crate) fn take_refreshing(&mut self, contact: ContactId) -> bool {
        self.refreshing.remove(&contact)
    }

    /// Whether the relay says that it does not know a device.
    pub(crate) fn is_unknown(&self, device: DeviceAddress) -> bool {
        self.unknown.contains(&device)
    }

    pub(crate) fn forget_unknown(&mut self, device: DeviceAddress) {
        self.unknown.remove(&device);
    }

    /// Whether a bundle of a device is being claimed.
    pub(crate) fn is_claiming(&self, device: DeviceAddress) -> bool {
        self.claims.values().any(|asked| *asked == device)
    }

    /// Whether one more bundle may be claimed before answers come.
    pub(crate) fn has_room_to_claim(&self) -> bool {
        self.claims.len() < MAX_CLAIMS
    }

    /// A bundle is being claimed.
    pub(crate) fn claim(&mut self, claim: ClaimId, device: DeviceAddress) {
        self.claims.insert(claim, device);
    }

    /// A claim is answered. Gives the device that it was about.
    pub(crate) fn take_claim(&mut self, claim: ClaimId) -> Option<DeviceAddress> {
        self.claims.remove(&claim)
    }

    /// Whether one more `StartConversation` may wait.
    pub(crate) fn has_room_to_start(&self) -> bool {
        self.starting.len() < MAX_WAITING_COMMANDS
    }

    /// Lets a `StartConversation` wait for the relay's answer about this name.
    pub(crate) fn start(&mut self, id: CommandId, username: Username) {
        self.starting.insert(id, username);
    }

    pub(crate) fn is_starting(&self, id: &CommandId) -> bool {
        self.starting.contains_key(id)
    }
}

impl Room for Lookups {
    fn is_idle(&self) -> bool {
        self.asked.len() == 0 && self.claims.len() == 0
    }
}

/// What the relay says about a name.
pub(crate) enum Answer {
    Nobody,
    /// Signed by the account, which says itself that this is its name.
    Account(Box<VerifiedAccountRecord>),
    /// Not signed, or of another name.
    Refused,
}

/// The answer where no conversation can be begun.
pub(crate) fn conversations_full() -> CommandError {
    let limit = u32::try_from(MAX_OWN_CONVERSATIONS).unwrap_or(u32::MAX);
    CommandError::ConversationsFull { limit }
}
