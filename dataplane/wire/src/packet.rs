//! The one-pass parser of received frames.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use abi::Reason;

use crate::{
    Frame, MacAddr, RxChecksum,
    checksum::Sum,
    ethernet::{self, EthernetRepr},
    icmpv6,
    ipv4::Ipv4View,
    ipv6::Ipv6View,
    proto,
    tcp::TcpView,
    udp::UdpView,
};

/// The link layer of a received frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Destination station.
    pub dst: MacAddr,
    /// Source station.
    pub src: MacAddr,
    /// VLAN identifier; `None` when untagged.
    pub vlan: Option<u16>,
    /// Octets of the header: 14 or 18.
    pub len: u8,
}

impl Link {
    /// Reads the link header of `frame`, and the EtherType of what it carries.
    ///
    /// # Errors
    /// [`Reason::MultiSegment`] for a frame in several buffers or of more octets than offsets
    /// count; those of [`EthernetRepr::parse`].
    #[inline]
    pub fn read<F: Frame>(frame: &F) -> Result<(Self, u16), Reason> {
        if frame.is_contiguous() {
            Self::parse(frame.data())
        } else {
            Err(Reason::MultiSegment)
        }
    }

    #[inline]
    fn parse(frame: &[u8]) -> Result<(Self, u16), Reason> {
        // Offsets are 16 bits wide; no port hands out more than 64 KiB in one buffer.
        if frame.len() > usize::from(u16::MAX) {
            return Err(Reason::MultiSegment);
        }
        let (ethernet, l3) = EthernetRepr::parse(frame)?;
        let EthernetRepr {
            dst,
            src,
            vlan,
            ethertype,
        } = ethernet;
        let link = Self {
            dst,
            src,
            vlan,
            len: l3.to_le_bytes()[0],
        };
        Ok((link, ethertype))
    }
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// ARP, not looked into.
    Arp(Link),
    /// An IP packet.
    Ip(Packet),
}

/// An IP packet in a frame. Offsets count from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The link layer.
    pub link: Link,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Source port of TCP or UDP; else 0.
    pub src_port: u16,
    /// Destination port of TCP or UDP; else 0.
    pub dst_port: u16,
    /// Offset of the IP header.
    pub l3: u16,
    /// Offset of the transport header, behind options and extension headers.
    pub l4: u16,
    /// Offset of what TCP or UDP carries; equal to `l4` for other protocols and fragments.
    pub payload: u16,
    /// End of that; surplus octets behind a short UDP datagram lie outside.
    pub payload_end: u16,
    /// End of the IP packet. Ethernet padding lies behind it.
    pub end: u16,
    /// Protocol number.
    pub protocol: u8,
    /// Hops that are left.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Whether the packet is a fragment: then ports are 0 and the transport is not checked.
    pub fragment: bool,
}

impl Packet {
    /// Where the IP packet lies in its frame.
    #[must_use]
    pub fn ip_range(&self) -> Range<usize> {
        self.l3.into()..self.end.into()
    }

    /// Where transport header and payload lie in the frame.
    #[must_use]
    pub fn transport_range(&self) -> Range<usize> {
        self.l4.into()..self.end.into()
    }

    /// Where the payload of TCP or UDP lies in the frame.
    #[must_use]
    pub fn payload_range(&self) -> Range<usize> {
        self.payload.into()..self.payload_end.into()
    }
}

/// Reads `frame` from Ethernet to the ports, and checks every length and checksum on the way,
/// checksums only where the port has not done so.
///
/// # Errors
/// The first thing that is wrong.
#[inline]
pub fn parse<F: Frame>(frame: &F) -> Result<Parsed, Reason> {
    let (link, ethertype) = Link::read(frame)?;
    let (ip, l4) = (frame.rx_ip_checksum(), frame.rx_l4_checksum());
    parse_behind(link, ethertype, frame.data(), ip, l4)
}

