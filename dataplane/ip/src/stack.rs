//! The stack itself: configuration, routing, sending, and time.

use core::net::IpAddr;

use abi::records::NeighborRecord;
use abi::{Now, Reason};
use wire::{Frame, Link, MacAddr, Packet, TxChecksums, TxOffload, ethernet};

use crate::{
    Egress, HopId, InterfaceId, LinkHeader, Locality, NeighborEvent, NeighborLimits, NeighborNews,
    ReassemblyLimits,
    bucket::TokenBucket,
    config::{LinkKey, LinkSlot},
    interface::Interface,
    local::LocalAddresses,
    neighbor::{Due, Entry, Learned, NeighborTable},
    reassembly::Reassembler,
    route::{RouteTable, Via},
};

/// How much ICMP the stack sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpLimits {
    /// Errors a second in the long run, and at once.
    pub errors: (u32, u32),
    /// Echo replies a second in the long run, and at once.
    pub echo_replies: (u32, u32),
}

impl Default for IcmpLimits {
    fn default() -> Self {
        Self {
            errors: (100, 20),
            echo_replies: (1000, 100),
        }
    }
}

/// How large the stack's tables may grow, and how much it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The neighbour table.
    pub neighbors: NeighborLimits,
    /// ICMP.
    pub icmp: IcmpLimits,
    /// Reassembly.
    pub reassembly: ReassemblyLimits,
}

/// What one worker knows about its interfaces. See the crate's head.
#[derive(Debug)]
pub struct Stack<F> {
    pub(crate) interfaces: Vec<Interface>,
    /// Which interface each link is, sorted by key.
    pub(crate) links: Vec<LinkSlot>,
    pub(crate) locals: LocalAddresses,
    pub(crate) routes: RouteTable,
    pub(crate) neighbors: NeighborTable<F>,
    pub(crate) reassembler: Reassembler<F>,
    pub(crate) errors: TokenBucket,
    pub(crate) echo_replies: TokenBucket,
}

