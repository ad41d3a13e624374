//! Stations: asks for the proxy's, and answers for the peers.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::{BTreeSet, HashMap};

use wire::arp::{ArpRepr, LEN as ARP_LEN, Operation};
use wire::ethernet::{self, EthernetRepr};
use wire::icmpv6::Icmpv6Repr;
use wire::ipv6::{self, Ipv6Repr};
use wire::ndp::{self, NdpRepr};
use wire::{Frame, MacAddr, Packet, Parsed, proto};

use crate::{End, Stream};

/// Everybody on the link.
const BROADCAST: MacAddr = MacAddr([0xff; 6]);

/// Which station has which address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stations {
    outside: MacAddr,
    inside: MacAddr,
    known: HashMap<(End, IpAddr), MacAddr>,
}

impl Stations {
    /// Nobody but the generator's two ports.
    #[must_use]
    pub fn new(outside: MacAddr, inside: MacAddr) -> Self {
        Self {
            outside,
            inside,
            known: HashMap::new(),
        }
    }

    /// The generator's own station at `end`.
    #[must_use]
    pub const fn own(&self, end: End) -> MacAddr {
        match end {
            End::Outside => self.outside,
            End::Inside => self.inside,
        }
    }

    /// The station that has `address`.
    #[must_use]
    pub fn of(&self, end: End, address: IpAddr) -> Option<MacAddr> {
        self.known.get(&(end, address)).copied()
    }

    /// Takes note of a station.
    pub fn learn(&mut self, end: End, address: IpAddr, station: MacAddr) {
        self.known.insert((end, address), station);
    }
}

/// Resolves the proxy's addresses and defends the peers'.
#[derive(Debug)]
pub struct Link {
    stations: Stations,
    /// Addresses of the proxy and the peer that asks for it.
    wanted: BTreeSet<(u8, IpAddr, IpAddr)>,
    peers: BTreeSet<(u8, IpAddr)>,
}

const fn index(end: End) -> u8 {
    match end {
        End::Outside => 0,
        End::Inside => 1,
    }
}

impl Link {
    /// For the addresses of `streams`. Every peer asks for every address of the proxy that it
    /// talks to, so that the proxy learns the peer's station from the question.
    #[must_use]
    pub fn new(stations: Stations, streams: &[Stream]) -> Self {
        let mut wanted = BTreeSet::new();
        let mut peers = BTreeSet::new();
        for stream in streams {
            for end in End::BOTH {
                let side = end.side(stream);
                wanted.insert((index(end), side.local.ip(), side.peer.ip()));
                peers.insert((index(end), side.peer.ip()));
            }
        }
        Self {
            stations,
            wanted,
            peers,
        }
    }

    /// What is known so far.
    #[must_use]
    pub const fn stations(&self) -> &Stations {
        &self.stations
    }

    /// An address that nobody has answered for yet.
    #[must_use]
    pub fn unresolved(&self) -> Option<IpAddr> {
        let unknown = |&&(at, local, _): &&(u8, IpAddr, IpAddr)| {
            let end = End::BOTH.into_iter().find(|&end| index(end) == at);
            end.is_some_and(|end| self.stations.of(end, local).is_none())
        };
        self.wanted.iter().find(unknown).map(|&(_, local, _)| local)
    }

    /// The questions to ask at `end`.
    pub fn questions(&self, end: End) -> impl Iterator<Item = Vec<u8>> {
        let own = self.stations.own(end);
        let here = self
            .wanted
            .iter()
            .filter(move |&&(at, ..)| at == index(end));
        here.filter_map(move |&(_, local, peer)| match (local, peer) {
            (IpAddr::V4(local), IpAddr::V4(peer)) => arp(ArpRepr {
                operation: Operation::Request,
                sender_mac: own,
                sender_ip: peer,
                target_mac: MacAddr::default(),
                target_ip: local,
            }),
            (IpAddr::V6(local), IpAddr::V6(peer)) => solicit(own, peer, local),
            _ => None,
        })
    }

    /// Learns from a frame that came in at `end`, or makes the answer to it.
    pub fn on_frame<F: Frame>(&mut self, end: End, frame: &F) -> Option<Vec<u8>> {
        match wire::parse(frame).ok()? {
            Parsed::Arp(link) => {
                let body = frame.data().get(usize::from(link.len)..)?;
                self.on_arp(end, ArpRepr::parse(body).ok()?)
            }
            Parsed::Ip(packet) if packet.protocol == proto::ICMPV6 => {
                self.on_icmpv6(end, &packet, frame.data())
            }
            Parsed::Ip(_) => None,
        }
    }

    fn on_arp(&mut self, end: End, arp_in: ArpRepr) -> Option<Vec<u8>> {
        match arp_in.operation {
            Operation::Reply => {
                let address = IpAddr::V4(arp_in.sender_ip);
                self.stations.learn(end, address, arp_in.sender_mac);
                None
            }
            Operation::Request if self.is_peer(end, IpAddr::V4(arp_in.target_ip)) => arp(ArpRepr {
                operation: Operation::Reply,
                sender_mac: self.stations.own(end),
                sender_ip: arp_in.target_ip,
                target_mac: arp_in.sender_mac,
                target_ip: arp_in.sender_ip,
            }),
            Operation::Request => None,
        }
    }

