//! People: which account a username was first seen with, what is trusted of it, and which devices it
//! has. Decides nothing about trust (`engine/flows/trust.rs`); what binds us to one of their devices is `channel`.

use pawl_protocol::{AccountKey, AccountRecord, VerifiedAccountRecord};
use pawl_wire::{AccountId, DeviceAddress, Username};
use prost::Message;
use zeroize::Zeroizing;

use crate::api::error::AlertCode;
use crate::api::event::IdentityState;
use crate::ids::{ContactId, ConversationId};
use crate::limits::MAX_OWN_CONVERSATIONS;
use crate::storage::records::{self, Record, RecordError};
use crate::storage::room::Room;
use crate::storage::sorted::{SortedMap, SortedSet};
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{RecordKey, Tracked};
use crate::turn::Turn;

/// What is known of a person.
pub(crate) struct Contact {
    username: Username,
    /// The conversation with them, which stays when their account changes.
    conversation: ConversationId,
    /// The pinned account: the first one seen, or the last one that the user accepted.
    account: AccountKey,
    /// The account's newest signed device list; empty where it was lost to damage.
    record: Vec<u8>,
    /// The numbers of the devices on it.
    devices: Vec<u32>,
    /// The safety number was compared.
    pub(crate) verified: bool,
    /// Other accounts that have had the username since the user last accepted one, with their device
    /// lists; at most [`MAX_UNACCEPTED`](crate::limits::MAX_UNACCEPTED). The last one has it now.
    changed: Vec<(AccountKey, Vec<u8>)>,
    /// The version that the pinned account's list had at least when it was lost to damage.
    least_version: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ContactRecord {
    #[prost(string, tag = "1")]
    username: String,
    #[prost(bytes = "vec", tag = "2")]
    account: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    record: Vec<u8>,
    #[prost(bool, tag = "4")]
    verified: bool,
    #[prost(bytes = "vec", repeated, tag = "5")]
    changed_accounts: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    changed_records: Vec<Vec<u8>>,
    #[prost(uint64, tag = "7")]
    least_version: u64,
    #[prost(bytes = "vec", tag = "8")]
    conversation: Vec<u8>,
    #[prost(uint32, repeated, tag = "9")]
    devices: Vec<u32>,
}

impl Contact {
    pub(crate) fn new(
        username: Username,
        account: AccountKey,
        conversation: ConversationId,
    ) -> Self {
        Self {
            username,
            conversation,
            account,
            record: Vec::new(),
            devices: Vec::new(),
            verified: false,
            changed: Vec::new(),
            least_version: 0,
        }
    }

    /// Somebody whose record was lost to damage: no list older than this version is taken.
    pub(crate) fn with_least_version(mut self, version: u64) -> Self {
        self.least_version = version;
        self
    }

    pub(crate) fn username(&self) -> &Username {
        &self.username
    }

    pub(crate) const fn conversation(&self) -> ConversationId {
        self.conversation
    }

    /// The pinned account.
    pub(crate) const fn account(&self) -> AccountKey {
        self.account
    }

    /// The accounts that the user has not accepted, the one that has the name now last.
    pub(crate) fn unaccepted(&self) -> impl Iterator<Item = AccountKey> {
        self.changed.iter().map(|(account, _)| *account)
    }

    /// Whether another account has the name than the one that the user knows.
    pub(crate) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Whether this is the pinned account's newest list, byte for byte.
    pub(crate) fn has_record(&self, record: &[u8]) -> bool {
        self.record == record
    }

    pub(crate) fn identity(&self) -> IdentityState {
        match (self.is_changed(), self.verified) {
            (true, _) => IdentityState::Changed,
            (false, true) => IdentityState::Verified,
            (false, false) => IdentityState::Unverified,
        }
    }

    /// Whether an account is theirs, pinned or waiting to be accepted.
    pub(crate) fn has(&self, account: &[u8; 32]) -> bool {
        let mut accounts = self.unaccepted().chain([self.account]);
        accounts.any(|it| it.as_bytes() == account)
    }

