//! Neighbour discovery: asking, answering, and whom to believe (RFC 4861).

use core::net::{IpAddr, Ipv6Addr};

use abi::{Now, Reason};
use wire::{
    Frame, MacAddr, Packet, ethernet,
    icmpv6::Icmpv6Repr,
    ipv6::{self, Ipv6Repr},
    ndp::{self, NdpRepr},
    proto,
};

use crate::{Egress, InterfaceId, Stack, interface::Interface};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

impl Interface {
    /// Asks for the station address of `target`: `station` alone, or its solicited-node group.
    pub(crate) fn send_solicitation<F: Frame>(
        &self,
        target: Ipv6Addr,
        station: Option<MacAddr>,
        out: &mut impl Egress<F>,
    ) {
        let repr = NdpRepr::NeighborSolicit {
            target,
            source_mac: Some(self.mac),
        };
        let dst = if station.is_some() {
            target
        } else {
            ndp::solicited_node(target)
        };
        let mac = station.unwrap_or_else(|| ndp::multicast_mac(dst));
        self.send_ndp(repr, self.ipv6_source(target), (dst, mac), out);
    }

    /// Tells everyone that `address` is at this station (RFC 4861 §7.2.6).
    pub(crate) fn send_unsolicited_advert<F: Frame>(
        &self,
        address: Ipv6Addr,
        out: &mut impl Egress<F>,
    ) {
        let everyone = (ALL_NODES, ndp::multicast_mac(ALL_NODES));
        self.send_ndp(self.advert(address, false), address, everyone, out);
    }

    /// That `target` is here. Owned addresses override as own ones do: nobody else has them.
    const fn advert(&self, target: Ipv6Addr, solicited: bool) -> NdpRepr {
        NdpRepr::NeighborAdvert {
            router: true,
            solicited,
            overrides: true,
            target,
            target_mac: Some(self.mac),
        }
    }

    fn send_ndp<F: Frame>(
        &self,
        repr: NdpRepr,
        src: Ipv6Addr,
        (dst, mac): (Ipv6Addr, MacAddr),
        out: &mut impl Egress<F>,
    ) {
        let len = repr.len();
        let write = |packet: &mut [u8]| {
            let header = Ipv6Repr {
                src,
                dst,
                next_header: proto::ICMPV6,
                payload_len: u16::try_from(len).ok()?,
                hop_limit: ndp::HOP_LIMIT,
                traffic_class: 0,
            };
            header.emit(packet)?;
            let message = packet.get_mut(ipv6::HEADER_LEN..)?;
            Icmpv6Repr::Ndp(repr).emit(message, src, dst)
        };
        self.send_new(mac, ethernet::IPV6, ipv6::HEADER_LEN + len, write, out);
    }
}

impl<F: Frame> Stack<F> {
    /// Takes in a neighbour discovery message. Whatever was forwarded on its way is a forgery
    /// from another link: its hop limit shows it.
    pub(crate) fn take_ndp(
        &mut self,
        id: InterfaceId,
        packet: &Packet,
        message: NdpRepr,
        now: Now,
        out: &mut impl Egress<F>,
    ) -> Result<(), Reason> {
        if packet.hop_limit != ndp::HOP_LIMIT {
            return Err(Reason::IcmpMalformed);
        }
        match message {
            NdpRepr::NeighborSolicit { target, source_mac } => {
                self.on_solicitation(id, packet, target, source_mac, now, out)
            }
            NdpRepr::NeighborAdvert {
                solicited,
                target,
                target_mac,
                ..
            } => {
                if solicited && packet.dst.is_multicast() {
                    return Err(Reason::IcmpMalformed); // RFC 4861 §7.1.2
                }
                let mac = target_mac.unwrap_or(packet.link.src);
                self.on_advert(id, (target, mac), solicited, now, out)
            }
            // Routes are configured, and we do not advertise ourselves.
            NdpRepr::RouterSolicit { .. } | NdpRepr::RouterAdvert { .. } => Ok(()),
        }
    }

    fn on_solicitation(
        &mut self,
        id: InterfaceId,
        packet: &Packet,
        target: Ipv6Addr,
        source_mac: Option<MacAddr>,
        now: Now,
        out: &mut impl Egress<F>,
    ) -> Result<(), Reason> {
        let interface = self.interface(id).ok_or(Reason::VlanUnknown)?;
        let IpAddr::V6(src) = packet.src else {
            return Err(Reason::IcmpMalformed);
        };
        if src.is_unspecified() && (source_mac.is_some() || !packet.dst.is_multicast()) {
            return Err(Reason::IcmpMalformed); // RFC 4861 §7.1.1
        }
        if !interface.answers_for(target.into()) {
            return Ok(());
        }
        if interface.answers_for(src.into()) {
            return Err(Reason::IpBadSource);
        }
        if src.is_unspecified() {
            // Somebody is about to take an address of ours: tell all (RFC 4862 §5.4.3).
            interface.send_unsolicited_advert(target, out);
            return Ok(());
        }
        let mac = source_mac.unwrap_or(packet.link.src);
        if mac.is_multicast() {
            return Err(Reason::IcmpMalformed);
        }
        interface.send_ndp(interface.advert(target, true), target, (src, mac), out);
        if source_mac.is_some() && self.is_neighbor(id, src.into()) {
            self.learn_station(id, src, mac, now, out);
        }
        Ok(())
    }

    fn learn_station(
        &mut self,
        id: InterfaceId,
        address: Ipv6Addr,
        mac: MacAddr,
        now: Now,
        out: &mut impl Egress<F>,
    ) {
        let Some(interface) = self.interface(id) else {
            return;
        };
        let header = interface.link_header(mac, ethernet::IPV6);
        let key = (id, IpAddr::V6(address));
        match self.neighbors.learn_from_question(key, header, now) {
            Some(learned) => Self::settle(key, learned, out),
            None => self.poll(now, out), // a dispute wants asking about
        }
    }

    /// Takes in somebody's word that `target` is at the station `mac`.
    fn on_advert(
        &mut self,
        id: InterfaceId,
        (target, mac): (Ipv6Addr, MacAddr),
        solicited: bool,
        now: Now,
        out: &mut impl Egress<F>,
    ) -> Result<(), Reason> {
        let interface = self.interface(id).ok_or(Reason::VlanUnknown)?;
        if mac.is_multicast() {
            return Err(Reason::IcmpMalformed);
        }
        if interface.answers_for(target.into()) {
            return Err(Reason::IpBadSource);
        }
        let header = interface.link_header(mac, ethernet::IPV6);
        let key = (id, IpAddr::V6(target));
        let learned = if solicited {
            self.neighbors.learn(key, header, now)
        } else {
            None
        };
        match learned {
            Some(learned) => Self::settle(key, learned, out),
            None if self.neighbors.contradicts(key, mac) => {
                self.neighbors.dispute(key, now);
                self.poll(now, out);
            }
            None => {}
        }
        Ok(())
    }

    /// Tells every link which addresses are here, so that stations which knew them elsewhere
    /// learn better. For one worker to call, when the data plane starts or addresses change.
    pub fn announce(&self, out: &mut impl Egress<F>) {
        for interface in &self.interfaces {
            let own = interface.addresses.iter().map(|&(address, _)| address);
            for address in own.chain(interface.owned.iter().copied()) {
                match address {
                    IpAddr::V4(a) => interface.send_gratuitous_arp(a, out),
                    IpAddr::V6(a) => interface.send_unsolicited_advert(a, out),
                }
            }
        }
    }
}
