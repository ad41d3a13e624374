//! Packets along a worker's whole way: port, parser, flow table, TCP, TLS, session, and back out.

mod nic;
mod peer;
mod proxy;
mod traffic;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use abi::Now;
use perf_harness::{Options, Question, Target, Unit};
use sim::Place;
use tls::TlsLeg;
use wire::arp::{ArpRepr, Operation};
use wire::ethernet::{self, EthernetRepr};
use wire::{BURST, Frame, MacAddr, Nic, Parsed};

use crate::clock::{Random, clock, each};
use nic::MemNic;
use peer::{Peer, Segment};
use proxy::Proxy;
use traffic::Traffic;

/// Numbers of sessions that are measured.
const SESSIONS: [u32; 3] = [100, 1_000, 10_000];
/// Those that are compared.
const ENDS: [u32; 2] = [100, 10_000];
/// Messages that are put on the way together: the same with any number of sessions, and not too
/// many for 100 of them.
const BLOCK: usize = 9 * BURST;
/// Messages of one session in a block at most: they have to fit in its buffers.
const TOGETHER: u8 = 4;
/// Blocks of one piece of a run: so few that some pieces are not interrupted on a busy machine.
const BLOCKS: usize = 7;
/// Pieces of a run.
const PIECES: usize = 20;
/// Time that passes from one turn of the worker to the next.
const TURN: Duration = Duration::from_micros(20);
/// TCP port of the first phone.
const FIRST_PORT: u16 = 10_000;
/// Station that all peers are behind.
const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x99]);

/// Asks what a packet costs by the number of sessions.
pub(crate) fn ask(options: &Options) -> Question {
    let mut question = question();
    let counts: &[u32] = if options.short { &ENDS } else { &SESSIONS };
    for (secure, legs) in [(false, "TCP-TCP"), (true, "TLS-TCP")] {
        let mut labs: Vec<Lab> = counts
            .iter()
            .map(|&count| Lab::new(count, secure))
            .collect();
        for traffic in [Traffic::Keepalive, Traffic::Options] {
            let series = format!("{legs}, {traffic}");
            for _ in 0..options.runs {
                for (&count, nanos) in counts.iter().zip(best(&mut labs, traffic)) {
                    question.record_at(&series, f64::from(count), Unit::NsPerPacket, nanos);
                }
            }
            let [of, to] = ENDS.map(|count| format!("{series}, {count}"));
            let what = format!("{series}: times the cost with 100 sessions");
            question.claim_ratio(&what, &to, &of, Target::AtMost(1.5));
        }
    }
    question
}

fn question() -> Question {
    Question::new(
        "tcp-sessions",
        "What does a TCP packet cost with 10,000 sessions, compared with 100?",
        "One worker, driven by ports in memory: no NIC, no system call. Phones chosen at random \
         send messages, 288 of them at a time in bursts of 32, which are forwarded, answered by a \
         call manager and acknowledged. The time is the worker's alone, for each packet that it \
         receives; what phones and call manager do in between is not timed, but leaves the \
         caches to the worker as it may. All numbers of sessions take turns within a run, and a \
         run counts the best of 20 short pieces, since other load comes and goes.",
    )
    .along("sessions")
}

/// Nanoseconds a packet in each lab: the best of several short pieces, in which the labs take
/// turns.
fn best(labs: &mut [Lab], traffic: Traffic) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; labs.len()];
    for _ in 0..PIECES {
        for (best, lab) in best.iter_mut().zip(&mut *labs) {
            *best = best.min(lab.measure(traffic));
        }
    }
    best
}

/// A worker with its phones and their call manager.
struct Lab {
    proxy: Proxy,
    phones: Vec<Peer>,
    /// The call manager's ends by the proxy's port.
    managers: Vec<Option<Peer>>,
    now: Now,
    random: Random,
    serial: u64,
    /// Packets that the worker has received, and how long it took over them.
    received: usize,
    time: Duration,
}

