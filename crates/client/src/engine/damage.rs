//! Loading, and what becomes of records that cannot be read: each is set aside and said to be so, and
//! everything that does not need it goes on. Contact and conversation each hold the pinned account, so
//! that one damaged record never turns a known person into a stranger.

use pawl_protocol::{AccountKey, SessionTag};
use pawl_wire::DeviceAddress;

use super::{Engine, LoadedRecord};
use crate::api::error::{AlertCode, StoreError};
use crate::api::event::NoticeCause;
use crate::conversations::Conversation;
use crate::conversations::aside::AsideId;
use crate::directory::contacts::Contact;
use crate::ids::{ContactId, ConversationId};
use crate::numbers::Number;
use crate::outbox::{Entry, EntryId};
use crate::storage::records::RecordError;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::RecordKey;
use crate::turn::Turn;

/// A record that could not be read.
pub(crate) struct Damage {
    table: Table,
    key: Key,
}

impl Engine {
    /// Takes what the store holds.
    pub(crate) fn take_records(&mut self, records: Vec<LoadedRecord>) -> Result<(), StoreError> {
        for LoadedRecord { table, key, value } in records {
            let taken = value
                .ok_or(RecordError::Damaged)
                .and_then(|value| self.take_record(table, &key, &value));
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
        for room in self.rooms() {
            room.index_loaded();
        }
        // An account without its counters could use an id twice.
        if self.account.get().0.is_some() && !self.counters.is_there() {
            return Err(StoreError::Corrupted(Table::Meta));
        }
        Ok(())
    }

    fn take_record(&mut self, table: Table, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        match self.rooms().find(|room| room.takes(table, key)) {
            Some(room) => room.load(key, value),
            // Messages are not loaded.
            None if matches!(table, Table::Meta | Table::Messages) => Ok(()),
            None => Err(RecordError::Damaged),
        }
    }

    /// In the first step after loading: mends what can be mended, tells of all of it.
    pub(crate) fn mend_damage(&mut self, turn: &mut Turn<'_>) {
        for Damage { table, key } in std::mem::take(&mut self.damage) {
            let room = self.rooms().find(|room| room.takes(table, &key));
            if !room.is_some_and(|room| room.erase(&key)) {
                // Its key names nothing that a room has.
                let key = key.clone();
                turn.changes.push(Change::Delete { table, key });
            }
            let conversation = match table {
                Table::Contacts => match (ContactId::from_key(&key), DeviceAddress::from_key(&key))
                {
                    (Some(contact), _) => self.mend_contact(contact),
                    (_, Some(device)) => self.mend_channel_record(device, turn),
                    (None, None) => None,
                },
                Table::Conversations => match AsideId::from_key(&key) {
                    Some(id) => Some(id.conversation),
                    None => self.mend_conversation(&key, turn),
                },
                Table::Sessions => self.mend_session(&key, turn),
                Table::Outbox => self.mend_outbox(&key),
                Table::Prekeys => {
                    (self.prekeys).rotate(&self.account, &mut self.counters, turn);
                    None
                }
                Table::Meta | Table::Messages => None,
            };
            let username = conversation.and_then(|id| self.username(id));
            turn.alert(AlertCode::RecordCorrupted { username });
            if let Some(id) = conversation {
                self.conversations.notice(id, NoticeCause::Damaged, turn);
            }
        }
    }

    /// Makes a contact anew from the conversation with it; without one, the person is gone.
    fn mend_contact(&mut self, contact: ContactId) -> Option<ConversationId> {
        let mut all = self.conversations.iter();
        let (id, conversation) = all.find(|(_, it)| it.contact == contact)?;
        let username = conversation.username.clone();
        let new = Contact::new(username, conversation.account, id);
        let new = new.with_least_version(conversation.list_version);
        self.contacts.insert(contact, new);
        Some(id)
    }

    /// Makes a conversation anew from the contact that has it; without one, it is gone.
    fn mend_conversation(&mut self, key: &Key, turn: &Turn<'_>) -> Option<ConversationId> {
        let id = ConversationId::from_key(key)?;
        let contact = self.contacts.in_conversation(id);
        let (contact, known) = contact.and_then(|it| Some((it, self.contacts.get(it)?)))?;
        // No position and no number so far can be as high as the time.
        let username = known.username().clone();
        let mut new = Conversation::new(contact, username, known.account(), turn.now.0);
        if known.is_changed() {
            let texts = self.outbox.texts_of(id).into_iter();
            let unsent = |id: &EntryId| !self.outbox.get(*id).is_some_and(Entry::is_stored);
            new.hold_from(texts.filter(unsent).map(|id| id.number).min());
        }
        self.conversations.insert(id, new);
        self.conversations.note_version(known);
        Some(id)
    }

    /// Makes a channel anew: which of the other's texts came is lost, and what it has of ours is asked.
    fn mend_channel_record(
        &mut self,
        device: DeviceAddress,
        turn: &Turn<'_>,
    ) -> Option<ConversationId> {
        let contact = self.contacts.of_account(&device.account.0)?;
        let known = self.contacts.get(contact)?;
        let id = known.conversation();
        if known.account().as_bytes() != &device.account.0 {
            // What waits of it comes again.
            if let Ok(account) = AccountKey::from_bytes(&device.account.0) {
                self.setting_aside().drop_aside(id, account);
            }
            let next = self
                .conversations
                .get(id)
                .map_or(Number::FIRST, |it| it.next_number);
            self.channels.ensure(device, id, next);
            return Some(id);
        }
        self.channels.ensure(device, id, Number::FIRST);
        for tag in self.sessions.of_device(device) {
            self.channels.remember(device, tag);
        }
        let head = self.sessions.newest_of(device);
        if let Some(channel) = self.channels.edit(device) {
            channel.head = head;
            channel.replied = head.is_some();
            channel.stream_mut(id).received_unknown = true;
            channel.repair.wait_for_receipt(turn.now);
        }
        self.repairs.trouble(device);
        Some(id)
    }

    /// The session is gone on this side: the other is asked on another one, so that they move.
    fn mend_session(&mut self, key: &Key, turn: &Turn<'_>) -> Option<ConversationId> {
        let tag = SessionTag::from_key(key)?;
        let device = self.channels.of_tag(tag)?;
        let (_, conversation) = self.contacts.other_end(device)?;
        self.evidence()
            .hint(device, tag, NoticeCause::KeysGone, turn);
        Some(conversation)
    }

    fn mend_outbox(&mut self, key: &Key) -> Option<ConversationId> {
        let id = EntryId::from_key(key)?;
        if id.is_text()
            && let Some(conversation) = self.conversations.edit(id.conversation)
        {
            conversation.lost.insert(id.number);
        }
        Some(id.conversation)
    }
}
