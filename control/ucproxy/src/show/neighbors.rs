//! `show neighbors`: who has which station address, as each worker knows it.

use core::fmt;
use core::net::IpAddr;

use abi::layout::Shape;
use abi::policy::PolicyImage;
use abi::records::{NeighborRecord, NeighborState};
use serde::Serialize;

use crate::clock::span;
use crate::region::View;
use crate::table::Table;

/// Every neighbour of every worker.
#[derive(Debug, Serialize)]
pub(crate) struct Neighbors {
    neighbors: Vec<Neighbor>,
}

#[derive(Debug, Serialize)]
struct Neighbor {
    interface: String,
    address: IpAddr,
    /// `null` while it has not answered.
    station: Option<String>,
    state: &'static str,
    /// Since it last answered, or was first asked for.
    age_seconds: u64,
    worker: usize,
}

impl Neighbors {
    /// Reads every worker's table.
    pub(crate) fn read(view: &View) -> Self {
        let policy = view.policy().unwrap_or_default();
        let records = view.workers().flat_map(|worker| {
            (0..Shape::NEIGHBORS)
                .filter_map(move |i| NeighborRecord::load(view.layout.neighbor(worker, i)?))
                .map(move |record| (worker, record))
        });
        let mut neighbors: Vec<_> = records
            .map(|(worker, record)| neighbor(view, &policy, worker, &record))
            .collect();
        neighbors.sort_by(|a, b| {
            let key = |n: &Neighbor| (n.address, n.worker);
            (&a.interface, key(a)).cmp(&(&b.interface, key(b)))
        });
        Self { neighbors }
    }
}

fn neighbor(view: &View, policy: &PolicyImage, worker: usize, record: &NeighborRecord) -> Neighbor {
    let interface = policy.interfaces.get(usize::from(record.interface));
    Neighbor {
        interface: interface.map_or_else(|| record.interface.to_string(), |i| i.name.clone()),
        address: record.address,
        station: (record.state != NeighborState::Incomplete).then(|| record.station.to_string()),
        state: record.state.name(),
        age_seconds: view.seconds_since(record.confirmed),
        worker,
    }
}

impl fmt::Display for Neighbors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["interface", "address", "station", "state", "age", "worker"]);
        for n in &self.neighbors {
            table.row([
                n.interface.clone(),
                n.address.to_string(),
                n.station.clone().unwrap_or_else(|| "-".into()),
                n.state.into(),
                span(n.age_seconds),
                n.worker.to_string(),
            ]);
        }
        writeln!(f, "{table}{} neighbours", self.neighbors.len())
    }
}
