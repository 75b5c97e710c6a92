//! The engine's numbers, each of a type of its own, so that none is taken for another. Every one is a `u64`
//! in records and in frames.

use std::ops::Add;

/// A number of one kind, from 1.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u64);

        impl $name {
            /// Before all others.
            pub(crate) const ZERO: Self = Self(0);
            /// After all others.
            pub(crate) const MAX: Self = Self(u64::MAX);

            /// The one after; [`Self::MAX`] where there is none.
            pub(crate) const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
    };
}

/// Numbers of which runs are kept: a first one, and how many come after it.
macro_rules! runs {
    ($name:ident) => {
        impl $name {
            /// The one before; [`Self::ZERO`] where there is none.
            pub(crate) const fn previous(self) -> Self {
                Self(self.0.saturating_sub(1))
            }

            /// How many steps it is from an earlier one to this one; 0 where that is a later one.
            pub(crate) const fn since(self, earlier: Self) -> u64 {
                self.0.saturating_sub(earlier.0)
            }
        }

        impl Add<u64> for $name {
            type Output = Self;

            fn add(self, many: u64) -> Self {
                Self(self.0.saturating_add(many))
            }
        }
    };
}

number! {
    /// A text's number among the texts of its sender.
    Number
}

runs!(Number);

impl Number {
    pub(crate) const FIRST: Self = Self(1);
}

number! {
    /// A line's place in its conversation on this device.
    Position
}

runs!(Position);

number! {
    /// A place in an order in which things came or are sent.
    Order
}

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
