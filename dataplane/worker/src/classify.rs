//! Whose packet is this? Every worker answers alike, so that a packet is handed over once.

use core::net::SocketAddr;

use abi::{Counter, Now, Reason};
use flow::{FlowKey, TCP, rss};
use ip::{IcmpError, IcmpReport, InterfaceId, Locality};
use wire::tcp::{Flags, TcpView};
use wire::{Frame, Nic, Packet, proto};

use crate::Worker;
use crate::net::TcpOut;
use crate::proxied::LegAddresses;
use crate::signal::LegRef;

/// Entries of the redirection table that the hash is taken over: what most ports have.
const REDIRECTION_ENTRIES: u16 = 128;

/// What a packet is, and which worker it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// UDP to one of our media ports.
    Media { owner: u16 },
    /// TCP of a listener, or of a connection that we opened.
    Signal { owner: u16 },
    /// Part of a packet.
    Fragment { owner: u16 },
    /// Anything else: whoever received it deals with it.
    Here,
}

impl Class {
    /// The worker that the packet belongs to, if not to whoever received it.
    pub(crate) fn owner(self) -> Option<usize> {
        match self {
            Self::Media { owner } | Self::Signal { owner } | Self::Fragment { owner } => {
                Some(usize::from(owner))
            }
            Self::Here => None,
        }
    }
}

impl LegAddresses {
    /// Both ends of the connection that a received packet is of.
    pub(crate) fn of(packet: &Packet) -> Self {
        Self {
            local: SocketAddr::new(packet.dst, packet.dst_port),
            peer: SocketAddr::new(packet.src, packet.src_port),
        }
    }
}

impl<N: Nic> Worker<N> {
    #[inline]
    pub(crate) fn classify(&self, interface: InterfaceId, packet: &Packet) -> Class {
        if packet.fragment {
            return Class::Fragment {
                owner: self.hashed_owner(packet),
            };
        }
        match packet.protocol {
            proto::UDP => self
                .media
                .owner(packet.dst, packet.dst_port)
                .map_or(Class::Here, |owner| Class::Media { owner }),
            proto::TCP => self.classify_tcp(interface, packet),
            _ => Class::Here,
        }
    }

    fn classify_tcp(&self, interface: InterfaceId, packet: &Packet) -> Class {
        let aimed_at = SocketAddr::new(packet.dst, packet.dst_port);
        if self.policy.is_listener(interface.0, aimed_at) {
            return Class::Signal {
                owner: self.hashed_owner(packet),
            };
        }
        // A port that we chose names its owner.
        match self.tcp_map.owner_of(packet.dst_port) {
            Some(owner) => Class::Signal { owner },
            None => Class::Here,
        }
    }

    /// The worker that symmetric receive-side scaling would choose.
    fn hashed_owner(&self, packet: &Packet) -> u16 {
        if self.workers == 1 {
            return 0;
        }
        let LegAddresses { local, peer } = LegAddresses::of(packet);
        let hash = rss::symmetric_hash(&FlowKey::new(packet.protocol, local, peer));
        rss::queue_of(
            hash,
            REDIRECTION_ENTRIES,
            u16::try_from(self.workers).unwrap_or(1),
        )
    }

    /// The leg that a segment belongs to.
    pub(crate) fn leg_for(&self, packet: &Packet) -> Option<LegRef> {
        let LegAddresses { local, peer } = LegAddresses::of(packet);
        self.leg_of(self.flows.get(&FlowKey::new(TCP, local, peer))?)
    }

    /// A segment to a port where nobody listens.
    pub(crate) fn on_unlistened(
        &mut self,
        id: InterfaceId,
        frame: N::Frame,
        packet: Packet,
        now: Now,
    ) {
        if !self.net.stack.locality(packet.dst).is_ours() {
            return self.forward(id, frame, packet, now);
        }
        self.counters.refuse(Reason::TcpNoFlow);
        if let Some(segment) = frame.data().get(packet.ip_range()) {
            self.net.reset(segment, now);
        }
    }

