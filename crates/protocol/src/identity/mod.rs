//! Accounts, devices, the certificates and records that bind them. PROTOCOL.md "Identity".
//!
//! An account key certifies devices and signs the numbered list of them; a device key signs prekeys and
//! statements to the relay; an X25519 identity key agrees and never signs. Knows no session.

mod account;
mod certificate;
mod device;
mod ids;
mod record;
mod statement;

pub use account::{AccountKey, AccountKeyPair};
pub use certificate::{CertificateError, DeviceCertificate, PeerIdentity};
pub use device::{DeviceKeyPair, LocalDevice, LocalDeviceError};
pub use ids::{Address, DeviceId};
pub use record::{
    AccountRecord, MAX_DEVICES, MAX_USERNAME_BYTES, RecordError, SupersedeError,
    VerifiedAccountRecord,
};
pub use statement::{RELAY_STATEMENT_PREFIX, StatementError};
