//! The IP stack: neighbours, ICMP, forwarding, fragments.

use core::net::IpAddr;
use core::time::Duration;

use abi::policy::{Interface, Prefix, Route};
use abi::{Counter, Now, Reason};
use ip::{Egress, IcmpError, Limits, NeighborEvent, Stack};
use wire::sim::SimFrame;
use wire::{Frame, MacAddr, NicInfo, Parsed, RxChecksum, proto};

use crate::frames::put_right;
use crate::input::Input;

const OUR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const MTU: u16 = 1_500;

/// Takes what the stack sends and says.
#[derive(Default)]
struct Out {
    sent: Vec<SimFrame>,
    news: Vec<NeighborEvent>,
}

impl Egress<SimFrame> for Out {
    fn alloc(&mut self, _: u16) -> Option<SimFrame> {
        Some(SimFrame::empty())
    }

    fn send(&mut self, port: u16, frame: SimFrame) {
        assert!(port < 2);
        self.sent.push(frame);
    }

    fn refuse(&mut self, _: Reason) {}

    fn count(&mut self, _: Counter) {}

    fn tell(&mut self, event: NeighborEvent) {
        self.news.push(event);
    }
}

fn prefix(address: impl Into<IpAddr>, len: u8) -> Prefix {
    Prefix {
        address: address.into(),
        len,
    }
}

/// Two ports, one of them with a VLAN besides, IPv4 and IPv6.
fn stack() -> Stack<SimFrame> {
    let interface = |device: u16, vlan, n: u8| Interface {
        name: String::new(),
        device,
        vlan,
        addresses: vec![
            prefix([192, 0, 2, 16 * n + 1], 28),
            prefix([0x2001, 0xdb8, u16::from(n), 0, 0, 0, 0, 1], 64),
        ],
        owned: vec![[192, 0, 2, 16 * n + 2].into()],
        reassemble: device == 0,
    };
    let nic = NicInfo {
        mac: OUR_MAC,
        mtu: MTU,
        has_rx: true,
        has_tx: true,
        tx_checksums: wire::TxChecksums::NONE,
    };
    let routes = [
        Route {
            prefix: prefix([0, 0, 0, 0], 0),
            via: Some([192, 0, 2, 14].into()),
            interface: 0,
        },
        Route {
            prefix: prefix([0; 8], 0),
            via: Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 9].into()),
            interface: 0,
        },
    ];
    let interfaces = [
        interface(0, None, 0),
        interface(1, None, 1),
        interface(1, Some(100), 2),
    ];
    let mut stack = Stack::new(Limits::default());
    stack
        .configure(&interfaces, &routes, &[nic, nic])
        .expect("a sound configuration");
    stack
}

/// Frames of any content, one after another, and time.
pub(crate) fn ip_stack(data: &[u8]) {
    let (mut stack, mut peer) = (stack(), stack());
    let (mut out, mut ignored) = (Out::default(), Out::default());
    let mut input = Input::new(data);
    let mut now = Now::from_millis(1_000);
    while let Some(step) = input.next() {
        now = now + Duration::from_millis(u64::from(step & 0x0f) * 100);
        let bytes = framed(step, input.piece());
        receive(&mut stack, step, &bytes, now, &mut out);
        stack.poll(now, &mut out);
        for event in out.news.drain(..) {
            peer.import(event, now, &mut ignored);
        }
        for frame in out.sent.drain(..) {
            check_sent(&frame);
        }
        assert!(stack.next_deadline().is_none_or(|at| at > now));
    }
}

