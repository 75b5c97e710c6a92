//! Randomness, from the browser's generator and nowhere else.

use getrandom::SysRng;
use rand_core::UnwrapErr;

/// The browser's generator. It fails only where WebCrypto is missing, which is refused at the start.
pub(crate) fn generator() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
