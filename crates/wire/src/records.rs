//! Public key records as they travel: an id that the relay orders by, and opaque signed bytes.

use crate::limits::{MAX_ACCOUNT_RECORD, MAX_KEY_RECORD, MAX_KEYS_PER_PUBLISH};

/// One public prekey: its id and its record, at most [`MAX_KEY_RECORD`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Rises within a kind and is never used twice.
    pub id: u32,
    /// What `crates/protocol` encodes and verifies.
    pub record: Vec<u8>,
}

/// Keys a device publishes; what is absent stays as it is on the relay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedKeys {
    /// Replaces the signed X25519 prekey.
    pub signed_prekey: Option<KeyRecord>,
    /// Replaces the last-resort ML-KEM prekey.
    pub last_resort_kem: Option<KeyRecord>,
    /// Adds one-time X25519 prekeys, ids rising, at most [`MAX_KEYS_PER_PUBLISH`].
    pub one_time_prekeys: Vec<KeyRecord>,
    /// Adds one-time ML-KEM prekeys, ids rising, at most [`MAX_KEYS_PER_PUBLISH`].
    pub one_time_kems: Vec<KeyRecord>,
}

impl PublishedKeys {
    /// Whether every size and count is within its limit and the ids rise.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        let signed = [&self.signed_prekey, &self.last_resort_kem];
        signed.into_iter().flatten().all(is_small)
            && [&self.one_time_prekeys, &self.one_time_kems]
                .into_iter()
                .all(|keys| {
                    keys.len() <= MAX_KEYS_PER_PUBLISH
                        && keys.iter().all(is_small)
                        && keys.windows(2).all(|pair| pair[0].id < pair[1].id)
                })
    }
}

fn is_small(key: &KeyRecord) -> bool {
    key.record.len() <= MAX_KEY_RECORD
}

/// What one claim gets: enough to begin a session with one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The account's signed, numbered device list, which holds the device's certificate.
    pub account_record: Vec<u8>,
    /// The signed X25519 prekey.
    pub signed_prekey: KeyRecord,
    /// A one-time ML-KEM prekey, or the last-resort one when none is left.
    pub kem_prekey: KeyRecord,
    /// A one-time X25519 prekey, if one is left.
    pub one_time_prekey: Option<KeyRecord>,
}

impl Bundle {
    /// Whether every size is within its limit.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        self.account_record.len() <= MAX_ACCOUNT_RECORD
            && is_small(&self.signed_prekey)
            && is_small(&self.kem_prekey)
            && self.one_time_prekey.as_ref().is_none_or(is_small)
    }
}

/// What the relay holds for a device, by which both notice a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyStock {
    /// Id of the signed prekey, 0 for none.
    pub signed_prekey: u32,
    /// Id of the last-resort ML-KEM prekey, 0 for none.
    pub last_resort_kem: u32,
    /// One-time X25519 prekeys left.
    pub one_time_prekeys: u32,
    /// One-time ML-KEM prekeys left.
    pub one_time_kems: u32,
    /// Of the keys themselves.
    pub digests: KeyDigests,
}

/// Digests of what the relay holds for a device ([`crate::digest`]); each 0 where it holds none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyDigests {
    /// Of the signed prekey.
    pub signed_prekey: u64,
    /// Of the last-resort ML-KEM prekey.
    pub last_resort_kem: u64,
    /// Of all one-time X25519 prekeys.
    pub one_time_prekeys: u64,
    /// Of all one-time ML-KEM prekeys.
    pub one_time_kems: u64,
}