impl Lab {
    /// Opens `count` sessions.
    fn new(count: u32, secure: bool) -> Self {
        let now = Now::from_millis(1_000_000);
        let mut lab = Self {
            proxy: Proxy::new(count, secure, now),
            phones: Vec::new(),
            managers: (0..=u16::MAX).map(|_| None).collect(),
            now,
            random: Random::new(11),
            serial: 0,
            received: 0,
            time: Duration::ZERO,
        };
        while lab.phones.len() < count as usize {
            let first = lab.phones.len();
            // The first one has the worker learn where the peers are.
            let together = if first == 0 { 1 } else { BURST };
            for n in first..(first + together).min(count as usize) {
                lab.dial(n);
            }
            lab.settle(Traffic::Keepalive);
        }
        assert!(
            lab.phones.iter().all(Peer::is_open),
            "{:?}",
            lab.proxy.refusals()
        );
        assert_eq!(lab.managers.iter().flatten().count(), count as usize);
        lab
    }

    /// Has phone `n` begin a connection.
    fn dial(&mut self, n: usize) {
        let to = self.manager();
        let tls = self.proxy.phones.as_ref().map(|profile| {
            let target = tls::Target {
                address: (*to.ip()).into(),
                client_sni: None,
            };
            Box::new(TlsLeg::client(profile, &target))
        });
        let port = FIRST_PORT + u16::try_from(n).expect("a port for each phone");
        let from = SocketAddrV4::new(v4(self.proxy.setup.address(Place::Phone)), port);
        let (phone, syn) = Peer::connect(from, to, tls);
        self.phones.push(phone);
        inject(self.proxy.outside, &syn);
    }

    /// Where phones aim at.
    fn manager(&self) -> SocketAddrV4 {
        match self.proxy.setup.target() {
            SocketAddr::V4(to) => to,
            SocketAddr::V6(_) => unreachable!("the set-up is of IPv4"),
        }
    }

    /// Nanoseconds for each packet received, over messages of random sessions.
    fn measure(&mut self, traffic: Traffic) -> f64 {
        (self.received, self.time) = (0, Duration::ZERO);
        let count = self.phones.len();
        for _ in 0..BLOCKS {
            let mut said = vec![0; count];
            let mut out = Vec::new();
            while out.len() < BLOCK {
                let n = self.random.below(count);
                let (Some(said), Some(phone)) = (said.get_mut(n), self.phones.get_mut(n)) else {
                    continue;
                };
                if *said < TOGETHER {
                    *said += 1;
                    self.serial += 1;
                    phone.say(&traffic.request(n, self.serial), &mut out);
                }
            }
            out.iter()
                .for_each(|packet| inject(self.proxy.outside, packet));
            self.settle(traffic);
        }
        assert_eq!(self.proxy.refusals(), [], "packets were refused");
        each(self.time, self.received)
    }

    /// Goes on until nobody has anything to say.
    fn settle(&mut self, traffic: Traffic) {
        loop {
            self.turns();
            let answered = self.deliver_outside() + self.deliver_inside(traffic);
            if answered == 0 {
                return;
            }
        }
    }

    /// Has the worker take in all that waits.
    fn turns(&mut self) {
        let waiting = |proxy: &Proxy| proxy.outside.waiting() + proxy.inside.waiting();
        self.received += waiting(&self.proxy);
        let begun = clock();
        loop {
            self.now = self.now + TURN;
            let turn = self.proxy.worker.poll_once(self.now);
            if waiting(&self.proxy) == 0 && (self.is_measuring() || !turn.busy) {
                break;
            }
        }
        self.time += begun.elapsed();
    }

    /// Whether all sessions are open: then timers can wait until packets come.
    fn is_measuring(&self) -> bool {
        self.serial > 0
    }

    /// Gives the phones what the worker has sent to them; returns how many packets they sent.
    fn deliver_outside(&mut self) -> usize {
        let mut out = Vec::new();
        while let Some(frame) = self.proxy.outside.take() {
            let Some(packet) = ip_packet(self.proxy.outside, &frame, &mut out) else {
                continue;
            };
            let segment = Segment::parse(packet).expect("a segment");
            let n = usize::from(segment.dst_port - FIRST_PORT);
            let phone = self.phones.get_mut(n).expect("a phone");
            let mut said = Vec::new();
            phone.on_segment(&segment, &mut said, &mut out);
            if !said.is_empty() {
                phone.say(&[], &mut out);
            }
        }
        inject_all(self.proxy.outside, &out)
    }