/// An Ethernet header for us or for everyone, and the piece after it, with checksums put right.
fn framed(step: u8, piece: &[u8]) -> Vec<u8> {
    let for_us = step & 0x80 == 0;
    let mut bytes = if for_us { OUR_MAC } else { MacAddr::BROADCAST }.0.to_vec();
    bytes.extend([2, 0, 0, 0, 0, 9]);
    if step & 0x40 != 0 {
        bytes.extend([0x81, 0x00, 0x00, 100]);
    }
    let ethertype: [u8; 2] = match piece.first().map(|octet| octet >> 4) {
        Some(4) => [0x08, 0x00],
        Some(6) => [0x86, 0xdd],
        _ => [0x08, 0x06],
    };
    bytes.extend(ethertype);
    bytes.extend_from_slice(piece);
    put_right(&mut bytes);
    bytes
}

fn receive(stack: &mut Stack<SimFrame>, step: u8, bytes: &[u8], now: Now, out: &mut Out) {
    let port = u16::from(step >> 5 & 1);
    let frame = SimFrame::from_bytes(bytes);
    let packet = match wire::parse(&frame) {
        Ok(Parsed::Arp(link)) => return stack.on_arp(port, frame, &link, now, out),
        Ok(Parsed::Ip(packet)) => packet,
        Err(_) => return,
    };
    let Ok(id) = stack.accept(port, &packet) else {
        return;
    };
    let ours = stack.locality(packet.dst) != ip::Locality::Remote;
    if packet.fragment {
        if let Some(whole) = stack.on_fragment(&frame, &packet, id, now, out) {
            assert!(
                matches!(wire::parse(&whole), Ok(Parsed::Ip(p)) if !p.fragment) || {
                    // Pieces that fit make a whole whose checksum or length need not.
                    wire::parse(&whole).is_err()
                }
            );
        }
    } else if matches!(packet.protocol, proto::ICMP | proto::ICMPV6) && ours {
        stack.on_icmp(frame, &packet, id, now, out);
    } else if step & 0x10 != 0 {
        stack.send_error(&frame, &packet, id, IcmpError::PortUnreachable, now, out);
    } else {
        stack.forward(frame, packet, id, now, out);
    }
}

/// All that leaves is well formed, and fits.
fn check_sent(frame: &SimFrame) {
    let parsed = wire::packet::parse_bytes(frame.data(), RxChecksum::Unknown, RxChecksum::Unknown);
    match parsed {
        Ok(Parsed::Ip(packet)) => assert!(packet.ip_range().len() <= MTU.into()),
        Ok(Parsed::Arp(_)) => {}
        Err(reason) => panic!("sent a frame that is refused for {reason:?}"),
    }
}

/// Fragments that fit each other often: the fuzzer says where each lies and whether more come.
pub(crate) fn reassembly(data: &[u8]) {
    let mut stack = stack();
    let mut out = Out::default();
    let mut input = Input::new(data);
    let mut now = Now::from_millis(1_000);
    while let Some(step) = input.next() {
        now = now + Duration::from_millis(u64::from(step >> 4) * 200);
        let (place, piece) = (input.u16(), input.piece());
        let packet = if step & 1 == 0 {
            fragment_v4(step, place, piece)
        } else {
            fragment_v6(step, place, piece)
        };
        receive(&mut stack, 0, &framed(0, &packet), now, &mut out);
        stack.poll(now, &mut out);
    }
}

fn fragment_v4(step: u8, place: u16, piece: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + piece.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x45, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([0, step >> 1 & 3]);
    packet.extend((place & 0x3fff).to_be_bytes());
    packet.extend([
        64,
        if step & 8 == 0 {
            proto::UDP
        } else {
            proto::TCP
        },
        0,
        0,
    ]);
    packet.extend([192, 0, 2, 5, 192, 0, 2, 1]);
    packet.extend_from_slice(piece);
    packet
}

fn fragment_v6(step: u8, place: u16, piece: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + piece.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([44, 64]);
    for host in [5, 1] {
        packet.extend([
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host,
        ]);
    }
    packet.extend([proto::UDP, 0]);
    packet.extend(place.to_be_bytes());
    packet.extend([0, 0, 0, step >> 1 & 3]);
    packet.extend_from_slice(piece);
    packet
}
