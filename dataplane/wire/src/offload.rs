//! Checksums on the way out: in software, or left to the port.
//!
//! A port that fills in a transport checksum wants the sum of the pseudo header in its field, and
//! an IPv4 header checksum at zero, as `rte_ipv4_phdr_cksum` and `RTE_MBUF_F_TX_IP_CKSUM` of DPDK
//! say. What a port is asked for is a [`TxOffload`] on the frame.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use crate::{
    checksum::{Sum, pseudo_header},
    field::{array, be16, put},
    proto,
    udp::nonzero,
};

/// The checksums that a port fills in on the way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxChecksums {
    /// Of the IPv4 header.
    pub ipv4: bool,
    /// Of UDP, over IPv4 and IPv6.
    pub udp: bool,
    /// Of TCP, over IPv4 and IPv6.
    pub tcp: bool,
}

impl TxChecksums {
    /// None: all are computed in software.
    pub const NONE: Self = Self {
        ipv4: false,
        udp: false,
        tcp: false,
    };

    /// Whether software does them all.
    #[inline]
    #[must_use]
    pub const fn is_none(self) -> bool {
        !(self.ipv4 | self.udp | self.tcp)
    }

    const fn of(self, transport: Transport) -> bool {
        match transport {
            Transport::Udp => self.udp,
            Transport::Tcp => self.tcp,
        }
    }
}

/// A transport whose checksum a port may fill in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Transport {
    const fn of_protocol(protocol: u8) -> Option<Self> {
        match protocol {
            proto::UDP => Some(Self::Udp),
            proto::TCP => Some(Self::Tcp),
            _ => None,
        }
    }

    /// Its number in an IP header.
    #[must_use]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Udp => proto::UDP,
            Self::Tcp => proto::TCP,
        }
    }

    /// Where the checksum lies in the header.
    #[must_use]
    pub const fn checksum_at(self) -> usize {
        match self {
            Self::Udp => 6,
            Self::Tcp => 16,
        }
    }
}

/// What a port is asked to fill in, and where the headers end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxOffload {
    /// Octets from the IP header to the transport header; at most 511, as an mbuf has room for.
    pub l3_len: u16,
    /// Octets of the transport header.
    pub l4_len: u8,
    /// Whether the packet is of IPv4.
    pub is_ipv4: bool,
    /// Whether to fill in the checksum of the IPv4 header.
    pub ip: bool,
    /// The transport whose checksum to fill in.
    pub transport: Option<Transport>,
}

impl TxOffload {
    /// Nothing: the packet is complete.
    pub const NONE: Self = Self {
        l3_len: 0,
        l4_len: 0,
        is_ipv4: false,
        ip: false,
        transport: None,
    };

    /// Longest [`l3_len`](Self::l3_len).
    const L3_LEN_MAX: usize = 511;

    /// Whether the port has nothing to do.
    #[inline]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        !self.ip && self.transport.is_none()
    }
}

/// Writes the checksums of a whole IP packet whose transport header begins at `l4`, and whose
/// `protocol` is TCP or UDP, whatever stands in their fields. Those that the port is `able` to
/// fill in are prepared for it and returned.
///
/// `None`, and the packet is no good, if it is shorter than its headers or of another protocol.
#[must_use]
pub fn complete(
    packet: &mut [u8],
    l4: usize,
    protocol: u8,
    able: TxChecksums,
) -> Option<TxOffload> {
    let transport = Transport::of_protocol(protocol)?;
    let (src, dst) = addresses(packet)?;
    let range = transport_range(packet, l4, transport)?;
    let can_offload = range.end == packet.len() && l4 <= TxOffload::L3_LEN_MAX;
    let able = if can_offload { able } else { TxChecksums::NONE };
    let is_ipv4 = src.is_ipv4();
    if is_ipv4 {
        complete_ipv4_header(packet, able.ipv4)?;
    }
    let len = u32::try_from(range.len()).ok()?;
    let pseudo = pseudo_header(src, dst, protocol, len);
    let field = if able.of(transport) {
        pseudo.fold()
    } else {
        put(packet, l4 + transport.checksum_at(), [0; 2])?;
        let sum = pseudo.add_bytes(packet.get(range)?).finish();
        if transport == Transport::Udp {
            nonzero(sum)
        } else {
            sum
        }
    };
    put(packet, l4 + transport.checksum_at(), field.to_be_bytes())?;
    Some(TxOffload {
        l3_len: u16::try_from(l4).ok()?,
        l4_len: l4_len(packet, l4, transport)?,
        is_ipv4,
        ip: is_ipv4 && able.ipv4,
        transport: able.of(transport).then_some(transport),
    })
}

/// As [`complete`], for a packet of TCP without IP options or extension headers.
#[must_use]
pub fn complete_tcp(packet: &mut [u8], able: TxChecksums) -> Option<TxOffload> {
    let l4 = match packet.first()? >> 4 {
        4 => crate::ipv4::HEADER_LEN,
        _ => crate::ipv6::HEADER_LEN,
    };
    complete(packet, l4, proto::TCP, able)
}

fn addresses(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let v4 = |at| array(packet, at).map(|octets: &[u8; 4]| Ipv4Addr::from(*octets).into());
    let v6 = |at| array(packet, at).map(|octets: &[u8; 16]| Ipv6Addr::from(*octets).into());
    match packet.first()? >> 4 {
        4 => Some((v4(12)?, v4(16)?)),
        6 => Some((v6(8)?, v6(24)?)),
        _ => None,
    }
}

/// Header and payload. A UDP datagram may be shorter than its packet.
fn transport_range(packet: &[u8], l4: usize, transport: Transport) -> Option<Range<usize>> {
    let end = match transport {
        Transport::Udp => l4 + usize::from(be16(packet, l4 + 4)?),
        Transport::Tcp => packet.len(),
    };
    (l4 < end && end <= packet.len()).then_some(l4..end)
}

fn l4_len(packet: &[u8], l4: usize, transport: Transport) -> Option<u8> {
    match transport {
        Transport::Udp => Some(8),
        Transport::Tcp => Some((packet.get(l4 + 12)? >> 4) * 4),
    }
}

/// Writes the header's checksum; zero, if the port fills it in.
fn complete_ipv4_header(packet: &mut [u8], by_port: bool) -> Option<()> {
    put(packet, 10, [0; 2])?;
    if by_port {
        return Some(());
    }
    let len = usize::from(packet.first()? & 0x0f) * 4;
    let sum = Sum::new().add_bytes(packet.get(..len)?).finish();
    put(packet, 10, sum.to_be_bytes())
}

#[cfg(test)]
mod tests;
