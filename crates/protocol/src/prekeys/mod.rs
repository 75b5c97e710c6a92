//! Prekeys: what a device publishes so that others can write to it while it is away. PROTOCOL.md "Prekeys".
//!
//! Ids are the caller's: they only rise and are never used twice within a kind. Knows no stock and no relay.

mod bundle;
mod kem;
mod one_time;
mod signed;

pub use bundle::{BundleError, PreKeyBundle, VerifiedPreKeyBundle};
pub use kem::{KemKind, KemPreKey, KemPreKeyPair};
pub use one_time::{OneTimePreKey, OneTimePreKeyPair};
pub use signed::{SignedPreKey, SignedPreKeyPair};

/// The private halves of the prekeys that an initial message names, as the caller's store holds them.
#[derive(Clone, Copy, Debug)]
pub struct ResponderPreKeys<'a> {
    /// The signed prekey of the message's `signed_prekey_id`.
    pub signed_prekey: &'a SignedPreKeyPair,
    /// The KEM prekey of the message's `kem_kind` and `kem_prekey_id`.
    pub kem_prekey: &'a KemPreKeyPair,
    /// The one-time prekey of the message's `one_time_prekey_id`, exactly when it names one.
    pub one_time_prekey: Option<&'a OneTimePreKeyPair>,
}
