//! Randomness, from the system's generator and nowhere else.

use getrandom::SysRng;
use pawl_client::DrawAhead;
use rand_core::UnwrapErr;

/// The system's generator.
pub(crate) fn generator() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// What one step of the engine draws from. Not to be kept: what it drew ahead is in memory until it is dropped.
pub(crate) fn for_a_step() -> DrawAhead<UnwrapErr<SysRng>> {
    DrawAhead::new(generator())
}
