//! How a record stands in the store: a version byte, a 32-bit length, a protobuf message. The length
//! makes every truncation an error, which protobuf alone does not. Knows no record by name.

use pawl_protocol::SessionTag;
use prost::Message;
use zeroize::Zeroizing;

/// Version of every record of this crate. Those of version 1, which Pawl 0.2 wrote, are not read.
const VERSION: u8 = 2;
const HEAD: usize = 5;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    /// Cut, altered, or never one.
    #[error("the record is damaged")]
    Damaged,
    /// Written by a newer version of Pawl.
    #[error("the record was written by a newer version")]
    Newer,
    /// Written by a version of Pawl whose records are not read any more.
    #[error("the record was written by an older version")]
    Older,
}

/// Something that stands in the store as one record.
pub(crate) trait Record: Sized {
    /// The one way in which it is written.
    fn encode(&self) -> Zeroizing<Vec<u8>>;
    /// Reads it back.
    fn decode(bytes: &[u8]) -> Result<Self, RecordError>;
}

/// Of a record that is so large that a table of many is quicker with boxes.
impl<R: Record> Record for Box<R> {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        (**self).encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        R::decode(bytes).map(Self::new)
    }
}

/// Writes a record; the buffer never grows, so that no copy of it stays behind.
pub(crate) fn write(message: &impl Message) -> Zeroizing<Vec<u8>> {
    let length = message.encoded_len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(HEAD + length));
    bytes.push(VERSION);
    let stored = u32::try_from(length).expect("a record is far below 4 GiB");
    bytes.extend_from_slice(&stored.to_be_bytes());
    message
        .encode(&mut *bytes)
        .expect("a Vec has room for what it was made for");
    bytes
}

/// Reads a record of exactly these bytes.
pub(crate) fn read<M: Message + Default>(bytes: &[u8]) -> Result<M, RecordError> {
    let (version, rest) = bytes.split_first().ok_or(RecordError::Damaged)?;
    if *version > VERSION {
        return Err(RecordError::Newer);
    }
    if *version < VERSION {
        return Err(RecordError::Older);
    }
    let (length, body) = rest.split_first_chunk().ok_or(RecordError::Damaged)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).expect("usize has 32 bits at least");
    if length != body.len() {
        return Err(RecordError::Damaged);
    }
    M::decode(body).map_err(|_| RecordError::Damaged)
}

/// A message with secrets in it: wiped when it is dropped, though only half of it could be read.
/// Give it `#[prost(skip_debug)]`, so that nothing shows it, and no `Clone`.
macro_rules! wiped {
    ($message:ident: $($field:ident),+) => {
        impl Drop for $message {
            fn drop(&mut self) {
                $(zeroize::Zeroize::zeroize(&mut self.$field);)+
            }
        }
    };
}
pub(crate) use wiped;

/// A field of fixed width.
pub(crate) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], RecordError> {
    bytes.try_into().map_err(|_| RecordError::Damaged)
}

/// A field that may be absent, which stands as no bytes.
pub(crate) fn fixed_or_none<const N: usize>(bytes: &[u8]) -> Result<Option<[u8; N]>, RecordError> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        fixed(bytes).map(Some)
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
