//! The header of a message, which the relay must not see: ratchet key and counters.
//! It is sealed under its chain's header key, with the envelope's prefix as associated data.
//! It knows no body and no state. PROTOCOL.md "Header".

use crate::aead::{self, NONCE_BYTES, TAG_BYTES};
use crate::codec::{DecodeError, Reader};
use crate::curve::X25519Public;
use crate::envelope::{PREFIX_BYTES, SealedMessage};
use crate::handshake::AssociatedData;

use super::error::OpenError;
use super::keys::HeaderKey;

/// Ratchet key 32, previous chain length 4, number 4, length of the post-quantum field 2.
const HEADER_BYTES: usize = 42;
/// A header with its authentication tag.
pub(crate) const SEALED_HEADER_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// A message's place in the conversation.
pub(super) struct Header {
    /// The sender's ratchet key.
    pub(super) ratchet_key: X25519Public,
    /// How many messages the sender's previous chain had (`PN`).
    pub(super) previous_length: u32,
    /// The message's number in its chain (`N`), from 0.
    pub(super) number: u32,
}

impl Header {
    pub(super) fn seal(
        &self,
        key: &HeaderKey,
        nonce: &[u8; NONCE_BYTES],
        associated_data: &[u8],
    ) -> [u8; SEALED_HEADER_BYTES] {
        let mut sealed = [0; SEALED_HEADER_BYTES];
        sealed[..32].copy_from_slice(self.ratchet_key.as_bytes());
        sealed[32..36].copy_from_slice(&self.previous_length.to_be_bytes());
        sealed[36..40].copy_from_slice(&self.number.to_be_bytes());
        // The post-quantum ratchet's field is empty in this version: two bytes of length 0.
        let (text, tag) = sealed.split_at_mut(HEADER_BYTES);
        tag.copy_from_slice(&aead::seal(key.as_bytes(), nonce, associated_data, text));
        sealed
    }

    /// `None` when `key` is not the one that the header was sealed with.
    pub(super) fn open(
        key: &HeaderKey,
        associated_data: &HeaderAssociatedData,
        message: &SealedMessage<'_>,
    ) -> Option<Result<Self, OpenError>> {
        let mut text = *message.header;
        let (text, tag) = text.split_last_chunk_mut().expect("a header has a tag");
        let nonce = message.header_nonce;
        aead::open(key.as_bytes(), nonce, &associated_data.0, text, tag).ok()?;
        Some(Self::decode(text).map_err(|_| OpenError::InvalidHeader))
    }

    fn decode(text: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(text);
        let header = Self {
            ratchet_key: X25519Public::from_bytes(reader.array()?)?,
            previous_length: reader.u32()?,
            number: reader.u32()?,
        };
        // The last number is never used, so that the count after it cannot overflow.
        if reader.u16()? != 0 || header.number == u32::MAX {
            return Err(DecodeError::BadField("header"));
        }
        reader.finish()?;
        Ok(header)
    }
}

/// The session's associated data and the envelope's prefix. The handshake of an initial message is left to
/// the body's, which covers everything before it.
pub(super) struct HeaderAssociatedData([u8; 32 + PREFIX_BYTES]);

impl HeaderAssociatedData {
    pub(super) fn of(associated_data: &AssociatedData, envelope: &[u8]) -> Self {
        let mut bytes = [0; 32 + PREFIX_BYTES];
        bytes[..32].copy_from_slice(&associated_data.0);
        bytes[32..].copy_from_slice(&envelope[..PREFIX_BYTES]);
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(at: usize, bytes: &[u8]) -> Option<u32> {
        let mut text = [0; HEADER_BYTES];
        text[0] = 9; // the base point
        text[at..at + bytes.len()].copy_from_slice(bytes);
        Header::decode(&text).ok().map(|header| header.number)
    }

    #[test]
    fn each_field_is_held_to_what_it_may_say() {
        assert_eq!(decoded(36, &[0, 0, 0, 3]), Some(3));
        assert_eq!(decoded(36, &[0xff, 0xff, 0xff, 0xfe]), Some(u32::MAX - 1));
        assert_eq!(decoded(36, &[0xff; 4]), None, "the last number");
        assert_eq!(decoded(40, &[0, 1]), None, "a post-quantum field");
        assert_eq!(decoded(0, &[0]), None, "a key of small order");
    }
}