    /// The account that the user would write to after looking at a change.
    pub(crate) fn newest_account(&self) -> AccountKey {
        self.unaccepted().last().unwrap_or(self.account)
    }

    /// The devices to write to: those of the pinned account, as its newest list has them. None where
    /// the list was lost to damage.
    pub(crate) fn devices(&self) -> Vec<DeviceAddress> {
        let all = self.devices.iter();
        all.map(|device| DeviceAddress {
            device: *device,
            ..self.all_devices()
        })
        .collect()
    }

    /// Number 0: whatever devices the pinned account has, once its list is known.
    pub(crate) fn all_devices(&self) -> DeviceAddress {
        DeviceAddress {
            account: AccountId(*self.account.as_bytes()),
            device: 0,
        }
    }

    /// The pinned account's device list, verified again.
    pub(crate) fn verified_record(&self) -> Option<VerifiedAccountRecord> {
        let record = AccountRecord::decode(&self.record).ok()?.verify().ok()?;
        (record.account() == self.account).then_some(record)
    }

    /// The device list that is known of one of this person's accounts.
    pub(crate) fn known_record(&self, account: &AccountKey) -> Option<VerifiedAccountRecord> {
        let mut changed = self.changed.iter();
        match changed.find(|(changed, _)| changed == account) {
            Some((_, record)) => AccountRecord::decode(record).ok()?.verify().ok(),
            None => self
                .verified_record()
                .filter(|record| record.account() == *account),
        }
    }

