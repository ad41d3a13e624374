//! Counters of all workers together.

use super::Layout;
use crate::{Counter, Reason};

/// Every counter and refusal, summed over all workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Counters, in order.
    pub counters: Vec<(Counter, u64)>,
    /// Refusals, in order.
    pub refusals: Vec<(Reason, u64)>,
}

impl Totals {
    /// Adds up the blocks of all workers.
    #[must_use]
    pub fn read(layout: &Layout<'_>) -> Self {
        let blocks: Vec<_> = (0..layout.shape().workers)
            .filter_map(|worker| layout.counters(worker))
            .collect();
        // Counters of a damaged region may say anything; those of a sound one never come near.
        let add = |sum: u64, count| sum.saturating_add(count);
        let count = |c| blocks.iter().map(|b| b.count(c)).fold(0, add);
        let refused = |r| blocks.iter().map(|b| b.refused(r)).fold(0, add);
        Self {
            counters: Counter::ALL.iter().map(|&c| (c, count(c))).collect(),
            refusals: Reason::ALL.iter().map(|&r| (r, refused(r))).collect(),
        }
    }
}
