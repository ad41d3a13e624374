//! Packets as bytes: the buffer and port traits, header views and reprs, checksums, flow keys,
//! and simulated ports for tests.
//!
//! Deliberately absent: state. Neighbours, routes and reassembly are `ip`; flows are `flow`.

mod frame;
mod mac;
mod nic;

pub use frame::{Frame, RxChecksum};
pub use mac::MacAddr;
pub use nic::{BURST, Burst, Nic, NicInfo};
