//! The proxy's shared memory, as control sees it.

use abi::histogram::Snapshot;
use abi::layout::Layout;
use abi::limits::LimitWords;
use abi::{Counter, Reason};
use perf_sessions::Proxy;
use shm::Region;

/// A look into the shared memory of a running data plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observer {
    layout: Layout<'static>,
}

impl Observer {
    /// Of `proxy`.
    pub(crate) fn of(proxy: &Proxy) -> Result<Self, String> {
        let region = Region::open(&proxy.region()).map_err(|e| e.to_string())?;
        let layout = Layout::open(region.words()).map_err(|e| e.to_string())?;
        Ok(Self { layout })
    }

    /// The limits that workers obey.
    pub(crate) fn limits(&self) -> Result<LimitWords<'static>, String> {
        self.layout.limits().ok_or_else(|| "no limits".to_owned())
    }

    /// The generation of the policy that is published.
    pub(crate) fn generation(&self) -> u64 {
        self.layout.policy().map_or(0, |slots| slots.generation())
    }

    /// Whether every worker obeys `generation`.
    pub(crate) fn is_in_force(&self, generation: u64) -> bool {
        let workers = self.layout.workers_running();
        self.layout.acknowledgements().by_all(workers, generation)
    }

    /// What each worker has refused for `reason`.
    pub(crate) fn refused(&self, reason: Reason) -> Vec<u64> {
        (0..self.layout.workers_running())
            .filter_map(|worker| Some(self.layout.counters(worker)?.refused(reason)))
            .collect()
    }

    /// What all workers have counted so far.
    pub(crate) fn counted(&self, counter: Counter) -> u64 {
        let workers = 0..self.layout.workers_running();
        let counters = workers.filter_map(|worker| self.layout.counters(worker));
        counters.map(|counters| counters.count(counter)).sum()
    }

    /// Turns of all workers' loops so far.
    pub(crate) fn turns(&self) -> Snapshot {
        let mut all = Snapshot::default();
        for worker in 0..self.layout.workers_running() {
            if let Some(turns) = self.layout.turn_time(worker) {
                all.merge(&turns.snapshot());
            }
        }
        all
    }
}

/// The longest turn, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn longest(turns: &Snapshot) -> f64 {
    turns.quantile(1_000).unwrap_or(0) as f64 / 1e3
}