    /// Answers the first packet of a handshake, and keeps nothing.
    pub(crate) fn answer_syn(&mut self, segment: &[u8], now: Now) {
        let mut out = TcpOut::new(&mut self.net, now);
        match self.cookies.on_syn(segment, now, &mut out) {
            Ok(()) => self.counters.add(Counter::TcpCookiesSent, 1),
            Err(reason) => self.counters.refuse(reason),
        }
    }

    /// A packet that is neither media nor of a connection.
    pub(crate) fn on_other(&mut self, id: InterfaceId, frame: N::Frame, packet: Packet, now: Now) {
        let locality = self.net.stack.locality(packet.dst);
        let is_icmp = matches!(packet.protocol, proto::ICMP | proto::ICMPV6);
        match locality {
            Locality::Remote => self.forward(id, frame, packet, now),
            _ if is_icmp => {
                let (stack, ports) = self.net.parts();
                if let Some(report) = stack.on_icmp(frame, &packet, id, now, ports) {
                    self.on_report(&report, now);
                }
            }
            Locality::Group => self.counters.refuse(Reason::EthNotForUs),
            Locality::Own(_) | Locality::Owned(_) => self.on_nobodys(id, &frame, &packet, now),
        }
    }

    /// A packet to an address of ours for which nobody is at home.
    fn on_nobodys(&mut self, id: InterfaceId, frame: &N::Frame, packet: &Packet, now: Now) {
        match packet.protocol {
            proto::TCP => {
                self.counters.refuse(Reason::TcpNoFlow);
                if let Some(segment) = frame.data().get(packet.ip_range()) {
                    self.net.reset(segment, now);
                }
            }
            proto::UDP => {
                self.counters.refuse(Reason::UdpNoListener);
                let (stack, ports) = self.net.parts();
                let error = IcmpError::PortUnreachable;
                stack.send_error(frame, packet, id, error, now, ports);
            }
            _ => self.counters.refuse(Reason::IpUnknownProtocol),
        }
    }

    /// Routes a packet on, if the policy lets it through.
    fn forward(&mut self, id: InterfaceId, frame: N::Frame, packet: Packet, now: Now) {
        let to = self.net.stack.interface_towards(packet.dst);
        let (stack, ports) = self.net.parts();
        match to {
            Ok(to) if !self.policy.may_forward(id.0, to.0, &packet) => {
                self.counters.refuse(Reason::ForwardDenied);
                stack.send_error(&frame, &packet, id, IcmpError::Prohibited, now, ports);
            }
            _ => stack.forward(frame, packet, id, now, ports),
        }
    }

    /// An ICMP error. Only a smaller MTU on the way of a connection that exists is acted on.
    fn on_report(&mut self, report: &IcmpReport, now: Now) {
        let IcmpError::TooBig { mtu } = report.error else {
            return;
        };
        let about = &report.about;
        let (local, peer) = (about.src, about.dst);
        let Some(to) = self.flows.get(&FlowKey::new(TCP, local, peer)) else {
            return;
        };
        let Some(LegRef { session, leg }) = self.leg_of(to) else {
            return;
        };
        let Some(mut session_box) = self.sessions.take(session) else {
            return;
        };
        if let Some(leg) = &mut session_box.legs[leg] {
            leg.tcp.lower_mtu(mtu, now);
        }
        self.sessions.put(session, session_box);
    }

    /// Control bits of a segment that has been parsed before.
    pub(crate) fn flags(frame: &N::Frame, packet: &Packet) -> Flags {
        let transport = frame
            .data()
            .get(packet.transport_range())
            .unwrap_or_default();
        TcpView::parse(transport).map_or_else(|_| Flags::default(), |view| view.flags())
    }

    pub(crate) fn leg_of(&self, flow: flow::FlowId) -> Option<LegRef> {
        self.leg_refs.get(flow.index() as usize).copied().flatten()
    }

    pub(crate) fn bind(&mut self, flow: flow::FlowId, to: LegRef) {
        if let Some(place) = self.leg_refs.get_mut(flow.index() as usize) {
            *place = Some(to);
        }
    }
}
