//! Which flow a packet belongs to, when a flow wants attention next, and which worker owns it.
//!
//! [`FlowTable`] and [`Wheel`] belong to one worker and are sized once: nothing in this crate
//! allocates after construction, takes a lock, or asks a clock. [`PortMap`] and [`rss`] answer
//! the same question from two sides, "whose packet is this?": by a port that we chose, or by the
//! hash that the port's receive-side scaling uses.
//!
//! Deliberately absent: what a flow carries. A worker keeps that in arrays of its own, indexed
//! by [`FlowId::index`].

mod hash;
mod id;
mod key;
mod port_slice;
pub mod rss;
mod table;
mod wheel;

pub use hash::HashSeed;
pub use id::FlowId;
pub use key::{FlowKey, TCP, UDP};
pub use port_slice::{PairSlice, PortMap, PortRangeError, PortSlice};
pub use table::{FlowTable, InsertError, LOOKUP_BURST};
pub use wheel::Wheel;
