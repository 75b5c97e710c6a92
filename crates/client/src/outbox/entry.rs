//! An entry of the outbox: one content, and a part for each device that is to have it.

use pawl_wire::{AccountId, DeviceAddress, MessageId};
use prost::Message;
use zeroize::Zeroizing;

use crate::content::Content;
use crate::ids::ConversationId;
use crate::numbers::{Millis, Number, Order, Position};
use crate::storage::records::{self, Record, RecordError};
use crate::storage::store::Key;
use crate::storage::tracked::RecordKey;

/// Names an entry. What a page needs to know of it stands in the key, so that it is known even where
/// the record is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryId {
    /// Order of sending, over all conversations.
    pub(crate) order: Order,
    pub(crate) conversation: ConversationId,
    /// Number of the text; 0 for what is not one.
    pub(crate) number: Number,
}

impl EntryId {
    /// Before every other.
    pub(crate) const FIRST: Self = Self {
        order: Order::ZERO,
        conversation: ConversationId::from_bytes([0; ConversationId::LEN]),
        number: Number::ZERO,
    };

    /// Behind every other.
    pub(crate) const LAST: Self = Self {
        order: Order::MAX,
        conversation: ConversationId::from_bytes([0xff; ConversationId::LEN]),
        number: Number::MAX,
    };

    /// The next one after this.
    pub(crate) const fn next(self) -> Self {
        Self {
            number: self.number.next(),
            ..self
        }
    }

    pub(crate) const fn is_text(self) -> bool {
        self.number.0 > 0
    }
}

impl RecordKey for EntryId {
    fn to_key(self) -> Key {
        let (order, number) = (self.order.0.to_be_bytes(), self.number.0.to_be_bytes());
        Key([&order[..], self.conversation.as_bytes(), &number].concat())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let (order, rest) = key.0.split_first_chunk()?;
        let (conversation, number) = rest.split_first_chunk()?;
        Some(Self {
            order: Order(u64::from_be_bytes(*order)),
            conversation: ConversationId::from_bytes(*conversation),
            number: Number(u64::from_be_bytes(number.try_into().ok()?)),
        })
    }
}

/// How far a part has come.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PartState {
    /// To be sealed when it is sent.
    Wanted,
    /// An envelope, which is sent until the relay has it.
    Sealed {
        message_id: MessageId,
        envelope: Vec<u8>,
    },
    /// The relay has it; the device has not said yet that it does.
    Stored,
    /// It cannot go out by itself: the user decides when to try again.
    Refused,
}

/// What one device is to have.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Number 0: every device of the account, once its list is known.
    pub(crate) device: DeviceAddress,
    pub(crate) state: PartState,
    /// The device, or the relay for it, had this text before: its status does not go back.
    pub(crate) again: bool,
    /// It was sealed before, on a session that is not written on any more: the device may have it from there.
    pub(crate) was_sealed: bool,
}

impl Part {
    pub(crate) const fn wanted(device: DeviceAddress, again: bool) -> Self {
        Self {
            device,
            state: PartState::Wanted,
            again,
            was_sealed: false,
        }
    }

    pub(super) const fn is_pending(&self) -> bool {
        matches!(self.state, PartState::Wanted | PartState::Sealed { .. })
    }

    /// Whether the relay may have something of it: what was never sealed the device cannot have.
    pub(crate) const fn may_have_left(&self) -> bool {
        self.again
            || self.was_sealed
            || matches!(self.state, PartState::Sealed { .. } | PartState::Stored)
    }
}

/// Something to send.
pub(crate) struct Entry {
    /// Position of the text's line; 0 for what is not one.
    pub(crate) position: Position,
    /// When it was put here, milliseconds since 1970.
    pub(crate) at: Millis,
    pub(crate) content: Content,
    pub(super) parts: Vec<Part>,
    /// The relay has had it for a device whose part is gone, or a device has had it.
    pub(super) was_stored: bool,
}

#[derive(Message)]
#[prost(skip_debug)]
struct EntryRecord {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(uint64, tag = "2")]
    at: u64,
    #[prost(bytes = "vec", tag = "3")]
    content: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    parts: Vec<PartRecord>,
    #[prost(bool, tag = "5")]
    was_stored: bool,
}

