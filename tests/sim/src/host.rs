//! A host: a station with its own IP stack, TCP connections, TLS and datagrams.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use abi::policy::{Interface, Prefix, Route};
use abi::{Counter, Now, Reason};
use ip::{Egress, IcmpReport, InterfaceId, Limits, NeighborEvent, Stack};
use tcp::{Cookies, IsnSource, Params, TcpLeg, Transmit};
use tls::{ClientProfile, ServerProfile, Target, TlsLeg};
use wire::offload::complete_tcp;
use wire::sim::{SimFrame, SimNic};
use wire::tcp::TcpView;
use wire::{Burst, Frame, Nic, Packet, Parsed, TxChecksums, proto};

use crate::conn::{Conn, ConnId};
use crate::packets::datagram;

/// Where a host stands.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// What to call it.
    pub name: &'static str,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<Prefix>,
    /// Its routers, one a family at most.
    pub routers: Vec<IpAddr>,
    /// The VLAN that it is on.
    pub vlan: Option<u16>,
    /// How its TCP behaves.
    pub tcp: Params,
}

/// A datagram that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// From where.
    pub from: SocketAddr,
    /// To which of our addresses and ports.
    pub to: SocketAddr,
    /// What it carried.
    pub payload: Vec<u8>,
}

/// The cable, as the stack wants it.
#[derive(Debug)]
struct Port {
    nic: SimNic,
    refused: BTreeMap<Reason, u64>,
}

impl Port {
    fn transmit(&mut self, frame: SimFrame) {
        let mut burst: Burst<SimFrame> = [frame].into_iter().collect();
        self.nic.tx_burst(&mut burst);
    }
}

impl Egress<SimFrame> for Port {
    fn alloc(&mut self, _: u16) -> Option<SimFrame> {
        self.nic.alloc()
    }

    fn send(&mut self, _: u16, frame: SimFrame) {
        self.transmit(frame);
    }

    fn refuse(&mut self, reason: Reason) {
        *self.refused.entry(reason).or_default() += 1;
    }

    fn count(&mut self, _: Counter) {}

    fn tell(&mut self, _: NeighborEvent) {}
}

/// Where TCP's packets go.
struct TcpOut<'a> {
    stack: &'a mut Stack<SimFrame>,
    port: &'a mut Port,
    now: Now,
}

impl Transmit for TcpOut<'_> {
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        let mut packet = vec![0; len];
        fill(&mut packet);
        complete_tcp(&mut packet, TxChecksums::NONE).unwrap();
        send_packet(self.stack, self.port, &packet, self.now);
        true
    }
}

/// Routes a packet out.
fn send_packet(stack: &mut Stack<SimFrame>, port: &mut Port, packet: &[u8], now: Now) {
    let to = match packet[0] >> 4 {
        4 => <[u8; 4]>::try_from(&packet[16..20]).unwrap().into(),
        _ => <[u8; 16]>::try_from(&packet[24..40]).unwrap().into(),
    };
    stack.transmit(SimFrame::from_bytes(packet), to, now, port);
}

/// A station that speaks IP.
#[derive(Debug)]
pub struct Host {
    /// What it is called.
    pub name: &'static str,
    pub(crate) now: Now,
    port: Port,
    stack: Stack<SimFrame>,
    cookies: Cookies,
    isns: IsnSource,
    params: Params,
    /// TCP ports that it listens on, clear or not.
    listeners: HashMap<u16, Option<ServerProfile>>,
    /// TCP ports to which it says nothing, not even no.
    deaf: HashSet<u16>,
    flows: HashMap<(SocketAddr, SocketAddr), ConnId>,
    conns: BTreeMap<ConnId, Conn>,
    touched: BTreeSet<ConnId>,
    timers: BTreeSet<(Now, ConnId)>,
    accepted: VecDeque<ConnId>,
    datagrams: Vec<Datagram>,
    reports: Vec<IcmpReport>,
    /// ICMP messages that have arrived, from their type on.
    icmp: Vec<Vec<u8>>,
    next_conn: u32,
    next_port: u16,
    /// Says and hears nothing, as if unplugged.
    pub unplugged: bool,
}

