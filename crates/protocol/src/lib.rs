//! Pure cryptographic protocol of Pawl: account and device keys, prekeys, PQXDH, and the Double Ratchet
//! with header encryption. docs/PROTOCOL.md is its specification; every module names the section it is.
//!
//! It knows no clock, no store, no network and no ambient randomness: time is a parameter in milliseconds
//! since the Unix epoch, randomness a parameter `rng`, and whoever calls commits the changed state to disk
//! before anything that it produced leaves the device.
#![forbid(unsafe_code)]

mod aead;
mod codec;
mod curve;
mod envelope;
mod handshake;
mod identity;
mod kdf;
mod kem;
mod labels;
mod padding;
mod prekeys;
mod random;
mod ratchet;
mod safety_number;
mod secret;
mod session;
mod signature;

pub use codec::DecodeError;
pub use curve::{KeyError, NonContributory, X25519Public};
pub use envelope::{
    BaseKey, Envelope, InitialMessage, MAX_ENVELOPE_BYTES, PROTOCOL_VERSION, RatchetMessage, SUITE,
    SessionTag,
};
pub use identity::{
    AccountKey, AccountKeyPair, AccountRecord, Address, CertificateError, DeviceCertificate,
    DeviceId, DeviceKeyPair, LocalDevice, LocalDeviceError, MAX_DEVICES, MAX_USERNAME_BYTES,
    PeerIdentity, RELAY_STATEMENT_PREFIX, RecordError, StatementError, SupersedeError,
    VerifiedAccountRecord,
};
pub use kem::{KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_BYTES, KemPublic};
pub use padding::MAX_PLAINTEXT_BYTES;
pub use prekeys::{
    BundleError, KemKind, KemPreKey, KemPreKeyPair, OneTimePreKey, OneTimePreKeyPair, PreKeyBundle,
    ResponderPreKeys, SignedPreKey, SignedPreKeyPair, VerifiedPreKeyBundle,
};
pub use random::DrawAhead;
pub use ratchet::{
    MAX_KEPT_KEYS, MAX_RETIRED_CHAINS, MAX_SKIP, OpenError, SKIPPED_KEY_LIFETIME_MS, SealError,
};
pub use safety_number::{SafetyNumber, ScanError};
pub use secret::{Plaintext, SecretBytes};
pub use session::{AcceptError, InitiateError, Session};
