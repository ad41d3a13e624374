//! The replay window (RFC 3711 §3.3.2), kept as a ring of blocks in the manner of RFC 6479.

use core::ops::RangeInclusive;

/// How many indices back from the highest a packet may still be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize(u16);

impl WindowSize {
    /// The smallest window that RFC 3711 §3.3.2 allows.
    pub const MIN: Self = Self(64);
    /// The largest window that is kept.
    pub const MAX: Self = Self(1024);

    /// A window of `packets`, at least [`WindowSize::MIN`] and at most [`WindowSize::MAX`].
    #[must_use]
    pub const fn new(packets: u16) -> Option<Self> {
        if packets < Self::MIN.0 || packets > Self::MAX.0 {
            None
        } else {
            Some(Self(packets))
        }
    }

    /// Blocks of a ring that covers the window whatever the highest index's place in its block.
    fn blocks(self) -> usize {
        (usize::from(self.0).div_ceil(BLOCK_BITS) + 1).next_power_of_two()
    }
}

impl Default for WindowSize {
    fn default() -> Self {
        Self(128)
    }
}

const BLOCK_BITS: usize = 64;
const INLINE_BLOCKS: usize = 4;

/// Why an index is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// Seen before.
    Replayed,
    /// Before the window.
    TooOld,
}

/// Which of the latest indices have been seen.
#[derive(Debug)]
pub(crate) struct Window {
    highest: u64,
    seen: Ring,
}

/// A power of two of blocks; a window of the usual size needs no second allocation.
#[derive(Debug)]
enum Ring {
    Inline([u64; INLINE_BLOCKS]),
    Boxed(Box<[u64]>),
}

impl Window {
    /// A window whose first packet has `index`. Earlier ones may still come.
    pub(crate) fn starting_at(index: u64, size: WindowSize) -> Self {
        let seen = match size.blocks() {
            ..=INLINE_BLOCKS => Ring::Inline([0; INLINE_BLOCKS]),
            blocks => Ring::Boxed(vec![0; blocks].into_boxed_slice()),
        };
        let mut window = Self {
            highest: index,
            seen,
        };
        window.mark(index);
        window
    }

    /// A window in which everything up to `highest` counts as seen.
    pub(crate) fn closed_at(highest: u64, size: WindowSize) -> Self {
        let mut window = Self::starting_at(highest, size);
        window.seen.blocks_mut().fill(u64::MAX);
        window.clear_after(highest);
        window
    }

    /// The highest index seen.
    #[inline]
    pub(crate) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `index` may be accepted.
    #[inline(always)]
    pub(crate) fn check(&self, index: u64, size: WindowSize) -> Result<(), Stale> {
        if index > self.highest {
            Ok(())
        } else {
            self.check_late(index, size)
        }
    }

    /// Of a packet that comes after a newer one.
    #[inline(never)]
    fn check_late(&self, index: u64, size: WindowSize) -> Result<(), Stale> {
        if self.highest - index >= u64::from(size.0) {
            return Err(Stale::TooOld);
        }
        let (block, bit) = place(index);
        let blocks = self.seen.blocks();
        match blocks.get(block & (blocks.len() - 1)) {
            Some(seen) if seen & bit == 0 => Ok(()),
            _ => Err(Stale::Replayed),
        }
    }

    /// Takes note of an index that [`Window::check`] found acceptable.
    #[inline]
    pub(crate) fn accept(&mut self, index: u64) {
        if index > self.highest {
            let (old, new) = (place(self.highest).0, place(index).0);
            if old != new {
                self.clear_blocks(old + 1..=new);
            }
            self.highest = index;
        }
        self.mark(index);
    }

    /// Clears blocks that the window moves into, once in 64 packets; a jump past the whole ring
    /// clears each once.
    #[inline(never)]
    fn clear_blocks(&mut self, entered: RangeInclusive<usize>) {
        let blocks = self.seen.blocks_mut();
        let mask = blocks.len() - 1;
        for block in entered.take(mask + 1) {
            if let Some(seen) = blocks.get_mut(block & mask) {
                *seen = 0;
            }
        }
    }