impl Host {
    pub(crate) fn new(spec: &HostSpec, nic: SimNic, now: Now) -> Self {
        let mut stack = Stack::new(Limits::default());
        let interface = Interface {
            name: spec.name.into(),
            device: 0,
            vlan: spec.vlan,
            addresses: spec.addresses.clone(),
            owned: Vec::new(),
            reassemble: true,
        };
        let routes: Vec<Route> = spec.routers.iter().map(|router| route(*router)).collect();
        stack
            .configure(&[interface], &routes, &[nic.info()])
            .unwrap();
        let secret = [nic.info().mac.0[5]; 32];
        Self {
            name: spec.name,
            now,
            stack,
            cookies: Cookies::new(&secret, &spec.tcp, now),
            isns: IsnSource::new(&secret),
            params: spec.tcp,
            port: Port {
                nic,
                refused: BTreeMap::new(),
            },
            listeners: HashMap::new(),
            deaf: HashSet::new(),
            flows: HashMap::new(),
            conns: BTreeMap::new(),
            touched: BTreeSet::new(),
            timers: BTreeSet::new(),
            accepted: VecDeque::new(),
            datagrams: Vec::new(),
            reports: Vec::new(),
            icmp: Vec::new(),
            next_conn: 0,
            next_port: 40_000,
            unplugged: false,
        }
    }

    /// Listens on a TCP port, with TLS if there is a profile.
    pub fn listen(&mut self, tcp_port: u16, tls: Option<ServerProfile>) {
        self.listeners.insert(tcp_port, tls);
    }

    /// Listens no more; what is open stays.
    pub fn stop_listening(&mut self, tcp_port: u16) {
        self.listeners.remove(&tcp_port);
    }

    /// Leaves everything to a TCP port without an answer.
    pub fn ignore(&mut self, tcp_port: u16) {
        self.deaf.insert(tcp_port);
    }

    /// Opens a connection, with TLS if there is a profile.
    pub fn connect(&mut self, to: SocketAddr, tls: Option<&ClientProfile>) -> ConnId {
        let port = self.next_port;
        self.next_port = if port == 59_999 { 40_000 } else { port + 1 };
        self.connect_from(port, to, tls)
    }

    /// Opens a connection from a port of one's choice.
    ///
    /// # Panics
    /// When the port is taken or there is no way to `to`.
    pub fn connect_from(
        &mut self,
        port: u16,
        to: SocketAddr,
        tls: Option<&ClientProfile>,
    ) -> ConnId {
        let local = SocketAddr::new(self.stack.source_address(to.ip()).unwrap(), port);
        let isn = self.isns.isn(local, to, self.now);
        let tcp = TcpLeg::connect(local, to, isn, &self.params, self.now).unwrap();
        let tls = match tls {
            Some(profile) => TlsLeg::client(
                profile,
                &Target {
                    address: to.ip(),
                    client_sni: None,
                },
            ),
            None => TlsLeg::clear(tls::LegLimits::default()),
        };
        self.add(Conn::new(tcp, tls))
    }

    fn add(&mut self, conn: Conn) -> ConnId {
        let id = ConnId(self.next_conn);
        self.next_conn += 1;
        let taken = self.flows.insert((conn.local(), conn.peer()), id);
        assert_eq!(taken, None, "{}: {conn:?} is there twice", self.name);
        self.conns.insert(id, conn);
        self.touched.insert(id);
        id
    }

    /// A connection.
    ///
    /// # Panics
    /// When it has been forgotten.
    pub fn conn(&mut self, id: ConnId) -> &mut Conn {
        self.conns.get_mut(&id).unwrap()
    }

    /// The oldest connection accepted that has not been asked for.
    pub fn accepted(&mut self) -> Option<ConnId> {
        self.accepted.pop_front()
    }

    /// Connections whose TCP is not over.
    #[must_use]
    pub fn open_conns(&self) -> usize {
        self.flows.len()
    }

