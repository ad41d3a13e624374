//! Real TLS-proxied sessions by the thousand: the proxy's two processes as an operator runs them,
//! and phones and a call manager on both sides of it.
//!
//! The kernel has too few sockets for it, so the phones and the call manager are user-space
//! stacks of our own crates, joined to the proxy by two memif ports. One thread drives them all
//! ([`Lab`]).
//!
//! Deliberately absent: what is measured. The programs that use this crate say so.
#![expect(
    clippy::expect_used,
    reason = "a benchmark has nothing better to do with an error than to stop"
)]

mod lab;
mod load;
mod manager;
mod memory;
mod phone;
mod phones;
mod pki;
mod ports;
mod proxy;
mod side;
mod usage;

pub use lab::{Lab, POOLS, Spec};
pub use memory::Memory;
pub use phones::Tally;
pub use pki::{Authority, Keys};
pub use ports::{Queues, open_ports};
pub use proxy::{Proxy, devices, phone_proxy};
pub use tls::Versions;
pub use usage::{busy, resident};