    /// Gives the call manager what the worker has sent to it.
    fn deliver_inside(&mut self, traffic: Traffic) -> usize {
        let (phone, manager) = (
            self.proxy.setup.address(Place::Phone),
            self.proxy.setup.address(Place::Manager),
        );
        let port = self.proxy.setup.manager_port();
        let mut out = Vec::new();
        while let Some(frame) = self.proxy.inside.take() {
            let Some(packet) = ip_packet(self.proxy.inside, &frame, &mut out) else {
                continue;
            };
            let segment = Segment::parse(packet).expect("a segment");
            let place = self
                .managers
                .get_mut(usize::from(segment.src_port))
                .expect("a port");
            if segment.is_syn() {
                let (local, remote) = (
                    SocketAddrV4::new(v4(manager), port),
                    SocketAddrV4::new(v4(phone), segment.src_port),
                );
                let (peer, answer) = Peer::accept(local, remote, &segment);
                *place = Some(peer);
                out.push(answer);
                continue;
            }
            let peer = place.as_mut().expect("a connection");
            let mut said = Vec::new();
            peer.on_segment(&segment, &mut said, &mut out);
            // Messages that were said together may come in one segment.
            for message in messages(&said) {
                peer.say(&traffic.answer(message), &mut out);
            }
        }
        inject_all(self.proxy.inside, &out)
    }
}

/// The messages in `said`, each of which ends with an empty line.
fn messages(said: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = said;
    std::iter::from_fn(move || {
        let end = rest.windows(4).position(|octets| octets == b"\r\n\r\n")? + 4;
        let (message, left) = rest.split_at(end);
        rest = left;
        Some(message)
    })
}

fn v4(address: std::net::IpAddr) -> Ipv4Addr {
    match address {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(_) => unreachable!("the set-up is of IPv4"),
    }
}

/// The IP packet in a frame; a question for a station address is answered at once.
fn ip_packet<'a>(
    nic: MemNic,
    frame: &'a nic::MemFrame,
    out: &mut Vec<Vec<u8>>,
) -> Option<&'a [u8]> {
    match wire::parse(frame).expect("a sound frame") {
        Parsed::Ip(packet) => frame.data().get(packet.ip_range()),
        Parsed::Arp(_) => {
            let asked = ArpRepr::parse(frame.data().get(ethernet::HEADER_LEN..)?).expect("ARP");
            if asked.operation == Operation::Request {
                answer_arp(nic, &asked);
                out.push(Vec::new());
            }
            None
        }
    }
}

fn answer_arp(nic: MemNic, asked: &ArpRepr) {
    let mut octets = [0; ethernet::HEADER_LEN + wire::arp::LEN];
    let link = EthernetRepr {
        dst: nic.info().mac,
        src: PEER,
        vlan: None,
        ethertype: ethernet::ARP,
    };
    link.emit(&mut octets).expect("room");
    let answer = ArpRepr {
        operation: Operation::Reply,
        sender_mac: PEER,
        sender_ip: asked.target_ip,
        target_mac: asked.sender_mac,
        target_ip: asked.sender_ip,
    };
    let room = octets.get_mut(ethernet::HEADER_LEN..).expect("room");
    answer.emit(room).expect("room");
    nic.inject(&octets);
}

/// Puts packets on the way to the worker and returns how many.
fn inject_all(nic: MemNic, packets: &[Vec<u8>]) -> usize {
    packets
        .iter()
        .filter(|packet| !packet.is_empty())
        .for_each(|packet| inject(nic, packet));
    packets.len()
}

fn inject(nic: MemNic, packet: &[u8]) {
    let link = EthernetRepr {
        dst: nic.info().mac,
        src: PEER,
        vlan: None,
        ethertype: ethernet::IPV4,
    };
    let mut octets = vec![0; ethernet::HEADER_LEN];
    link.emit(&mut octets).expect("room");
    octets.extend_from_slice(packet);
    nic.inject(&octets);
}
