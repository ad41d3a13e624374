use core::net::SocketAddr;

use super::*;
use crate::{
    Burst, Frame, MacAddr, Nic, NicInfo, Parsed, RxChecksum,
    ethernet::{self, EthernetRepr},
    packet::parse_bytes,
    sim::{SimFrame, SimNic},
    udp::{UdpChecksum, UdpHeaders, UdpRepr},
};
use proptest::prelude::*;

const ALL: TxChecksums = TxChecksums {
    ipv4: true,
    udp: true,
    tcp: true,
};

fn ends(is_ipv6: bool) -> (SocketAddr, SocketAddr) {
    if is_ipv6 {
        let end = |text: &str| text.parse().unwrap();
        (end("[2001:db8::7]:40000"), end("[2001:db8:1::1]:5061"))
    } else {
        (
            ([198, 51, 100, 7], 40_000).into(),
            ([192, 0, 2, 1], 5_061).into(),
        )
    }
}

/// A packet whose checksum fields hold anything.
fn packet(transport: Transport, is_ipv6: bool, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = ends(is_ipv6);
    let headers = UdpRepr::headers_len(dst);
    let mut udp = vec![0; headers];
    udp.extend_from_slice(payload);
    let repr = UdpRepr {
        src,
        dst,
        hop_limit: 64,
        traffic_class: 0xb8,
        checksum: UdpChecksum::Compute,
    };
    repr.emit(&mut udp).unwrap();
    let l4 = headers - 8;
    if transport == Transport::Udp {
        udp[l4 + 6..l4 + 8].fill(0xa5);
        return udp;
    }
    let mut tcp = udp[..l4].to_vec();
    tcp.extend_from_slice(&udp[l4..l4 + 4]);
    tcp.extend([
        0, 0, 0, 1, 0, 0, 0, 2, 0x60, 0x18, 0x20, 0, 0xa5, 0xa5, 0, 0,
    ]);
    tcp.extend([1, 1, 1, 1]);
    tcp.extend_from_slice(payload);
    let len = u16::try_from(tcp.len()).unwrap();
    if is_ipv6 {
        tcp[4..6].copy_from_slice(&(len - 40).to_be_bytes());
        tcp[6] = proto::TCP;
    } else {
        tcp[2..4].copy_from_slice(&len.to_be_bytes());
        tcp[9] = proto::TCP;
    }
    tcp
}

/// What arrives behind a port that is `able` to do that much, and is asked for it.
fn sent_by(able: TxChecksums, vlan: Option<u16>, packet: &[u8], offload: TxOffload) -> Vec<u8> {
    let link = EthernetRepr {
        dst: MacAddr([2, 0, 0, 0, 0, 2]),
        src: MacAddr([2, 0, 0, 0, 0, 1]),
        vlan,
        ethertype: if packet[0] >> 4 == 4 {
            ethernet::IPV4
        } else {
            ethernet::IPV6
        },
    };
    let mut bytes = vec![0; link.header_len()];
    link.emit(&mut bytes).unwrap();
    let l2_len = u8::try_from(bytes.len()).unwrap();
    bytes.extend_from_slice(packet);
    let mut frame = SimFrame::from_bytes(&bytes);
    frame.set_tx_offload(l2_len, offload);
    let info = NicInfo {
        mac: link.src,
        mtu: 1_500,
        has_rx: true,
        has_tx: true,
        tx_checksums: able,
    };
    let (mut here, mut there) = SimNic::pair(info, info);
    let mut burst: Burst<SimFrame> = [frame].into_iter().collect();
    here.tx_burst(&mut burst);
    there.receive().unwrap().data().to_vec()
}

fn able() -> impl Strategy<Value = TxChecksums> {
    any::<[bool; 3]>().prop_map(|[ipv4, udp, tcp]| TxChecksums { ipv4, udp, tcp })
}

