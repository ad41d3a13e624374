//! The stack against stations on simulated links.

mod arp;
mod config;
mod forward;
mod icmp;
mod ndp;

use core::net::{IpAddr, SocketAddr};

use abi::{
    Counter, Now, Reason,
    policy::{Interface, Prefix, Route},
};
use wire::{
    Frame, Link, MacAddr, NicInfo, Packet, Parsed,
    ethernet::{self, EthernetRepr},
    sim::SimFrame,
    udp::{UdpChecksum, UdpRepr},
};

use crate::{Egress, InterfaceId, Limits, NeighborEvent, Stack};

pub(crate) const OUTSIDE: InterfaceId = InterfaceId(0);
pub(crate) const INSIDE: InterfaceId = InterfaceId(1);

/// Station address of our port `n`.
pub(crate) fn our_mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

/// Station address of a peer.
pub(crate) fn peer_mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 1, n])
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn ms(ms: u64) -> Now {
    Now::from_millis(ms)
}

/// What the stack did.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) sent: Vec<(u16, Vec<u8>)>,
    pub(crate) refused: Vec<Reason>,
    pub(crate) counted: Vec<Counter>,
    pub(crate) told: Vec<NeighborEvent>,
    pub(crate) pool_is_empty: bool,
}

impl Out {
    /// The one frame sent.
    pub(crate) fn only_frame(&mut self) -> (u16, Vec<u8>) {
        assert_eq!((self.sent.len(), &self.refused[..]), (1, &[][..]));
        self.sent.remove(0)
    }

    /// Asserts that nothing was sent, and `reason` alone refused.
    pub(crate) fn expect_refusal(&mut self, reason: Reason) {
        assert_eq!(core::mem::take(&mut self.refused), [reason]);
        assert!(self.sent.is_empty(), "{:?}", self.sent);
    }

    pub(crate) fn expect_silence(&self) {
        assert!(self.sent.is_empty() && self.refused.is_empty(), "{self:?}");
    }
}

impl Egress<SimFrame> for Out {
    fn alloc(&mut self, _port: u16) -> Option<SimFrame> {
        (!self.pool_is_empty).then(SimFrame::empty)
    }

    fn send(&mut self, port: u16, frame: SimFrame) {
        self.sent.push((port, frame.data().to_vec()));
    }

    fn refuse(&mut self, reason: Reason) {
        self.refused.push(reason);
    }

    fn count(&mut self, counter: Counter) {
        self.counted.push(counter);
    }

    fn tell(&mut self, event: NeighborEvent) {
        self.told.push(event);
    }
}

fn prefix(text: &str, len: u8) -> Prefix {
    Prefix {
        address: ip(text),
        len,
    }
}

pub(crate) fn ports() -> [NicInfo; 2] {
    [0, 1].map(|n| NicInfo {
        mac: our_mac(n),
        mtu: 1500,
        has_rx: true,
        has_tx: true,
        tx_checksums: wire::TxChecksums::NONE,
    })
}

/// Outside: port 0, untagged, with a media termination address. Inside: port 1, VLAN 30.
pub(crate) fn interfaces() -> Vec<Interface> {
    let outside = Interface {
        name: "outside".into(),
        device: 0,
        vlan: None,
        addresses: vec![prefix("192.0.2.1", 24), prefix("2001:db8::1", 64)],
        owned: vec![ip("192.0.2.50"), ip("2001:db8::50")],
        reassemble: true,
    };
    let inside = Interface {
        name: "inside".into(),
        device: 1,
        vlan: Some(30),
        addresses: vec![prefix("10.0.0.1", 24), prefix("2001:db8:1::1", 64)],
        owned: vec![],
        reassemble: false,
    };
    vec![outside, inside]
}

/// Defaults outside, and a network behind a router inside.
pub(crate) fn routes() -> Vec<Route> {
    let route = |to: Prefix, via: &str, interface| Route {
        prefix: to,
        via: Some(ip(via)),
        interface,
    };
    vec![
        route(prefix("0.0.0.0", 0), "192.0.2.254", 0),
        route(prefix("::", 0), "fe80::fe", 0),
        route(prefix("10.9.0.0", 16), "10.0.0.9", 1),
    ]
}

pub(crate) fn stack() -> Stack<SimFrame> {
    let mut stack = Stack::new(Limits::default());
    stack.configure(&interfaces(), &routes(), &ports()).unwrap();
    stack
}

/// A datagram without link header.
pub(crate) fn datagram(src: &str, dst: &str, hop_limit: u8, len: usize) -> Vec<u8> {
    let (src, dst): (SocketAddr, SocketAddr) = (src.parse().unwrap(), dst.parse().unwrap());
    let mut packet = vec![0; UdpRepr::headers_len(dst) + len];
    let checksum = UdpChecksum::Compute;
    UdpRepr {
        src,
        dst,
        hop_limit,
        traffic_class: 0,
        checksum,
    }
    .emit(&mut packet)
    .unwrap();
    packet
}

/// A frame around `packet`, padded as on the wire.
pub(crate) fn framed(dst: MacAddr, src: MacAddr, vlan: Option<u16>, packet: &[u8]) -> Vec<u8> {
    let ethertype = if packet[0] >> 4 == 6 {
        ethernet::IPV6
    } else {
        ethernet::IPV4
    };
    framed_as(ethertype, dst, src, vlan, packet)
}

pub(crate) fn framed_as(
    ethertype: u16,
    dst: MacAddr,
    src: MacAddr,
    vlan: Option<u16>,
    packet: &[u8],
) -> Vec<u8> {
    let header = EthernetRepr {
        dst,
        src,
        vlan,
        ethertype,
    };
    let mut bytes = vec![0; header.header_len()];
    header.emit(&mut bytes).unwrap();
    bytes.extend_from_slice(packet);
    bytes.resize(bytes.len().max(60), 0);
    bytes
}

pub(crate) fn parsed(bytes: &[u8]) -> Packet {
    match wire::parse(&SimFrame::from_bytes(bytes)) {
        Ok(Parsed::Ip(packet)) => packet,
        other => panic!("not an IP packet: {other:?}"),
    }
}

pub(crate) fn link_of(bytes: &[u8]) -> Link {
    let (repr, len) = EthernetRepr::parse(bytes).unwrap();
    Link {
        dst: repr.dst,
        src: repr.src,
        vlan: repr.vlan,
        len: u8::try_from(len).unwrap(),
    }
}
