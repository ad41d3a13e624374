use core::net::SocketAddr;

use super::*;
use crate::{
    icmpv4::Icmpv4Repr,
    rewrite,
    sim::SimFrame,
    udp::{UdpChecksum, UdpRepr},
};

const LINK_DST: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const LINK_SRC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

/// A frame around `packet`, padded as a port pads it.
fn frame(vlan: Option<u16>, ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let repr = EthernetRepr {
        dst: LINK_DST,
        src: LINK_SRC,
        vlan,
        ethertype,
    };
    let mut bytes = vec![0; repr.header_len()];
    repr.emit(&mut bytes).unwrap();
    bytes.extend_from_slice(packet);
    bytes.resize(bytes.len().max(60), 0);
    bytes
}

fn datagram(src: &str, dst: &str, payload: &[u8]) -> Vec<u8> {
    let (src, dst): (SocketAddr, SocketAddr) = (src.parse().unwrap(), dst.parse().unwrap());
    let mut packet = vec![0; UdpRepr::headers_len(dst)];
    packet.extend_from_slice(payload);
    let checksum = UdpChecksum::Compute;
    let repr = UdpRepr {
        src,
        dst,
        hop_limit: 64,
        traffic_class: 0xb8,
        checksum,
    };
    repr.emit(&mut packet).unwrap();
    packet
}

fn v4_frame(payload: &[u8]) -> Vec<u8> {
    frame(
        None,
        ethernet::IPV4,
        &datagram("192.0.2.10:5004", "198.51.100.1:6000", payload),
    )
}

fn v6_frame(payload: &[u8]) -> Vec<u8> {
    let packet = datagram("[2001:db8::a]:5004", "[2001:db8:1::1]:6000", payload);
    frame(Some(30), ethernet::IPV6, &packet)
}

fn outcome(bytes: &[u8]) -> Result<Parsed, Reason> {
    parse(&SimFrame::from_bytes(bytes))
}

fn packet(bytes: &[u8]) -> Packet {
    match outcome(bytes).unwrap() {
        Parsed::Ip(packet) => packet,
        Parsed::Arp(_) => panic!("not ARP"),
    }
}

#[test]
fn short_datagram_is_cut_from_its_padding() {
    let bytes = v4_frame(b"hello");
    assert_eq!(bytes.len(), 60);
    let found = packet(&bytes);
    assert_eq!(
        found.link,
        Link {
            dst: LINK_DST,
            src: LINK_SRC,
            vlan: None,
            len: 14
        }
    );
    assert_eq!(
        (
            found.l3,
            found.l4,
            found.payload,
            found.payload_end,
            found.end
        ),
        (14, 34, 42, 47, 47)
    );
    assert_eq!(
        (found.src_port, found.dst_port, found.protocol),
        (5004, 6000, proto::UDP)
    );
    assert_eq!((found.hop_limit, found.traffic_class), (64, 0xb8));
    assert_eq!(&bytes[found.payload_range()], b"hello");
}

#[test]
fn tagged_ipv6_is_found_behind_its_tag() {
    let found = packet(&v6_frame(b"hello"));
    assert_eq!(found.link.vlan, Some(30));
    assert_eq!((found.l3, found.l4, found.payload_end), (18, 58, 71));
    assert_eq!(found.src, "2001:db8::a".parse::<IpAddr>().unwrap());
}

#[test]
fn arp_is_left_to_its_reader() {
    let found = outcome(&frame(Some(7), ethernet::ARP, &[0; 28])).unwrap();
    assert!(matches!(
        found,
        Parsed::Arp(Link {
            vlan: Some(7),
            len: 18,
            ..
        })
    ));
}

#[test]
fn each_broken_layer_has_its_reason() {
    let refusal = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = v4_frame(b"hello hello hello hello");
        change(&mut bytes);
        outcome(&bytes).unwrap_err()
    };
    assert_eq!(refusal(&|b| b.truncate(13)), Reason::EthTruncated);
    assert_eq!(refusal(&|b| b[12..14].fill(0x88)), Reason::EthUnknownType);
    assert_eq!(refusal(&|b| b.truncate(50)), Reason::IpTruncated);
    assert_eq!(refusal(&|b| b[14] = 0x55), Reason::IpMalformed);
    assert_eq!(refusal(&|b| b[22] ^= 1), Reason::IpBadChecksum);
    assert_eq!(refusal(&|b| b[45] ^= 1), Reason::UdpBadChecksum);
    assert_eq!(refusal(&|b| b[39] = 1), Reason::UdpMalformed);
    assert_eq!(refusal(&|b| b[38] = 0xff), Reason::UdpMalformed);
    let v6 = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = v6_frame(b"hello");
        change(&mut bytes);
        outcome(&bytes).unwrap_err()
    };
    assert_eq!(v6(&|b| b.truncate(17)), Reason::EthTruncated);
    assert_eq!(v6(&|b| b.truncate(57)), Reason::IpTruncated);
    assert_eq!(v6(&|b| b[64..66].fill(0)), Reason::UdpBadChecksum);
    assert_eq!(v6(&|b| b[24] = 60), Reason::IpTruncated);
}

#[test]
fn port_verdict_replaces_our_sums() {
    let mut bytes = v4_frame(b"hello hello hello hello");
    bytes[45] ^= 1;
    let told = |ip, l4| parse(&SimFrame::from_bytes(&bytes).with_checksums(ip, l4)).map(|_| ());
    use RxChecksum::{Bad, Good, Unknown};
    assert_eq!(told(Unknown, Unknown), Err(Reason::UdpBadChecksum));
    assert_eq!(told(Unknown, Good), Ok(()));
    assert_eq!(told(Good, Bad), Err(Reason::UdpBadChecksum));
    assert_eq!(told(Bad, Good), Err(Reason::IpBadChecksum));
}

