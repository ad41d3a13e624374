//! `show counters`: everything that workers count, refusals among it.

use core::fmt;
use std::collections::BTreeMap;

use abi::layout::Layout;
use abi::{Counter, Reason};
use serde::Serialize;

use crate::region::View;
use crate::table::Table;

/// Counters by name.
type Counts = BTreeMap<&'static str, u64>;

/// All workers together, and each by itself.
#[derive(Debug, Serialize)]
pub(crate) struct Counters {
    total: Counts,
    workers: Vec<Counts>,
}

impl Counters {
    /// Reads every worker's block; `nonzero` leaves out what was never counted.
    pub(crate) fn read(view: &View, nonzero: bool) -> Self {
        let mut workers: Vec<_> = view
            .workers()
            .map(|worker| worker_counts(&view.layout, worker))
            .collect();
        let mut total = Counts::new();
        for (name, value) in workers.iter().flatten() {
            let sum = total.entry(name).or_default();
            *sum = value.wrapping_add(*sum);
        }
        if nonzero {
            for counts in workers.iter_mut().chain([&mut total]) {
                counts.retain(|_, value| *value != 0);
            }
        }
        Self { total, workers }
    }
}

fn worker_counts(layout: &Layout<'_>, worker: usize) -> Counts {
    let Some(block) = layout.counters(worker) else {
        return Counts::new();
    };
    let counters = Counter::ALL.iter().map(|&c| (c.name(), block.count(c)));
    let refusals = Reason::ALL.iter().map(|&r| (r.name(), block.refused(r)));
    counters.chain(refusals).collect()
}

impl fmt::Display for Counters {
    /// Counters and refusals in the order of their lists, with a phrase each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["counter", "total", "by worker", "what"]);
        let counters = Counter::ALL.iter().map(|c| (c.name(), c.phrase()));
        let refusals = Reason::ALL.iter().map(|r| (r.name(), r.phrase()));
        for (name, phrase) in counters.chain(refusals) {
            let Some(total) = self.total.get(name) else {
                continue;
            };
            let each: Vec<_> = self
                .workers
                .iter()
                .map(|counts| counts.get(name).unwrap_or(&0).to_string())
                .collect();
            table.row([
                name.into(),
                total.to_string(),
                each.join(" "),
                phrase.into(),
            ]);
        }
        write!(f, "{table}")
    }
}
