//! Double Ratchet sessions by their tags. A contact names the one to write on; the others of the same
//! account can only receive, are few, and expire (docs/PROTOCOL.md, "Session").

use pawl_protocol::{AccountKey, BaseKey, Session, SessionTag};
use prost::Message;
use zeroize::Zeroizing;

use crate::limits::{MAX_DROPPED_PER_STEP, MAX_OLD_SESSIONS, OLD_SESSION_LIFETIME};
use crate::records::{self, Record, RecordError};
use crate::store::Key;
use crate::tracked::{RecordKey, Tracked};

impl RecordKey for SessionTag {
    fn to_key(self) -> Key {
        Key(self.as_bytes().to_vec())
    }
}

/// A session and its age.
pub(crate) struct Slot {
    pub(crate) session: Session,
    /// Milliseconds since 1970.
    pub(crate) begun_at: u64,
    /// The last time that something was opened or, on an own one, that it was begun.
    pub(crate) used_at: u64,
    /// Only receives: the other cannot read it, or another one was begun because of a failure.
    pub(crate) retired: bool,
}

/// All of them.
pub(crate) type Sessions = Tracked<SessionTag, Slot>;

#[derive(Message)]
#[prost(skip_debug)]
struct SlotRecord {
    #[prost(bytes = "vec", tag = "1")]
    session: Vec<u8>,
    #[prost(uint64, tag = "2")]
    begun_at: u64,
    #[prost(uint64, tag = "3")]
    used_at: u64,
    #[prost(bool, tag = "4")]
    retired: bool,
}

records::wiped!(SlotRecord: session);

impl Slot {
    pub(crate) fn new(session: Session, now: u64) -> Self {
        Self {
            session,
            begun_at: now,
            used_at: now,
            retired: false,
        }
    }
}

impl Record for Slot {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&SlotRecord {
            session: self.session.to_bytes().as_bytes().to_vec(),
            begun_at: self.begun_at,
            used_at: self.used_at,
            retired: self.retired,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: SlotRecord = records::read(bytes)?;
        Ok(Self {
            session: Session::from_bytes(&record.session).map_err(|_| RecordError::Damaged)?,
            begun_at: record.begun_at,
            used_at: record.used_at,
            retired: record.retired,
        })
    }
}

impl Sessions {
    /// Tags of an account's sessions.
    pub(crate) fn of_account(&self, account: &AccountKey) -> Vec<SessionTag> {
        self.iter()
            .filter(|(_, slot)| slot.session.peer().account() == *account)
            .map(|(tag, _)| tag)
            .collect()
    }

    /// The account's session to write on that was used last.
    pub(crate) fn newest_of(&self, account: &AccountKey) -> Option<SessionTag> {
        self.iter()
            .filter(|(_, slot)| slot.session.peer().account() == *account && !slot.retired)
            .max_by_key(|(_, slot)| slot.used_at)
            .map(|(tag, _)| tag)
    }

    /// Whether a handshake has led to a session already.
    pub(crate) fn knows_base_key(&self, base_key: BaseKey) -> bool {
        self.iter()
            .any(|(_, slot)| slot.session.base_key() == base_key)
    }

    /// Drops the oldest of an account's sessions but its active one, until there are few enough.
    pub(crate) fn drop_surplus(&mut self, account: &AccountKey, active: Option<SessionTag>) {
        let mut old = self.of_account(account);
        old.retain(|tag| Some(*tag) != active);
        while old.len() > MAX_OLD_SESSIONS {
            let used_at = |tag: &SessionTag| self.get(*tag).map(|slot| slot.used_at);
            let Some(at) = (0..old.len()).min_by_key(|at| used_at(&old[*at])) else {
                return;
            };
            self.remove(old.remove(at));
        }
    }

    /// Drops sessions that are not active and were not used for as long as mail may wait, as many as one
    /// step may; false where some are left.
    pub(crate) fn drop_expired(
        &mut self,
        is_active: impl Fn(SessionTag) -> bool,
        now: u64,
    ) -> bool {
        let expired = |slot: &Slot| now.saturating_sub(slot.used_at) > OLD_SESSION_LIFETIME;
        let gone: Vec<_> = self
            .iter()
            .filter(|(tag, slot)| expired(slot) && !is_active(*tag))
            .map(|(tag, _)| tag)
            .take(MAX_DROPPED_PER_STEP)
            .collect();
        for tag in &gone {
            self.remove(*tag);
        }
        gone.len() < MAX_DROPPED_PER_STEP
    }

    /// From now on these only receive.
    pub(crate) fn retire(&mut self, tags: &[SessionTag]) {
        for tag in tags {
            if self.get(*tag).is_some_and(|slot| !slot.retired)
                && let Some(slot) = self.edit(*tag)
            {
                slot.retired = true;
            }
        }
    }
}

/// Tags as they stand in records and in receipts, one after the other.
pub(crate) fn tags_to_bytes(tags: &[SessionTag]) -> Vec<u8> {
    tags.iter().flat_map(|tag| *tag.as_bytes()).collect()
}

/// Reads what [`tags_to_bytes`] gave.
pub(crate) fn tags_from_bytes(bytes: &[u8], most: usize) -> Result<Vec<SessionTag>, RecordError> {
    let (tags, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() || tags.len() > most {
        return Err(RecordError::Damaged);
    }
    Ok(tags
        .iter()
        .map(|tag| SessionTag::from_bytes(*tag))
        .collect())
}
