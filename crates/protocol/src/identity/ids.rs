//! How a device is named: its number within its account, and its address, which is account and number.
//! Says nothing of keys that the device has. PROTOCOL.md "Identity".

use core::num::NonZeroU32;

use super::account::AccountKey;
use crate::codec::{DecodeError, Reader};

/// The number of a device within its account, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(NonZeroU32);

impl DeviceId {
    /// The first device of an account.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// `None` for zero, which is no device.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    pub(crate) fn to_be_bytes(self) -> [u8; 4] {
        self.get().to_be_bytes()
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(reader.u32()?).ok_or(DecodeError::BadField("device"))
    }
}

/// Whom a message is sealed for: a device of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The account.
    pub account: AccountKey,
    /// Its device.
    pub device: DeviceId,
}
