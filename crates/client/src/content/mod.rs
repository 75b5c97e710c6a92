//! What a user does, inside the padded plaintext: texts and receipts, in protobuf, by number. A kind
//! that this version does not know is told apart from damage, so that it is never lost silently.
//! Knows no key and no session. docs/ARCHITECTURE.md, "one road": `Content`.

#[cfg(test)]
mod vectors;

use pawl_protocol::SessionTag;
use prost::Message;
use zeroize::Zeroizing;

use crate::MAX_TEXT;
use crate::limits::{MAX_RECEIPT_RANGES, MAX_UNREADABLE_TAGS, MEND_ROUNDS};
use crate::numbers::{Millis, Number};
use crate::storage::ranges::RangeSet;
use crate::storage::records::{tags_from_bytes, tags_to_bytes};

/// Field numbers. A number is never used again with another meaning.
mod proto {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Content {
        #[prost(uint32, tag = "1")]
        pub(super) kind: u32,
        #[prost(bytes = "vec", optional, tag = "2")]
        pub(super) introduction: Option<Vec<u8>>,
        #[prost(message, optional, tag = "3")]
        pub(super) text: Option<Text>,
        #[prost(message, optional, tag = "4")]
        pub(super) receipt: Option<Receipt>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Text {
        #[prost(uint64, tag = "1")]
        pub(super) number: u64,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) id: Vec<u8>,
        #[prost(string, tag = "3")]
        pub(super) text: String,
        #[prost(uint64, tag = "4")]
        pub(super) sent_at: u64,
        #[prost(uint64, tag = "5")]
        pub(super) after: u64,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Receipt {
        #[prost(uint64, repeated, tag = "1")]
        pub(super) delivered: Vec<u64>,
        #[prost(uint64, repeated, tag = "2")]
        pub(super) read: Vec<u64>,
        #[prost(uint64, tag = "3")]
        pub(super) ask: u64,
        #[prost(uint32, tag = "4")]
        pub(super) rounds: u32,
        #[prost(uint64, tag = "5")]
        pub(super) echo: u64,
        #[prost(bytes = "vec", tag = "6")]
        pub(super) unreadable: Vec<u8>,
    }
}

const TEXT: u32 = 1;
const RECEIPT: u32 = 2;
/// Was a message without content; nobody sends it any more.
const REFRESH: u32 = 3;

/// What a content counts as besides its text.
const CONTENT_OVERHEAD: usize = 256;

/// One thing that a user (or their device) says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A message.
    Text(Text),
    /// How far the other's texts have come. Answered only where it asks for it.
    Receipt(Receipt),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// Rises with the sender's texts in this conversation, from 1; never used twice.
    pub(crate) number: Number,
    /// The sender's text before this one; numbers between the two do not exist.
    pub(crate) after: Number,
    /// Random, for edits, reactions and quotes.
    pub(crate) id: [u8; 16],
    /// 1 to [`MAX_TEXT`] bytes.
    pub(crate) text: String,
    /// By the sender's clock, milliseconds since 1970.
    pub(crate) sent_at: Millis,
}

/// All numbers of the other's texts, not only what is new: whatever was lost before, this is the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// On this device's disk.
    pub(crate) delivered: RangeSet,
    /// Seen by a person.
    pub(crate) read: RangeSet,
    /// Asks for a receipt that echoes this; 0 does not.
    pub(crate) ask: u64,
    /// How often the answer may ask in turn.
    pub(crate) rounds: u32,
    /// The other's last `ask`: everything that came before it is in this receipt.
    pub(crate) echo: u64,
    /// Sessions of the other's messages that cannot be opened here.
    pub(crate) unreadable: Vec<SessionTag>,
}

/// Why a plaintext is not shown as what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContentError {
    /// A kind that this version does not know.
    #[error("content of a newer version")]
    Newer,
    /// Not content, or a field out of its bounds.
    #[error("malformed content")]
    Malformed,
}

