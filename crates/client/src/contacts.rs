//! People: which account a username was first seen with, what is trusted of it, and which session is
//! the one to write on. Decides nothing about trust (`trust.rs`) and seals nothing (`outbox.rs`).

use pawl_protocol::{AccountKey, AccountRecord, SessionTag, VerifiedAccountRecord};
use pawl_wire::{ClaimId, Username};
use prost::Message;
use zeroize::Zeroizing;

use crate::event::IdentityState;
use crate::ids::ConversationId;
use crate::limits::MAX_KNOWN_TAGS;
use crate::records::{self, Record, RecordError};
use crate::sessions::{tags_from_bytes, tags_to_bytes};
use crate::store::Key;
use crate::tracked::{RecordKey, Tracked};

/// A person on this device: names their contact and their conversation. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerId(pub(crate) u64);

impl PeerId {
    /// As it stands in the store's keys.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u64::from_be_bytes).map(Self)
    }
}

impl RecordKey for PeerId {
    fn to_key(self) -> Key {
        Key(self.0.to_be_bytes().to_vec())
    }
}

/// What is known of a person.
pub(crate) struct Contact {
    pub(crate) username: Username,
    /// The conversation with them, which stays when their account changes.
    pub(crate) conversation: ConversationId,
    /// The pinned account: the first one seen, or the last one that the user accepted.
    pub(crate) account: AccountKey,
    /// The account's newest signed device list; empty where it was lost to damage.
    pub(crate) record: Vec<u8>,
    /// The safety number was compared.
    pub(crate) verified: bool,
    /// Other accounts that have had the username since the user last accepted one, with their device lists;
    /// at most [`MAX_UNACCEPTED`](crate::limits::MAX_UNACCEPTED). The last one has it now.
    pub(crate) changed: Vec<(AccountKey, Vec<u8>)>,
    /// The session to write on.
    pub(crate) active: Option<SessionTag>,
    /// They have written since this account of theirs was pinned, so that they know who this is.
    pub(crate) replied: bool,
    /// The claim of a bundle that is under way; the same on every retry.
    pub(crate) claim: Option<ClaimId>,
    /// Sessions with their pinned account, the newest last: what comes on one that is dropped, expired or
    /// damaged can be told to be theirs.
    pub(crate) tags: Vec<SessionTag>,
    /// The version that the pinned account's list had at least when it was lost to damage.
    pub(crate) least_version: u64,
}

/// All of them.
pub(crate) type Contacts = Tracked<PeerId, Contact>;

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
    #[prost(bytes = "vec", tag = "7")]
    active: Vec<u8>,
    #[prost(bool, tag = "8")]
    replied: bool,
    #[prost(bytes = "vec", tag = "9")]
    claim: Vec<u8>,
    // 10 was a session whose record was damaged.
    #[prost(bytes = "vec", tag = "11")]
    tags: Vec<u8>,
    #[prost(uint64, tag = "12")]
    least_version: u64,
    #[prost(bytes = "vec", tag = "13")]
    conversation: Vec<u8>,
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
            verified: false,
            changed: Vec::new(),
            active: None,
            replied: false,
            claim: None,
            tags: Vec::new(),
            least_version: 0,
        }
    }

    pub(crate) fn identity(&self) -> IdentityState {
        match (self.changed.is_empty(), self.verified) {
            (false, _) => IdentityState::Changed,
            (true, true) => IdentityState::Verified,
            (true, false) => IdentityState::Unverified,
        }
    }

    /// Whether an account is theirs, pinned or waiting to be accepted.
    pub(crate) fn has(&self, account: &[u8; 32]) -> bool {
        let changed = self.changed.iter().map(|(account, _)| account);
        let mut accounts = changed.chain([&self.account]);
        accounts.any(|it| it.as_bytes() == account)
    }

    /// Remembers whose session this is.
    pub(crate) fn remember(&mut self, tag: SessionTag) {
        if !self.tags.contains(&tag) {
            let surplus = (self.tags.len() + 1).saturating_sub(MAX_KNOWN_TAGS);
            self.tags.drain(..surplus);
            self.tags.push(tag);
        }
    }

    /// The account that the user would write to after looking at a change.
    pub(crate) fn newest_account(&self) -> AccountKey {
        self.changed
            .last()
            .map_or(self.account, |(account, _)| *account)
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

    /// Takes a device list of one of this person's accounts; false where it is older than the known one,
    /// another of the same version, or says another name.
    pub(crate) fn update(&mut self, record: &VerifiedAccountRecord) -> bool {
        let account = record.account();
        let known = self.known_record(&account);
        let is_old = account == self.account && record.version() < self.least_version;
        let mut changed = self.changed.iter_mut();
        let place = match changed.find(|(changed, _)| *changed == account) {
            Some((_, place)) => place,
            None if self.account == account => &mut self.record,
            None => return false,
        };
        let may_replace = !is_old
            && record.username() == self.username.as_str()
            && known.is_none_or(|known| record.supersedes(&known).is_ok());
        let bytes = record.record().encode();
        if may_replace && *place != bytes {
            *place = bytes;
            self.claim = None;
        }
        may_replace
    }
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
            active: self
                .active
                .map_or_else(Vec::new, |tag| tag.as_bytes().to_vec()),
            replied: self.replied,
            claim: self.claim.map_or_else(Vec::new, |claim| claim.0.to_vec()),
            tags: tags_to_bytes(&self.tags),
            least_version: self.least_version,
            conversation: self.conversation.as_bytes().to_vec(),
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
            account: account_key(&records::fixed(&record.account)?)?,
            record: record.record,
            verified: record.verified,
            changed,
            active: records::fixed_or_none(&record.active)?.map(SessionTag::from_bytes),
            replied: record.replied,
            claim: records::fixed_or_none(&record.claim)?.map(ClaimId),
            tags: tags_from_bytes(&record.tags, MAX_KNOWN_TAGS)?,
            least_version: record.least_version,
            conversation: ConversationId::from_bytes(records::fixed(&record.conversation)?),
        })
    }
}

/// An account key that stands in a record.
pub(crate) fn account_key(bytes: &[u8; 32]) -> Result<AccountKey, RecordError> {
    AccountKey::from_bytes(bytes).map_err(|_| RecordError::Damaged)
}

impl Contacts {
    /// Who has this username.
    pub(crate) fn named(&self, username: &str) -> Option<PeerId> {
        self.iter()
            .find(|(_, contact)| contact.username.as_str() == username)
            .map(|(peer, _)| peer)
    }

    /// Whose conversation this is.
    pub(crate) fn in_conversation(&self, id: ConversationId) -> Option<PeerId> {
        self.iter()
            .find(|(_, contact)| contact.conversation == id)
            .map(|(peer, _)| peer)
    }

    /// Whose session this is or was.
    pub(crate) fn of_session(&self, tag: SessionTag) -> Option<PeerId> {
        self.iter()
            .find(|(_, contact)| contact.active == Some(tag) || contact.tags.contains(&tag))
            .map(|(peer, _)| peer)
    }

    /// Whose pinned account this is.
    pub(crate) fn pinned(&self, account: &AccountKey) -> Option<PeerId> {
        self.iter()
            .find(|(_, contact)| contact.account == *account)
            .map(|(peer, _)| peer)
    }

    /// Whose account this is, pinned or waiting to be accepted.
    pub(crate) fn of_account(&self, account: &AccountKey) -> Option<PeerId> {
        self.iter()
            .find(|(_, contact)| contact.has(account.as_bytes()))
            .map(|(peer, _)| peer)
    }
}
