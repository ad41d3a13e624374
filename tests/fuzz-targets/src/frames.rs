//! Received frames and the headers in them.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use abi::Reason;
use wire::arp::{self, ArpRepr};
use wire::checksum::{Sum, pseudo_header};
use wire::icmpv4::{self, Icmpv4Repr};
use wire::icmpv6::{self, Icmpv6Repr};
use wire::packet::parse_bytes;
use wire::quote::Quote;
use wire::sim::SimFrame;
use wire::tcp::TcpView;
use wire::udp::{Datagram, PlainV4, PlainV6};
use wire::{Link, Packet, Parsed, RxChecksum, ethernet, proto, rewrite};

use crate::input::Input;

/// A frame of arbitrary octets, with and without its checksums put right.
pub(crate) fn packet(data: &[u8]) {
    let mut input = Input::new(data);
    let (ip, l4) = (word(input.u8()), word(input.u8()));
    let mut frame = input.rest().to_vec();
    let parsed = parse_bytes(&frame, ip, l4);
    if let Ok(Parsed::Ip(packet)) = parsed {
        check_ranges(&frame, &packet);
    }
    check_plain(&frame, parsed, ip, l4);
    put_right(&mut frame);
    if let Ok(Parsed::Ip(mut packet)) =
        parse_bytes(&frame, RxChecksum::Unknown, RxChecksum::Unknown)
    {
        check_ranges(&frame, &packet);
        let (parsed, unknown) = (Ok(Parsed::Ip(packet)), RxChecksum::Unknown);
        check_plain(&frame, parsed, unknown, unknown);
        check_rewrite(&mut frame, &mut packet);
    }
}

const fn word(octet: u8) -> RxChecksum {
    match octet % 3 {
        0 => RxChecksum::Unknown,
        1 => RxChecksum::Good,
        _ => RxChecksum::Bad,
    }
}

fn check_ranges(frame: &[u8], packet: &Packet) {
    let [ip, transport, payload] = [
        packet.ip_range(),
        packet.transport_range(),
        packet.payload_range(),
    ]
    .map(|range| frame.get(range).map(<[u8]>::len));
    assert!(ip.is_some() && transport <= ip && payload <= transport);
    if packet.protocol == proto::TCP && !packet.fragment {
        let segment = frame.get(packet.transport_range()).unwrap_or_default();
        let view = TcpView::parse(segment).expect("parsed before");
        assert_eq!(Some(view.payload().len()), payload);
    }
}

/// What the short way takes is what the parser of all packets makes of it.
fn check_plain(frame: &[u8], parsed: Result<Parsed, Reason>, ip: RxChecksum, l4: RxChecksum) {
    let sim = SimFrame::from_bytes(frame);
    let Ok((link, ethertype)) = Link::read(&sim) else {
        return;
    };
    let plain = match ethertype {
        ethernet::IPV4 => PlainV4::parse(frame, link.len)
            .filter(|plain| plain.has_valid_checksums(ip, l4))
            .map(|plain| plain.datagram()),
        ethernet::IPV6 => PlainV6::parse(frame, link.len)
            .filter(|plain| plain.has_valid_checksum(l4))
            .map(|plain| plain.datagram()),
        _ => None,
    };
    if let Some(datagram) = plain {
        let Ok(Parsed::Ip(packet)) = parsed else {
            panic!("{datagram:?} taken, but {parsed:?}");
        };
        assert_eq!(Datagram::from(&packet), datagram);
        assert_eq!((packet.protocol, packet.fragment), (proto::UDP, false));
    }
}

/// What was rewritten is as sound as it was, and says what was asked.
fn check_rewrite(frame: &mut [u8], packet: &mut Packet) {
    let (src, dst): (IpAddr, IpAddr) = if packet.src.is_ipv4() {
        ([192, 0, 2, 1].into(), [198, 51, 100, 1].into())
    } else {
        let host = |n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into();
        (host(1), host(2))
    };
    let (src, dst) = (SocketAddr::new(src, 1), SocketAddr::new(dst, 2));
    let hops = packet.hop_limit;
    if rewrite::decrement_hop_limit(frame, packet).is_ok() {
        assert_eq!(packet.hop_limit, hops - 1);
    }
    let set = rewrite::set_addrs(frame, packet, src, dst).is_some();
    let again = parse_bytes(frame, RxChecksum::Unknown, RxChecksum::Unknown);
    assert_eq!(again, Ok(Parsed::Ip(*packet)));
    if set {
        assert_eq!((packet.src, packet.src_port), (src.ip(), src.port()));
        assert_eq!((packet.dst, packet.dst_port), (dst.ip(), dst.port()));
    }
}

