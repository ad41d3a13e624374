//! Property: whatever arrives, in whatever order, the stack does not panic, its frames are well
//! formed, and its memory stays within its limits.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use core::net::{IpAddr, SocketAddr};

use abi::{
    Counter, Now, Reason,
    policy::{Interface, Prefix, Route},
};
use ip::{Egress, IcmpError, Limits, NeighborEvent, Stack};
use proptest::prelude::*;
use wire::{
    Frame, MacAddr, NicInfo, Parsed,
    ethernet::{self, EthernetRepr},
    sim::SimFrame,
    udp::{UdpChecksum, UdpRepr},
};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

#[derive(Default)]
struct Out {
    sent: Vec<Vec<u8>>,
    told: Vec<NeighborEvent>,
}

impl Egress<SimFrame> for Out {
    fn alloc(&mut self, _: u16) -> Option<SimFrame> {
        Some(SimFrame::empty())
    }

    fn send(&mut self, _: u16, frame: SimFrame) {
        self.sent.push(frame.data().to_vec());
    }

    fn refuse(&mut self, _: Reason) {}

    fn count(&mut self, _: Counter) {}

    fn tell(&mut self, event: NeighborEvent) {
        self.told.push(event);
    }
}

fn stack() -> Stack<SimFrame> {
    let prefix = |text: &str, len| Prefix {
        address: text.parse().unwrap(),
        len,
    };
    let interface = Interface {
        name: "lan".into(),
        device: 0,
        vlan: None,
        addresses: vec![prefix("10.0.0.1", 8), prefix("2001:db8::1", 32)],
        owned: vec![],
        reassemble: true,
    };
    let route = Route {
        prefix: prefix("0.0.0.0", 0),
        via: Some("10.0.0.254".parse().unwrap()),
        interface: 0,
    };
    let mut stack = Stack::new(Limits::default());
    let port = NicInfo {
        mac: MAC,
        mtu: 1500,
        has_rx: true,
        has_tx: true,
        tx_checksums: wire::TxChecksums::NONE,
    };
    stack.configure(&[interface], &[route], &[port]).unwrap();
    stack
}

fn receive(stack: &mut Stack<SimFrame>, bytes: &[u8], now: Now, out: &mut Out) {
    let frame = SimFrame::from_bytes(bytes);
    match wire::parse(&frame) {
        Ok(Parsed::Arp(link)) => stack.on_arp(0, frame, &link, now, out),
        Ok(Parsed::Ip(packet)) => {
            let Ok(id) = stack.accept(0, &packet) else {
                return;
            };
            if packet.fragment {
                drop(stack.on_fragment(&frame, &packet, id, now, out));
            } else if matches!(packet.protocol, 1 | 58) {
                let _report = stack.on_icmp(frame, &packet, id, now, out);
            } else if packet.dst_port.is_multiple_of(2) {
                stack.send_error(&frame, &packet, id, IcmpError::Prohibited, now, out);
            } else {
                stack.forward(frame, packet, id, now, out);
            }
        }
        Err(_) => {}
    }
}

/// Frames that get past the parser often: valid datagrams, and ARP and ICMP with wild contents.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let header = |ethertype, body: &[u8]| {
        let repr = EthernetRepr {
            dst: MAC,
            src: MacAddr([2, 0, 0, 0, 0, 9]),
            vlan: None,
            ethertype,
        };
        let mut bytes = vec![0; 14];
        repr.emit(&mut bytes).unwrap();
        bytes.extend_from_slice(body);
        bytes
    };
    let datagram = any::<(u8, u8, u16, u8)>().prop_map(move |(s, d, port, hops)| {
        let dst = SocketAddr::new(IpAddr::from([10, 0, 0, d]), port);
        let src = SocketAddr::new(IpAddr::from([10, 0, 0, s]), 7);
        let mut packet = vec![0; UdpRepr::headers_len(dst) + 20];
        let checksum = UdpChecksum::Compute;
        UdpRepr {
            src,
            dst,
            hop_limit: hops,
            traffic_class: 0,
            checksum,
        }
        .emit(&mut packet)
        .unwrap();
        header(ethernet::IPV4, &packet)
    });
    let arp = any::<(u8, u8, u8, bool)>().prop_map(move |(mac, s, t, reply)| {
        let body = [
            0,
            1,
            8,
            0,
            6,
            4,
            0,
            1 + u8::from(reply),
            2,
            0,
            0,
            0,
            0,
            mac,
            10,
            0,
            0,
            s,
            2,
            0,
            0,
            0,
            0,
            1,
            10,
            0,
            0,
            t,
        ];
        header(ethernet::ARP, &body)
    });
    let wild = proptest::collection::vec(any::<u8>(), 0..120)
        .prop_map(move |body| header(ethernet::IPV6, &body));
    prop_oneof![datagram, arp, wild]
}

proptest! {
    #[test]
    fn storm_leaves_well_formed_frames(
        steps in proptest::collection::vec((frame(), 0u64..2_000), 0..200),
    ) {
        let (mut stack, mut out) = (stack(), Out::default());
        let mut now = 0;
        for (bytes, wait) in steps {
            now += wait;
            receive(&mut stack, &bytes, Now::from_millis(now), &mut out);
            if stack.next_deadline().is_some_and(|at| at <= Now::from_millis(now)) {
                stack.poll(Now::from_millis(now), &mut out);
            }
            let events = core::mem::take(&mut out.told);
            for event in events {
                stack.import(event, Now::from_millis(now), &mut out);
            }
        }
        for bytes in out.sent {
            prop_assert!(wire::parse(&SimFrame::from_bytes(&bytes)).is_ok());
        }
    }
}