    /// Takes a device list of one of this person's accounts; false where it is older than the known
    /// one, another of the same version, or says another name.
    pub(crate) fn update(&mut self, record: &VerifiedAccountRecord) -> bool {
        let account = record.account();
        let known = self.known_record(&account);
        let is_pinned = account == self.account;
        let is_old = is_pinned && record.version() < self.least_version;
        let mut changed = self.changed.iter_mut();
        let place = match changed.find(|(changed, _)| *changed == account) {
            Some((_, place)) => place,
            None if is_pinned => &mut self.record,
            None => return false,
        };
        let may_replace = !is_old
            && record.username() == self.username.as_str()
            && known.is_none_or(|known| record.supersedes(&known).is_ok());
        if may_replace {
            *place = record.record().encode();
            if is_pinned {
                self.devices = numbers(record);
            }
        }
        may_replace
    }
}

fn numbers(record: &VerifiedAccountRecord) -> Vec<u32> {
    let devices = record.devices().iter();
    devices.map(|it| it.address().device.get()).collect()
}

impl Record for Contact {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let changed = self.changed.iter();
        let (changed_accounts, changed_records) = changed
            .map(|(account, record)| (account.as_bytes().to_vec(), record.clone()))
            .unzip();
        records::write(&ContactRecord {
            username: self.username.as_str().to_owned(),
            account: self.account.as_bytes().to_vec(),
            record: self.record.clone(),
            verified: self.verified,
            changed_accounts,
            changed_records,
            least_version: self.least_version,
            conversation: self.conversation.as_bytes().to_vec(),
            devices: self.devices.clone(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: ContactRecord = records::read(bytes)?;
        if record.changed_accounts.len() != record.changed_records.len() {
            return Err(RecordError::Damaged);
        }
        let accounts = record.changed_accounts.iter();
        let changed = accounts
            .map(|account| account_key(&records::fixed(account)?))
            .zip(record.changed_records)
            .map(|(account, list)| Ok((account?, list)))
            .collect::<Result<_, RecordError>>()?;
        Ok(Self {
            username: Username::from_canonical(&record.username)
                .map_err(|_| RecordError::Damaged)?,
            conversation: ConversationId::from_bytes(records::fixed(&record.conversation)?),
            account: account_key(&records::fixed(&record.account)?)?,
            record: record.record,
            devices: record.devices,
            verified: record.verified,
            changed,
            least_version: record.least_version,
        })
    }
}

/// An account key that stands in a record.
pub(crate) fn account_key(bytes: &[u8; 32]) -> Result<AccountKey, RecordError> {
    AccountKey::from_bytes(bytes).map_err(|_| RecordError::Damaged)
}

/// All of them, and by what they are looked up.
pub(crate) struct Contacts {
    table: Tracked<ContactId, Contact>,
    by_name: SortedMap<Username, ContactId>,
    by_conversation: SortedMap<ConversationId, ContactId>,
    /// Pinned accounts and those that wait to be accepted.
    by_account: SortedSet<([u8; 32], ContactId)>,
    /// Whose name another account has.
    changed: SortedSet<ContactId>,
}

impl Contacts {
    pub(crate) fn new() -> Self {
        Self {
            table: Tracked::new(Table::Contacts),
            by_name: SortedMap::new(),
            by_conversation: SortedMap::new(),
            by_account: SortedSet::new(),
            changed: SortedSet::new(),
        }
    }

    pub(crate) fn insert(&mut self, id: ContactId, contact: Contact) {
        self.index(id, &contact, true);
        self.table.insert(id, contact);
    }

    pub(crate) fn get(&self, id: ContactId) -> Option<&Contact> {
        self.table.get(id)
    }

    /// For changing it: the record is written at the end of the step.
    pub(crate) fn edit(&mut self, id: ContactId) -> Option<&mut Contact> {
        self.table.edit(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    fn index(&mut self, id: ContactId, contact: &Contact, is_there: bool) {
        let accounts = contact.unaccepted().chain([contact.account]);
        let accounts = accounts.map(|account| (*account.as_bytes(), id));
        if is_there {
            self.by_name.insert(contact.username.clone(), id);
            self.by_conversation.insert(contact.conversation, id);
            self.by_account.extend(accounts);
            if contact.is_changed() {
                self.changed.insert(id);
            }
        } else {
            self.changed.remove(&id);
            for account in accounts {
                self.by_account.remove(&account);
            }
        }
    }

    /// Changes which accounts are a person's.
    fn change_accounts<R>(
        &mut self,
        id: ContactId,
        change: impl FnOnce(&mut Contact) -> R,
    ) -> Option<R> {
        let mut contact = self.table.take(id)?;
        self.index(id, &contact, false);
        let result = change(&mut contact);
        self.index(id, &contact, true);
        self.table.insert(id, contact);
        Some(result)
    }

    /// Another account has the name now. Gives the one that was forgotten for it, where there were
    /// more than this many.
    pub(crate) fn add_unaccepted(
        &mut self,
        id: ContactId,
        record: &VerifiedAccountRecord,
        most: usize,
    ) -> Option<AccountKey> {
        let list = (record.account(), record.record().encode());
        self.change_accounts(id, |contact| {
            contact.changed.push(list);
            let is_too_many = contact.changed.len() > most;
            is_too_many.then(|| contact.changed.remove(0).0)
        })?
    }

    /// An account that is not accepted has the name once more; false where it is not known.
    pub(crate) fn move_last(&mut self, id: ContactId, account: &AccountKey) -> bool {
        let Some(contact) = self.table.edit(id) else {
            return false;
        };
        let mut seen = contact.changed.iter();
        let at = seen.position(|(seen, _)| seen == account);
        if let Some(at) = at {
            contact.changed[at..].rotate_left(1);
        }
        at.is_some()
    }

    /// The name is the pinned account's: gives those that had it meanwhile.
    pub(crate) fn drop_unaccepted(&mut self, id: ContactId) -> Vec<AccountKey> {
        let dropped = self.change_accounts(id, |contact| std::mem::take(&mut contact.changed));
        let dropped = dropped.unwrap_or_default().into_iter();
        dropped.map(|(account, _)| account).collect()
    }

    /// The account that has the name now is pinned. Gives the one before and the others, where there
    /// is something to accept.
    pub(crate) fn accept(&mut self, id: ContactId) -> Option<(AccountKey, Vec<AccountKey>)> {
        self.change_accounts(id, |contact| {
            let (account, record) = contact.changed.pop()?;
            let others = std::mem::take(&mut contact.changed);
            let previous = std::mem::replace(&mut contact.account, account);
            contact.record = record;
            contact.devices = contact
                .verified_record()
                .as_ref()
                .map_or_else(Vec::new, numbers);
            contact.least_version = 0;
            contact.verified = false;
            let others = others.into_iter().map(|(account, _)| account);
            Some((previous, others.collect()))
        })?
    }

    /// Who has this username.
    pub(crate) fn named(&self, username: &str) -> Option<ContactId> {
        let username = Username::from_canonical(username).ok()?;
        self.by_name.get(&username).copied()
    }

    /// Whose conversation this is.
    pub(crate) fn in_conversation(&self, id: ConversationId) -> Option<ContactId> {
        self.by_conversation.get(&id).copied()
    }

    /// Whose account this is, pinned or waiting to be accepted.
    pub(crate) fn of_account(&self, account: &[u8; 32]) -> Option<ContactId> {
        let first = (*account, ContactId(0));
        let mut all = self.by_account.from(first);
        let (found, id) = all.next()?;
        (found == account).then_some(*id)
    }

    /// Whose pinned account this is.
    pub(crate) fn pinned(&self, account: &[u8; 32]) -> Option<ContactId> {
        let first = (*account, ContactId(0));
        let all = self.by_account.from(first);
        let mut theirs = all.take_while(|(found, _)| found == account);
        let is_pinned = |id: &ContactId| {
            self.get(*id)
                .is_some_and(|it| it.account.as_bytes() == account)
        };
        theirs.find(|(_, id)| is_pinned(id)).map(|(_, id)| *id)
    }

    /// The person at the other end of a channel, and the conversation with them.
    pub(crate) fn other_end(&self, device: DeviceAddress) -> Option<(ContactId, ConversationId)> {
        let contact = self.pinned(&device.account.0)?;
        let known = self.get(contact)?;
        Some((contact, known.conversation()))
    }

    /// Whether no conversation can be begun by this person: the rest of the places are strangers'.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= MAX_OWN_CONVERSATIONS
    }

    /// Tells that keys are not signed by this person, or are by an old list of their devices.
    pub(crate) fn tell_refused(&self, id: ContactId, is_old: bool, turn: &mut Turn<'_>) {
        if let Some(username) = self.username(id) {
            turn.alert(match is_old {
                true => AlertCode::DevicesRefused { username },
                false => AlertCode::KeysRefused { username },
            });
        }
    }

    /// Whose names other accounts have.
    pub(crate) fn changed(&self) -> impl Iterator<Item = ContactId> {
        self.changed.iter().copied()
    }

    pub(crate) fn username(&self, id: ContactId) -> Option<String> {
        let contact = self.get(id);
        contact.map(|contact| contact.username.as_str().to_owned())
    }
}

impl Room for Contacts {
    fn takes(&self, table: Table, key: &Key) -> bool {
        table == Table::Contacts && ContactId::from_key(key).is_some()
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        self.table.load_record(key, value)
    }

    fn index_loaded(&mut self) {
        let all = || self.table.iter();
        self.by_name = all().map(|(id, it)| (it.username.clone(), id)).collect();
        self.by_conversation = all().map(|(id, it)| (it.conversation, id)).collect();
        let accounts = all().flat_map(|(id, contact)| {
            let accounts = contact.unaccepted().chain([contact.account]);
            accounts.map(move |account| (*account.as_bytes(), id))
        });
        self.by_account = accounts.collect();
        let changed = all().filter(|(_, contact)| contact.is_changed());
        self.changed = changed.map(|(id, _)| id).collect();
    }

    fn erase(&mut self, key: &Key) -> bool {
        self.table.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.table.flush(changes);
    }
}