    /// Says something on a connection.
    pub fn send(&mut self, id: ConnId, octets: impl AsRef<[u8]>) {
        self.touch(id).push(octets.as_ref());
    }

    /// Says something below TLS, as it is. Returns how much was taken.
    pub fn send_below(&mut self, id: ConnId, octets: &[u8]) -> usize {
        self.touch(id).tcp.send(octets)
    }

    /// Stops or goes on taking what arrives on a connection.
    pub fn set_reading(&mut self, id: ConnId, reading: bool) {
        self.touch(id).set_reading(reading);
    }

    /// Ends our direction after all that was said.
    pub fn finish(&mut self, id: ConnId) {
        self.touch(id).finish();
    }

    /// Forgets a connection without a word, as a host does that starts anew.
    pub fn forget(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.remove(&id) {
            self.flows.remove(&(conn.local(), conn.peer()));
        }
    }

    /// Gives a connection up with a reset.
    pub fn abort(&mut self, id: ConnId) {
        self.touch(id).tcp.abort();
    }

    fn touch(&mut self, id: ConnId) -> &mut Conn {
        self.touched.insert(id);
        self.conn(id)
    }

    /// Sends a datagram from one of our ports.
    ///
    /// # Panics
    /// When there is no way to `to`, or it does not fit in a packet.
    pub fn send_datagram(&mut self, from_port: u16, to: SocketAddr, payload: &[u8]) {
        let src = SocketAddr::new(self.stack.source_address(to.ip()).unwrap(), from_port);
        self.send_packet(&datagram(src, to, payload));
    }

    /// Takes the datagrams that have arrived at one of our ports.
    pub fn take_datagrams(&mut self, port: u16) -> Vec<Datagram> {
        let arrived = std::mem::take(&mut self.datagrams).into_iter();
        let (taken, left) = arrived.partition(|datagram| datagram.to.port() == port);
        self.datagrams = left;
        taken
    }

    /// Sends an IP packet as it is.
    pub fn send_packet(&mut self, packet: &[u8]) {
        send_packet(&mut self.stack, &mut self.port, packet, self.now);
    }

    /// Sends a frame as it is.
    pub fn send_frame(&mut self, frame: &[u8]) {
        self.port.nic.send_bytes(frame);
    }