    #[inline]
    fn mark(&mut self, index: u64) {
        let (block, bit) = place(index);
        let blocks = self.seen.blocks_mut();
        let mask = blocks.len() - 1;
        if let Some(seen) = blocks.get_mut(block & mask) {
            *seen |= bit;
        }
    }

    /// Clears the marks of the indices after `index` in its block.
    fn clear_after(&mut self, index: u64) {
        let (block, bit) = place(index);
        let blocks = self.seen.blocks_mut();
        let mask = blocks.len() - 1;
        if let Some(seen) = blocks.get_mut(block & mask) {
            *seen &= bit | (bit - 1);
        }
    }
}

impl Ring {
    #[inline]
    fn blocks(&self) -> &[u64] {
        match self {
            Self::Inline(blocks) => blocks,
            Self::Boxed(blocks) => blocks,
        }
    }

    #[inline]
    fn blocks_mut(&mut self) -> &mut [u64] {
        match self {
            Self::Inline(blocks) => blocks,
            Self::Boxed(blocks) => blocks,
        }
    }
}

/// The block, counted from the first ever, and the bit in it that stand for `index`.
#[inline]
fn place(index: u64) -> (usize, u64) {
    let block = usize::try_from(index / 64).unwrap_or(usize::MAX);
    (block, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn window_sizes_have_bounds() {
        assert!(WindowSize::new(63).is_none());
        assert!(WindowSize::new(64).is_some());
        assert!(WindowSize::new(1024).is_some());
        assert!(WindowSize::new(1025).is_none());
    }

    #[test]
    fn packets_before_the_first_are_accepted_once() {
        let size = WindowSize::default();
        let mut window = Window::starting_at(1000, size);
        assert_eq!(window.check(1000, size), Err(Stale::Replayed));
        assert_eq!(window.check(873, size), Ok(()));
        assert_eq!(window.check(872, size), Err(Stale::TooOld));
        window.accept(873);
        assert_eq!(window.check(873, size), Err(Stale::Replayed));
    }

    #[test]
    fn closed_window_takes_only_what_is_new() {
        let size = WindowSize::default();
        for highest in [0, 1, 62, 63, 64, 127, 1000, 0xffff_ffff_ffff] {
            let mut window = Window::closed_at(highest, size);
            for back in 0..200.min(highest + 1) {
                assert!(window.check(highest - back, size).is_err());
            }
            for forward in 1..200 {
                assert_eq!(window.check(highest + forward, size), Ok(()));
                window.accept(highest + forward);
                assert_eq!(window.check(highest + forward, size), Err(Stale::Replayed));
            }
        }
    }

    /// What the window must answer, by keeping every index.
    fn model(seen: &BTreeSet<u64>, index: u64, size: u16) -> Result<(), Stale> {
        let highest = *seen.last().unwrap();
        if index + u64::from(size) <= highest {
            Err(Stale::TooOld)
        } else if seen.contains(&index) {
            Err(Stale::Replayed)
        } else {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn window_agrees_with_a_set_of_all_indices(
            size in 64..=1024_u16,
            first in 0..5000_u64,
            steps in prop::collection::vec((-1200..300_i64, prop::bool::weighted(0.02)), 1..400),
        ) {
            let window_size = WindowSize::new(size).unwrap();
            let mut window = Window::starting_at(first, window_size);
            let mut seen = BTreeSet::from([first]);
            for (step, jump) in steps {
                let step = if jump { step.abs() * 100 } else { step / 4 };
                let index = window.highest().saturating_add_signed(step);
                let answer = window.check(index, window_size);
                prop_assert_eq!(answer, model(&seen, index, size));
                if answer.is_ok() {
                    window.accept(index);
                    seen.insert(index);
                }
            }
        }
    }
}
