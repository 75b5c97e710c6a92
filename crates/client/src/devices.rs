//! The signed device lists of known accounts: a newer one takes the place of an older, never the other
//! way round, and what there is with a device that it no longer lists ends in the same step. Which
//! account is trusted is decided elsewhere (`trust.rs`).

use pawl_protocol::{Envelope, Session, VerifiedAccountRecord};

use crate::contacts::PeerId;
use crate::engine::Engine;

/// Whether the other side of a session is on a device list, by its very keys.
pub(crate) fn lists(record: &VerifiedAccountRecord, session: &Session) -> bool {
    record.devices().contains(session.peer().certificate())
}

impl Engine {
    /// Takes a device list of one of this person's accounts. False where it may not replace the known
    /// one, which then stays: it was rolled back or forked, or says another name.
    pub(crate) fn take_devices(&mut self, peer: PeerId, record: &VerifiedAccountRecord) -> bool {
        let is_taken = self
            .contacts
            .edit(peer)
            .is_some_and(|contact| contact.update(record));
        if is_taken {
            self.note_version(peer);
            self.end_unlisted(peer, record);
        }
        is_taken
    }

    /// Keeps the version of the pinned account's list in the conversation, too.
    pub(crate) fn note_version(&mut self, peer: PeerId) {
        let contact = self.contacts.get(peer);
        let version = contact.and_then(|contact| Some(contact.verified_record()?.version()));
        let known = self.conversations.get(peer).map(|c| c.list_version);
        if version > known
            && let (Some(version), Some(conversation)) = (version, self.conversations.edit(peer))
        {
            conversation.list_version = version;
        }
    }

    /// Ends the sessions with devices that are not on the list, and says whether there were any. What waited
    /// for them is sealed anew.
    pub(crate) fn end_unlisted(&mut self, peer: PeerId, record: &VerifiedAccountRecord) -> bool {
        let account = record.account();
        let mut ended = self.sessions.of_account(&account);
        ended.retain(|tag| {
            let slot = self.sessions.get(*tag);
            slot.is_some_and(|slot| !lists(record, &slot.session))
        });
        for tag in &ended {
            self.sessions.remove(*tag);
        }
        if let Some(contact) = self.contacts.edit(peer)
            && contact.active.is_some_and(|active| ended.contains(&active))
        {
            contact.active = None;
            // Another device may not know who this is.
            contact.replied = false;
        }
        let is_listed = |device| {
            let mut devices = record.devices().iter();
            devices.any(|listed| listed.address().device.get() == device)
        };
        self.unseal_foreign(peer, |sealed| {
            let is_ended =
                Envelope::decode(&sealed.envelope).is_ok_and(|it| ended.contains(&it.tag()));
            is_listed(sealed.recipient.device) && !is_ended
        });
        !ended.is_empty()
    }
}
