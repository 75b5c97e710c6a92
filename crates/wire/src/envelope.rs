//! What a relay looks at in an envelope: its size, and whom an initial message says it is from. Knows nothing
//! else of an envelope, and no key.
//!
//! Only `crates/protocol` knows what these bytes mean; a test of the whole system compares the numbers with it.

use std::ops::Range;

use crate::ids::{AccountId, DeviceAddress};

/// The first two bytes of an initial message: version 1, type 1.
pub const INITIAL: [u8; 2] = [1, 1];

/// Where an initial message has its sender's account and device number, four bytes, big-endian.
pub const SENDER: Range<usize> = 19..55;

/// Whether this device may send it: an initial message has to name it as its sender. Other envelopes name none.
pub fn may_come_from(envelope: &[u8], device: DeviceAddress) -> bool {
    let mut sender = [0; AccountId::LEN + 4];
    let (account, number) = sender.split_at_mut(AccountId::LEN);
    account.copy_from_slice(&device.account.0);
    number.copy_from_slice(&device.device.to_be_bytes());
    !envelope.starts_with(&INITIAL) || envelope.get(SENDER) == Some(&sender[..])
}
