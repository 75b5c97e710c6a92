//! What a device's disk has of its own account, as far as tests read and write it.

use pawl_client::{Key, Table};
use pawl_protocol::{AccountKeyPair, DeviceCertificate};
use prost::Message;

use crate::disk::Disk;
use crate::record;

/// The record's fields.
#[derive(Clone, PartialEq, Message)]
pub struct OwnAccount {
    /// Whether there is an account.
    #[prost(bool, tag = "1")]
    pub present: bool,
    /// Its name.
    #[prost(string, tag = "2")]
    pub username: String,
    /// Whether the relay has still to accept it.
    #[prost(bool, tag = "3")]
    pub registering: bool,
    /// The command that is answered then.
    #[prost(string, tag = "5")]
    pub command: String,
    /// Private and public, as they are stored.
    #[prost(bytes = "vec", tag = "6")]
    pub account_keys: Vec<u8>,
    /// The same of this device.
    #[prost(bytes = "vec", tag = "7")]
    pub device_keys: Vec<u8>,
    /// Of this device, by the account.
    #[prost(bytes = "vec", tag = "8")]
    pub certificate: Vec<u8>,
    /// The account's signed list of devices.
    #[prost(bytes = "vec", tag = "9")]
    pub record: Vec<u8>,
}

fn place() -> (Table, Key) {
    (Table::Meta, Key(b"account".to_vec()))
}

impl OwnAccount {
    /// As a disk has it.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn on<V: AsRef<[u8]>>(disk: &Disk<V>) -> Self {
        Self::decode(record::body(disk[&place()].as_ref())).expect("an account")
    }

    /// Onto a disk that has one, for an engine that is loaded from it.
    ///
    /// # Panics
    /// Where there is none.
    pub fn write<V: AsRef<[u8]> + for<'a> From<&'a [u8]>>(&self, disk: &mut Disk<V>) {
        let version = disk[&place()].as_ref()[0];
        let body = self.encode_to_vec();
        let length = u32::try_from(body.len()).expect("short").to_be_bytes();
        let record = [&[version][..], &length, &body].concat();
        disk.insert(place(), V::from(&record));
    }

    /// The account's keys.
    ///
    /// # Panics
    /// Where they are none.
    #[must_use]
    pub fn keys(&self) -> AccountKeyPair {
        AccountKeyPair::from_bytes(&self.account_keys).expect("a key")
    }

    /// This device's certificate.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub fn certificate(&self) -> DeviceCertificate {
        DeviceCertificate::decode(&self.certificate).expect("a certificate")
    }
}
