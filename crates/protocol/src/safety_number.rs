//! Safety numbers: what two people compare to know that nobody stands between them. Knows no device and no
//! session. PROTOCOL.md "Safety number".
//!
//! After Signal's numeric fingerprint: each account key is hashed 5,200 times by SHA-512, its first 30 bytes
//! are 30 digits, and the two halves stand in order of their hashes, so that both people see the same.

use core::fmt;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use crate::identity::AccountKey;
use crate::labels;

/// How often each key is hashed: 2^12.3 as much work for whoever searches for a key of a similar number.
const ITERATIONS: usize = 5_200;
/// Bytes of one account's fingerprint in the QR payload.
const FINGERPRINT_BYTES: usize = 32;
/// Version of the QR payload.
const QR_VERSION: u8 = 1;

/// Why a scanned code cannot be compared. A code that compares unequal is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It is not a safety number's code at all.
    #[error("the scanned code is not a safety number")]
    NotASafetyNumber,
    /// It is of a version that this code does not speak.
    #[error("the scanned safety number is of an unknown version {0}")]
    UnknownVersion(u8),
}

/// The safety number of two accounts. `Display` gives the 60 digits in twelve groups of five.
#[derive(Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    lower: [u8; FINGERPRINT_BYTES],
    higher: [u8; FINGERPRINT_BYTES],
}

impl SafetyNumber {
    /// The number of these two accounts, whichever is named first. Costs 10,400 hashes: a few milliseconds.
    pub fn between(one: &AccountKey, other: &AccountKey) -> Self {
        let (one, other) = (fingerprint(one), fingerprint(other));
        Self {
            lower: one.min(other),
            higher: one.max(other),
        }
    }

    /// The 60 digits without spaces.
    pub fn digits(&self) -> String {
        let mut digits = String::with_capacity(60);
        for half in [&self.lower, &self.higher] {
            for chunk in &half.as_chunks::<5>().0[..6] {
                let number = chunk.iter().fold(0, |n, byte| n * 256 + u64::from(*byte));
                digits.push_str(&format!("{:05}", number % 100_000));
            }
        }
        digits
    }

    /// What a QR code holds: a version byte and both fingerprints, 65 bytes.
    pub fn qr_payload(&self) -> [u8; 65] {
        let mut payload = [QR_VERSION; 65];
        payload[1..33].copy_from_slice(&self.lower);
        payload[33..].copy_from_slice(&self.higher);
        payload
    }

    /// Whether a scanned payload is this very number.
    ///
    /// # Errors
    /// [`ScanError`] when it is no payload of this version.
    pub fn matches(&self, scanned: &[u8]) -> Result<bool, ScanError> {
        match scanned.first() {
            Some(&version) if scanned.len() == 65 && version != QR_VERSION => {
                Err(ScanError::UnknownVersion(version))
            }
            _ if scanned.len() != 65 => Err(ScanError::NotASafetyNumber),
            _ => Ok(self.qr_payload().ct_eq(scanned).into()),
        }
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        for (i, group) in digits.as_bytes().as_chunks::<5>().0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(core::str::from_utf8(group).expect("digits are ASCII"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyNumber(..)")
    }
}

fn fingerprint(key: &AccountKey) -> [u8; FINGERPRINT_BYTES] {
    let mut hash = Sha512::new()
        .chain_update(labels::SAFETY_NUMBER)
        .chain_update(key.as_bytes())
        .finalize();
    for _ in 1..ITERATIONS {
        hash = Sha512::new()
            .chain_update(hash)
            .chain_update(key.as_bytes())
            .finalize();
    }
    let mut fingerprint = [0; FINGERPRINT_BYTES];
    fingerprint.copy_from_slice(&hash[..FINGERPRINT_BYTES]);
    fingerprint
}
