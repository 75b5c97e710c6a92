//! The long-term Ed25519 key of an account: who somebody is.
//! It signs certificates, account records and statements to the relay, each under its own context.
//! It knows no device and no username. PROTOCOL.md "Identity".

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::CryptoRng;

use super::statement::{StatementError, sign_statement};
use crate::codec::{DecodeError, Reader};
use crate::curve::KeyError;
use crate::secret::{SecretBytes, opaque_debug, scrubbed};
use crate::signature::{self, SIGNATURE_BYTES};

/// Version of an account key pair's stored form.
const STORED_VERSION: u8 = 1;

/// An account's public key: who somebody is. 32 bytes, canonical, on the curve, not of small order.
#[derive(Clone, Copy)]
pub struct AccountKey(VerifyingKey);

impl AccountKey {
    /// Checks and takes an encoded Ed25519 public key.
    ///
    /// # Errors
    /// [`KeyError`] when the bytes are not such a key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        signature::verifying_key(bytes).map(Self)
    }

    /// The encoded key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub(crate) fn verifying_key(&self) -> &VerifyingKey {
        &self.0
    }
}

impl PartialEq for AccountKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for AccountKey {}

impl PartialOrd for AccountKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AccountKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for AccountKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(..)")
    }
}

/// The key pair of this account. Wiped when dropped.
pub struct AccountKeyPair {
    key: Box<SigningKey>,
    public: AccountKey,
}

opaque_debug!(AccountKeyPair);

impl AccountKeyPair {
    /// Makes a new account.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        scrubbed(|| Self::from_key(signature::generate(rng)))
    }

    fn from_key(key: SigningKey) -> Self {
        let public = AccountKey(key.verifying_key());
        let key = Box::new(key);
        Self { key, public }
    }

    /// The public key.
    pub fn public(&self) -> AccountKey {
        self.public
    }

    /// The stored form: a version byte and the 32-byte seed.
    pub fn to_bytes(&self) -> SecretBytes {
        let mut bytes = Vec::with_capacity(33);
        bytes.push(STORED_VERSION);
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.into()
    }

    /// Restores what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(STORED_VERSION)?;
        let seed = reader.array()?;
        reader.finish()?;
        Ok(scrubbed(|| Self::from_key(SigningKey::from_bytes(seed))))
    }

    /// Signs exactly `statement`, a statement to the relay.
    ///
    /// # Errors
    /// [`StatementError`] unless it begins with [`crate::RELAY_STATEMENT_PREFIX`].
    pub fn sign_statement(&self, statement: &[u8]) -> Result<[u8; 64], StatementError> {
        sign_statement(&self.key, statement)
    }

    pub(crate) fn sign(&self, context: &[u8], fields: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
        signature::sign(&self.key, context, fields)
    }
}
