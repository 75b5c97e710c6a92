//! The lines of conversations as records: own texts, received texts, notices. Written once, never
//! changed, but for the newest one where a name goes to and fro (`engine/flows/trust.rs`): an own text's status is
//! worked out from outbox and receipts whenever it is shown.

use prost::Message;
use zeroize::Zeroizing;

use crate::api::event::{MessageView, NoticeCause};
use crate::content::Text;
use crate::ids::ConversationId;
use crate::numbers::{Millis, Number, Position};
use crate::storage::records::{self, Record, RecordError};
use crate::storage::store::Key;

/// One line.
#[derive(Clone)]
pub(crate) struct Line {
    /// Number of an own text.
    pub(crate) own_number: Option<Number>,
    pub(crate) text: String,
    /// Written or received, milliseconds since 1970.
    pub(crate) at: Millis,
    pub(crate) notice: Option<NoticeCause>,
    /// How often in a row the name has changed hands, where the line stands for lines that it replaced.
    pub(crate) times: u32,
    /// Random id of the text, by its sender.
    pub(crate) id: [u8; 16],
    /// By the sender's clock; 0 for a notice.
    pub(crate) sent_at: Millis,
}

#[derive(Clone, PartialEq, Message)]
struct LineRecord {
    #[prost(uint64, optional, tag = "1")]
    own_number: Option<u64>,
    #[prost(string, tag = "2")]
    text: String,
    #[prost(uint64, tag = "3")]
    at: u64,
    #[prost(uint32, tag = "4")]
    notice: u32,
    #[prost(bytes = "vec", tag = "5")]
    id: Vec<u8>,
    #[prost(uint64, tag = "6")]
    sent_at: u64,
    /// Nothing where an older version wrote this.
    #[prost(uint32, tag = "7")]
    times: u32,
}

impl Line {
    pub(crate) fn notice(cause: NoticeCause, at: Millis) -> Self {
        Self {
            own_number: None,
            text: String::new(),
            at,
            notice: Some(cause),
            times: 0,
            id: [0; 16],
            sent_at: Millis::ZERO,
        }
    }

    /// A text of somebody else.
    pub(crate) fn received(text: Text, now: Millis) -> Self {
        Self {
            own_number: None,
            text: text.text,
            at: now,
            notice: None,
            times: 0,
            id: text.id,
            sent_at: text.sent_at,
        }
    }

    /// As a page shows it, but for the status.
    pub(crate) fn view(self, position: Position) -> MessageView {
        MessageView {
            position: position.0,
            mine: self.own_number.is_some(),
            text: self.text,
            at: self.at.0,
            sent_at: self.sent_at.min(self.at).0,
            status: None,
            notice: self.notice,
            times: self.times,
        }
    }
}

impl Record for Line {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&LineRecord {
            own_number: self.own_number.map(|number| number.0),
            text: self.text.clone(),
            at: self.at.0,
            notice: self.notice.map_or(0, NoticeCause::number),
            id: self.id.to_vec(),
            sent_at: self.sent_at.0,
            times: self.times,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: LineRecord = records::read(bytes)?;
        Ok(Self {
            own_number: record.own_number.map(Number),
            text: record.text,
            at: Millis(record.at),
            notice: NoticeCause::from_number(record.notice)?,
            id: records::fixed(&record.id)?,
            sent_at: Millis(record.sent_at),
            times: record.times,
        })
    }
}

/// Key of a line: its conversation, then its position, so that a page of history is a range of keys.
pub(crate) fn key(conversation: ConversationId, position: Position) -> Key {
    Key([&conversation.as_bytes()[..], &position.0.to_be_bytes()].concat())
}

/// Reads what [`key`] gave.
pub(crate) fn parse_key(key: &Key) -> Option<(ConversationId, Position)> {
    let (conversation, position) = key.0.split_first_chunk()?;
    let position = Position(u64::from_be_bytes(position.try_into().ok()?));
    Some((ConversationId::from_bytes(*conversation), position))
}
