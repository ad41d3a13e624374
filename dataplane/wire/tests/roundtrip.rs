//! Properties of the codecs: no input panics, and what is written reads back.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use core::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use wire::{
    Parsed, RxChecksum,
    arp::ArpRepr,
    ethernet::{self, EthernetRepr},
    icmpv4::Icmpv4Repr,
    icmpv6::Icmpv6Repr,
    packet::parse_bytes,
    quote::Quote,
    rewrite,
    tcp::TcpView,
    udp::{UdpChecksum, UdpRepr, UdpView},
};

fn endpoints() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = any::<([u8; 3], [u8; 3], u16, u16)>().prop_map(|(s, d, sp, dp)| {
        (
            SocketAddr::new(IpAddr::from([10, s[0], s[1], s[2]]), sp),
            SocketAddr::new(IpAddr::from([172, d[0], d[1], d[2]]), dp),
        )
    });
    let v6 = any::<([u16; 6], [u16; 6], u16, u16)>().prop_map(|(s, d, sp, dp)| {
        let address =
            |x: [u16; 6]| IpAddr::from([0x2001, 0xdb8, x[0], x[1], x[2], x[3], x[4], x[5]]);
        (
            SocketAddr::new(address(s), sp),
            SocketAddr::new(address(d), dp),
        )
    });
    prop_oneof![v4, v6]
}

/// A valid frame around `payload`.
fn frame(src: SocketAddr, dst: SocketAddr, vlan: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let ethertype = if dst.is_ipv4() {
        ethernet::IPV4
    } else {
        ethernet::IPV6
    };
    let repr = EthernetRepr {
        dst: Default::default(),
        src: Default::default(),
        vlan,
        ethertype,
    };
    let mut bytes = vec![0; repr.header_len() + UdpRepr::headers_len(dst)];
    repr.emit(&mut bytes).unwrap();
    bytes.extend_from_slice(payload);
    let checksum = UdpChecksum::Compute;
    UdpRepr {
        src,
        dst,
        hop_limit: 9,
        traffic_class: 0,
        checksum,
    }
    .emit(&mut bytes[repr.header_len()..])
    .unwrap();
    bytes
}

fn check(bytes: &[u8]) {
    for l4 in [RxChecksum::Unknown, RxChecksum::Good] {
        if let Ok(Parsed::Ip(p)) = parse_bytes(bytes, l4, l4) {
            assert!(p.l3 <= p.l4 && p.l4 <= p.payload && p.payload <= p.payload_end);
            assert!(p.payload_end <= p.end && usize::from(p.end) <= bytes.len());
        }
    }
    let (a, b) = ([0u16; 8].into(), [1u16; 8].into());
    let _ = (
        ArpRepr::parse(bytes),
        Icmpv4Repr::parse(bytes),
        Icmpv6Repr::parse(bytes, a, b),
    );
    let _ = (
        UdpView::parse(bytes),
        TcpView::parse(bytes),
        Quote::parse(bytes),
    );
}

proptest! {
    #[test]
    fn no_octets_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..6usize) {
        // Let the wild bytes get past the EtherType and the version.
        let starts: [&[u8]; 6] = [&[], &[8, 0, 0x45], &[8, 0, 0x46], &[0x86, 0xdd, 0x60], &[8, 6], &[0x81, 0]];
        for (at, octet) in starts[kind].iter().enumerate() {
            if let Some(b) = bytes.get_mut(12 + at) {
                *b = *octet;
            }
        }
        check(&bytes);
    }

    #[test]
    fn no_damage_to_a_valid_frame_panics(
        (src, dst) in endpoints(),
        payload in proptest::collection::vec(any::<u8>(), 0..64),
        damage in proptest::collection::vec((0usize..120, any::<u8>()), 0..4),
        cut in 0usize..140,
    ) {
        let mut bytes = frame(src, dst, Some(5), &payload);
        for (at, octet) in damage {
            if let Some(b) = bytes.get_mut(at) {
                *b = octet;
            }
        }
        bytes.truncate(cut);
        check(&bytes);
    }

    #[test]
    fn datagrams_read_back(
        (src, dst) in endpoints(),
        vlan in proptest::option::of(1u16..4095),
        payload in proptest::collection::vec(any::<u8>(), 0..1400),
        padding in 0usize..40,
    ) {
        let mut bytes = frame(src, dst, vlan, &payload);
        bytes.resize(bytes.len() + padding, 0xee);
        let Ok(Parsed::Ip(p)) = parse_bytes(&bytes, RxChecksum::Unknown, RxChecksum::Unknown) else {
            panic!("valid frame")
        };
        prop_assert_eq!((SocketAddr::new(p.src, p.src_port), SocketAddr::new(p.dst, p.dst_port)), (src, dst));
        prop_assert_eq!(p.link.vlan, vlan);
        prop_assert_eq!(&bytes[p.payload_range()], &payload[..]);
    }

    #[test]
    fn one_flipped_bit_is_noticed(
        (src, dst) in endpoints(),
        payload in proptest::collection::vec(any::<u8>(), 1..64),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut bytes = frame(src, dst, None, &payload);
        let l3 = 14;
        let at = l3 + at.index(bytes.len() - l3);
        // IPv6 leaves class, label, next header and hop limit unprotected; a zeroed IPv4 UDP
        // checksum means none.
        prop_assume!(dst.is_ipv4() || ![14, 15, 16, 17, 20, 21].contains(&at));
        bytes[at] ^= 1 << bit;
        prop_assume!(bytes[40..42] != [0, 0] || dst.is_ipv6());
        prop_assert!(parse_bytes(&bytes, RxChecksum::Unknown, RxChecksum::Unknown).is_err());
    }

    #[test]
    fn rewriting_equals_writing_anew(
        (src, dst) in endpoints(),
        (new_src, new_dst) in endpoints(),
        payload in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        if src.is_ipv4() != new_src.is_ipv4() {
            return Ok(());
        }
        let mut bytes = frame(src, dst, None, &payload);
        let Ok(Parsed::Ip(mut p)) = parse_bytes(&bytes, RxChecksum::Unknown, RxChecksum::Unknown) else {
            panic!("valid frame")
        };
        rewrite::set_addrs(&mut bytes, &mut p, new_src, new_dst).unwrap();
        prop_assert_eq!(bytes, frame(new_src, new_dst, None, &payload));
    }
}
