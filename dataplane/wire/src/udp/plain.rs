//! The short way to a UDP datagram, for headers that lie at fixed places.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::HEADER_LEN;
use crate::{
    Packet, RxChecksum,
    checksum::Sum,
    field::{array, be16},
    ipv4, ipv6,
    packet::{check_v4_addresses, check_v6_addresses},
    proto,
};

/// Octets of the headers over IPv4 without options.
const PLAIN_V4: usize = ipv4::HEADER_LEN + HEADER_LEN;
/// Octets of the headers over IPv6 without extension headers.
const PLAIN_V6: usize = ipv6::HEADER_LEN + HEADER_LEN;

/// A UDP datagram in a frame. Offsets count from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Source address and port.
    pub src: SocketAddr,
    /// Destination address and port.
    pub dst: SocketAddr,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Offset of the payload.
    pub payload: u16,
    /// End of the payload.
    pub payload_end: u16,
}

impl From<&Packet> for Datagram {
    fn from(packet: &Packet) -> Self {
        Self {
            src: SocketAddr::new(packet.src, packet.src_port),
            dst: SocketAddr::new(packet.dst, packet.dst_port),
            traffic_class: packet.traffic_class,
            payload: packet.payload,
            payload_end: packet.payload_end,
        }
    }
}

/// IP and UDP headers as nearly all media has them, `N` octets: no options, no extension headers,
/// no fragment.
///
/// Whatever is otherwise, or wrong, is nothing to this parser. [`parse`](crate::parse) deals with
/// all packets, and says what is wrong with one.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a, const N: usize> {
    headers: &'a [u8; N],
    /// UDP header and payload.
    udp: &'a [u8],
    /// Octets of the link header.
    l3: u8,
}

/// Plain headers over IPv4.
pub type PlainV4<'a> = Plain<'a, PLAIN_V4>;
/// Plain headers over IPv6.
pub type PlainV6<'a> = Plain<'a, PLAIN_V6>;

impl<'a> PlainV4<'a> {
    /// Reads the headers in `frame`, which has no more than 64 KiB, behind `l3` octets of link
    /// header, but no checksum.
    #[inline]
    #[must_use]
    pub fn parse(frame: &'a [u8], l3: u8) -> Option<Self> {
        let headers = array::<PLAIN_V4>(frame, l3.into())?;
        let &[version_and_len, _, t0, t1, _, _, f0, f1, _, protocol, ..] = headers;
        let is_fragment = u16::from_be_bytes([f0, f1]) & ipv4::FRAGMENT_MASK != 0;
        if version_and_len != 0x45 || is_fragment || protocol != proto::UDP {
            return None;
        }
        let ip_len = u16::from_be_bytes([t0, t1]).into();
        let plain = Self::cut(frame, headers, l3, ip_len)?;
        check_v4_addresses(plain.src(), plain.dst()).ok()?;
        Some(plain)
    }

    /// The datagram.
    #[inline]
    #[must_use]
    pub fn datagram(&self) -> Datagram {
        let [src_port, dst_port] = self.ports();
        let &[_, traffic_class, ..] = self.headers;
        self.between(
            SocketAddr::new(self.src().into(), src_port),
            SocketAddr::new(self.dst().into(), dst_port),
            traffic_class,
        )
    }

    /// Whether both checksums are right, of which the port said `ip` and `udp`. The UDP checksum
    /// may be absent (RFC 768).
    #[inline]
    #[must_use]
    pub fn has_valid_checksums(&self, ip: RxChecksum, udp: RxChecksum) -> bool {
        ip.or_verify(|| {
            let header = self.headers.first_chunk::<{ ipv4::HEADER_LEN }>();
            header.is_some_and(|header| Sum::new().add_bytes(header).is_valid())
        }) && udp.or_verify(|| self.is_unchecked() || self.udp_sum::<8>(12).is_valid())
    }

    #[inline]
    fn src(&self) -> Ipv4Addr {
        array(self.headers, 12).map_or(Ipv4Addr::UNSPECIFIED, |&a| Ipv4Addr::from_octets(a))
    }

