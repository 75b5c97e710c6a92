//! What only rises (ids, sequence numbers), and the relay's epoch that they belong to. One record.

use pawl_wire::Epoch;
use prost::Message;
use zeroize::Zeroizing;

use crate::ids::ContactId;
use crate::limits::{UPLOAD_BURST, UPLOAD_INTERVAL};
use crate::numbers::{Millis, Order};
use crate::storage::records::{self, Record, RecordError};

const UPLOAD_WINDOW: u64 = UPLOAD_BURST * UPLOAD_INTERVAL;

/// See the fields.
#[derive(Default)]
pub(crate) struct Counters {
    /// The relay's epoch at the last authentication.
    pub(crate) epoch: Option<Epoch>,
    /// The last sequence number on this disk, in that epoch.
    pub(crate) last_seq: u64,
    /// Contacts so far.
    contacts: u64,
    /// Outbox records so far.
    outbox: u64,
    /// The highest id of a prekey made so far, by kind.
    pub(crate) prekeys: [u32; 4],
    /// `Publish` requests so far.
    publishes: u32,
    /// When old keys and sessions were last looked for, milliseconds since 1970.
    pub(crate) house_kept_at: Millis,
    /// When what was uploaded so far would have been allowed at a steady pace.
    uploads_until: Millis,
}

#[derive(Clone, PartialEq, Message)]
struct CountersRecord {
    #[prost(bytes = "vec", tag = "1")]
    epoch: Vec<u8>,
    #[prost(uint64, tag = "2")]
    last_seq: u64,
    #[prost(uint64, tag = "3")]
    contacts: u64,
    #[prost(uint64, tag = "4")]
    outbox: u64,
    #[prost(uint32, repeated, tag = "5")]
    prekeys: Vec<u32>,
    #[prost(uint32, tag = "6")]
    publishes: u32,
    #[prost(uint64, tag = "7")]
    house_kept_at: u64,
    #[prost(uint64, tag = "8")]
    uploads_until: u64,
}

impl Counters {
    pub(crate) fn next_contact(&mut self) -> ContactId {
        self.contacts += 1;
        ContactId(self.contacts)
    }

    pub(crate) fn next_outbox(&mut self) -> Order {
        self.outbox += 1;
        Order(self.outbox)
    }

    pub(crate) fn next_publish(&mut self) -> u32 {
        self.publishes = self.publishes.wrapping_add(1);
        self.publishes
    }

    /// When so much may be uploaded; none for now.
    pub(crate) fn when_to_upload(&self, cost: u64, now: Millis) -> Option<Millis> {
        let after = self.uploads_after(cost, now);
        (after > now + UPLOAD_WINDOW).then(|| after.earlier_by(UPLOAD_WINDOW))
    }

    pub(crate) fn count_upload(&mut self, cost: u64, now: Millis) {
        self.uploads_until = self.uploads_after(cost, now);
    }

    fn uploads_after(&self, cost: u64, now: Millis) -> Millis {
        // Later than it can be: the clock was ahead.
        let is_possible = self.uploads_until <= now + UPLOAD_WINDOW;
        let until = if is_possible {
            self.uploads_until.max(now)
        } else {
            now
        };
        until + cost * UPLOAD_INTERVAL
    }
}

impl Record for Counters {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&CountersRecord {
            epoch: self.epoch.map_or_else(Vec::new, |epoch| epoch.0.to_vec()),
            last_seq: self.last_seq,
            contacts: self.contacts,
            outbox: self.outbox,
            prekeys: self.prekeys.to_vec(),
            publishes: self.publishes,
            house_kept_at: self.house_kept_at.0,
            uploads_until: self.uploads_until.0,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: CountersRecord = records::read(bytes)?;
        Ok(Self {
            epoch: records::fixed_or_none(&record.epoch)?.map(Epoch),
            last_seq: record.last_seq,
            contacts: record.contacts,
            outbox: record.outbox,
            prekeys: record
                .prekeys
                .try_into()
                .map_err(|_| RecordError::Damaged)?,
            publishes: record.publishes,
            house_kept_at: Millis(record.house_kept_at),
            uploads_until: Millis(record.uploads_until),
        })
    }
}
