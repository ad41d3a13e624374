//! A client leg, a server behind cookies, and the network between them.

use std::collections::VecDeque;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use abi::Now;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpAddress, IpEndpoint, IpProtocol, IpRepr, Ipv4Packet, Ipv6Packet, TcpControl, TcpPacket,
    TcpRepr, TcpSeqNumber,
};
use tcp::{Cookies, Params, State, TcpLeg, Transmit};
use wire::TxChecksums;
use wire::offload::complete_tcp;

pub(crate) const CLIENT_ISN: u32 = 0xffff_fff0;

/// Parameters with room to send twice what the peer has room for.
pub(crate) fn roomy() -> Params {
    let params = Params::default();
    Params {
        tx_buffer: 2 * params.rx_buffer,
        ..params
    }
}

/// What the network does to packets, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) loss: u32,
    pub(crate) duplication: u32,
    pub(crate) reorder: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Client,
    Server,
}

#[derive(Default)]
pub(crate) struct Sent(pub(crate) Vec<Vec<u8>>);

impl Transmit for Sent {
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        let mut packet = vec![0xa5; len];
        fill(&mut packet);
        complete_tcp(&mut packet, TxChecksums::NONE).unwrap();
        verify_checksums(&packet);
        self.0.push(packet);
        true
    }
}

pub(crate) struct Sim {
    pub(crate) now: Now,
    pub(crate) client: TcpLeg,
    pub(crate) server: Option<TcpLeg>,
    pub(crate) cookies: Cookies,
    pub(crate) server_params: Params,
    pub(crate) weather: Weather,
    /// Packets on their way, with the time of their arrival.
    pub(crate) flying: VecDeque<(Now, To, Vec<u8>)>,
    /// Whether nothing arrives at all.
    pub(crate) cut: bool,
    /// Every packet that was sent.
    pub(crate) log: Vec<(Now, To, Vec<u8>)>,
    random: u64,
}

pub(crate) fn ends(is_ipv6: bool) -> (SocketAddr, SocketAddr) {
    if is_ipv6 {
        let host = |n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n);
        (
            SocketAddr::from((host(7), 40_000)),
            SocketAddr::from((host(1), 5_061)),
        )
    } else {
        (
            SocketAddr::from(([198, 51, 100, 7], 40_000)),
            SocketAddr::from(([192, 0, 2, 1], 5_061)),
        )
    }
}

impl Sim {
    /// A client about to connect. Time does not begin at zero, as it never does.
    pub(crate) fn new(params: &Params) -> Self {
        Self::with(params, params, false, 1)
    }

    pub(crate) fn with(client: &Params, server: &Params, is_ipv6: bool, seed: u64) -> Self {
        let now = Now::from_millis(3_333_333);
        let (local, remote) = ends(is_ipv6);
        Self {
            now,
            client: TcpLeg::connect(local, remote, CLIENT_ISN, client, now).unwrap(),
            server: None,
            cookies: Cookies::new(&[3; 32], server, now),
            server_params: *server,
            weather: Weather::default(),
            flying: VecDeque::new(),
            cut: false,
            log: Vec::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// A connection that is open on both sides.
    pub(crate) fn open(params: &Params) -> Self {
        let mut sim = Self::new(params);
        sim.run_until(|sim| sim.client.state() == State::Open && sim.server.is_some());
        sim.settle();
        sim
    }

    pub(crate) fn server(&mut self) -> &mut TcpLeg {
        self.server.as_mut().unwrap()
    }

    /// Runs until `done`, for an hour of virtual time at most.
    pub(crate) fn run_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let limit = self.now + Duration::from_secs(3_600);
        while !done(self) {
            assert!(
                self.step(limit),
                "nothing left to happen: {:?} {:?}",
                self.client,
                self.server
            );
        }
    }

    /// Runs for a while, or until nothing is left to happen.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let limit = self.now + time;
        while self.step(limit) {}
        self.now = limit;
    }

    /// Runs for a second, by when what was said has been acknowledged.
    pub(crate) fn settle(&mut self) {
        self.run_for(Duration::from_secs(1));
    }

    /// Lets the next thing happen that happens by `limit`; `false` if there is none.
    pub(crate) fn step(&mut self, limit: Now) -> bool {
        self.poll();
        let timers = [
            self.client.deadline(self.now),
            self.server.as_mut().and_then(|leg| leg.deadline(self.now)),
        ];
        let arrival = self.flying.iter().map(|(at, ..)| *at).min();
        let Some(next) = timers.into_iter().flatten().chain(arrival).min() else {
            return false;
        };
        if next > limit {
            return false;
        }
        // A leg that wants to be polled at once, for ever, has time pass by ticks.
        self.now = if arrival == Some(next) {
            next.max(self.now)
        } else {
            next.max(self.now + Duration::from_millis(1))
        };
        self.deliver();
        true
    }

    pub(crate) fn poll(&mut self) {
        let mut sent = Sent::default();
        self.client.poll(self.now, &mut sent);
        self.launch(To::Server, sent);
        let mut sent = Sent::default();
        if let Some(leg) = &mut self.server {
            leg.poll(self.now, &mut sent);
        }
        self.launch(To::Client, sent);
    }

    fn deliver(&mut self) {
        while let Some(i) = self.flying.iter().position(|(at, ..)| *at <= self.now) {
            let (_, to, packet) = self.flying.remove(i).unwrap();
            self.receive(to, &packet);
        }
    }

