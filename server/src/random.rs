//! The relay's one source of randomness: nonces, the epoch of a new store, jitter.

/// Random bytes of the system.
///
/// # Errors
/// When the system has none to give.
#[expect(
    clippy::disallowed_methods,
    reason = "the relay's one source of randomness"
)]
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A number below `end` that spreads clients in time; 0 when there is no randomness.
pub(crate) fn jitter(end: u64) -> u64 {
    let number = bytes().map(u64::from_be_bytes).unwrap_or_default();
    number.checked_rem(end).unwrap_or_default()
}
