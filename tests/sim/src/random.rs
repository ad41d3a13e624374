//! Chance, from a seed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use pipeline::Entropy;

/// A generator that gives the same numbers for the same seed (SplitMix64). Also the worker's
/// source of keys, so that a run repeats to the octet.
#[derive(Debug)]
pub struct Random(AtomicU64);

impl Random {
    /// A generator for `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number.
    pub fn draw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// Whether something happens that happens `thousandths` times in a thousand.
    pub fn chance(&self, thousandths: u32) -> bool {
        self.below(1_000) < u64::from(thousandths)
    }
}

impl Entropy for Random {
    fn fill(&self, out: &mut [u8]) -> bool {
        for part in out.chunks_mut(8) {
            let octets = self.draw().to_be_bytes();
            part.copy_from_slice(&octets[..part.len()]);
        }
        true
    }
}
