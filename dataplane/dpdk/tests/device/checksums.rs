//! Checksums that a port fills in, before a judge who knows nothing of us: the kernel behind a tap.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::common::{ip, own_namespace, pool, with_eal};
use abi::Reason;
use dpdk::{Eal, Mbuf, Pool, Port, PortConfig, PortQueues, QueuePair};
use wire::ethernet::{self, EthernetRepr};
use wire::offload::{Transport, complete, complete_tcp};
use wire::tcp::Flags;
use wire::udp::{UdpChecksum, UdpRepr};
use wire::{Burst, Frame, MacAddr, Nic, Packet, Parsed, RxChecksum, TxChecksums, TxOffload, proto};

/// Station address of our end, which the kernel is told.
const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 7]);
const PORT: u16 = 5_061;
/// Long enough on any machine, and waited for only when the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// VLAN of the frames that another port reads.
const VLAN: u16 = 30;

/// A host of the network between the kernel and us.
fn host(is_ipv6: bool, host: u8) -> IpAddr {
    if is_ipv6 {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()).into()
    } else {
        Ipv4Addr::new(192, 0, 2, host).into()
    }
}

fn kernel(is_ipv6: bool) -> SocketAddr {
    SocketAddr::new(host(is_ipv6, 1), PORT)
}

fn ours(is_ipv6: bool, port: u16) -> SocketAddr {
    SocketAddr::new(host(is_ipv6, 7), port)
}

fn set_up_kernel() {
    ip("link set tap0 addrgenmode none up");
    for is_ipv6 in [false, true] {
        let (kernel, ours) = (host(is_ipv6, 1), host(is_ipv6, 7));
        let more = if is_ipv6 { "/64 nodad" } else { "/24" };
        ip(&format!("addr add {kernel}{more} dev tap0"));
        ip(&format!("neigh add {ours} lladdr {} dev tap0", text(OURS)));
        // An IPv6 address is there at once, but what is sent to it is taken in only when the
        // kernel's own work for it is done.
        while !ip(&format!("route get {kernel}")).starts_with("local") {}
    }
}

/// A frame to the kernel, from the pool of `pair`.
fn frame(pair: &mut QueuePair, vlan: Option<u16>, packet: &[u8]) -> Mbuf {
    let repr = EthernetRepr {
        dst: pair.info().mac,
        src: OURS,
        vlan,
        ethertype: match packet[0] >> 4 {
            4 => ethernet::IPV4,
            _ => ethernet::IPV6,
        },
    };
    let mut frame = pair.alloc().unwrap();
    assert!(frame.append(repr.header_len() + packet.len()));
    repr.emit(frame.data_mut()).unwrap();
    frame.data_mut()[repr.header_len()..].copy_from_slice(packet);
    frame
}

/// Sends a packet, of which the port fills in what `offload` says, if anything.
fn send(pair: &mut QueuePair, vlan: Option<u16>, packet: &[u8], offload: Option<TxOffload>) {
    let mut frame = frame(pair, vlan, packet);
    if let Some(offload) = offload {
        frame.set_tx_offload(if vlan.is_some() { 18 } else { 14 }, offload);
    }
    let mut burst: Burst<Mbuf> = [frame].into_iter().collect();
    assert_eq!(pair.tx_burst(&mut burst), 1);
}

fn text(MacAddr(mac): MacAddr) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

fn datagram(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; UdpRepr::headers_len(dst)];
    packet.extend_from_slice(payload);
    let checksum = UdpChecksum::Compute;
    let repr = UdpRepr {
        src,
        dst,
        hop_limit: 64,
        traffic_class: 0,
        checksum,
    };
    repr.emit(&mut packet).unwrap();
    packet
}

/// A SYN without options.
fn syn(src: SocketAddr, dst: SocketAddr) -> Vec<u8> {
    let ports = [src.port().to_be_bytes(), dst.port().to_be_bytes()].concat();
    let rest = [
        0,
        0,
        3,
        0xe8,
        0,
        0,
        0,
        0,
        0x50,
        Flags::SYN.0,
        0x20,
        0,
        0,
        0,
        0,
        0,
    ];
    // As a datagram of the same length, whose header then gives way.
    let mut packet = datagram(src, dst, &[0; 12]);
    let l4 = packet.len() - 20;
    packet[l4..].copy_from_slice(&[&ports[..], &rest[..]].concat());
    packet[if src.is_ipv4() { 9 } else { 6 }] = proto::TCP;
    packet
}

/// A datagram to the kernel, prepared for `able`.
fn prepared_datagram(is_ipv6: bool, payload: &[u8], able: TxChecksums) -> (Vec<u8>, TxOffload) {
    let mut packet = datagram(ours(is_ipv6, 4_000), kernel(is_ipv6), payload);
    let l4 = if is_ipv6 { 40 } else { 20 };
    let offload = complete(&mut packet, l4, proto::UDP, able).unwrap();
    assert_eq!(offload.transport, Some(Transport::Udp));
    (packet, offload)
}

/// A SYN to the kernel, prepared for `able`.
fn prepared_syn(is_ipv6: bool, from: u16, able: TxChecksums) -> (Vec<u8>, TxOffload) {
    let mut packet = syn(ours(is_ipv6, from), kernel(is_ipv6));
    let offload = complete_tcp(&mut packet, able).unwrap();
    assert_eq!(offload.transport, Some(Transport::Tcp));
    (packet, offload)
}