#[test]
fn absent_ipv6_checksum_is_refused_whatever_the_port_says() {
    let mut bytes = v6_frame(b"hello");
    bytes[64..66].fill(0);
    let frame = SimFrame::from_bytes(&bytes).with_checksums(RxChecksum::Good, RxChecksum::Good);
    assert_eq!(parse(&frame), Err(Reason::UdpBadChecksum));
}

#[test]
fn frame_in_several_buffers_is_refused() {
    let frame = SimFrame::from_bytes(&v4_frame(b"x")).in_segments();
    assert_eq!(parse(&frame), Err(Reason::MultiSegment));
    assert_eq!(outcome(&vec![0; 70_000]), Err(Reason::MultiSegment));
}

#[test]
fn forged_addresses_are_refused() {
    let from = |src: &str| {
        let (dst, ethertype) = match src.starts_with('[') {
            true => ("[2001:db8::1]:9", ethernet::IPV6),
            false => ("192.0.2.1:9", ethernet::IPV4),
        };
        outcome(&frame(None, ethertype, &datagram(src, dst, b"x"))).map(|_| ())
    };
    for bad in [
        "127.0.0.1:1",
        "0.0.0.0:1",
        "224.0.0.1:1",
        "255.255.255.255:1",
        "240.0.0.1:1",
        "[::1]:1",
        "[::]:1",
        "[ff02::1]:1",
        "[::ffff:192.0.2.1]:1",
    ] {
        assert_eq!(from(bad), Err(Reason::IpBadSource), "{bad}");
    }
    let to_loopback = datagram("192.0.2.1:1", "127.0.0.1:9", b"x");
    assert_eq!(
        outcome(&frame(None, ethernet::IPV4, &to_loopback)),
        Err(Reason::IpMalformed)
    );
}

#[test]
fn fragment_is_flagged_and_its_transport_left_alone() {
    let mut bytes = v4_frame(&[7; 60]);
    bytes[20] = 0x20;
    bytes[24..26].fill(0);
    let sum = Sum::new().add_bytes(&bytes[14..34]).finish();
    bytes[24..26].copy_from_slice(&sum.to_be_bytes());
    bytes[50] ^= 1;
    let found = packet(&bytes);
    assert!(found.fragment);
    assert_eq!((found.src_port, found.payload, found.l4), (0, 34, 34));
}

#[test]
fn icmp_checksum_is_verified() {
    let echo = Icmpv4Repr::EchoRequest {
        ident: 1,
        seq: 1,
        data: b"12345678",
    };
    let mut ip = vec![0; 20 + echo.len()];
    crate::ipv4::Ipv4Repr {
        src: [192, 0, 2, 1].into(),
        dst: [192, 0, 2, 2].into(),
        protocol: proto::ICMP,
        payload_len: 16,
        hop_limit: 64,
        traffic_class: 0,
        ident: 0,
        dont_fragment: false,
    }
    .emit(&mut ip)
    .unwrap();
    echo.emit(&mut ip[20..]).unwrap();
    let mut bytes = frame(None, ethernet::IPV4, &ip);
    assert_eq!(packet(&bytes).transport_range(), 34..50);
    bytes[45] ^= 1;
    assert_eq!(outcome(&bytes), Err(Reason::IcmpMalformed));
}

#[test]
fn rewritten_addresses_check_out() {
    for (mut bytes, src, dst) in [
        (v4_frame(b"payload"), "203.0.113.9:7", "203.0.113.8:65535"),
        (
            v6_frame(b"payload"),
            "[2001:db8:9::1]:7",
            "[2001:db8:9::2]:65535",
        ),
    ] {
        let (src, dst): (SocketAddr, SocketAddr) = (src.parse().unwrap(), dst.parse().unwrap());
        let mut found = packet(&bytes);
        rewrite::set_addrs(&mut bytes, &mut found, src, dst).unwrap();
        rewrite::decrement_hop_limit(&mut bytes, &mut found).unwrap();
        assert_eq!(packet(&bytes), found);
        assert_eq!(
            (found.src, found.src_port, found.hop_limit),
            (src.ip(), 7, 63)
        );
    }
    let mut bytes = v4_frame(b"payload");
    let mut found = packet(&bytes);
    let v6: SocketAddr = "[2001:db8::1]:1".parse().unwrap();
    assert_eq!(rewrite::set_addrs(&mut bytes, &mut found, v6, v6), None);
    found.fragment = true;
    let v4: SocketAddr = "192.0.2.1:1".parse().unwrap();
    assert_eq!(rewrite::set_addrs(&mut bytes, &mut found, v4, v4), None);
    assert_eq!(bytes, v4_frame(b"payload"));
}

#[test]
fn absent_udp_checksum_survives_a_rewrite() {
    let mut bytes = v4_frame(b"payload");
    bytes[40..42].fill(0);
    let mut found = packet(&bytes);
    let to: SocketAddr = "203.0.113.9:7".parse().unwrap();
    rewrite::set_addrs(&mut bytes, &mut found, to, to).unwrap();
    assert_eq!(bytes[40..42], [0, 0]);
    assert_eq!(packet(&bytes), found);
}