impl Content {
    /// Bytes that it takes in memory, about.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.text.len() + CONTENT_OVERHEAD,
            Self::Receipt(_) => CONTENT_OVERHEAD,
        }
    }

    /// The plaintext, with the sender's signed account record where the other may not know it.
    pub(crate) fn encode(&self, introduction: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
        let mut message = proto::Content {
            introduction: introduction.map(<[u8]>::to_vec),
            ..proto::Content::default()
        };
        match self {
            Self::Text(text) => {
                message.kind = TEXT;
                message.text = Some(proto::Text {
                    number: text.number.0,
                    id: text.id.to_vec(),
                    text: text.text.clone(),
                    sent_at: text.sent_at.0,
                    after: text.after.0,
                });
            }
            Self::Receipt(receipt) => {
                message.kind = RECEIPT;
                message.receipt = Some(proto::Receipt {
                    delivered: receipt.delivered.to_fields(),
                    read: receipt.read.to_fields(),
                    ask: receipt.ask,
                    rounds: receipt.rounds,
                    echo: receipt.echo,
                    unreadable: tags_to_bytes(&receipt.unreadable),
                });
            }
        }
        Zeroizing::new(message.encode_to_vec())
    }

    /// Reads a plaintext: the introduction, and the content or why there is none.
    pub(crate) fn decode(bytes: &[u8]) -> (Option<Vec<u8>>, Result<Self, ContentError>) {
        match proto::Content::decode(bytes) {
            Ok(mut message) => (message.introduction.take(), Self::from_proto(message)),
            Err(_) => (None, Err(ContentError::Malformed)),
        }
    }

    fn from_proto(message: proto::Content) -> Result<Self, ContentError> {
        match (message.kind, message.text, message.receipt) {
            (TEXT, Some(text), None) => Text::from_proto(text).map(Self::Text),
            (RECEIPT, None, Some(receipt)) => Ok(Self::Receipt(Receipt {
                delivered: read_ranges(&receipt.delivered)?,
                read: read_ranges(&receipt.read)?,
                ask: receipt.ask,
                rounds: receipt.rounds.min(MEND_ROUNDS),
                echo: receipt.echo,
                unreadable: tags_from_bytes(&receipt.unreadable, MAX_UNREADABLE_TAGS)
                    .map_err(|_| ContentError::Malformed)?,
            })),
            (0..=REFRESH, _, _) => Err(ContentError::Malformed),
            _ => Err(ContentError::Newer),
        }
    }
}

impl Text {
    fn from_proto(text: proto::Text) -> Result<Self, ContentError> {
        let id = text.id.try_into().map_err(|_| ContentError::Malformed)?;
        let in_bounds = (1..=MAX_TEXT).contains(&text.text.len())
            && (1..u64::MAX / 2).contains(&text.number)
            && text.after < text.number;
        if !in_bounds {
            return Err(ContentError::Malformed);
        }
        Ok(Self {
            number: Number(text.number),
            after: Number(text.after),
            id,
            text: text.text,
            sent_at: Millis(text.sent_at),
        })
    }
}

fn read_ranges(fields: &[u64]) -> Result<RangeSet, ContentError> {
    if fields.len() > 2 * MAX_RECEIPT_RANGES {
        return Err(ContentError::Malformed);
    }
    RangeSet::from_fields(fields).map_err(|_| ContentError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u64, text: &str) -> Content {
        Content::Text(Text {
            number: Number(number),
            after: Number(number).previous(),
            id: [7; 16],
            text: text.into(),
            sent_at: Millis(5),
        })
    }

    #[test]
    fn each_kind_comes_back() {
        let mut receipt = Receipt::default();
        receipt.delivered.insert_range(Number(1), Number(9));
        receipt.read.insert(Number(3));
        (receipt.ask, receipt.rounds, receipt.echo) = (5, MEND_ROUNDS, 6);
        receipt.unreadable = vec![SessionTag::from_bytes([8; 16])];
        for content in [text(1, "hi"), Content::Receipt(receipt)] {
            assert_eq!(
                Content::decode(&content.encode(Some(b"record"))),
                (Some(b"record".to_vec()), Ok(content.clone()))
            );
            assert_eq!(Content::decode(&content.encode(None)), (None, Ok(content)));
        }
    }

    #[test]
    fn who_asks_for_more_rounds_than_there_are_gets_those() {
        let receipt = |rounds| {
            Content::Receipt(Receipt {
                rounds,
                ..Receipt::default()
            })
        };
        for (asked, counts) in [(0, 0), (1, 1), (2, 1), (u32::MAX, 1)] {
            let (_, content) = Content::decode(&receipt(asked).encode(None));
            assert_eq!(content, Ok(receipt(counts)));
        }
    }

    #[test]
    fn a_newer_kind_is_told_apart_from_damage() {
        let newer = proto::Content {
            kind: REFRESH + 1,
            ..proto::Content::default()
        };
        let (_, content) = Content::decode(&newer.encode_to_vec());
        assert_eq!(content, Err(ContentError::Newer));
        let backwards = match text(4, "hi") {
            Content::Text(text) => Content::Text(Text {
                after: Number(4),
                ..text
            }),
            other => other,
        };
        let many_tags = Content::Receipt(Receipt {
            unreadable: vec![SessionTag::from_bytes([8; 16]); MAX_UNREADABLE_TAGS + 1],
            ..Receipt::default()
        });
        for bytes in [
            &b"\xff\xff"[..],
            b"",
            &text(0, "hi").encode(None),
            &text(1, "").encode(None),
            &backwards.encode(None),
            &many_tags.encode(None),
        ] {
            assert_eq!(
                Content::decode(bytes).1,
                Err(ContentError::Malformed),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn the_longest_text_with_the_longest_introduction_fits_an_envelope() {
        let longest = text(u64::MAX / 2 - 1, &"x".repeat(MAX_TEXT));
        let plaintext = longest.encode(Some(&[0; pawl_wire::limits::MAX_ACCOUNT_RECORD]));
        assert!(plaintext.len() <= pawl_protocol::MAX_PLAINTEXT_BYTES);
    }
}
