//! What the worker lends the stack, and what the stack tells other workers.

use core::net::IpAddr;

use abi::{Counter, Reason};
use wire::{Frame, MacAddr};

use crate::InterfaceId;

/// Ports, pool and counters of the worker, for the length of a call.
pub trait Egress<F: Frame> {
    /// An empty frame to send on `port`; `None` when the pool is empty.
    fn alloc(&mut self, port: u16) -> Option<F>;

    /// Takes a complete frame to send on `port`.
    fn send(&mut self, port: u16, frame: F);

    /// Counts something that was refused or dropped.
    fn refuse(&mut self, reason: Reason);

    /// Counts something that was done.
    fn count(&mut self, counter: Counter);

    /// Takes news for every other worker, which gives it to [`Stack::import`](crate::Stack::import).
    fn tell(&mut self, event: NeighborEvent);
}

/// News about a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborEvent {
    /// On which interface.
    pub interface: InterfaceId,
    /// Whose.
    pub address: IpAddr,
    /// What.
    pub news: NeighborNews,
}

/// What happened to a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborNews {
    /// A worker asked for its station address. RSS may bring the answer to another worker, which
    /// believes it only if it knows of the question.
    Asked,
    /// A worker learned its station address.
    Learned(MacAddr),
}
