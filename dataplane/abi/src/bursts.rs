//! How full a worker's receive bursts are. One thread writes; anyone reads.

use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Most frames of a burst in each class: powers of two, so that a class doubles the one before.
pub const BURST_BOUNDS: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// Words of the counts, in a cache line.
pub const BURST_WORDS: usize = 8;

/// Counts of receive bursts by how many frames came at once; empty ones are not counted.
#[derive(Clone, Copy, Debug)]
pub struct BurstSizes<'r> {
    words: &'r [AtomicU64],
}

impl<'r> BurstSizes<'r> {
    /// A view over [`BURST_WORDS`] words; `None` if there are fewer.
    #[must_use]
    pub fn new(words: &'r [AtomicU64]) -> Option<Self> {
        Some(Self {
            words: words.get(..BURST_WORDS)?,
        })
    }

    /// Counts a burst of `frames`, 1 or more. Only the owner may call this.
    #[inline]
    pub fn record(&self, frames: usize) {
        let class = frames.max(1).next_power_of_two().trailing_zeros() as usize;
        let last = BURST_BOUNDS.len() - 1;
        if let Some(word) = self.words.get(class.min(last)) {
            word.store(word.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Bursts of each class of [`BURST_BOUNDS`].
    #[must_use]
    pub fn counts(&self) -> [u64; BURST_BOUNDS.len()] {
        let mut words = self.words.iter().map(|w| w.load(Relaxed));
        core::array::from_fn(|_| words.next().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_counts_in_the_smallest_class_that_holds_it() {
        let words: Vec<AtomicU64> = (0..BURST_WORDS).map(|_| AtomicU64::new(0)).collect();
        let sizes = BurstSizes::new(&words).unwrap();
        for frames in 1..=32 {
            sizes.record(frames);
        }
        assert_eq!(sizes.counts(), [1, 1, 2, 4, 8, 16]);
        sizes.record(1_000);
        assert_eq!(sizes.counts()[5], 17);
    }
}