/// Of a datagram that the port is not asked to complete and others that it is, only the latter
/// arrive.
fn datagrams_arrive(pair: &mut QueuePair, is_ipv6: bool) {
    let able = pair.info().tx_checksums;
    let socket = UdpSocket::bind(kernel(is_ipv6)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (packet, _) = prepared_datagram(is_ipv6, b"left as it is", able);
    send(pair, None, &packet, None);
    for payload in [&b"odd"[..], b"even", &[0xff; 1_200]] {
        let (packet, offload) = prepared_datagram(is_ipv6, payload, able);
        send(pair, None, &packet, Some(offload));
        let mut received = [0; 2_000];
        let (len, from) = receive(&socket, &mut received);
        assert_eq!((&received[..len], from), (payload, ours(is_ipv6, 4_000)));
    }
}

/// The next datagram. The driver has the kernel signal each frame to the process, and a signal may
/// end the wait.
fn receive(socket: &UdpSocket, received: &mut [u8]) -> (usize, SocketAddr) {
    loop {
        match socket.recv_from(received) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done.unwrap(),
        }
    }
}

/// The kernel answers a SYN only if its checksum is right.
fn segments_arrive(pair: &mut QueuePair, is_ipv6: bool) {
    let able = pair.info().tx_checksums;
    let _listener = TcpListener::bind(kernel(is_ipv6)).unwrap();
    let (packet, _) = prepared_syn(is_ipv6, 4_000, able);
    send(pair, None, &packet, None);
    let (packet, offload) = prepared_syn(is_ipv6, 4_001, able);
    send(pair, None, &packet, Some(offload));
    let (packet, flags) = answer(pair, host(is_ipv6, 1));
    assert_eq!(packet.dst_port, 4_001, "to the SYN that nobody completed");
    assert!(flags.contains(Flags::SYN) && flags.contains(Flags::ACK));
}

/// The kernel's segment from `src`.
fn answer(pair: &mut QueuePair, src: IpAddr) -> (Packet, Flags) {
    loop {
        let mut burst = Burst::new();
        pair.rx_burst(&mut burst);
        for frame in burst {
            if let Ok(Parsed::Ip(packet)) = wire::parse(&frame)
                && (packet.protocol, packet.src) == (proto::TCP, src)
            {
                let flags = Flags(frame.data()[usize::from(packet.l4) + 13]);
                return (packet, flags);
            }
        }
        thread::yield_now();
    }
}

fn open_tap(eal: &Eal, pool: &Pool) -> PortQueues {
    eal.attach("net_tap0,iface=tap0").unwrap();
    Port::configure(eal, "net_tap0", &PortConfig::default(), pool).unwrap()
}

/// Needs root, as the demo and any NIC do.
#[test]
fn kernel_takes_what_a_tap_completes() {
    with_eal(0, |eal| {
        own_namespace();
        let pool = pool(&eal, "tap", 8_191);
        let mut tap = open_tap(&eal, &pool);
        let pair = &mut tap.pairs[0];
        let all = TxChecksums {
            ipv4: true,
            udp: true,
            tcp: true,
        };
        assert_eq!(pair.info().tx_checksums, all);
        set_up_kernel();
        for is_ipv6 in [false, true] {
            datagrams_arrive(pair, is_ipv6);
            segments_arrive(pair, is_ipv6);
        }
    });
}

/// What a port that verifies nothing itself receives of our frames, in order.
fn heard(pair: &mut QueuePair, count: usize) -> Vec<Result<u8, Reason>> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let mut burst = Burst::new();
        pair.rx_burst(&mut burst);
        let from_us = |frame: &&Mbuf| frame.data()[6..12] == OURS.0;
        heard.extend(burst.iter().filter(from_us).map(|frame| {
            assert_eq!(frame.rx_l4_checksum(), RxChecksum::Unknown);
            wire::parse(frame).map(|parsed| match parsed {
                Parsed::Ip(packet) => packet.protocol,
                Parsed::Arp(_) => 0,
            })
        }));
        thread::yield_now();
    }
    heard
}

/// The kernel here may know no VLANs, so another port on the tap's far end is the judge.
#[test]
fn tagged_frames_are_completed_behind_their_tags() {
    with_eal(0, |eal| {
        own_namespace();
        let pool = pool(&eal, "tagged", 8_191);
        let mut tap = open_tap(&eal, &pool);
        set_up_kernel();
        eal.attach("net_af_packet0,iface=tap0").unwrap();
        let config = PortConfig::default();
        let mut far = Port::configure(&eal, "net_af_packet0", &config, &pool).unwrap();
        let (tap, far) = (&mut tap.pairs[0], &mut far.pairs[0]);
        assert_eq!(far.info().tx_checksums, TxChecksums::NONE);
        let able = tap.info().tx_checksums;
        for is_ipv6 in [false, true] {
            for (prepared, protocol, wrong) in [
                (
                    prepared_datagram(is_ipv6, b"tagged", able),
                    proto::UDP,
                    Reason::UdpBadChecksum,
                ),
                (
                    prepared_syn(is_ipv6, 4_000, able),
                    proto::TCP,
                    Reason::TcpBadChecksum,
                ),
            ] {
                let (packet, offload) = prepared;
                send(tap, Some(VLAN), &packet, Some(offload));
                send(tap, Some(VLAN), &packet, None);
                let wrong = if is_ipv6 {
                    wrong
                } else {
                    Reason::IpBadChecksum
                };
                assert_eq!(heard(far, 2), [Ok(protocol), Err(wrong)]);
            }
        }
    });
}

#[test]
fn software_ports_fill_in_nothing() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "none", 2_047);
        eal.attach("net_null0").unwrap();
        let queues = Port::configure(&eal, "net_null0", &PortConfig::default(), &pool).unwrap();
        assert_eq!(queues.pairs[0].info().tx_checksums, TxChecksums::NONE);
        assert_eq!(queues.port.tx_checksums(), TxChecksums::NONE);
    });
}