impl<F: Frame> Stack<F> {
    /// A stack without interfaces.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let bucket = |(per_second, burst)| TokenBucket::new(per_second, burst);
        Self {
            interfaces: Vec::new(),
            links: Vec::new(),
            locals: LocalAddresses::default(),
            routes: RouteTable::default(),
            neighbors: NeighborTable::new(limits.neighbors),
            reassembler: Reassembler::new(limits.reassembly),
            errors: bucket(limits.icmp.errors),
            echo_replies: bucket(limits.icmp.echo_replies),
        }
    }

    /// The interface that a received packet belongs to.
    ///
    /// # Errors
    /// [`Reason::VlanUnknown`]; [`Reason::EthNotForUs`] for a frame to another station, or to a
    /// group while the packet is for a host (RFC 1122 §3.3.6).
    #[inline]
    pub fn accept(&self, port: u16, packet: &Packet) -> Result<InterfaceId, Reason> {
        let slot = self.link_slot(port, packet.link.vlan)?;
        let Link { dst, src, .. } = packet.link;
        let is_for_us = dst == slot.mac
            || (dst.is_multicast() && self.locals.get(packet.dst) == Locality::Group);
        if is_for_us && !src.is_multicast() {
            Ok(slot.id)
        } else {
            Err(Reason::EthNotForUs)
        }
    }

    /// Whether a frame came to our station on its link, from a station: then
    /// [`accept`](Self::accept) takes in what it carries.
    #[inline]
    #[must_use]
    pub fn is_for_station(&self, port: u16, link: &Link) -> bool {
        let slot = self.link_slot(port, link.vlan);
        slot.is_ok_and(|slot| link.dst == slot.mac) && !link.src.is_multicast()
    }

    /// The interface of a port's link.
    pub(crate) fn link_interface(
        &self,
        port: u16,
        link: &Link,
    ) -> Result<(InterfaceId, &Interface), Reason> {
        let id = self.link_slot(port, link.vlan)?.id;
        let interface = self.interface(id).ok_or(Reason::VlanUnknown)?;
        Ok((id, interface))
    }

    #[inline]
    fn link_slot(&self, port: u16, vlan: Option<u16>) -> Result<&LinkSlot, Reason> {
        let key = LinkKey::new(port, vlan);
        let at = self.links.binary_search_by_key(&key, |slot| slot.key);
        at.ok()
            .and_then(|at| self.links.get(at))
            .ok_or(Reason::VlanUnknown)
    }

    /// Whose `address` is.
    #[must_use]
    pub fn locality(&self, address: IpAddr) -> Locality {
        self.locals.get(address)
    }

    /// The own address to speak to `dst` from: one of the interface that leads there.
    #[must_use]
    pub fn source_address(&self, dst: IpAddr) -> Option<IpAddr> {
        let (id, next) = self.route(dst).ok()?;
        // A router's link-local address says nothing about which of ours it routes.
        let near = if is_link_local_v6(next) { dst } else { next };
        self.interface(id)?.source_for(near)
    }

    /// The interface that packets to `dst` leave by.
    ///
    /// # Errors
    /// [`Reason::NoRoute`], also for groups and our own addresses.
    pub fn interface_towards(&self, dst: IpAddr) -> Result<InterfaceId, Reason> {
        self.route(dst).map(|(id, _)| id)
    }

    /// Largest IP packet that an interface sends; 0 if there is none of that number.
    #[must_use]
    pub fn mtu(&self, id: InterfaceId) -> u16 {
        self.interface(id).map_or(0, |i| i.mtu)
    }

    /// The neighbour that packets to `dst` go to. One that is not known is asked for at the next
    /// [`poll`](Self::poll).
    ///
    /// # Errors
    /// [`Reason::NoRoute`], also for groups and our own addresses;
    /// [`Reason::NeighborUnresolved`] for one that has just not answered;
    /// [`Reason::NeighborQueueFull`] when too many are being asked for.
    pub fn next_hop(&mut self, dst: IpAddr, now: Now) -> Result<HopId, Reason> {
        let (id, next) = self.route(dst)?;
        let interface = self
            .interfaces
            .get(usize::from(id.0))
            .ok_or(Reason::NoRoute)?;
        let blank = interface.link_header(MacAddr::default(), ethertype(next));
        self.neighbors.find_or_ask(id, next, blank, now)
    }

    /// The header to copy ahead of a packet for `hop`; `None` while the neighbour is not known.
    ///
    /// One look at a table. Notes that the hop is in use, so that it is asked again before it
    /// grows old. When it gives `None`, [`next_hop`](Self::next_hop) says why.
    #[inline]
    pub fn link_header(&mut self, hop: HopId) -> Option<&LinkHeader> {
        self.neighbors.header(hop)
    }

    /// Sends `frame`, an IP packet without link-layer header, towards `dst`, or lets it wait for
    /// the neighbour's answer. What cannot be sent is counted.
    pub fn transmit(&mut self, frame: F, dst: IpAddr, now: Now, out: &mut impl Egress<F>) {
        match self.next_hop(dst, now) {
            Ok(hop) => self.transmit_to(frame, hop, now, out),
            Err(reason) => out.refuse(reason),
        }
    }

    /// Like [`transmit`](Self::transmit), to a neighbour that [`next_hop`](Self::next_hop) gave.
    pub fn transmit_to(&mut self, frame: F, hop: HopId, now: Now, out: &mut impl Egress<F>) {
        self.finish_and_transmit_to(frame, hop, |_, _| Some(TxOffload::NONE), now, out);
    }

    /// Like [`transmit_to`](Self::transmit_to), for a packet of which `finish` has yet to write
    /// the checksums, except those that the port is able to fill in; it returns what to ask the
    /// port for. While a packet waits for its neighbour it needs no port: it is finished at once.
    #[inline]
    pub fn finish_and_transmit_to(
        &mut self,
        mut frame: F,
        hop: HopId,
        finish: impl FnOnce(&mut [u8], TxChecksums) -> Option<TxOffload>,
        now: Now,
        out: &mut impl Egress<F>,
    ) {
        if let Some(header) = self.neighbors.header(hop) {
            match finish(frame.data_mut(), header.tx_checksums) {
                Some(offload) => header.send(frame, offload, out),
                None => out.refuse(Reason::IpMalformed),
            }
        } else if finish(frame.data_mut(), TxChecksums::NONE).is_some() {
            self.let_wait(frame, hop, now, out);
        } else {
            out.refuse(Reason::IpMalformed);
        }
    }

    /// Puts a packet in line until the neighbour has answered.
    fn let_wait(&mut self, frame: F, hop: HopId, now: Now, out: &mut impl Egress<F>) {
        if let Err((_, reason)) = self.neighbors.enqueue(hop, frame) {
            out.refuse(reason);
        }
        self.poll(now, out);
    }

    /// Takes in what another worker told.
    pub fn import(&mut self, event: NeighborEvent, now: Now, out: &mut impl Egress<F>) {
        let NeighborEvent {
            interface: id,
            address,
            news,
        } = event;
        let Some(interface) = self.interface(id) else {
            return;
        };
        let key = (id, address);
        match news {
            NeighborNews::Asked => {
                let blank = interface.link_header(MacAddr::default(), ethertype(address));
                self.neighbors.expect_answer(key, blank, now);
            }
            NeighborNews::Learned(mac) => {
                let header = interface.link_header(mac, ethertype(address));
                let known = self.neighbors.learn(key, header, now);
                let learned =
                    known.or_else(|| self.neighbors.learn_from_question(key, header, now));
                if let Some(Learned { frames, header, .. }) = learned {
                    frames
                        .into_iter()
                        .for_each(|frame| header.send(frame, TxOffload::NONE, out));
                }
            }
        }
    }

    /// Does what is due: questions to neighbours, packets and fragments that waited in vain.
    pub fn poll(&mut self, now: Now, out: &mut impl Egress<F>) {
        let interfaces = &self.interfaces;
        self.neighbors.poll(now, |due| match due {
            Due::Ask {
                interface: id,
                address,
                station,
            } => {
                if let Some(interface) = interfaces.get(usize::from(id.0)) {
                    interface.ask(address, station, out);
                    out.tell(NeighborEvent {
                        interface: id,
                        address,
                        news: NeighborNews::Asked,
                    });
                }
            }
            Due::Failed { frames } => {
                frames
                    .iter()
                    .for_each(|_| out.refuse(Reason::NeighborUnresolved));
            }
        });
        for _ in 0..self.reassembler.expire(now) {
            out.refuse(Reason::IpReassemblyTimeout);
        }
    }

    /// What `show` says of the neighbour in a slot, from 0 to one less than
    /// [`NeighborLimits::entries`]; `None` when the slot is empty.
    #[must_use]
    pub fn neighbor(&self, slot: usize) -> Option<NeighborRecord> {
        self.neighbors.at(slot).map(Entry::record)
    }

    /// When to call [`poll`](Self::poll); nothing is due before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Now> {
        let deadlines = [
            self.neighbors.next_deadline(),
            self.reassembler.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    pub(crate) fn interface(&self, id: InterfaceId) -> Option<&Interface> {
        self.interfaces.get(usize::from(id.0))
    }

    /// Sends what waited for an answer, and spreads the news.
    pub(crate) fn settle(
        key: (InterfaceId, IpAddr),
        learned: Learned<F>,
        out: &mut impl Egress<F>,
    ) {
        let Learned {
            frames,
            header,
            is_news,
        } = learned;
        if is_news {
            let news = NeighborNews::Learned(header.station());
            out.tell(NeighborEvent {
                interface: key.0,
                address: key.1,
                news,
            });
        }
        frames
            .into_iter()
            .for_each(|frame| header.send(frame, TxOffload::NONE, out));
    }

    /// Whether `address` may be a station on the link of `id`.
    pub(crate) fn is_neighbor(&self, id: InterfaceId, address: IpAddr) -> bool {
        let on_link = self.interface(id).is_some_and(|i| i.is_on_link(address));
        on_link
            || self.routes.lookup(address)
                == Some(Via {
                    interface: id,
                    router: None,
                })
    }

    /// Interface and neighbour on the way to `dst`.
    fn route(&self, dst: IpAddr) -> Result<(InterfaceId, IpAddr), Reason> {
        if self.locals.get(dst) != Locality::Remote {
            return Err(Reason::NoRoute);
        }
        let via = self.routes.lookup(dst).ok_or(Reason::NoRoute)?;
        Ok((via.interface, via.router.unwrap_or(dst)))
    }
}

const fn is_link_local_v6(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(a) if a.is_unicast_link_local())
}

/// EtherType of packets of the family of `address`.
pub(crate) const fn ethertype(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => ethernet::IPV4,
        IpAddr::V6(_) => ethernet::IPV6,
    }
}
