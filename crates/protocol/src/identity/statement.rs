//! Statements to the relay, signed as they are. The bytes come from the crate that the relay shares.
//! Their prefix keeps them apart from everything else that is signed here.
//! It knows nothing of what a statement says. PROTOCOL.md "Signatures".

use ed25519_dalek::SigningKey;

use crate::signature;

/// What every statement to a relay begins with.
pub const RELAY_STATEMENT_PREFIX: &[u8] = b"Pawl relay ";

/// The bytes are not a statement to a relay. Blame: the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// They do not begin with [`RELAY_STATEMENT_PREFIX`].
    #[error("a statement to the relay must begin with its own prefix")]
    WrongPrefix,
}

pub(super) fn sign_statement(
    key: &SigningKey,
    statement: &[u8],
) -> Result<[u8; 64], StatementError> {
    if statement.starts_with(RELAY_STATEMENT_PREFIX) {
        Ok(signature::sign(key, statement, &[]))
    } else {
        Err(StatementError::WrongPrefix)
    }
}
