//! Identifiers of fixed width as they stand in frames. Each is its own type, so that a message id
//! cannot be passed for a claim id. None of them is a secret.

use std::fmt;

macro_rules! bytes_newtype {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
        }

        impl TryFrom<&[u8]> for $name {
            type Error = std::array::TryFromSliceError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                bytes.try_into().map(Self)
            }
        }

        impl fmt::Debug for $name {
            /// Shows the first four bytes: enough to tell two apart in a failed test.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(", stringify!($name))?;
                self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("…)")
            }
        }
    };
}

bytes_newtype!(
    /// An account: its 32-byte Ed25519 public key.
    AccountId,
    32
);
bytes_newtype!(
    /// A device's Ed25519 public key, which signs its authentication.
    SigningKeyBytes,
    32
);
bytes_newtype!(
    /// An Ed25519 signature.
    SignatureBytes,
    64
);
bytes_newtype!(
    /// A message on its way: random, chosen by the sending device, the key of every deduplication.
    MessageId,
    16
);
bytes_newtype!(
    /// One claim of a prekey bundle: a claim retried under the same id gets the same keys.
    ClaimId,
    16
);
bytes_newtype!(
    /// The relay's single-use challenge to one connection.
    Nonce,
    32
);
bytes_newtype!(
    /// The relay's life between two restores; a new one means that mail and one-time keys are gone.
    Epoch,
    16
);

/// One device of one account. Device numbers begin at 1 and are never used again in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddress {
    /// The account.
    pub account: AccountId,
    /// The device's number in it, 1 or higher.
    pub device: u32,
}
