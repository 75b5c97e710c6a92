//! Loading, and what becomes of records that cannot be read: each is set aside and said to be so, and
//! everything that does not need it goes on. Contact and conversation each hold the pinned account, so
//! that one damaged record never turns a known person into a stranger.

use pawl_protocol::SessionTag;

use crate::account::Account;
use crate::aside::{AsideId, Waiting};
use crate::contacts::{Contact, PeerId};
use crate::conversations::Conversation;
use crate::counters::Counters;
use crate::engine::{Engine, LoadedRecord};
use crate::error::{AlertCode, StoreError};
use crate::event::NoticeCause;
use crate::outbox::{Entry, EntryId};
use crate::records::{Record, RecordError};
use crate::requests::REQUEST;
use crate::sessions::Slot;
use crate::sorted::SortedSet;
use crate::store::{Key, Table};
use crate::strangers::WAITING;
use crate::tracked::Kept;
use crate::turn::Turn;

/// A record that could not be read.
pub(crate) struct Damage {
    table: Table,
    key: Key,
}

impl Engine {
    /// Takes what the store holds.
    pub(crate) fn take_records(&mut self, records: Vec<LoadedRecord>) -> Result<(), StoreError> {
        let mut meta = SortedSet::new();
        for LoadedRecord { table, key, value } in records {
            let taken = value
                .ok_or(RecordError::Damaged)
                .and_then(|value| match table {
                    Table::Meta => self.take_meta(&key, &value, &mut meta),
                    _ => self.take_record(table, &key, &value),
                });
            match taken {
                Ok(()) => {}
                Err(RecordError::Newer) => return Err(StoreError::Newer),
                Err(RecordError::Older) if table == Table::Meta => return Err(StoreError::Older),
                Err(_) if table == Table::Meta => {
                    return Err(StoreError::Corrupted(table));
                }
                Err(_) => self.damage.push(Damage { table, key }),
            }
        }
        // An account without its counters could use an id twice.
        if self.account.get().0.is_some() && !meta.contains(&"counters") {
            return Err(StoreError::Corrupted(Table::Meta));
        }
        Ok(())
    }

    fn take_meta(
        &mut self,
        key: &Key,
        value: &[u8],
        seen: &mut SortedSet<&'static str>,
    ) -> Result<(), RecordError> {
        match key.0.as_slice() {
            b"account" => self.account = Kept::new("account", Account::decode(value)?),
            b"counters" => {
                self.counters = Kept::new("counters", Counters::decode(value)?);
                seen.insert("counters");
            }
            _ => {
                let _is_known =
                    self.recent_commands.load(key, value)? || self.seen.load(key, value)?;
            }
        }
        Ok(())
    }

    fn take_record(&mut self, table: Table, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        let damaged = RecordError::Damaged;
        match table {
            Table::Contacts => {
                let peer = PeerId::from_bytes(&key.0).ok_or(damaged)?;
                self.contacts.load(peer, Contact::decode(value)?);
            }
            Table::Conversations => match (PeerId::from_bytes(&key.0), AsideId::from_key(key)) {
                (Some(peer), _) => self.conversations.load(peer, Conversation::decode(value)?),
                (_, Some(id)) => self.aside.load(id, Waiting::decode(value)?),
                (None, None) => return Err(damaged),
            },
            Table::Sessions => {
                let slot = Slot::decode(value)?;
                if slot.session.tag().as_bytes() != key.0.as_slice() {
                    return Err(damaged);
                }
                self.sessions.load(slot.session.tag(), slot);
            }
            Table::Prekeys if key.0.first() == Some(&WAITING) => self.strangers.load(key, value)?,
            Table::Prekeys if key.0.first() == Some(&REQUEST) => self.requests.load(key, value)?,
            Table::Prekeys => self.prekeys.load(key, value)?,
            Table::Outbox => {
                let id = EntryId::from_key(key).ok_or(damaged)?;
                self.outbox.load(id, Entry::decode(value)?);
            }
            Table::Meta | Table::Messages => {}
        }
        Ok(())
    }

    /// In the first step after loading: mends what can be mended, tells of all of it.
    pub(crate) fn mend_damage(&mut self, turn: &mut Turn<'_>) {
        for Damage { table, key } in std::mem::take(&mut self.damage) {
            let peer = match table {
                Table::Contacts | Table::Conversations => match AsideId::from_key(&key) {
                    Some(id) => Some(self.aside.erase(id)),
                    None => self.mend_person(&key, turn),
                },
                Table::Sessions => self.mend_session(&key, turn),
                Table::Outbox => self.mend_outbox(&key),
                Table::Prekeys => {
                    self.strangers.set_aside(&key);
                    self.requests.set_aside(&key);
                    self.prekeys.set_aside(&key);
                    self.rotate_prekeys(turn);
                    None
                }
                Table::Meta | Table::Messages => None,
            };
            let username = peer.and_then(|peer| self.username_of(peer));
            turn.alert(AlertCode::RecordCorrupted { username });
            if let Some(peer) = peer {
                self.notice(peer, NoticeCause::Damaged, turn);
            }
        }
    }

    /// Makes contact or conversation anew from the other one; without either, the person is gone.
    fn mend_person(&mut self, key: &Key, turn: &Turn<'_>) -> Option<PeerId> {
        let peer = PeerId::from_bytes(&key.0)?;
        match (self.contacts.get(peer), self.conversations.get(peer)) {
            (Some(contact), None) => {
                // No position and no number so far can be as high as the time.
                let username = contact.username.clone();
                let mut conversation =
                    Conversation::new(contact.conversation, username, contact.account, turn.now);
                conversation.mending.amnesia = true;
                self.conversations.insert(peer, conversation);
                self.note_version(peer);
                // Which of the texts that wait aside came is lost: they come again.
                self.drop_all_aside(peer);
            }
            (None, Some(conversation)) => {
                let Conversation { id, account, .. } = *conversation;
                let mut contact = Contact::new(conversation.username.clone(), account, id);
                contact.least_version = conversation.list_version;
                contact.active = self.sessions.newest_of(&contact.account);
                contact.replied = contact.active.is_some();
                self.contacts.insert(peer, contact);
            }
            (None, None) => {
                self.contacts.erase(peer);
                self.conversations.erase(peer);
                return None;
            }
            (Some(_), Some(_)) => {}
        }
        Some(peer)
    }

    /// The session is gone on this side: the other is asked on another one, so that they move.
    fn mend_session(&mut self, key: &Key, turn: &Turn<'_>) -> Option<PeerId> {
        let tag = SessionTag::from_bytes(key.0.as_slice().try_into().ok()?);
        self.sessions.erase(tag);
        let peer = self.contacts.of_session(tag)?;
        self.hint(peer, tag, NoticeCause::KeysGone, turn);
        Some(peer)
    }

    fn mend_outbox(&mut self, key: &Key) -> Option<PeerId> {
        let id = EntryId::from_key(key)?;
        self.outbox.erase(id);
        if id.number > 0
            && let Some(conversation) = self.conversations.edit(id.peer)
        {
            conversation.lost.insert(id.number);
        }
        Some(id.peer)
    }
}
