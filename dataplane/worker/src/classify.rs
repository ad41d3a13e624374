//! Whose packet is this? Every worker answers alike, so that a packet is handed over once.

use core::net::SocketAddr;

use abi::{Counter, Now, Reason};
use flow::{FlowKey, TCP, rss};
use ip::{IcmpError, IcmpReport, InterfaceId, Locality};
use wire::tcp::{Flags, TcpView};
use wire::{Frame, Nic, Packet, proto};

use crate::Worker;
use crate::media::MediaPort;
use crate::net::TcpOut;
use crate::proxied::LegAddresses;
use crate::signal::LegRef;

/// Entries of the redirection table that the hash is taken over: what most ports have.
const REDIRECTION_ENTRIES: u16 = 128;

/// What a packet is, and which worker it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// UDP to one of our media ports.
    Media(MediaPort),
    /// TCP; whether it is of a flow of ours, its owner knows.
    Signal { owner: u16 },
    /// Part of a packet.
    Fragment { owner: u16 },
    /// An error about a TCP connection that may be one of ours.
    Report { owner: u16, report: IcmpReport },
    /// Anything else: whoever received it deals with it.
    Here,
}

impl Class {
    /// The worker that the packet belongs to, if not to whoever received it.
    pub(crate) fn owner(self) -> Option<usize> {
        match self {
            Self::Media(MediaPort { owner, .. })
            | Self::Signal { owner }
            | Self::Fragment { owner }
            | Self::Report { owner, .. } => Some(usize::from(owner)),
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
    pub(crate) fn classify(
        &self,
        interface: InterfaceId,
        frame: &N::Frame,
        packet: &Packet,
    ) -> Class {
        if packet.fragment {
            return Class::Fragment {
                owner: self.hashed_owner(packet.protocol, LegAddresses::of(packet)),
            };
        }
        match packet.protocol {
            proto::UDP => self.media.port(packet).map_or(Class::Here, Class::Media),
            proto::TCP => Class::Signal {
                owner: self.leg_owner(interface, LegAddresses::of(packet)),
            },
            proto::ICMP | proto::ICMPV6 => self.classify_icmp(interface, frame, packet),
            _ => Class::Here,
        }
    }

    /// The worker that a TCP connection between these ends belongs to. A port that we chose names
    /// its owner; the hash names that of any other, whether or not somebody listens there now,
    /// because a session outlives its listener.
    fn leg_owner(&self, interface: InterfaceId, ends: LegAddresses) -> u16 {
        let chosen = if self.policy.is_listener(interface.0, ends.local) {
            None
        } else {
            self.tcp_map.owner_of(ends.local.port())
        };
        chosen.unwrap_or_else(|| self.hashed_owner(TCP, ends))
    }

    /// An error about a connection of ours need not be addressed to us: where a leg has the
    /// address of the phone or of the server, so has the error.
    fn classify_icmp(&self, interface: InterfaceId, frame: &N::Frame, packet: &Packet) -> Class {
        let report = IcmpReport::read(frame, packet);
        let Some(report) = report.filter(|r| r.about.protocol == proto::TCP) else {
            return Class::Here;
        };
        let ends = LegAddresses {
            local: report.about.src,
            peer: report.about.dst,
        };
        let owner = self.leg_owner(interface, ends);
        Class::Report { owner, report }
    }

    /// The worker that symmetric receive-side scaling would choose.
    fn hashed_owner(&self, protocol: u8, ends: LegAddresses) -> u16 {
        if self.workers == 1 {
            return 0;
        }
        let LegAddresses { local, peer } = ends;
        let hash = rss::symmetric_hash(&FlowKey::new(protocol, local, peer));
        rss::queue_of(
            hash,
            REDIRECTION_ENTRIES,
            u16::try_from(self.workers).unwrap_or(1),
        )
    }

    /// A segment to a port where nobody listens.
    pub(crate) fn on_unlistened(
        &mut self,
        id: InterfaceId,
        frame: N::Frame,
        packet: Packet,
        now: Now,
    ) {
        match self.net.stack.locality(packet.dst) {
            Locality::Remote => return self.forward(id, frame, packet, now),
            Locality::Group => return self.counters.refuse(Reason::EthNotForUs),
            Locality::Own(_) | Locality::Owned(_) => {}
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
                // An error about a connection of ours has been dealt with before.
                stack.on_icmp(frame, &packet, id, now, ports);
            }
            Locality::Group => self.counters.refuse(Reason::EthNotForUs),
            Locality::Own(_) | Locality::Owned(_) => self.on_nobodys(id, &frame, &packet, now),
        }
    }

    /// A packet to an address of ours for which nobody is at home.
    fn on_nobodys(&mut self, id: InterfaceId, frame: &N::Frame, packet: &Packet, now: Now) {
        match packet.protocol {
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

    /// An ICMP error about a TCP connection; `false` if that is none of ours. Only a smaller MTU
    /// on its way is acted on.
    pub(crate) fn on_report(&mut self, report: &IcmpReport, now: Now) -> bool {
        let key = FlowKey::new(TCP, report.about.src, report.about.dst);
        let Some(LegRef { session, leg }) = self.flows.get(&key).and_then(|to| self.leg_of(to))
        else {
            return false;
        };
        let IcmpError::TooBig { mtu } = report.error else {
            return true;
        };
        if let Some(mut session_box) = self.sessions.take(session) {
            if let Some(leg) = &mut session_box.legs[leg] {
                leg.lower_mtu(mtu, now);
            }
            self.sessions.put(session, session_box);
        }
        true
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