/// Like [`parse`], for bytes of which the port said `ip` and `l4` about the checksums.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse_bytes(bytes: &[u8], ip: RxChecksum, l4: RxChecksum) -> Result<Parsed, Reason> {
    let (link, ethertype) = Link::parse(bytes)?;
    parse_behind(link, ethertype, bytes, ip, l4)
}

#[inline]
fn parse_behind(
    link: Link,
    ethertype: u16,
    bytes: &[u8],
    ip: RxChecksum,
    l4: RxChecksum,
) -> Result<Parsed, Reason> {
    let rest = bytes.get(link.len.into()..).unwrap_or_default();
    match ethertype {
        ethernet::IPV4 => parse_v4(rest, link, ip, l4),
        ethernet::IPV6 => parse_v6(rest, link, l4),
        ethernet::ARP => Ok(Parsed::Arp(link)),
        _ => Err(Reason::EthUnknownType),
    }
}

// These build the packet where it is returned: a `Result` of a packet on the way would be copied.
#[inline(always)]
fn parse_v4(rest: &[u8], link: Link, ip: RxChecksum, l4: RxChecksum) -> Result<Parsed, Reason> {
    let view = Ipv4View::parse(rest)?;
    if !ip.or_verify(|| view.has_valid_checksum()) {
        return Err(Reason::IpBadChecksum);
    }
    let (src, dst) = (view.src(), view.dst());
    check_v4_addresses(src, dst)?;
    let transport = Transport {
        bytes: view.payload(),
        offset: usize::from(link.len) + view.header_len(),
        protocol: view.protocol(),
        fragment: view.is_fragment(),
        checksum: l4,
    };
    let body = transport.body(src.into(), dst.into())?;
    Ok(Parsed::Ip(Packet {
        hop_limit: view.hop_limit(),
        traffic_class: view.traffic_class(),
        ..transport.packet(link, src.into(), dst.into(), body)
    }))
}

// Out of line, so that the two families are not joined octet by octet.
#[inline(never)]
fn parse_v6(rest: &[u8], link: Link, l4: RxChecksum) -> Result<Parsed, Reason> {
    let view = Ipv6View::parse(rest)?;
    let (src, dst) = (view.src(), view.dst());
    let upper = view.upper_layer()?;
    check_v6_addresses(src, dst, upper.protocol)?;
    let transport = Transport {
        bytes: view.packet().get(upper.offset..).unwrap_or_default(),
        offset: usize::from(link.len) + upper.offset,
        protocol: upper.protocol,
        fragment: upper.fragment.is_some(),
        checksum: l4,
    };
    let body = transport.body(src.into(), dst.into())?;
    Ok(Parsed::Ip(Packet {
        hop_limit: view.hop_limit(),
        traffic_class: view.traffic_class(),
        ..transport.packet(link, src.into(), dst.into(), body)
    }))
}

/// Source addresses that only a forger uses, and destinations that never leave a host.
pub(crate) fn check_v4_addresses(src: Ipv4Addr, dst: Ipv4Addr) -> Result<(), Reason> {
    let [first, ..] = src.octets();
    // 0/8 and 127/8 are this host; 224/3 are groups, reserved addresses and broadcast.
    if first == 0 || first == 127 || first >= 224 {
        return Err(Reason::IpBadSource);
    }
    if dst.is_loopback() || dst.is_unspecified() {
        return Err(Reason::IpMalformed);
    }
    Ok(())
}

/// As for IPv4; an unspecified source is for a host that asks about its own address
/// (RFC 4862 §5.4), and IPv4-mapped addresses belong on no wire.
pub(crate) fn check_v6_addresses(src: Ipv6Addr, dst: Ipv6Addr, protocol: u8) -> Result<(), Reason> {
    let speaks_unnamed = src.is_unspecified() && protocol == proto::ICMPV6;
    let is_bad = src.is_multicast()
        || src.is_loopback()
        || src.to_ipv4_mapped().is_some()
        || (src.is_unspecified() && !speaks_unnamed);
    if is_bad {
        return Err(Reason::IpBadSource);
    }
    if dst.is_loopback() || dst.is_unspecified() || dst.to_ipv4_mapped().is_some() {
        return Err(Reason::IpMalformed);
    }
    Ok(())
}

