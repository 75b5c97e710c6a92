//! Ids of what this device keeps. A person is their account's key, a device an account and a number
//! (`pawl_wire::DeviceAddress`), and a channel is named by the device at its other end. A username is
//! something that a person has, and a person's account may change while the conversation stays.

#[cfg(test)]
mod vectors;

use std::fmt;
use std::str::FromStr;

use pawl_protocol::AccountKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::storage::store::Key;
use crate::storage::tracked::RecordKey;

/// What this device knows of a person and their name. Local, and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ContactId(pub(crate) u64);

impl RecordKey for ContactId {
    fn to_key(self) -> Key {
        Key(self.0.to_be_bytes().to_vec())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let bytes = key.0.as_slice().try_into().ok();
        bytes.map(u64::from_be_bytes).map(Self)
    }
}

impl RecordKey for ConversationId {
    fn to_key(self) -> Key {
        Key(self.0.to_vec())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let bytes = key.0.as_slice().try_into().ok();
        bytes.map(Self)
    }
}

/// What is hashed first, so that no other hash is ever an id.
const LABEL: &[u8] = b"Pawl conversation of two v1";

/// RFC 4648, section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Names a conversation: 16 bytes, the same on all of a user's devices. In addresses, commands and
/// events it is 26 upper-case characters of Base32 (RFC 4648, section 6) without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[cfg_attr(feature = "types", ts(type = "string"))]
pub struct ConversationId([u8; Self::LEN]);

/// A text is not the id of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a conversation")]
pub struct NotAConversationId;

impl ConversationId {
    /// Bytes.
    pub const LEN: usize = 16;

    /// Characters of its text.
    pub const TEXT_LEN: usize = 26;

    /// Of two people: the first half of a hash of both account keys at their first message, the
    /// lower key first. Both sides have the same id. It stays when one of them changes their account.
    pub(crate) fn of_two(one: &AccountKey, other: &AccountKey) -> Self {
        let (one, other) = (one.as_bytes(), other.as_bytes());
        Self::hash(one.min(other), one.max(other))
    }

    /// Where another conversation has this one.
    pub(crate) fn next(self) -> Self {
        Self::hash(&self.0, &[])
    }

    fn hash(first: &[u8], second: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(LABEL).chain_update(first);
        let hash = hash.chain_update(second).finalize();
        let mut id = [0; Self::LEN];
        id.copy_from_slice(&hash[..Self::LEN]);
        Self(id)
    }

    /// From its bytes, which may be any.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 26 characters hold 130 bits: two zero bits are behind the last byte.
        let bits = u128::from_be_bytes(self.0);
        for at in 0..Self::TEXT_LEN {
            let shift = 123_i32 - 5 * i32::try_from(at).unwrap_or(0);
            let five = match u32::try_from(shift) {
                Ok(shift) => bits >> shift,
                Err(_) => bits << shift.unsigned_abs(),
            };
            f.write_str(std::str::from_utf8(&ALPHABET[(five & 31) as usize..][..1]).unwrap_or(""))?;
        }
        Ok(())
    }
}

impl FromStr for ConversationId {
    type Err = NotAConversationId;

    fn from_str(text: &str) -> Result<Self, NotAConversationId> {
        if text.len() != Self::TEXT_LEN {
            return Err(NotAConversationId);
        }
        let (mut bits, mut last) = (0_u128, 0);
        for (at, character) in text.bytes().enumerate() {
            let value = ALPHABET.iter().position(|it| *it == character);
            last = value.ok_or(NotAConversationId)? as u128;
            let is_last = at + 1 == Self::TEXT_LEN;
            bits = if is_last {
                bits << 3 | last >> 2
            } else {
                bits << 5 | last
            };
        }
        // One id has one text.
        if last & 3 != 0 {
            return Err(NotAConversationId);
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

impl Serialize for ConversationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConversationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use chacha20::rand_core::SeedableRng;
    use pawl_protocol::AccountKeyPair;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_base32_as_others_write_it() {
        let counted: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).expect("below 16"));
        for (bytes, text) in [
            ([0; 16], "AAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ([0xff; 16], "77777777777777777777777774"),
            (counted, "AAAQEAYEAUDAOCAJBIFQYDIOB4"),
            (*b"Pawl is a pawl!!", "KBQXO3BANFZSAYJAOBQXO3BBEE"),
        ] {
            let id = ConversationId::from_bytes(bytes);
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn nothing_else_is_an_id() {
        for text in [
            "",
            "bob",
            "AAAAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "AAAAAAAAAAAAAAAAAAAAAAAAA1",
            // The two bits behind the last byte are not zero.
            "AAAAAAAAAAAAAAAAAAAAAAAAAB",
            "AAAAAAAAAAAAAAAAAAAAAAAAÄ",
        ] {
            assert_eq!(
                text.parse::<ConversationId>(),
                Err(NotAConversationId),
                "{text}"
            );
        }
    }

    #[test]
    fn both_sides_have_one_id_and_no_others_have_it() {
        let mut rng = chacha20::ChaCha20Rng::from_seed([3; 32]);
        let mut key = || AccountKeyPair::generate(&mut rng).public();
        let (one, other, third) = (key(), key(), key());
        let id = ConversationId::of_two(&one, &other);
        assert_eq!(id, ConversationId::of_two(&other, &one));
        assert_ne!(id, ConversationId::of_two(&one, &third));
    }

    proptest! {
        #[test]
        fn an_id_comes_back_from_its_text(bytes: [u8; 16]) {
            let id = ConversationId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
