//! The signed, numbered list of an account's devices, with the account's username.
//! A relay can neither swap usernames nor slip a device in nor go back to an older list.
//! It knows no relay and no trust in people. PROTOCOL.md "Account record".

use super::account::{AccountKey, AccountKeyPair};
use super::certificate::{CertificateError, DeviceCertificate};
use super::ids::DeviceId;
use crate::codec::{DecodeError, Reader};
use crate::labels;
use crate::signature::{self, SIGNATURE_BYTES};

/// How many devices an account may list: what one person carries, and a bound on every fan-out.
pub const MAX_DEVICES: usize = 10;
/// The longest username in bytes: fits a line of the page and every length byte.
pub const MAX_USERNAME_BYTES: usize = 32;
/// Version of the record's encoding.
const VERSION: u8 = 1;

/// Why a record cannot be made or is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The username is empty, longer than [`MAX_USERNAME_BYTES`] or not printable ASCII without spaces.
    #[error("the username is not 1 to 32 printable ASCII characters")]
    Username,
    /// No device, or more than [`MAX_DEVICES`].
    #[error("an account lists one to ten devices")]
    DeviceCount,
    /// The devices are not in rising order of their numbers, or one stands there twice.
    #[error("the devices are not in rising order")]
    DeviceOrder,
    /// A device's certificate is for another account.
    #[error("a listed device belongs to another account")]
    ForeignDevice,
    /// A device's certificate is not signed by the account.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The record is not signed by the account that it names.
    #[error("the account record is not signed by its account")]
    Signature,
}

/// Why a record may not replace the one that was known before. Blame: the relay, or a copied account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SupersedeError {
    /// It is another account's.
    #[error("the record is of another account")]
    OtherAccount,
    /// Its version is older than the known one's.
    #[error("the record is older than the known one")]
    Rollback,
    /// It has the known one's version and other contents.
    #[error("the record has the known one's version and other contents")]
    Fork,
}

/// An account's list of devices, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    account: AccountKey,
    username: String,
    version: u64,
    devices: Vec<DeviceCertificate>,
    signature: [u8; SIGNATURE_BYTES],
}

impl AccountRecord {
    /// Lets the account sign that it is `username` and has these devices, which must be in rising order of
    /// their numbers. `version` must be above that of every record it signed before.
    ///
    /// # Errors
    /// [`RecordError`] when the record would not verify.
    pub fn sign(
        account: &AccountKeyPair,
        username: &str,
        version: u64,
        devices: Vec<DeviceCertificate>,
    ) -> Result<VerifiedAccountRecord, RecordError> {
        let mut record = Self {
            account: account.public(),
            username: username.to_owned(),
            version,
            devices,
            signature: [0; SIGNATURE_BYTES],
        };
        record.check_contents()?;
        record.signature = account.sign(labels::ACCOUNT_RECORD, &[&record.signed_fields()]);
        Ok(VerifiedAccountRecord(record))
    }

    /// The account that the record says it is of.
    pub fn account(&self) -> AccountKey {
        self.account
    }

    /// The one encoding: version 1, account 32, username length 1 and bytes, record version 8, device count
    /// 1, certificates of 164 each, signature 64.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.signed_fields();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Parses a record; says nothing of its signatures.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not exactly one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let account = AccountKey::from_bytes(reader.array()?)?;
        let username_length = usize::from(reader.u8()?);
        let username = core::str::from_utf8(reader.bytes(username_length)?)
            .ok()
            .filter(|name| is_username(name))
            .ok_or(DecodeError::BadField("username"))?
            .to_owned();
        let version = reader.u64()?;
        let count = usize::from(reader.u8()?);
        if count == 0 || count > MAX_DEVICES {
            return Err(DecodeError::BadField("device count"));
        }
        let devices = (0..count)
            .map(|_| DeviceCertificate::read(&mut reader))
            .collect::<Result<Vec<_>, _>>()?;
        let signature = *reader.array()?;
        reader.finish()?;
        Ok(Self {
            account,
            username,
            version,
            devices,
            signature,
        })
    }

    /// Checks the record's signature, every certificate's, and their order.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn verify(self) -> Result<VerifiedAccountRecord, RecordError> {
        self.check_contents()?;
        let authentic = signature::verifies(
            self.account.verifying_key(),
            labels::ACCOUNT_RECORD,
            &[&self.signed_fields()],
            &self.signature,
        );
        if authentic {
            Ok(VerifiedAccountRecord(self))
        } else {
            Err(RecordError::Signature)
        }
    }

    fn check_contents(&self) -> Result<(), RecordError> {
        if !is_username(&self.username) {
            return Err(RecordError::Username);
        }
        if self.devices.is_empty() || self.devices.len() > MAX_DEVICES {
            return Err(RecordError::DeviceCount);
        }
        let rising = |pair: &[DeviceCertificate]| pair[0].address() < pair[1].address();
        if self
            .devices
            .iter()
            .any(|d| d.address().account != self.account)
        {
            return Err(RecordError::ForeignDevice);
        }
        if !self.devices.windows(2).all(rising) {
            return Err(RecordError::DeviceOrder);
        }
        for device in &self.devices {
            device.clone().verify()?;
        }
        Ok(())
    }

    fn signed_fields(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.account.as_bytes());
        bytes.push(u8::try_from(self.username.len()).expect("checked to be at most 32"));
        bytes.extend_from_slice(self.username.as_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.push(u8::try_from(self.devices.len()).expect("checked to be at most 10"));
        for device in &self.devices {
            bytes.extend_from_slice(&device.encode());
        }
        bytes
    }
}

/// A record that its account has signed, with certificates that it has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAccountRecord(AccountRecord);

impl VerifiedAccountRecord {
    /// The record, for storing or sending it.
    pub fn record(&self) -> &AccountRecord {
        &self.0
    }

    /// The account.
    pub fn account(&self) -> AccountKey {
        self.0.account
    }

    /// The account's username, 1 to 32 printable ASCII characters.
    pub fn username(&self) -> &str {
        &self.0.username
    }

    /// The record's number, which only rises.
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// The devices in rising order of their numbers, one to ten.
    pub fn devices(&self) -> &[DeviceCertificate] {
        &self.0.devices
    }

    /// The device of this number.
    pub fn device(&self, device: DeviceId) -> Option<&DeviceCertificate> {
        self.devices().iter().find(|d| d.address().device == device)
    }

    /// Whether this record may take the place of `previous`, one known before (or is the same).
    ///
    /// # Errors
    /// [`SupersedeError`] when the version goes back, or stays while the contents change.
    pub fn supersedes(&self, previous: &Self) -> Result<(), SupersedeError> {
        if self.account() != previous.account() {
            return Err(SupersedeError::OtherAccount);
        }
        if self.version() < previous.version() {
            return Err(SupersedeError::Rollback);
        }
        if self.version() == previous.version() && !self.same_contents(previous) {
            return Err(SupersedeError::Fork);
        }
        Ok(())
    }

    fn same_contents(&self, other: &Self) -> bool {
        self.0.signed_fields() == other.0.signed_fields()
    }
}

fn is_username(name: &str) -> bool {
    (1..=MAX_USERNAME_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}
