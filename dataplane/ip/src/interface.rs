//! Interfaces: a port or a VLAN of it, with addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use abi::policy;
use wire::{MacAddr, NicInfo, TxChecksums, ethernet::EthernetRepr, ndp};

use crate::{ConfigError, LinkHeader};

/// Position of an interface in the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub u16);

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Position of its port among the worker's.
    pub(crate) port: u16,
    pub(crate) vlan: Option<u16>,
    pub(crate) mac: MacAddr,
    pub(crate) mtu: u16,
    /// The checksums that its port fills in.
    pub(crate) tx_checksums: TxChecksums,
    pub(crate) reassemble: bool,
    /// Its own addresses with their prefix lengths, the link-local one last.
    pub(crate) addresses: Vec<(IpAddr, u8)>,
    /// Other addresses that it answers for.
    pub(crate) owned: Vec<IpAddr>,
    pub(crate) link_local: Ipv6Addr,
}

impl Interface {
    /// Compiles an interface of the policy.
    pub(crate) fn new(from: &policy::Interface, ports: &[NicInfo]) -> Result<Self, ConfigError> {
        let port = ports.get(usize::from(from.device));
        let &NicInfo {
            mac,
            mtu,
            tx_checksums,
            ..
        } = port.ok_or(ConfigError::NoSuchPort(from.device))?;
        let link_local = ndp::link_local(mac);
        let own = from.addresses.iter().map(|p| (p.address, p.len));
        Ok(Self {
            port: from.device,
            vlan: from.vlan,
            mac,
            mtu,
            tx_checksums,
            reassemble: from.reassemble,
            addresses: own.chain([(link_local.into(), 64)]).collect(),
            owned: from.owned.clone(),
            link_local,
        })
    }

    /// Whether the interface answers ARP and ND for `address`.
    pub(crate) fn answers_for(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|&(a, _)| a == address) || self.owned.contains(&address)
    }

    /// Whether `address` is in a prefix of one of its own addresses, and no broadcast address.
    pub(crate) fn is_on_link(&self, address: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|&(own, len)| shares_prefix(own, address, len))
            && !self.broadcasts().any(|broadcast| broadcast == address)
    }

    /// The broadcast addresses of its IPv4 networks: all ones, and of old all zeroes
    /// (RFC 1812 §5.3.5). A network of two addresses or one has none (RFC 3021).
    pub(crate) fn broadcasts(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self
            .addresses
            .iter()
            .filter_map(|&(address, len)| match address {
                IpAddr::V4(a) if len < 31 => Some((a.to_bits(), u32::MAX >> len)),
                _ => None,
            });
        v4.flat_map(|(bits, hosts)| [bits | hosts, bits & !hosts])
            .map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
    }

    /// The own IPv4 address to speak to `target` from: one of its network, else any.
    pub(crate) fn ipv4_source(&self, target: Ipv4Addr) -> Option<Ipv4Addr> {
        let v4 = |address: IpAddr| match address {
            IpAddr::V4(a) => Some(a),
            IpAddr::V6(_) => None,
        };
        let mut near = self
            .addresses
            .iter()
            .filter(|&&(a, len)| shares_prefix(a, target.into(), len));
        near.find_map(|&(a, _)| v4(a))
            .or_else(|| self.addresses.iter().find_map(|&(a, _)| v4(a)))
            .or_else(|| self.owned.iter().find_map(|&a| v4(a)))
    }

    /// The own IPv6 address to speak to `target` from: one of its prefix, else any that reaches
    /// as far as `target` does.
    pub(crate) fn ipv6_source(&self, target: Ipv6Addr) -> Ipv6Addr {
        if target.is_unicast_link_local() || target.is_multicast() {
            return self.link_local;
        }
        let v6 = self
            .addresses
            .iter()
            .filter_map(|&(address, len)| match address {
                IpAddr::V6(a) if a != self.link_local => Some((a, len)),
                _ => None,
            });
        let mut near = v6
            .clone()
            .filter(|&(a, len)| shares_prefix(a.into(), target.into(), len));
        near.next()
            .or_else(|| v6.clone().next())
            .map_or(self.link_local, |(a, _)| a)
    }

    /// The own address to speak to `target` from.
    pub(crate) fn source_for(&self, target: IpAddr) -> Option<IpAddr> {
        match target {
            IpAddr::V4(t) => self.ipv4_source(t).map(IpAddr::V4),
            IpAddr::V6(t) => Some(self.ipv6_source(t).into()),
        }
    }

    /// The header ahead of what this interface sends to `station`.
    pub(crate) fn link_header(&self, station: MacAddr, ethertype: u16) -> LinkHeader {
        let repr = EthernetRepr {
            dst: station,
            src: self.mac,
            vlan: self.vlan,
            ethertype,
        };
        LinkHeader::new(self.port, self.mtu, self.tx_checksums, &repr)
    }
}

/// Whether the `len` leading bits of both are equal, and the family too.
pub(crate) fn shares_prefix(a: IpAddr, b: IpAddr, len: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let differ = a.to_bits() ^ b.to_bits();
            differ.leading_zeros() >= u32::from(len)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let differ = a.to_bits() ^ b.to_bits();
            differ.leading_zeros() >= u32::from(len)
        }
        _ => false,
    }
}