/// ICMP, neighbour discovery, ARP and what errors quote.
pub(crate) fn icmp(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.u8() % 4;
    let mut bytes = input.rest().to_vec();
    match kind {
        0 => icmpv4(&mut bytes),
        1 => icmpv6(&mut bytes),
        2 => {
            if let Ok(repr) = ArpRepr::parse(&bytes) {
                let mut out = [0; arp::LEN];
                assert!(repr.emit(&mut out).is_some());
                assert_eq!(ArpRepr::parse(&out), Ok(repr));
            }
        }
        _ => {
            let _ = Quote::parse(&bytes);
        }
    }
}

fn icmpv4(bytes: &mut [u8]) {
    set_field(bytes, 2, 0);
    let sum = Sum::new().add_bytes(bytes).finish();
    set_field(bytes, 2, sum);
    let Ok(repr) = Icmpv4Repr::parse(bytes) else {
        return;
    };
    let mut out = vec![0; repr.len()];
    if repr.emit(&mut out).is_some() {
        assert_eq!(Icmpv4Repr::parse(&out), Ok(repr));
    }
    let _ = icmpv4::echo_request_to_reply(bytes);
}

fn icmpv6(bytes: &mut [u8]) {
    let host = |n| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n);
    let (src, dst) = (host(1), host(2));
    set_field(bytes, 2, 0);
    let sum = transport_sum(src.into(), dst.into(), proto::ICMPV6, bytes);
    set_field(bytes, 2, sum);
    let Ok(repr) = Icmpv6Repr::parse(bytes, src, dst) else {
        return;
    };
    let mut out = vec![0; repr.len()];
    if repr.emit(&mut out, src, dst).is_some() {
        assert_eq!(Icmpv6Repr::parse(&out, src, dst), Ok(repr));
    }
    let _ = icmpv6::echo_request_to_reply(bytes);
}

/// Puts the checksums of a frame right as far as its headers are where they most often are, so
/// that the fuzzer need not find them.
pub(crate) fn put_right(frame: &mut [u8]) {
    let tagged = frame.get(12..14) == Some(&[0x81, 0x00]);
    let l3 = if tagged { 18 } else { 14 };
    let Some(packet) = frame.get_mut(l3..) else {
        return;
    };
    let Some(first) = packet.first() else { return };
    if first >> 4 == 4 {
        put_right_v4(packet);
    } else {
        put_right_v6(packet);
    }
}

fn put_right_v4(packet: &mut [u8]) {
    let header_len = usize::from(packet.first().copied().unwrap_or(0) & 0x0f) * 4;
    let total = usize::from(field(packet, 2)).min(packet.len());
    let Some((header, rest)) = packet.split_at_mut_checked(header_len) else {
        return;
    };
    if header.len() < 20 {
        return;
    }
    set_field(header, 10, 0);
    let sum = Sum::new().add_bytes(header).finish();
    set_field(header, 10, sum);
    let address = |at: usize| -> IpAddr {
        let octets = header.get(at..at + 4).and_then(|o| o.first_chunk());
        (*octets.unwrap_or(&[0; 4])).into()
    };
    let protocol = header.get(9).copied().unwrap_or(0);
    let len = total.saturating_sub(header_len);
    let transport = rest.get_mut(..len).unwrap_or_default();
    put_right_transport(address(12), address(16), protocol, transport);
}

fn put_right_v6(packet: &mut [u8]) {
    let len = usize::from(field(packet, 4));
    let Some((header, rest)) = packet.split_at_mut_checked(40) else {
        return;
    };
    let address = |at: usize| -> IpAddr {
        let octets = header.get(at..at + 16).and_then(|o| o.first_chunk::<16>());
        (*octets.unwrap_or(&[0; 16])).into()
    };
    let protocol = header.get(6).copied().unwrap_or(0);
    let transport = rest.get_mut(..len).unwrap_or_default();
    put_right_transport(address(8), address(24), protocol, transport);
}

fn put_right_transport(src: IpAddr, dst: IpAddr, protocol: u8, transport: &mut [u8]) {
    let at = match protocol {
        proto::TCP => 16,
        proto::UDP => 6,
        proto::ICMP | proto::ICMPV6 => 2,
        _ => return,
    };
    set_field(transport, at, 0);
    let sum = if protocol == proto::ICMP {
        Sum::new().add_bytes(transport).finish()
    } else {
        transport_sum(src, dst, protocol, transport)
    };
    set_field(transport, at, sum);
}

fn transport_sum(src: IpAddr, dst: IpAddr, protocol: u8, bytes: &[u8]) -> u16 {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let sum = pseudo_header(src, dst, protocol, len).add_bytes(bytes);
    match sum.finish() {
        0 if protocol == proto::UDP => u16::MAX,
        sum => sum,
    }
}

fn field(bytes: &[u8], at: usize) -> u16 {
    let octets = bytes.get(at..).and_then(|rest| rest.first_chunk());
    octets.copied().map_or(0, u16::from_be_bytes)
}

fn set_field(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(octets) = bytes.get_mut(at..at + 2) {
        octets.copy_from_slice(&value.to_be_bytes());
    }
}