proptest! {
    /// Whatever the port can do, the same packet arrives, and it sums up.
    #[test]
    fn every_division_of_work_gives_the_same_packet(
        able in able(),
        is_tcp in any::<bool>(),
        is_ipv6 in any::<bool>(),
        vlan in prop_oneof![Just(None), Just(Some(30))],
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let transport = if is_tcp { Transport::Tcp } else { Transport::Udp };
        let l4 = if is_ipv6 { 40 } else { 20 };
        let bytes = packet(transport, is_ipv6, &payload);
        let mut alone = bytes.clone();
        let whole = complete(&mut alone, l4, transport.protocol(), TxChecksums::NONE).unwrap();
        prop_assert!(whole.is_none());
        let mut shared = bytes;
        let asked = complete(&mut shared, l4, transport.protocol(), able).unwrap();
        prop_assert_eq!(asked.transport, able.of(transport).then_some(transport));
        prop_assert_eq!(asked.ip, able.ipv4 && !is_ipv6);
        let arrived = sent_by(able, vlan, &shared, asked);
        let l2 = if vlan.is_some() { 18 } else { 14 };
        prop_assert_eq!(&arrived[l2..], &alone[..]);
        let unknown = RxChecksum::Unknown;
        prop_assert!(matches!(parse_bytes(&arrived, unknown, unknown), Ok(Parsed::Ip(_))));
    }

    #[test]
    fn headers_of_a_datagram_are_the_same_either_way(
        able in able(),
        is_ipv6 in any::<bool>(),
        class in any::<u8>(),
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (src, dst) = ends(is_ipv6);
        let headers = UdpHeaders::new(src, dst, 64).unwrap();
        let mut alone = vec![0xa5; headers.headers_len()];
        alone.extend_from_slice(&payload);
        let mut shared = alone.clone();
        headers.emit(&mut alone, class).unwrap();
        let asked = headers.emit_for(&mut shared, class, able).unwrap();
        prop_assert_eq!(&sent_by(able, None, &shared, asked)[14..], &alone[..]);
    }
}

#[test]
fn sum_of_zero_is_sent_as_ones_by_udp_alone() {
    for is_ipv6 in [false, true] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let l4 = if is_ipv6 { 40 } else { 20 };
            let at = l4 + transport.checksum_at();
            let mut bytes = packet(transport, is_ipv6, &[0, 0]);
            complete(&mut bytes, l4, transport.protocol(), TxChecksums::NONE).unwrap();
            // The payload takes the checksum's place, which leaves nothing to it.
            let sum = [bytes[at], bytes[at + 1]];
            let end = bytes.len();
            bytes[end - 2..].copy_from_slice(&sum);
            let zero = match transport {
                Transport::Udp => [0xff; 2],
                Transport::Tcp => [0; 2],
            };
            for able in [TxChecksums::NONE, ALL] {
                let mut shared = bytes.clone();
                let asked = complete(&mut shared, l4, transport.protocol(), able).unwrap();
                let arrived = sent_by(able, None, &shared, asked);
                assert_eq!(
                    arrived[14 + at..14 + at + 2],
                    zero,
                    "{transport:?} {able:?}"
                );
            }
        }
    }
}

#[test]
fn port_is_not_asked_for_a_datagram_shorter_than_its_packet() {
    let mut bytes = packet(Transport::Udp, false, b"datagram and more");
    let len = u16::try_from(bytes.len() - 20 - 4).unwrap();
    bytes[24..26].copy_from_slice(&len.to_be_bytes());
    let asked = complete(&mut bytes, 20, proto::UDP, ALL).unwrap();
    assert!(asked.is_none());
    let arrived = sent_by(ALL, None, &bytes, asked);
    let unknown = RxChecksum::Unknown;
    assert!(parse_bytes(&arrived, unknown, unknown).is_ok());
}

#[test]
fn impossible_packets_are_no_good() {
    let good = packet(Transport::Tcp, false, b"x");
    for len in 0..good.len() {
        let mut cut = good[..len].to_vec();
        let done = complete(&mut cut, 20, proto::TCP, ALL);
        assert_eq!(done.is_some(), len >= 38, "{len}");
    }
    let mut bytes = good;
    assert_eq!(complete(&mut bytes, 20, proto::ICMP, ALL), None);
    bytes[0] = 0x75;
    assert_eq!(complete_tcp(&mut bytes, ALL), None);
    assert_eq!(complete_tcp(&mut [], ALL), None);
}