    fn on_icmpv6(&mut self, end: End, packet: &Packet, frame: &[u8]) -> Option<Vec<u8>> {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = (packet.src, packet.dst) else {
            return None;
        };
        let message = frame.get(packet.transport_range())?;
        match Icmpv6Repr::parse(message, src, dst).ok()? {
            Icmpv6Repr::Ndp(NdpRepr::NeighborAdvert {
                target,
                target_mac: Some(station),
                ..
            }) => {
                self.stations.learn(end, target.into(), station);
                None
            }
            Icmpv6Repr::Ndp(NdpRepr::NeighborSolicit { target, .. })
                if self.is_peer(end, target.into()) =>
            {
                let own = self.stations.own(end);
                let advert = NdpRepr::NeighborAdvert {
                    router: false,
                    solicited: true,
                    overrides: true,
                    target,
                    target_mac: Some(own),
                };
                icmpv6((own, packet.link.src), (target, src), advert)
            }
            _ => None,
        }
    }

    fn is_peer(&self, end: End, address: IpAddr) -> bool {
        self.peers.contains(&(index(end), address))
    }
}

fn arp(repr: ArpRepr) -> Option<Vec<u8>> {
    let is_question = repr.operation == Operation::Request;
    let ethernet = EthernetRepr {
        dst: if is_question {
            BROADCAST
        } else {
            repr.target_mac
        },
        src: repr.sender_mac,
        vlan: None,
        ethertype: ethernet::ARP,
    };
    let mut frame = vec![0; ethernet::HEADER_LEN + ARP_LEN];
    ethernet.emit(&mut frame)?;
    repr.emit(frame.get_mut(ethernet::HEADER_LEN..)?)?;
    Some(frame)
}

fn solicit(own: MacAddr, peer: Ipv6Addr, local: Ipv6Addr) -> Option<Vec<u8>> {
    let group = ndp::solicited_node(local);
    let message = NdpRepr::NeighborSolicit {
        target: local,
        source_mac: Some(own),
    };
    icmpv6((own, ndp::multicast_mac(group)), (peer, group), message)
}

/// A neighbour discovery message between stations and addresses, source first.
fn icmpv6(
    (src_mac, dst_mac): (MacAddr, MacAddr),
    (src, dst): (Ipv6Addr, Ipv6Addr),
    message: NdpRepr,
) -> Option<Vec<u8>> {
    let message = Icmpv6Repr::Ndp(message);
    let ip = ethernet::HEADER_LEN;
    let mut frame = vec![0; ip + ipv6::HEADER_LEN + message.len()];
    let ethernet = EthernetRepr {
        dst: dst_mac,
        src: src_mac,
        vlan: None,
        ethertype: ethernet::IPV6,
    };
    ethernet.emit(&mut frame)?;
    let repr = Ipv6Repr {
        src,
        dst,
        next_header: proto::ICMPV6,
        payload_len: u16::try_from(message.len()).ok()?,
        hop_limit: ndp::HOP_LIMIT,
        traffic_class: 0,
    };
    repr.emit(frame.get_mut(ip..)?)?;
    message.emit(frame.get_mut(ip + ipv6::HEADER_LEN..)?, src, dst)?;
    Some(frame)
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use wire::sim::SimFrame;

    use super::*;
    use crate::synth::{Synth, streams};

    const PROXY: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
    const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn link(v6: bool) -> (Link, Vec<Stream>) {
        let streams = streams(&Synth {
            count: 3,
            v6,
            ..Synth::default()
        });
        let stations = Stations::new(OWN, MacAddr([2, 0, 0, 0, 0, 2]));
        (Link::new(stations, &streams), streams)
    }

    /// The proxy's side of the link, played by another `Link` whose peers are the proxy's
    /// addresses.
    fn mirror(streams: &[Stream]) -> Link {
        let mut swapped = streams.to_vec();
        for stream in &mut swapped {
            for side in [&mut stream.client, &mut stream.server] {
                core::mem::swap(&mut side.local, &mut side.peer);
            }
        }
        Link::new(Stations::new(PROXY, PROXY), &swapped)
    }

    #[test]
    fn both_sides_learn_each_other_over_both_families() {
        for v6 in [false, true] {
            let (mut link, streams) = link(v6);
            let mut proxy = mirror(&streams);
            assert!(link.unresolved().is_some());
            for end in End::BOTH {
                let questions: Vec<_> = link.questions(end).collect();
                assert_eq!(questions.len(), 1, "one pair of addresses an end");
                for question in questions {
                    let answer = proxy
                        .on_frame(end, &SimFrame::from_bytes(&question))
                        .unwrap();
                    assert_eq!(link.on_frame(end, &SimFrame::from_bytes(&answer)), None);
                }
            }
            assert_eq!(link.unresolved(), None);
            let local = streams[0].client.local.ip();
            assert_eq!(link.stations().of(End::Outside, local), Some(PROXY));
        }
    }

    #[test]
    fn strangers_are_not_answered_for() {
        let (mut link, _) = link(false);
        let question = arp(ArpRepr {
            operation: Operation::Request,
            sender_mac: PROXY,
            sender_ip: Ipv4Addr::new(192, 0, 2, 1),
            target_mac: MacAddr::default(),
            target_ip: Ipv4Addr::new(192, 0, 2, 250),
        });
        let question = SimFrame::from_bytes(&question.unwrap());
        assert_eq!(link.on_frame(End::Inside, &question), None);
    }
}
