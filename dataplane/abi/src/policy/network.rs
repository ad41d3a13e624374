//! Interfaces, and what is routed between them.

use core::net::IpAddr;

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};

/// A layer 3 interface: a device, or a VLAN of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Interface {
    /// The operator's name for it.
    pub name: String,
    /// Index of its device.
    pub device: u16,
    /// 802.1Q VLAN identifier, 1 to 4094; `None` is untagged.
    pub vlan: Option<u16>,
    /// Its own addresses with their prefix lengths.
    pub addresses: Vec<Prefix>,
    /// Addresses that it answers for besides its own: static NAT and media termination.
    pub owned: Vec<IpAddr>,
    /// Put fragments together instead of dropping them.
    pub reassemble: bool,
}

/// An address and how many of its leading bits name the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Schema)]
pub struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// Bits, up to 32 or 128.
    pub len: u8,
}

/// A static route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Route {
    /// Destinations.
    pub prefix: Prefix,
    /// Next router; `None` when the destinations are on the link.
    pub via: Option<IpAddr>,
    /// Index of the interface.
    pub interface: u16,
}

/// Lets packets that are not proxied through from one interface to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct ForwardRule {
    /// Index of the interface that packets come in by.
    pub from: u16,
    /// Index of the interface that they leave by.
    pub to: u16,
    /// Source network; `None` is any.
    pub source: Option<Prefix>,
    /// Destination network; `None` is any.
    pub destination: Option<Prefix>,
    /// IP protocol number; `None` is any.
    pub protocol: Option<u8>,
    /// Destination ports, from and to, both included; `None` is any.
    pub ports: Option<(u16, u16)>,
}
