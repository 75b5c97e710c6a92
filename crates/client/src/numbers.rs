//! The engine's numbers, each of a type of its own, so that none is taken for another. Every one is a `u64`
//! in records and in frames.

use std::ops::Add;

/// A point in time, in milliseconds since 1970. What is added to it or lies between two of them is a
/// number of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    /// The time of what never happened, and the earliest one.
    pub(crate) const ZERO: Self = Self(0);

    /// Milliseconds since an earlier time; 0 where that is a later one.
    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds between two times, whichever is the earlier.
    pub(crate) const fn between(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// So many milliseconds earlier, at the earliest in 1970.
    pub(crate) const fn earlier_by(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_sub(milliseconds))
    }
}

impl Add<u64> for Millis {
    type Output = Self;

    /// So many milliseconds later, at the latest at the end of time.
    fn add(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}
