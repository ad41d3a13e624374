use super::*;
use crate::{
    Link, MacAddr, Parsed,
    ethernet::{self, EthernetRepr},
    packet::parse_bytes,
    sim::SimFrame,
    udp::{UdpChecksum, UdpRepr},
};
use proptest::prelude::*;

fn frame(src: &str, dst: &str, vlan: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let (src, dst): (SocketAddr, SocketAddr) = (src.parse().unwrap(), dst.parse().unwrap());
    let link = EthernetRepr {
        dst: MacAddr([2, 0, 0, 0, 0, 1]),
        src: MacAddr([2, 0, 0, 0, 0, 2]),
        vlan,
        ethertype: if dst.is_ipv4() {
            ethernet::IPV4
        } else {
            ethernet::IPV6
        },
    };
    let mut bytes = vec![0; link.header_len() + UdpRepr::headers_len(dst)];
    bytes.extend_from_slice(payload);
    link.emit(&mut bytes).unwrap();
    let repr = UdpRepr {
        src,
        dst,
        hop_limit: 64,
        traffic_class: 0xb8,
        checksum: UdpChecksum::Compute,
    };
    repr.emit(&mut bytes[link.header_len()..]).unwrap();
    bytes.extend_from_slice(&[0xaa; 3]);
    bytes
}

fn v4(vlan: Option<u16>, payload: &[u8]) -> Vec<u8> {
    frame("192.0.2.10:5004", "198.51.100.1:6000", vlan, payload)
}

fn v6(vlan: Option<u16>, payload: &[u8]) -> Vec<u8> {
    frame("[2001:db8::a]:5004", "[2001:db8:1::1]:6000", vlan, payload)
}

/// What the short way takes a frame for, of which the port said nothing or `said` it.
fn taken(bytes: &[u8], said: RxChecksum) -> Option<Datagram> {
    let (link, ethertype) = Link::read(&SimFrame::from_bytes(bytes)).ok()?;
    match ethertype {
        ethernet::IPV4 => {
            let plain = PlainV4::parse(bytes, link.len)?;
            plain
                .has_valid_checksums(said, said)
                .then(|| plain.datagram())
        }
        ethernet::IPV6 => {
            let plain = PlainV6::parse(bytes, link.len)?;
            plain.has_valid_checksum(said).then(|| plain.datagram())
        }
        _ => None,
    }
}

/// What the parser of all packets says.
fn parsed(bytes: &[u8], said: RxChecksum) -> Option<Datagram> {
    match parse_bytes(bytes, said, said) {
        Ok(Parsed::Ip(packet)) => Some(Datagram::from(&packet)),
        _ => None,
    }
}

#[test]
fn ordinary_datagrams_are_taken_with_and_without_a_tag() {
    for vlan in [None, Some(30)] {
        for bytes in [v4(vlan, b"hello"), v6(vlan, b"hello")] {
            let found = taken(&bytes, RxChecksum::Unknown).unwrap();
            assert_eq!(parsed(&bytes, RxChecksum::Unknown), Some(found));
            let payload = usize::from(found.payload)..usize::from(found.payload_end);
            assert_eq!(&bytes[payload], b"hello");
            assert_eq!((found.src.port(), found.dst.port()), (5004, 6000));
            assert_eq!(found.traffic_class, 0xb8);
        }
    }
}

#[test]
fn what_the_port_said_of_checksums_goes() {
    for mut bytes in [v4(None, b"hello"), v6(None, b"hello")] {
        let last = bytes.len() - 4;
        bytes[last] ^= 1;
        assert_eq!(taken(&bytes, RxChecksum::Unknown), None);
        assert!(taken(&bytes, RxChecksum::Good).is_some());
        assert!(taken(&bytes, RxChecksum::Absent).is_some());
        assert_eq!(taken(&bytes, RxChecksum::Bad), None);
    }
}

#[test]
fn no_udp_checksum_is_one_over_ipv4_alone() {
    let mut bytes = v4(None, b"hello");
    bytes[40..42].fill(0);
    assert!(taken(&bytes, RxChecksum::Unknown).is_some());
    let mut bytes = v6(None, b"hello");
    bytes[60..62].fill(0);
    assert_eq!(taken(&bytes, RxChecksum::Good), None);
}

#[test]
fn fragments_options_and_other_protocols_are_left() {
    for (at, octet) in [(14, 0x46), (20, 0x20), (21, 1), (23, proto::TCP)] {
        let mut bytes = v4(None, &[0; 40]);
        bytes[at] = octet;
        assert_eq!(taken(&bytes, RxChecksum::Good), None, "octet {at}");
    }
    for (at, octet) in [(14, 0x45), (20, 0), (20, ipv6::FRAGMENT)] {
        let mut bytes = v6(None, &[0; 40]);
        bytes[at] = octet;
        assert_eq!(taken(&bytes, RxChecksum::Good), None, "octet {at}");
    }
}

#[test]
fn cut_frames_are_left() {
    for bytes in [v4(None, b"hello"), v6(Some(7), b"hello")] {
        for len in 0..bytes.len() - 3 {
            assert_eq!(taken(&bytes[..len], RxChecksum::Good), None, "{len}");
        }
    }
}

proptest! {
    /// Whatever is taken is what the parser of all packets makes of it.
    #[test]
    fn changed_headers_are_taken_only_for_what_they_are(
        is_v6: bool,
        vlan in proptest::option::of(1u16..4095),
        changes in proptest::collection::vec((0usize..70, any::<u8>()), 0..3),
        said in prop_oneof![Just(RxChecksum::Unknown), Just(RxChecksum::Good)],
    ) {
        let mut bytes = if is_v6 { v6(vlan, &[7; 20]) } else { v4(vlan, &[7; 20]) };
        for (at, octet) in changes {
            let at = at % bytes.len();
            bytes[at] = octet;
        }
        if let Some(found) = taken(&bytes, said) {
            prop_assert_eq!(parsed(&bytes, said), Some(found));
        }
    }
}