#[derive(Clone, PartialEq, Message)]
struct PartRecord {
    #[prost(bytes = "vec", tag = "1")]
    account: Vec<u8>,
    #[prost(uint32, tag = "2")]
    device: u32,
    #[prost(uint32, tag = "3")]
    state: u32,
    #[prost(bool, tag = "4")]
    again: bool,
    #[prost(bytes = "vec", tag = "5")]
    message_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    envelope: Vec<u8>,
    #[prost(bool, tag = "7")]
    was_sealed: bool,
}

records::wiped!(EntryRecord: content);

const WANTED: u32 = 1;
const SEALED: u32 = 2;
const STORED: u32 = 3;
const REFUSED: u32 = 4;

impl Part {
    fn to_record(&self) -> PartRecord {
        let (state, message_id, envelope) = match &self.state {
            PartState::Wanted => (WANTED, Vec::new(), Vec::new()),
            PartState::Sealed {
                message_id,
                envelope,
            } => (SEALED, message_id.0.to_vec(), envelope.clone()),
            PartState::Stored => (STORED, Vec::new(), Vec::new()),
            PartState::Refused => (REFUSED, Vec::new(), Vec::new()),
        };
        PartRecord {
            account: self.device.account.0.to_vec(),
            device: self.device.device,
            state,
            again: self.again,
            message_id,
            envelope,
            was_sealed: self.was_sealed,
        }
    }

    fn from_record(record: PartRecord) -> Result<Self, RecordError> {
        let state = match record.state {
            WANTED => PartState::Wanted,
            SEALED => PartState::Sealed {
                message_id: MessageId(records::fixed(&record.message_id)?),
                envelope: record.envelope,
            },
            STORED => PartState::Stored,
            REFUSED => PartState::Refused,
            _ => return Err(RecordError::Damaged),
        };
        Ok(Self {
            device: DeviceAddress {
                account: AccountId(records::fixed(&record.account)?),
                device: record.device,
            },
            state,
            again: record.again,
            was_sealed: record.was_sealed,
        })
    }
}

impl Entry {
    pub(crate) fn new(position: Position, at: Millis, content: Content, parts: Vec<Part>) -> Self {
        Self {
            position,
            at,
            content,
            parts,
            was_stored: false,
        }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(crate) fn part(&self, device: DeviceAddress) -> Option<&Part> {
        self.parts.iter().find(|part| part.device == device)
    }

    /// Whether the relay has or had it for anybody.
    pub(crate) fn is_stored(&self) -> bool {
        let has = |part: &Part| part.again || part.state == PartState::Stored;
        self.was_stored || self.parts.iter().any(has)
    }

    /// Whether it goes nowhere by itself.
    pub(crate) fn is_refused(&self) -> bool {
        let mut all = self.parts.iter();
        all.all(|part| part.state == PartState::Refused)
    }

    pub(super) fn size(&self) -> usize {
        self.content.size()
    }
}

impl Record for Entry {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&EntryRecord {
            position: self.position.0,
            at: self.at.0,
            content: self.content.encode(None).to_vec(),
            parts: self.parts.iter().map(Part::to_record).collect(),
            was_stored: self.was_stored,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut record: EntryRecord = records::read(bytes)?;
        let (_, content) = Content::decode(&record.content);
        let parts = std::mem::take(&mut record.parts).into_iter();
        Ok(Self {
            position: Position(record.position),
            at: Millis(record.at),
            content: content.map_err(|_| RecordError::Damaged)?,
            parts: parts.map(Part::from_record).collect::<Result<_, _>>()?,
            was_stored: record.was_stored,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_from_its_record() {
        let envelope = vec![9; 40];
        let device = |device| DeviceAddress {
            account: AccountId([1; 32]),
            device,
        };
        let content = Content::Text(crate::content::Text {
            number: Number(3),
            after: Number(2),
            id: [0; 16],
            text: "hello".into(),
            sent_at: Millis(5),
        });
        let parts = [1, 2].map(|it| Part::wanted(device(it), false)).to_vec();
        let mut entry = Entry::new(Position(3), Millis(7), content, parts);
        entry.parts[0].state = PartState::Sealed {
            message_id: MessageId([4; 16]),
            envelope,
        };
        entry.parts[1].state = PartState::Refused;
        entry.parts[1].again = true;
        let again = Entry::decode(&entry.encode()).expect("a record");
        assert!(again.parts == entry.parts && again.content == entry.content);
        assert_eq!((again.position, again.at), (entry.position, entry.at));
    }
}
