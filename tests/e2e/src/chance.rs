//! Random numbers that can be had again.

use std::time::{Duration, SystemTime};

/// A sequence of numbers that its seed determines: `SplitMix64`.
#[derive(Clone, Debug)]
pub struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// The sequence of `UCP_SEED`, or of a seed that nobody knows before.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "another run is to take other turns; the seed is printed"
    )]
    pub fn from_env() -> Self {
        let given = std::env::var("UCP_SEED").ok();
        let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let drawn = || clock().map_or(0, |now| u64::from(now.subsec_nanos()));
        Self::new(
            given
                .and_then(|seed| seed.parse().ok())
                .unwrap_or_else(drawn),
        )
    }

    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// What to set `UCP_SEED` to for the same sequence.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// A number below `end`, which is not 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// A time of whole microseconds, shorter than `end`.
    pub fn time(&mut self, end: Duration) -> Duration {
        let end = u64::try_from(end.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(end.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_all() {
        let draw = |mut chance: Chance| [0; 8].map(|_| chance.below(1_000));
        assert_eq!(draw(Chance::new(7)), draw(Chance::new(7)));
        assert_ne!(draw(Chance::new(7)), draw(Chance::new(8)));
    }
}
