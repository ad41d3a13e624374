//! An engine between two networks, with peers that speak SRTP by themselves.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::AtomicU64;
use core::time::Duration;

use abi::counters::{BLOCK_WORDS, Counters};
use abi::layout::Layout;
use abi::policy::{Interface, MediaTermination, Prefix, Route, RtpSettings};
use abi::{Counter, Now, Reason, Suite};
use ip::{Egress, Limits, NeighborEvent, Stack};
use oracle::Ciphers;
use pipeline::{
    CallId, Endpoint, Leg, MasterKey, MediaId, MediaKind, MediaPlan, PerLeg, SidePlan, SrtpParams,
};
use srtp::{Params, Receiver, Sender, Traffic};
use wire::arp::{ArpRepr, Operation};
use wire::ethernet::{self, EthernetRepr};
use wire::sim::SimFrame;
use wire::udp::{UdpChecksum, UdpRepr};
use wire::{Frame, MacAddr, NicInfo, Packet, Parsed};

use crate::media::{Arrival, MediaEngine};

const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const THEIRS: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

pub(super) const CLIENT: &str = "198.51.100.7:4000";
pub(super) const SERVER: &str = "192.0.2.9:5000";

/// What the engine sent and counted.
#[derive(Default)]
struct Sent(Vec<SimFrame>);

impl Egress<SimFrame> for Sent {
    fn alloc(&mut self, _: u16) -> Option<SimFrame> {
        Some(SimFrame::empty())
    }

    fn send(&mut self, _: u16, frame: SimFrame) {
        self.0.push(frame);
    }

    fn refuse(&mut self, _: Reason) {}

    fn count(&mut self, _: Counter) {}

    fn tell(&mut self, _: NeighborEvent) {}
}

/// A datagram that the engine sent.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) src: SocketAddr,
    pub(super) dst: SocketAddr,
    pub(super) traffic_class: u8,
    pub(super) payload: Vec<u8>,
}

pub(super) struct Bench {
    pub(super) engine: MediaEngine<SimFrame>,
    stack: Stack<SimFrame>,
    words: &'static [AtomicU64],
    pub(super) now: Now,
}

pub(super) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn interface(device: u16, addresses: [&str; 2]) -> Interface {
    Interface {
        name: String::new(),
        device,
        vlan: None,
        addresses: addresses
            .map(|text| Prefix {
                address: ip(text),
                len: if text.contains(':') { 64 } else { 24 },
            })
            .to_vec(),
        owned: Vec::new(),
        reassemble: false,
    }
}

fn termination(address: &str) -> MediaTermination {
    MediaTermination {
        name: String::new(),
        interface: 0,
        address: ip(address),
        udp_port_min: 20_000,
        udp_port_max: 20_199,
    }
}

impl Bench {
    /// An engine with room for `streams`.
    pub(super) fn new(streams: u32) -> Self {
        Self::with_mtus(streams, [1500, 1500])
    }

    /// The same, with the MTUs of outside and inside.
    pub(super) fn with_mtus(streams: u32, mtus: [u16; 2]) -> Self {
        let infos = mtus.map(|mtu| NicInfo {
            mac: OURS,
            mtu,
            has_rx: true,
            has_tx: true,
            tx_checksums: wire::TxChecksums::NONE,
        });
        let mut stack = Stack::new(Limits::default());
        let outside = interface(0, ["198.51.100.1", "2001:db8:1::1"]);
        let inside = interface(1, ["192.0.2.1", "2001:db8:2::1"]);
        let route = Route {
            prefix: Prefix {
                address: ip("203.0.113.0"),
                len: 24,
            },
            via: Some(ip("198.51.100.254")),
            interface: 0,
        };
        stack
            .configure(&[outside, inside], &[route], &infos)
            .unwrap();
        let mut engine = MediaEngine::new(0, 1, streams, 1).unwrap();
        let terminations = [
            "198.51.100.1",
            "2001:db8:1::1",
            "192.0.2.1",
            "2001:db8:2::1",
        ];
        engine.configure(&terminations.map(termination), RtpSettings::default());
        let words: Vec<AtomicU64> = (0..BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect();
        Self {
            engine,
            stack,
            words: words.leak(),
            now: Now::from_millis(1_000),
        }
    }

    pub(super) fn counters(&self) -> Counters<'static> {
        Counters::new(self.words).unwrap()
    }

    pub(super) fn refused(&self, reason: Reason) -> u64 {
        self.counters().refused(reason)
    }