    /// Hands a packet to one end, and launches what it answers.
    pub(crate) fn receive(&mut self, to: To, packet: &[u8]) {
        let mut sent = Sent::default();
        match (to, &mut self.server) {
            _ if self.cut => {}
            (To::Client, _) => {
                let _ = self.client.on_segment(packet, self.now, &mut sent);
                self.launch(To::Server, sent);
            }
            (To::Server, Some(leg)) => {
                let _ = leg.on_segment(packet, self.now, &mut sent);
                self.launch(To::Client, sent);
            }
            (To::Server, None) => {
                if self.cookies.on_syn(packet, self.now, &mut sent).is_err()
                    && let Ok(accepted) = self.cookies.on_ack(packet, self.now)
                {
                    let params = &self.server_params;
                    self.server =
                        TcpLeg::accept(&accepted, packet, params, self.now, &mut sent).ok();
                }
                self.launch(To::Client, sent);
            }
        }
    }

    fn launch(&mut self, to: To, sent: Sent) {
        for packet in sent.0 {
            self.log.push((self.now, to, packet.clone()));
            if self.chance(self.weather.loss) {
                continue;
            }
            let copies = 1 + u32::from(self.chance(self.weather.duplication));
            for _ in 0..copies {
                let extra = if self.chance(self.weather.reorder) {
                    self.draw() % 80
                } else {
                    0
                };
                let at = self.now + Duration::from_millis(10 + u64::from(extra));
                self.flying.push_back((at, to, packet.clone()));
            }
        }
    }

    fn chance(&mut self, thousandths: u32) -> bool {
        self.draw() % 1_000 < thousandths
    }

    fn draw(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 32) as u32
    }

    /// Segments logged towards one end.
    pub(crate) fn segments(&self, to: To) -> Vec<Seen> {
        self.log
            .iter()
            .filter(|(_, t, _)| *t == to)
            .map(|(at, _, p)| seen(*at, p))
            .collect()
    }
}

/// Everything there is to read.
pub(crate) fn read_all(leg: &mut TcpLeg) -> Vec<u8> {
    let mut bytes = Vec::new();
    while leg.unread() > 0 {
        leg.recv(|octets| {
            bytes.extend_from_slice(octets);
            octets.len()
        });
    }
    bytes
}

/// A segment as a test wants to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Now,
    pub(crate) control: TcpControl,
    pub(crate) seq: u32,
    pub(crate) ack: Option<u32>,
    pub(crate) window: u16,
    pub(crate) len: usize,
}

pub(crate) fn seen(at: Now, packet: &[u8]) -> Seen {
    let (_, _, bytes) = ip_payload(packet);
    let tcp = TcpPacket::new_checked(bytes).unwrap();
    let any = IpAddress::v4(0, 0, 0, 0);
    let repr = TcpRepr::parse(&tcp, &any, &any, &ChecksumCapabilities::ignored()).unwrap();
    Seen {
        at,
        control: repr.control,
        seq: repr.seq_number.0.cast_unsigned(),
        ack: repr.ack_number.map(|n| n.0.cast_unsigned()),
        window: repr.window_len,
        len: repr.payload.len(),
    }
}

fn ip_payload(packet: &[u8]) -> (IpAddress, IpAddress, &[u8]) {
    if packet[0] >> 4 == 4 {
        let ip = Ipv4Packet::new_checked(packet).unwrap();
        (ip.src_addr().into(), ip.dst_addr().into(), ip.payload())
    } else {
        let ip = Ipv6Packet::new_checked(packet).unwrap();
        (ip.src_addr().into(), ip.dst_addr().into(), ip.payload())
    }
}

fn verify_checksums(packet: &[u8]) {
    if packet[0] >> 4 == 4 {
        assert!(Ipv4Packet::new_checked(packet).unwrap().verify_checksum());
    }
    let (source, destination, bytes) = ip_payload(packet);
    assert!(
        TcpPacket::new_checked(bytes)
            .unwrap()
            .verify_checksum(&source, &destination)
    );
}

/// A packet from one end to the other, made by hand.
pub(crate) fn packet(from: SocketAddr, to: SocketAddr, tcp: TcpRepr<'_>) -> Vec<u8> {
    let (from, to) = (IpEndpoint::from(from), IpEndpoint::from(to));
    let tcp = TcpRepr {
        src_port: from.port,
        dst_port: to.port,
        ..tcp
    };
    let ip = IpRepr::new(from.addr, to.addr, IpProtocol::Tcp, tcp.buffer_len(), 64);
    let caps = ChecksumCapabilities::default();
    let mut bytes = vec![0; ip.buffer_len()];
    ip.emit(&mut bytes[..], &caps);
    let mut packet = TcpPacket::new_unchecked(&mut bytes[ip.header_len()..]);
    tcp.emit(&mut packet, &from.addr, &to.addr, &caps);
    bytes
}

pub(crate) fn segment(seq: u32, ack: u32, payload: &[u8]) -> TcpRepr<'_> {
    TcpRepr {
        src_port: 0,
        dst_port: 0,
        control: TcpControl::None,
        seq_number: TcpSeqNumber(seq.cast_signed()),
        ack_number: Some(TcpSeqNumber(ack.cast_signed())),
        window_len: 8_192,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload,
    }
}
