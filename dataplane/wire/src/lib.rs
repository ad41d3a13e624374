//! Packets as bytes: the buffer and port traits, header views and reprs, checksums, the one-pass
//! parser of received frames, and simulated ports for tests.
//!
//! A *view* borrows bytes and proves once that its accessors are in bounds; a *repr* is a
//! header's typed meaning, and what can be built can be written. Refusals are [`abi::Reason`]s,
//! so that every drop has its counter.
//!
//! Deliberately absent: state. Neighbours, routes and reassembly are `ip`; flows are `flow`.

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod ndp;
pub mod offload;
pub mod packet;
pub mod quote;
pub mod rewrite;
pub mod sim;
pub mod tcp;
pub mod udp;

mod field;
mod frame;
mod mac;
mod nic;

/// How full a port's receive queue is.
pub use abi::records::Depth;

pub use frame::{Frame, RxChecksum};
pub use mac::MacAddr;
pub use nic::{BURST, Burst, Nic, NicInfo};
pub use offload::{TxChecksums, TxOffload};
pub use packet::{Link, Packet, Parsed, parse};

/// Numbers of the protocols that IP carries.
pub mod proto {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
}
