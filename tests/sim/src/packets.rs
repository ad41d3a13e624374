//! Packets by hand, for what no well-behaved stack sends.

use std::net::{IpAddr, SocketAddr};

use wire::checksum::pseudo_header;
use wire::icmpv4::{Icmpv4Repr, unreachable};
use wire::icmpv6::Icmpv6Repr;
use wire::ipv4::Ipv4Repr;
use wire::ipv6::Ipv6Repr;
use wire::proto;
use wire::tcp::Flags;
use wire::udp::{UdpChecksum, UdpRepr};

/// An IP packet that holds `payload`.
fn packet(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let payload_len = u16::try_from(payload.len()).unwrap();
    let mut packet = vec![0; if src.is_ipv4() { 20 } else { 40 }];
    packet.extend_from_slice(payload);
    let written = match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => Ipv4Repr {
            src,
            dst,
            protocol,
            payload_len,
            hop_limit: 64,
            traffic_class: 0,
            ident: 0,
            dont_fragment: true,
        }
        .emit(&mut packet),
        (IpAddr::V6(src), IpAddr::V6(dst)) => Ipv6Repr {
            src,
            dst,
            next_header: protocol,
            payload_len,
            hop_limit: 64,
            traffic_class: 0,
        }
        .emit(&mut packet),
        _ => None,
    };
    written.expect("one family");
    packet
}

/// An IP packet that holds a datagram.
///
/// # Panics
/// When the families differ or the payload is too long.
#[must_use]
pub fn datagram(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; UdpRepr::headers_len(dst)];
    packet.extend_from_slice(payload);
    let repr = UdpRepr {
        src,
        dst,
        hop_limit: 64,
        traffic_class: 0,
        checksum: UdpChecksum::Compute,
    };
    repr.emit(&mut packet).unwrap();
    packet
}

/// A TCP segment without options.
///
/// # Panics
/// When the families differ.
#[must_use]
pub fn segment(
    src: SocketAddr,
    dst: SocketAddr,
    flags: Flags,
    seq: u32,
    ack: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(src.port().to_be_bytes());
    tcp.extend(dst.port().to_be_bytes());
    tcp.extend(seq.to_be_bytes());
    tcp.extend(ack.to_be_bytes());
    tcp.extend([0x50, flags.0, 0x20, 0, 0, 0, 0, 0]);
    tcp.extend_from_slice(payload);
    let len = u32::try_from(tcp.len()).unwrap();
    let sum = pseudo_header(src.ip(), dst.ip(), proto::TCP, len)
        .add_bytes(&tcp)
        .finish();
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    packet(src.ip(), dst.ip(), proto::TCP, &tcp)
}

/// An ICMP echo request.
///
/// # Panics
/// When the families differ.
#[must_use]
pub fn echo_request(src: IpAddr, dst: IpAddr, data: &[u8]) -> Vec<u8> {
    let (ident, seq) = (1, 1);
    match (src, dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let repr = Icmpv4Repr::EchoRequest { ident, seq, data };
            let mut message = vec![0; repr.len()];
            repr.emit(&mut message).unwrap();
            packet(src, dst, proto::ICMP, &message)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let repr = Icmpv6Repr::EchoRequest { ident, seq, data };
            let mut message = vec![0; repr.len()];
            repr.emit(&mut message, from, to).unwrap();
            packet(src, dst, proto::ICMPV6, &message)
        }
        _ => panic!("one family"),
    }
}

/// A router's word that a packet was too big for the next link, over IPv4.
///
/// # Panics
/// When an address is of IPv6.
#[must_use]
pub fn too_big(router: IpAddr, to: IpAddr, mtu: u16, quote: &[u8]) -> Vec<u8> {
    let repr = Icmpv4Repr::Unreachable {
        code: unreachable::FRAGMENTATION_NEEDED,
        mtu,
        quote,
    };
    let mut message = vec![0; repr.len()];
    repr.emit(&mut message).unwrap();
    packet(router, to, proto::ICMP, &message)
}

/// The fragments of an IPv4 packet, with `payload_len` octets in each but the last.
///
/// # Panics
/// When the packet is none of IPv4 without options, or the length is no multiple of eight.
#[must_use]
pub fn fragments(whole: &[u8], payload_len: usize, ident: u16) -> Vec<Vec<u8>> {
    assert!(whole[0] == 0x45 && payload_len.is_multiple_of(8));
    let (header, payload) = whole.split_at(20);
    let parts = payload.chunks(payload_len).enumerate();
    let last = payload.len().div_ceil(payload_len) - 1;
    let fragment = |(at, part): (usize, &[u8])| {
        let mut fragment = [header, part].concat();
        let len = u16::try_from(fragment.len()).unwrap();
        let more = if at < last { 0x2000 } else { 0 };
        let place = u16::try_from(at * payload_len / 8).unwrap() | more;
        fragment[2..4].copy_from_slice(&len.to_be_bytes());
        fragment[4..6].copy_from_slice(&ident.to_be_bytes());
        fragment[6..8].copy_from_slice(&place.to_be_bytes());
        fragment[10..12].fill(0);
        let sum = wire::checksum::Sum::new()
            .add_bytes(&fragment[..20])
            .finish();
        fragment[10..12].copy_from_slice(&sum.to_be_bytes());
        fragment
    };
    parts.map(fragment).collect()
}
