//! Time as an argument.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A reading of the monotonic clock, in nanoseconds since an arbitrary origin.
///
/// Read once per turn of a worker's loop and handed down; nothing below the loop asks a clock,
/// so a run repeats exactly when it is given the same readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now(u64);

impl Now {
    /// The origin of the clock.
    pub const ZERO: Self = Self(0);

    /// A reading from nanoseconds since the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A reading from milliseconds since the origin; saturates.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since the origin.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole milliseconds since the origin.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time passed since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Now {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub<Duration> for Now {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Now::ZERO - Duration::from_secs(1), Now::ZERO);
        assert_eq!(
            Now::from_nanos(u64::MAX) + Duration::from_secs(1),
            Now::from_nanos(u64::MAX)
        );
        assert_eq!(Now::ZERO.since(Now::from_millis(5)), Duration::ZERO);
        assert_eq!(
            Now::from_millis(7).since(Now::from_millis(5)),
            Duration::from_millis(2)
        );
    }
}
