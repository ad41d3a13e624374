//! One worker's view of its IP interfaces: addresses, routes, neighbours, ICMP, forwarding and
//! reassembly.
//!
//! Each worker owns a [`Stack`] and shares nothing; what one learns about a neighbour it tells
//! the others with [`NeighborEvent`]s. The stack owns no port: it acts through the [`Egress`]
//! that the worker lends it for a call. The media fast path needs one call,
//! [`Stack::link_header`], which looks at one slot of a table and allocates nothing.
//!
//! Deliberately absent: who may talk to whom (the worker asks its policy before it calls
//! [`Stack::forward`]), transport protocols, router advertisements and address
//! autoconfiguration beyond the link-local address.

mod arp;
mod bucket;
mod config;
mod egress;
mod forward;
mod icmp;
mod icmp_error;
mod interface;
mod local;
mod ndp;
mod neighbor;
mod reassembly;
mod route;
mod stack;

pub use config::ConfigError;
pub use egress::{Egress, NeighborEvent, NeighborNews};
pub use icmp::IcmpReport;
pub use icmp_error::IcmpError;
pub use interface::InterfaceId;
pub use local::Locality;
pub use neighbor::{HopId, LinkHeader, NeighborLimits};
pub use reassembly::ReassemblyLimits;
pub use stack::{IcmpLimits, Limits, Stack};

#[cfg(test)]
mod tests;
