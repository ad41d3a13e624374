//! One worker's view of its interfaces: whose address is whose, where a destination is reached,
//! and the state behind ARP, neighbour discovery, ICMP and reassembly.
//!
//! Deliberately absent: flows and sessions, and any lock. Each worker owns its own tables; what
//! one learns it tells the others as a [`NeighborUpdate`].

mod neighbor;
mod route;

pub use neighbor::{HopId, NEIGHBORS_MAX, NeighborUpdate, Neighbors, Passage, Solicit};
pub use route::{Routes, Target, contains};