    /// All refusals that have been counted.
    pub(super) fn refusals(&self) -> Vec<(Reason, u64)> {
        let all = Reason::ALL
            .iter()
            .map(|&reason| (reason, self.refused(reason)));
        all.filter(|&(_, count)| count > 0).collect()
    }

    /// Opens a stream between terminations of any family.
    pub(super) fn open(&mut self, plan: &MediaPlan) -> Result<(u32, PerLeg<Endpoint>), Reason> {
        let terminations = PerLeg {
            client: &[0, 1][..],
            server: &[2, 3][..],
        };
        self.engine
            .open(9, MediaId(3), plan, terminations, self.now)
    }

    /// Puts a datagram in line, as if it had come from a port.
    pub(super) fn queue(&mut self, src: SocketAddr, dst: SocketAddr, payload: &[u8]) {
        let frame = received(src, dst, payload);
        let Ok(Parsed::Ip(packet)) = wire::parse(&frame) else {
            panic!("no IP")
        };
        let port = self.engine.port(&packet).unwrap();
        let arrival = Arrival::new(port, &(&packet).into());
        // The short way finds what the parser of all packets does.
        let recognised = self.engine.recognise(&self.stack, 0, &frame);
        assert_eq!(recognised, Some(arrival));
        self.engine.queue(frame, &arrival, &self.counters());
    }

    /// Runs the line, answers the stack's questions for neighbours, and returns what was sent.
    pub(super) fn run(&mut self) -> Vec<Datagram> {
        let mut out = Sent::default();
        let counters = self.counters();
        self.engine
            .run(&mut self.stack, &mut out, &counters, self.now, &mut ());
        let mut sent = Vec::new();
        while !out.0.is_empty() {
            for frame in core::mem::take(&mut out.0) {
                match wire::parse(&frame).unwrap() {
                    Parsed::Arp(_) => self.answer(&frame, &mut out),
                    Parsed::Ip(packet) if packet.protocol == wire::proto::UDP => {
                        sent.push(datagram(&frame, &packet));
                    }
                    Parsed::Ip(_) => {}
                }
            }
        }
        sent
    }

    /// Sends one datagram through.
    pub(super) fn pass(&mut self, src: &str, dst: SocketAddr, payload: &[u8]) -> Vec<Datagram> {
        self.queue(addr(src), dst, payload);
        self.run()
    }

    /// Lets time pass, and has the records written that are due then.
    pub(super) fn publish_in(&mut self, layout: &Layout<'static>, time: Duration) {
        self.now = self.now + time;
        self.engine.publish(layout, 0, self.now);
    }

    /// Answers an ARP question as the station that was asked for.
    fn answer(&mut self, question: &SimFrame, out: &mut Sent) {
        let asked = ArpRepr::parse(&question.data()[ethernet::HEADER_LEN..]).unwrap();
        let reply = ArpRepr {
            operation: Operation::Reply,
            sender_mac: THEIRS,
            sender_ip: asked.target_ip,
            target_mac: OURS,
            target_ip: asked.sender_ip,
        };
        let header = EthernetRepr {
            dst: OURS,
            src: THEIRS,
            vlan: None,
            ethertype: ethernet::ARP,
        };
        let mut bytes = [0; ethernet::HEADER_LEN + wire::arp::LEN];
        header.emit(&mut bytes).unwrap();
        reply.emit(&mut bytes[ethernet::HEADER_LEN..]).unwrap();
        let frame = SimFrame::from_bytes(&bytes);
        let Ok(Parsed::Arp(link)) = wire::parse(&frame) else {
            panic!("no ARP")
        };
        let port = u16::from(asked.sender_ip.octets()[0] == 192);
        self.stack.on_arp(port, frame, &link, self.now, out);
    }
}

