//! Double Ratchet sessions by their tags. A channel names the one to write on; the others with the same
//! device can only receive, are few, and expire (docs/PROTOCOL.md, "Session").

use pawl_protocol::{AccountKey, BaseKey, Session, SessionTag};
use pawl_wire::{AccountId, DeviceAddress};
use prost::Message;
use zeroize::Zeroizing;

use crate::account::wire_address;
use crate::limits::{MAX_OLD_SESSIONS, OLD_SESSION_LIFETIME};
use crate::numbers::Millis;
use crate::storage::records::{self, Record, RecordError};
use crate::storage::room::Room;
use crate::storage::sorted::SortedSet;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{RecordKey, Tracked};

impl RecordKey for SessionTag {
    fn to_key(self) -> Key {
        Key(self.as_bytes().to_vec())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let bytes = key.0.as_slice().try_into().ok();
        bytes.map(Self::from_bytes)
    }
}

/// A session and its age.
pub(crate) struct Slot {
    pub(crate) session: Session,
    /// Milliseconds since 1970.
    pub(crate) begun_at: Millis,
    /// The last time that something was opened or, on an own one, that it was begun.
    pub(crate) used_at: Millis,
    /// Only receives: the other cannot read it, or another one was begun because of a failure.
    pub(crate) retired: bool,
}

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
    pub(crate) fn new(session: Session, now: Millis) -> Self {
        Self {
            session,
            begun_at: now,
            used_at: now,
            retired: false,
        }
    }

    /// The device at the other end.
    pub(crate) fn device(&self) -> DeviceAddress {
        wire_address(self.session.peer().address())
    }

    /// Whether it was not used for as long as mail may wait.
    pub(crate) fn is_expired(&self, now: Millis) -> bool {
        now.since(self.used_at) > OLD_SESSION_LIFETIME
    }
}

impl Record for Slot {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&SlotRecord {
            session: self.session.to_bytes().as_bytes().to_vec(),
            begun_at: self.begun_at.0,
            used_at: self.used_at.0,
            retired: self.retired,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: SlotRecord = records::read(bytes)?;
        Ok(Self {
            session: Session::from_bytes(&record.session).map_err(|_| RecordError::Damaged)?,
            begun_at: Millis(record.begun_at),
            used_at: Millis(record.used_at),
            retired: record.retired,
        })
    }
}

/// All of them, and by what they are looked up.
pub(crate) struct Sessions {
    table: Tracked<SessionTag, Slot>,
    by_device: SortedSet<(DeviceAddress, SessionTag)>,
    base_keys: SortedSet<BaseKey>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            table: Tracked::new(Table::Sessions),
            by_device: SortedSet::new(),
            base_keys: SortedSet::new(),
        }
    }

    pub(crate) fn get(&self, tag: SessionTag) -> Option<&Slot> {
        self.table.get(tag)
    }

    /// For changing it: the record is written at the end of the step.
    pub(crate) fn edit(&mut self, tag: SessionTag) -> Option<&mut Slot> {
        self.table.edit(tag)
    }

    pub(crate) fn insert(&mut self, tag: SessionTag, slot: Slot) {
        self.by_device.insert((slot.device(), tag));
        self.base_keys.insert(slot.session.base_key());
        self.table.insert(tag, slot);
    }

    pub(crate) fn remove(&mut self, tag: SessionTag) {
        if let Some(slot) = self.table.remove(tag) {
            self.by_device.remove(&(slot.device(), tag));
            self.base_keys.remove(&slot.session.base_key());
        }
    }

    /// Tags of the sessions with a device.
    pub(crate) fn of_device(&self, device: DeviceAddress) -> Vec<SessionTag> {
        let first = (device, SessionTag::from_bytes([0; 16]));
        let all = self.by_device.from(first);
        let theirs = all.take_while(|(of, _)| *of == device);
        theirs.map(|(_, tag)| *tag).collect()
    }

    /// The devices of an account that there are sessions with.
    pub(crate) fn devices_of(&self, account: &AccountKey) -> Vec<DeviceAddress> {
        let account = AccountId(*account.as_bytes());
        let first = DeviceAddress { account, device: 0 };
        let all = self
            .by_device
            .from((first, SessionTag::from_bytes([0; 16])));
        let theirs = all.take_while(|(of, _)| of.account == account);
        let mut devices: Vec<_> = theirs.map(|(of, _)| *of).collect();
        devices.dedup();
        devices
    }

    /// The session with a device to write on that was used last.
    pub(crate) fn newest_of(&self, device: DeviceAddress) -> Option<SessionTag> {
        let tags = self.of_device(device).into_iter();
        let slots = tags.filter_map(|tag| Some((tag, self.get(tag)?)));
        slots
            .filter(|(_, slot)| !slot.retired)
            .max_by_key(|(_, slot)| slot.used_at)
            .map(|(tag, _)| tag)
    }

    /// Whether a handshake has led to a session already.
    pub(crate) fn knows_base_key(&self, base_key: BaseKey) -> bool {
        self.base_keys.contains(&base_key)
    }

    /// Drops the oldest of the sessions with a device but the one to write on, until there are few
    /// enough.
    pub(crate) fn drop_surplus(&mut self, device: DeviceAddress, head: Option<SessionTag>) {
        let mut old = self.of_device(device);
        old.retain(|tag| Some(*tag) != head);
        while old.len() > MAX_OLD_SESSIONS {
            let used_at = |tag: &SessionTag| self.get(*tag).map(|slot| slot.used_at);
            let Some(at) = (0..old.len()).min_by_key(|at| used_at(&old[*at])) else {
                return;
            };
            self.remove(old.remove(at));
        }
    }

    /// Erases a session's old keys, and dates it back where it was ahead of `later`; whether there was
    /// anything to do.
    pub(crate) fn sweep(
        &mut self,
        tag: SessionTag,
        earlier: Millis,
        later: Millis,
        now: Millis,
    ) -> bool {
        self.table.change(tag, |slot| {
            let is_ahead = slot.used_at.max(slot.begun_at) > later;
            if is_ahead {
                slot.used_at = slot.used_at.min(now);
                slot.begun_at = slot.begun_at.min(now);
            }
            slot.session.expire(earlier.0) || is_ahead
        })
    }

    /// So many tags from one on.
    pub(crate) fn tags_from(&self, tag: SessionTag, most: usize) -> Vec<SessionTag> {
        let tags = self.table.from(tag).map(|(tag, _)| tag);
        tags.take(most).collect()
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

impl Room for Sessions {
    fn takes(&self, table: Table, _: &Key) -> bool {
        table == Table::Sessions
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        let slot = Slot::decode(value)?;
        let tag = slot.session.tag();
        if tag.as_bytes() != key.0.as_slice() {
            return Err(RecordError::Damaged);
        }
        self.table.load(tag, slot);
        Ok(())
    }

    fn index_loaded(&mut self) {
        let all = || self.table.iter();
        self.by_device = all().map(|(tag, slot)| (slot.device(), tag)).collect();
        self.base_keys = all().map(|(_, slot)| slot.session.base_key()).collect();
    }

    fn erase(&mut self, key: &Key) -> bool {
        self.table.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.table.flush(changes);
    }
}