    #[inline]
    fn dst(&self) -> Ipv4Addr {
        array(self.headers, 16).map_or(Ipv4Addr::UNSPECIFIED, |&a| Ipv4Addr::from_octets(a))
    }
}

impl<'a> PlainV6<'a> {
    /// Reads the headers in `frame`, which has no more than 64 KiB, behind `l3` octets of link
    /// header, but no checksum.
    #[inline]
    #[must_use]
    pub fn parse(frame: &'a [u8], l3: u8) -> Option<Self> {
        let headers = array::<PLAIN_V6>(frame, l3.into())?;
        let &[version, _, _, _, l0, l1, next_header, ..] = headers;
        if version >> 4 != 6 || next_header != proto::UDP {
            return None;
        }
        let ip_len = ipv6::HEADER_LEN + usize::from(u16::from_be_bytes([l0, l1]));
        let plain = Self::cut(frame, headers, l3, ip_len)?;
        check_v6_addresses(plain.src(), plain.dst(), proto::UDP).ok()?;
        Some(plain)
    }

    /// The datagram.
    #[inline]
    #[must_use]
    pub fn datagram(&self) -> Datagram {
        let [src_port, dst_port] = self.ports();
        let &[first, second, ..] = self.headers;
        self.between(
            SocketAddr::new(self.src().into(), src_port),
            SocketAddr::new(self.dst().into(), dst_port),
            first << 4 | second >> 4,
        )
    }

    /// Whether the checksum is right, of which the port said `udp`. It must be there
    /// (RFC 8200 §8.1), whatever the port says.
    #[inline]
    #[must_use]
    pub fn has_valid_checksum(&self, udp: RxChecksum) -> bool {
        !self.is_unchecked() && udp.or_verify(|| self.udp_sum::<32>(8).is_valid())
    }

    #[inline]
    fn src(&self) -> Ipv6Addr {
        array(self.headers, 8).map_or(Ipv6Addr::UNSPECIFIED, |&a| Ipv6Addr::from_octets(a))
    }

    #[inline]
    fn dst(&self) -> Ipv6Addr {
        array(self.headers, 24).map_or(Ipv6Addr::UNSPECIFIED, |&a| Ipv6Addr::from_octets(a))
    }
}

impl<'a, const N: usize> Plain<'a, N> {
    /// The headers of an IP packet of `ip_len` octets, cut to the length of its datagram.
    #[inline]
    fn cut(frame: &'a [u8], headers: &'a [u8; N], l3: u8, ip_len: usize) -> Option<Self> {
        let ip_at = usize::from(l3);
        let behind = frame.get(ip_at + N - HEADER_LEN..ip_at.checked_add(ip_len)?)?;
        let udp = behind.get(..be16(headers, N - 4)?.into())?;
        (udp.len() >= HEADER_LEN).then_some(Self { headers, udp, l3 })
    }

    /// Source and destination port.
    #[inline]
    fn ports(&self) -> [u16; 2] {
        [N - 8, N - 6].map(|at| be16(self.headers, at).unwrap_or_default())
    }

    #[inline]
    fn between(&self, src: SocketAddr, dst: SocketAddr, traffic_class: u8) -> Datagram {
        let offset = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        let udp_at = usize::from(self.l3) + N - HEADER_LEN;
        Datagram {
            src,
            dst,
            traffic_class,
            payload: offset(udp_at + HEADER_LEN),
            payload_end: offset(udp_at + self.udp.len()),
        }
    }

    /// Whether the sender computed no UDP checksum.
    #[inline]
    fn is_unchecked(&self) -> bool {
        be16(self.headers, N - 2) == Some(0)
    }

    /// The sum of the datagram and its pseudo header, both addresses of which are the `ADDRESSES`
    /// octets at `at`.
    #[inline]
    fn udp_sum<const ADDRESSES: usize>(&self, at: usize) -> Sum {
        let addresses: &[u8] = array::<ADDRESSES>(self.headers, at).map_or(&[], |both| both);
        Sum::new()
            .add_bytes(addresses)
            .add_u16(proto::UDP.into())
            .add_u16(be16(self.headers, N - 4).unwrap_or_default())
            .add_bytes(self.udp)
    }
}

#[cfg(test)]
mod tests;