    /// Takes the ICMP messages that have arrived, from their type on.
    pub fn take_icmp(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.icmp)
    }

    /// Takes the errors that others have reported.
    pub fn take_reports(&mut self) -> Vec<IcmpReport> {
        std::mem::take(&mut self.reports)
    }

    /// How often the host itself refused something.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.port.refused.get(&reason).copied().unwrap_or(0)
    }

    /// Takes in what has arrived and sends what there is to send.
    pub(crate) fn poll(&mut self, now: Now) {
        self.now = now;
        while let Some(frame) = self.port.nic.receive() {
            if !self.unplugged {
                self.on_frame(frame);
            }
        }
        if self.stack.next_deadline().is_some_and(|at| at <= now) {
            self.stack.poll(now, &mut self.port);
        }
        while let Some(&(at, id)) = self.timers.first().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            self.touched.insert(id);
        }
        while let Some(id) = self.touched.pop_first() {
            self.service(id);
        }
    }

    /// Its connections, one a line.
    pub(crate) fn summary(&self) -> String {
        let conns = self
            .conns
            .values()
            .map(|conn| format!("\n  {}", conn.summary()));
        format!("{}:{}", self.name, conns.collect::<String>())
    }

    /// When the host has something to do unless something arrives before.
    pub(crate) fn next_deadline(&self) -> Option<Now> {
        let touched = (!self.touched.is_empty()).then_some(self.now);
        let timer = self.timers.first().map(|(at, _)| *at);
        [touched, timer, self.stack.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn service(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if let Some(at) = conn.timer.take() {
            self.timers.remove(&(at, id));
        }
        let mut out = TcpOut {
            stack: &mut self.stack,
            port: &mut self.port,
            now: self.now,
        };
        conn.service(self.now, &mut out);
        if conn.tcp.is_done() {
            self.flows.remove(&(conn.local(), conn.peer()));
        } else if let Some(at) = conn.tcp.deadline(self.now) {
            conn.timer = Some(at);
            self.timers.insert((at, id));
        }
    }

    fn on_frame(&mut self, frame: SimFrame) {
        match wire::parse(&frame) {
            Ok(Parsed::Arp(link)) => {
                self.stack.on_arp(0, frame, &link, self.now, &mut self.port);
            }
            Ok(Parsed::Ip(packet)) => match self.stack.accept(0, &packet) {
                Ok(interface) => self.on_packet(interface, frame, &packet),
                Err(reason) => self.port.refuse(reason),
            },
            Err(reason) => self.port.refuse(reason),
        }
    }

    fn on_packet(&mut self, interface: InterfaceId, frame: SimFrame, packet: &Packet) {
        if packet.fragment {
            let (now, port) = (self.now, &mut self.port);
            if let Some(whole) = self.stack.on_fragment(&frame, packet, interface, now, port) {
                self.on_frame(whole);
            }
            return;
        }
        match packet.protocol {
            proto::TCP if self.stack.locality(packet.dst).is_ours() => self.on_tcp(&frame, packet),
            proto::UDP if self.stack.locality(packet.dst).is_ours() => {
                self.datagrams.push(Datagram {
                    from: (packet.src, packet.src_port).into(),
                    to: (packet.dst, packet.dst_port).into(),
                    payload: frame.data()[packet.payload_range()].to_vec(),
                });
            }
            proto::ICMP | proto::ICMPV6 => {
                self.icmp
                    .push(frame.data()[packet.transport_range()].to_vec());
                let (now, port) = (self.now, &mut self.port);
                let report = self.stack.on_icmp(frame, packet, interface, now, port);
                self.reports.extend(report);
            }
            _ => self.port.refuse(Reason::IpUnknownProtocol),
        }
    }

    fn on_tcp(&mut self, frame: &SimFrame, packet: &Packet) {
        let local = SocketAddr::new(packet.dst, packet.dst_port);
        let peer = SocketAddr::new(packet.src, packet.src_port);
        if self.deaf.contains(&local.port()) {
            return;
        }
        let segment = &frame.data()[packet.ip_range()];
        let mut out = TcpOut {
            stack: &mut self.stack,
            port: &mut self.port,
            now: self.now,
        };
        if let Some(id) = self.flows.get(&(local, peer)) {
            let conn = self.conns.get_mut(id).unwrap();
            if let Err(reason) = conn.tcp.on_segment(segment, self.now, &mut out) {
                self.port.refuse(reason);
            }
            self.touched.insert(*id);
            return;
        }
        let Some(profile) = self.listeners.get(&local.port()) else {
            tcp::reset_for(segment, &mut out);
            return;
        };
        let view = TcpView::parse(&frame.data()[packet.transport_range()]).unwrap();
        if view.flags().is_initial_syn() {
            if let Err(reason) = self.cookies.on_syn(segment, self.now, &mut out) {
                self.port.refuse(reason);
            }
            return;
        }
        let accepted = self.cookies.on_ack(segment, self.now).and_then(|accepted| {
            TcpLeg::accept(&accepted, segment, &self.params, self.now, &mut out)
        });
        match accepted {
            Ok(tcp) => {
                let tls = match profile {
                    Some(profile) => TlsLeg::server(profile),
                    None => TlsLeg::clear(tls::LegLimits::default()),
                };
                let id = self.add(Conn::new(tcp, tls));
                self.accepted.push_back(id);
            }
            Err(Reason::TcpEarly) => self.port.refuse(Reason::TcpEarly),
            Err(_) => {
                tcp::reset_for(segment, &mut out);
            }
        }
    }
}

/// The default route by way of `router`.
fn route(router: IpAddr) -> Route {
    let any: IpAddr = match router {
        IpAddr::V4(_) => [0; 4].into(),
        IpAddr::V6(_) => [0; 16].into(),
    };
    Route {
        prefix: Prefix {
            address: any,
            len: 0,
        },
        via: Some(router),
        interface: 0,
    }
}