/// What lies behind the IP headers.
struct Transport<'a> {
    bytes: &'a [u8],
    /// Octets of the frame ahead.
    offset: usize,
    protocol: u8,
    fragment: bool,
    checksum: RxChecksum,
}

/// Ports, and where what they carry begins and ends behind the IP headers.
#[derive(Clone, Copy)]
struct Body {
    src_port: u16,
    dst_port: u16,
    start: usize,
    end: usize,
}

impl Transport<'_> {
    #[inline(always)]
    fn packet(&self, link: Link, src: IpAddr, dst: IpAddr, body: Body) -> Packet {
        Packet {
            link,
            src,
            dst,
            src_port: body.src_port,
            dst_port: body.dst_port,
            l3: u16::from(link.len),
            l4: u16_of(self.offset),
            payload: u16_of(self.offset + body.start),
            payload_end: u16_of(self.offset + body.end),
            end: u16_of(self.offset + self.bytes.len()),
            protocol: self.protocol,
            hop_limit: 0,
            traffic_class: 0,
            fragment: self.fragment,
        }
    }

    /// Ports and payload, after the checks of the protocol.
    #[inline(always)]
    fn body(&self, src: IpAddr, dst: IpAddr) -> Result<Body, Reason> {
        if self.fragment {
            return Ok(self.whole());
        }
        match (self.protocol, src, dst) {
            (proto::UDP, ..) => self.udp(src, dst),
            (proto::TCP, ..) => self.tcp(src, dst),
            (proto::ICMP, IpAddr::V4(_), _) => {
                self.icmp(Sum::new().add_bytes(self.bytes).is_valid())
            }
            (proto::ICMPV6, IpAddr::V6(src), IpAddr::V6(dst)) => {
                self.icmp(icmpv6::has_valid_checksum(self.bytes, src, dst))
            }
            _ => Ok(self.whole()),
        }
    }

    #[inline(always)]
    fn udp(&self, src: IpAddr, dst: IpAddr) -> Result<Body, Reason> {
        let view = UdpView::parse(self.bytes)?;
        // A port may call an absent checksum good, which over IPv6 it is not.
        let is_absent = view.checksum() == 0 && src.is_ipv6();
        let verify = || view.has_valid_checksum(src, dst);
        if is_absent || !self.checksum.or_verify(verify) {
            return Err(Reason::UdpBadChecksum);
        }
        Ok(Body {
            src_port: view.src_port(),
            dst_port: view.dst_port(),
            start: crate::udp::HEADER_LEN,
            end: view.len(),
        })
    }

    fn tcp(&self, src: IpAddr, dst: IpAddr) -> Result<Body, Reason> {
        let view = TcpView::parse(self.bytes)?;
        let verify = || view.has_valid_checksum(src, dst);
        if !self.checksum.or_verify(verify) {
            return Err(Reason::TcpBadChecksum);
        }
        Ok(Body {
            src_port: view.src_port(),
            dst_port: view.dst_port(),
            start: view.header_len(),
            end: self.bytes.len(),
        })
    }

    fn icmp(&self, sums_up: bool) -> Result<Body, Reason> {
        if !sums_up || self.bytes.len() < icmpv6::HEADER_LEN {
            return Err(Reason::IcmpMalformed);
        }
        Ok(self.whole())
    }

    /// All of it, of a protocol without ports.
    #[inline(always)]
    const fn whole(&self) -> Body {
        Body {
            src_port: 0,
            dst_port: 0,
            start: 0,
            end: self.bytes.len(),
        }
    }
}

/// An offset into a frame, of which `parse_bytes` has checked that it fits.
#[inline]
fn u16_of(offset: usize) -> u16 {
    u16::try_from(offset).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
