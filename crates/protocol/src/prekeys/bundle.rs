//! What a relay hands out of a device so that a handshake can begin, and its verification.
//! PROTOCOL.md "Prekey bundle".
//!
//! Only verification makes a [`VerifiedPreKeyBundle`], and only that can begin a session.

use super::kem::KemPreKey;
use super::one_time::OneTimePreKey;
use super::signed::SignedPreKey;
use crate::curve::KeyError;
use crate::identity::{AccountKey, Address, CertificateError, DeviceCertificate, PeerIdentity};
use crate::kem::KemEncapsulator;

/// Why a bundle is not to be used. Blame: the relay, or whoever speaks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The device belongs to another account than the one that was asked for.
    #[error("the bundle is of another account")]
    OtherAccount,
    /// The account did not sign the device's certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The device did not sign the signed prekey.
    #[error("the signed prekey is not signed by its device")]
    SignedPreKeySignature,
    /// The device did not sign the KEM prekey, or signed it as the other kind.
    #[error("the KEM prekey is not signed by its device")]
    KemPreKeySignature,
    /// The KEM prekey fails the modulus check.
    #[error("the KEM prekey is not an encapsulation key: {0}")]
    KemKey(KeyError),
}

/// A device's prekeys as they came from a relay: nothing in it is trusted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreKeyBundle {
    /// The device's certificate.
    pub certificate: DeviceCertificate,
    /// Its signed prekey.
    pub signed_prekey: SignedPreKey,
    /// A one-time KEM prekey, or the last-resort one.
    pub kem_prekey: KemPreKey,
    /// A one-time prekey, unless they have run out.
    pub one_time_prekey: Option<OneTimePreKey>,
}

impl PreKeyBundle {
    /// Checks that the bundle is of a device of `expected` and that everything signed is signed. Whether the
    /// account still lists the device is for the caller to ask of its account record.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn verify(self, expected: &AccountKey) -> Result<VerifiedPreKeyBundle, BundleError> {
        if self.certificate.address().account != *expected {
            return Err(BundleError::OtherAccount);
        }
        let peer = self.certificate.verify()?;
        if !self.signed_prekey.is_signed_by(peer.certificate()) {
            return Err(BundleError::SignedPreKeySignature);
        }
        if !self.kem_prekey.is_signed_by(peer.certificate()) {
            return Err(BundleError::KemPreKeySignature);
        }
        let encapsulator = self.kem_prekey.key().check().map_err(BundleError::KemKey)?;
        Ok(VerifiedPreKeyBundle {
            peer,
            signed_prekey: self.signed_prekey,
            kem_prekey: self.kem_prekey,
            encapsulator,
            one_time_prekey: self.one_time_prekey,
        })
    }
}

/// A bundle whose signatures have been verified against the expected account.
#[derive(Debug)]
pub struct VerifiedPreKeyBundle {
    pub(crate) peer: PeerIdentity,
    pub(crate) signed_prekey: SignedPreKey,
    pub(crate) kem_prekey: KemPreKey,
    pub(crate) encapsulator: KemEncapsulator,
    pub(crate) one_time_prekey: Option<OneTimePreKey>,
}

impl VerifiedPreKeyBundle {
    /// The device that the bundle is of.
    pub fn peer(&self) -> &PeerIdentity {
        &self.peer
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.peer.address()
    }

    /// Whether both one-time keys are there, so that the handshake cannot be replayed once they are erased.
    pub fn is_one_time(&self) -> bool {
        self.one_time_prekey.is_some() && self.kem_prekey.kind() == super::KemKind::OneTime
    }
}