fn received(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> SimFrame {
    let headers = UdpRepr {
        src,
        dst,
        hop_limit: 9,
        traffic_class: 0xb8,
        checksum: UdpChecksum::Compute,
    };
    let l3 = ethernet::HEADER_LEN;
    let mut bytes = vec![0; l3 + UdpRepr::headers_len(dst)];
    bytes.extend_from_slice(payload);
    headers.emit(&mut bytes[l3..]).unwrap();
    let ethertype = if dst.is_ipv4() {
        ethernet::IPV4
    } else {
        ethernet::IPV6
    };
    EthernetRepr {
        dst: OURS,
        src: THEIRS,
        vlan: None,
        ethertype,
    }
    .emit(&mut bytes)
    .unwrap();
    // Padding, which is no part of the datagram.
    bytes.extend_from_slice(&[0xaa; 3]);
    SimFrame::from_bytes(&bytes)
}

fn datagram(frame: &SimFrame, packet: &Packet) -> Datagram {
    assert_eq!((packet.link.src, packet.link.dst), (OURS, THEIRS));
    assert_eq!(packet.hop_limit, 64);
    Datagram {
        src: SocketAddr::new(packet.src, packet.src_port),
        dst: SocketAddr::new(packet.dst, packet.dst_port),
        traffic_class: packet.traffic_class,
        payload: frame.data()[packet.payload_range()].to_vec(),
    }
}

/// A plan in which nothing is protected.
pub(super) fn clear_plan() -> MediaPlan {
    let side = |peer: &str| {
        let rtp = addr(peer);
        SidePlan {
            family_of: rtp.ip(),
            remote: Some(Endpoint {
                rtp,
                rtcp: SocketAddr::new(rtp.ip(), rtp.port() + 1),
            }),
            rtcp_mux: false,
            secure: false,
            receive: None,
            transmit: None,
            peer_sends: true,
            peer_receives: true,
        }
    };
    let sides = PerLeg {
        client: side(CLIENT),
        server: side(SERVER),
    };
    MediaPlan {
        call: CallId(1),
        kind: MediaKind::Rtp,
        sides,
    }
}

/// The keys of one direction.
pub(super) fn keys(suite: Suite, octet: u8) -> SrtpParams {
    let key = MasterKey::new(suite, &vec![octet; suite.key_salt_len()]).unwrap();
    SrtpParams {
        suite,
        key,
        mki: None,
    }
}

/// Makes one side of a plan secure. The peer sends under `octet` and receives under the next.
pub(super) fn secure(plan: &mut MediaPlan, leg: Leg, suite: Suite, octet: u8) {
    let side = &mut plan.sides[leg];
    side.secure = true;
    side.receive = Some(keys(suite, octet));
    side.transmit = Some(keys(suite, octet + 1));
}

/// A peer whose side [`secure`] made so.
pub(super) struct Peer {
    ciphers: Ciphers,
    sender: Sender<crypto::Key>,
    receiver: Receiver<crypto::Key>,
}

impl Peer {
    pub(super) fn new(suite: Suite, octet: u8) -> Self {
        let mut ciphers = Ciphers::new().unwrap();
        let (sent, received) = (keys(suite, octet), keys(suite, octet + 1));
        let params = |params: &SrtpParams| {
            let (key, salt) = (params.key.key().to_vec(), params.key.salt().to_vec());
            (key, salt)
        };
        let ((key, salt), (key_back, salt_back)) = (params(&sent), params(&received));
        let to_us = Params {
            suite,
            key: &key,
            salt: &salt,
            mki: None,
        };
        let to_peer = Params {
            suite,
            key: &key_back,
            salt: &salt_back,
            mki: None,
        };
        Self {
            sender: ciphers.sender(&to_us).unwrap(),
            receiver: ciphers.receiver(&to_peer).unwrap(),
            ciphers,
        }
    }

    pub(super) fn protect(&mut self, traffic: Traffic, clear: &[u8]) -> Vec<u8> {
        let mut packet = clear.to_vec();
        self.ciphers
            .protect(&mut self.sender, traffic, &mut packet, Now::ZERO)
            .unwrap();
        packet
    }

    pub(super) fn unprotect(&mut self, traffic: Traffic, packet: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut packet = packet.to_vec();
        self.ciphers
            .unprotect(&mut self.receiver, traffic, &mut packet, Now::ZERO)?;
        Ok(packet)
    }
}

/// An RTP packet with 160 octets of payload.
pub(super) fn rtp(ssrc: u32, seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 0, 160]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..160).map(|i: u8| i ^ seq.to_be_bytes()[1]));
    packet
}

/// An RTP packet of which the IPv4 packet has `len` octets.
pub(super) fn rtp_of(len: usize, ssrc: u32, seq: u16) -> Vec<u8> {
    let mut packet = rtp(ssrc, seq);
    packet.resize(len - UdpRepr::headers_len(addr(CLIENT)), 0x33);
    packet
}

/// A receiver report without reports and a BYE.
pub(super) fn rtcp(ssrc: u32) -> Vec<u8> {
    let [a, b, c, d] = ssrc.to_be_bytes();
    vec![0x80, 201, 0, 1, a, b, c, d, 0x81, 203, 0, 1, a, b, c, d]
}
