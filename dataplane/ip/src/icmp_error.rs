//! ICMP errors that we send about packets that we cannot deliver.

use core::net::IpAddr;

use abi::{Now, Reason};
use wire::{
    Frame, Packet,
    icmpv4::{self, Icmpv4Repr},
    icmpv6::{self, Icmpv6Repr},
    ipv4::{self, Ipv4Repr},
    ipv6::{self, Ipv6Repr},
    proto,
};

use crate::{Egress, InterfaceId, Locality, Stack, icmp::HOP_LIMIT, interface::Interface, stack};

/// Octets of an ICMP error over IPv4, all in (RFC 1812 §4.3.2.3).
const IPV4_ERROR_LEN: usize = 576;
/// Octets of an ICMP error over IPv6, all in (RFC 4443 §2.4).
const IPV6_ERROR_LEN: usize = 1280;

/// Why a packet was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// There is no route to its destination.
    NoRoute,
    /// The host does not answer.
    HostUnreachable,
    /// Nothing listens on the port.
    PortUnreachable,
    /// A policy forbids it.
    Prohibited,
    /// It ran out of hops.
    TimeExceeded,
    /// It is larger than a link carries.
    TooBig {
        /// What the link carries, in octets.
        mtu: u16,
    },
}

impl IcmpError {
    fn v4(self, quote: &[u8]) -> Icmpv4Repr<'_> {
        use icmpv4::unreachable::{FRAGMENTATION_NEEDED, HOST, NET, PORT, PROHIBITED};
        let unreachable = |code| Icmpv4Repr::Unreachable {
            code,
            mtu: 0,
            quote,
        };
        match self {
            Self::NoRoute => unreachable(NET),
            Self::HostUnreachable => unreachable(HOST),
            Self::PortUnreachable => unreachable(PORT),
            Self::Prohibited => unreachable(PROHIBITED),
            Self::TimeExceeded => Icmpv4Repr::TimeExceeded { code: 0, quote },
            Self::TooBig { mtu } => Icmpv4Repr::Unreachable {
                code: FRAGMENTATION_NEEDED,
                mtu,
                quote,
            },
        }
    }

    fn v6(self, quote: &[u8]) -> Icmpv6Repr<'_> {
        use icmpv6::unreachable::{ADDRESS, NO_ROUTE, PORT, PROHIBITED};
        let unreachable = |code| Icmpv6Repr::Unreachable { code, quote };
        match self {
            Self::NoRoute => unreachable(NO_ROUTE),
            Self::HostUnreachable => unreachable(ADDRESS),
            Self::PortUnreachable => unreachable(PORT),
            Self::Prohibited => unreachable(PROHIBITED),
            Self::TimeExceeded => Icmpv6Repr::TimeExceeded { code: 0, quote },
            Self::TooBig { mtu } => Icmpv6Repr::PacketTooBig {
                mtu: mtu.into(),
                quote,
            },
        }
    }
}

impl<F: Frame> Stack<F> {
    /// Tells the sender of the packet in `frame`, which came in by `id`, what became of it, if
    /// that may be told and the rate limit lets it. The packet itself is the caller's to count.
    pub fn send_error(
        &mut self,
        frame: &F,
        packet: &Packet,
        id: InterfaceId,
        error: IcmpError,
        now: Now,
        out: &mut impl Egress<F>,
    ) {
        if !self.may_be_told(frame, packet) {
            return;
        }
        if !self.errors.take(now) {
            return out.refuse(Reason::IcmpRateLimited);
        }
        let Some(interface) = self.interface(id) else {
            return;
        };
        // Only the destination itself knows about its ports.
        let speaks_for_dst =
            error == IcmpError::PortUnreachable && self.locality(packet.dst).is_ours();
        let src = if speaks_for_dst {
            Some(packet.dst)
        } else {
            interface.source_for(packet.src)
        };
        let quote = frame.data().get(packet.ip_range()).unwrap_or_default();
        if let Some(src) = src {
            interface.send_icmp_error(packet, src, quote, error, out);
        }
    }

    /// Never about an error, a group, a fragment or a sender that is not one host
    /// (RFC 1122 §3.2.2, RFC 4443 §2.4(e)).
    fn may_be_told(&self, frame: &F, packet: &Packet) -> bool {
        let kind = frame
            .data()
            .get(usize::from(packet.l4))
            .copied()
            .unwrap_or_default();
        let is_error = match packet.protocol {
            proto::ICMP => icmpv4::is_error(kind),
            proto::ICMPV6 => icmpv6::is_error(kind),
            _ => false,
        };
        let is_host = |address: IpAddr| {
            !address.is_unspecified() && self.locality(address) != Locality::Group
        };
        let from_us = self.locality(packet.src).is_ours();
        let to_group = packet.link.dst.is_multicast() || !is_host(packet.dst);
        !is_error && !to_group && !packet.fragment && !from_us && is_host(packet.src)
    }
}

impl Interface {
    /// Sends an error back to the station that the packet came from.
    fn send_icmp_error<F: Frame>(
        &self,
        packet: &Packet,
        src: IpAddr,
        quote: &[u8],
        error: IcmpError,
        out: &mut impl Egress<F>,
    ) {
        let cut = |overhead: usize, limit: usize| {
            let room = limit.min(self.mtu.into()).saturating_sub(overhead);
            quote.get(..room.min(quote.len())).unwrap_or_default()
        };
        let (station, ethertype) = (packet.link.src, stack::ethertype(packet.src));
        match (src, packet.src) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let message = error.v4(cut(ipv4::HEADER_LEN + icmpv4::HEADER_LEN, IPV4_ERROR_LEN));
                let len = ipv4::HEADER_LEN + message.len();
                let write = |out: &mut [u8]| {
                    Ipv4Repr {
                        src,
                        dst,
                        protocol: proto::ICMP,
                        payload_len: u16::try_from(message.len()).ok()?,
                        hop_limit: HOP_LIMIT,
                        traffic_class: 0,
                        ident: 0,
                        dont_fragment: true,
                    }
                    .emit(out)?;
                    message.emit(out.get_mut(ipv4::HEADER_LEN..)?)
                };
                self.send_new(station, ethertype, len, write, out);
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let message = error.v6(cut(ipv6::HEADER_LEN + icmpv6::HEADER_LEN, IPV6_ERROR_LEN));
                let len = ipv6::HEADER_LEN + message.len();
                let write = |out: &mut [u8]| {
                    Ipv6Repr {
                        src,
                        dst,
                        next_header: proto::ICMPV6,
                        payload_len: u16::try_from(message.len()).ok()?,
                        hop_limit: HOP_LIMIT,
                        traffic_class: 0,
                    }
                    .emit(out)?;
                    message.emit(out.get_mut(ipv6::HEADER_LEN..)?, src, dst)
                };
                self.send_new(station, ethertype, len, write, out);
            }
            _ => {}
        }
    }
}
