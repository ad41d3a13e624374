//! Media termination addresses: whose a port is, which are free, and which stream each leads to.
//!
//! The ports are ours, so no hash is needed: a flat table by port holds the stream's slot.

use core::net::{IpAddr, SocketAddr};

use abi::policy::MediaTermination;
use crypto::prefetch;
use flow::{PairSlice, PortMap};
use media::Component;
use pipeline::{Endpoint, Leg};

/// Slots that a table entry can name.
pub(super) const SLOTS_MAX: u32 = (1 << 30) - 1;

/// Pairs that are tried before an address counts as exhausted. More than one only while ports
/// taken under an earlier policy overlap the range of the present one.
const TRIES: usize = 16;

/// Where a media port leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: u32,
    pub(super) leg: Leg,
    pub(super) component: Component,
}

impl Place {
    /// No stream's.
    pub(super) const UNKNOWN: Self = Self {
        slot: u32::MAX,
        leg: Leg::Client,
        component: Component::Rtp,
    };
}

/// A port of a termination, which `Terminations::place` leads on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPort {
    /// The worker that it belongs to.
    pub owner: u16,
    termination: u16,
    /// From the first port of the termination on.
    offset: u16,
}

/// A pair of ports taken for a stream: the even one for RTP, the next for RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PortPair {
    termination: usize,
    address: IpAddr,
    port: u16,
}

impl PortPair {
    /// Both addresses.
    pub(super) const fn endpoint(self) -> Endpoint {
        Endpoint {
            rtp: SocketAddr::new(self.address, self.port),
            rtcp: SocketAddr::new(self.address, self.port + 1),
        }
    }
}

/// All terminations: those of the policy, and earlier ones that streams still use.
#[derive(Debug)]
pub(super) struct Terminations {
    worker: u16,
    workers: u16,
    seed: u64,
    all: Vec<Option<Termination>>,
    /// By the address's bucket: the positions in `all` of those in it, which is one as a rule.
    by_address: Box<[Vec<u16>; 256]>,
    /// By index in the policy's list: the position in `all`.
    listed: Vec<Option<usize>>,
}

/// One address with a range of ports.
struct Termination {
    address: IpAddr,
    first: u16,
    last: u16,
    map: PortMap,
    free: PairSlice,
    /// By port from `first`: where it leads.
    places: Box<[Entry]>,
    /// Pairs in use.
    used: usize,
}

/// A [`Place`] in one word; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry(u32);

impl Entry {
    const fn of(place: Place) -> Self {
        let leg = matches!(place.leg, Leg::Server) as u32;
        let component = matches!(place.component, Component::Rtcp) as u32;
        Self((place.slot << 2 | leg << 1 | component) + 1)
    }

    const fn place(self) -> Option<Place> {
        let Some(bits) = self.0.checked_sub(1) else {
            return None;
        };
        Some(Place {
            slot: bits >> 2,
            leg: if bits & 2 == 0 {
                Leg::Client
            } else {
                Leg::Server
            },
            component: if bits & 1 == 0 {
                Component::Rtp
            } else {
                Component::Rtcp
            },
        })
    }
}

impl Terminations {
    pub(super) fn new(worker: u16, workers: u16, seed: u64) -> Self {
        Self {
            worker,
            workers,
            seed,
            all: Vec::new(),
            by_address: Box::new([const { Vec::new() }; 256]),
            listed: Vec::new(),
        }
    }

    /// Takes the policy's list. Ranges that stay keep their ports; ranges that are gone are kept
    /// until their last stream ends. A range that cannot be divided among the workers has no
    /// ports: the policy's check refuses it beforehand.
    pub(super) fn configure(&mut self, list: &[MediaTermination]) {
        let mut listed = Vec::with_capacity(list.len());
        for wanted in list {
            let known = self
                .all
                .iter()
                .position(|known| known.as_ref().is_some_and(|known| known.is_for(wanted)));
            listed.push(known.or_else(|| self.add(wanted)));
        }
        self.listed = listed;
        self.forget_unused();
    }

    fn add(&mut self, wanted: &MediaTermination) -> Option<usize> {
        let (first, last) = (wanted.udp_port_min, wanted.udp_port_max);
        let map = PortMap::new(first, last, self.workers).ok()?;
        let termination = Termination {
            address: wanted.address,
            first,
            last,
            map,
            free: PairSlice::new(&map, self.worker, self.seed ^ u64::from(first)),
            places: vec![Entry::default(); usize::from(last - first) + 1].into_boxed_slice(),
            used: 0,
        };
        let vacant = self.all.iter().position(Option::is_none);
        match vacant.and_then(|at| Some((at, self.all.get_mut(at)?))) {
            Some((at, place)) => {
                *place = Some(termination);
                Some(at)
            }
            None => {
                self.all.push(Some(termination));
                Some(self.all.len() - 1)
            }
        }
    }

    /// Drops what neither the policy nor a stream needs.
    fn forget_unused(&mut self) {
        let listed = &self.listed;
        for (at, place) in self.all.iter_mut().enumerate() {
            let is_used = place
                .as_ref()
                .is_some_and(|termination| termination.used > 0);
            if !is_used && !listed.contains(&Some(at)) {
                *place = None;
            }
        }
        self.by_address.iter_mut().for_each(Vec::clear);
        for (at, known) in (0..).zip(&self.all) {
            let bucket = known.as_ref().map(|known| bucket_of(known.address));
            if let Some(bucket) = bucket.and_then(|bucket| self.by_address.get_mut(bucket)) {
                bucket.push(at);
            }
        }
    }

    /// The port of that number on an address, if it is a media port of ours.
    ///
    /// Where several terminations cover it, as they do while ports taken under an earlier policy
    /// are in use, the one where it leads anywhere counts.
    #[inline(always)]
    pub(super) fn find(&self, to: SocketAddr) -> Option<MediaPort> {
        let known = self.by_address.get(bucket_of(to.ip()))?;
        if let &[at] = known.as_slice() {
            return self.port_of(at, to);
        }
        self.find_among(known, to)
    }

    #[inline(never)]
    fn find_among(&self, known: &[u16], to: SocketAddr) -> Option<MediaPort> {
        let covering = || known.iter().filter_map(|&at| self.port_of(at, to));
        let leading = covering().find(|&port| self.place(port).is_some());
        leading.or_else(|| covering().next())
    }

    /// The port of that number, if it is one of the termination at `at`.
    #[inline]
    fn port_of(&self, at: u16, to: SocketAddr) -> Option<MediaPort> {
        let (address, port) = (to.ip(), to.port());
        let known = self.all.get(usize::from(at))?.as_ref()?;
        if port < known.first || port > known.last || address != known.address {
            return None;
        }
        let owner = if self.workers == 1 {
            0
        } else {
            known.map.owner_of(port)?
        };
        Some(MediaPort {
            owner,
            termination: at,
            offset: port - known.first,
        })
    }

    /// Has the processor fetch what [`Self::place`] will read.
    #[inline]
    pub(super) fn fetch(&self, port: MediaPort) {
        if let Some(entry) = self.entry(port) {
            prefetch(entry);
        }
    }

    /// Where a port leads.
    #[inline]
    pub(super) fn place(&self, port: MediaPort) -> Option<Place> {
        self.entry(port)?.place()
    }

    #[inline]
    fn entry(&self, port: MediaPort) -> Option<&Entry> {
        let known = self.all.get(usize::from(port.termination))?.as_ref()?;
        known.places.get(usize::from(port.offset))
    }

    /// Whether a port leads anywhere.
    fn is_in_use(&self, address: IpAddr, port: u16) -> bool {
        self.find(SocketAddr::new(address, port))
            .is_some_and(|port| self.place(port).is_some())
    }

    /// Takes a pair of ports from the first of the policy's terminations `among` those that has
    /// the family of `like` and a pair left.
    pub(super) fn take(&mut self, among: &[u16], like: IpAddr) -> Option<PortPair> {
        among.iter().find_map(|&index| {
            let at = (*self.listed.get(usize::from(index))?)?;
            let address = self.all.get(at)?.as_ref()?.address;
            if address.is_ipv4() != like.is_ipv4() {
                return None;
            }
            self.take_from(at, address)
        })
    }

    fn take_from(&mut self, at: usize, address: IpAddr) -> Option<PortPair> {
        for _ in 0..TRIES {
            let port = self.all.get_mut(at)?.as_mut()?.free.alloc()?;
            let in_use = [port, port + 1]
                .into_iter()
                .any(|port| self.is_in_use(address, port));
            let termination = self.all.get_mut(at)?.as_mut()?;
            if !in_use {
                termination.used += 1;
                return Some(PortPair {
                    termination: at,
                    address,
                    port,
                });
            }
            termination.free.free(port);
        }
        None
    }

    /// Leads both ports of a pair to a stream.
    pub(super) fn bind(&mut self, pair: PortPair, slot: u32, leg: Leg) {
        for component in Component::BOTH {
            self.set(
                pair,
                component,
                Entry::of(Place {
                    slot,
                    leg,
                    component,
                }),
            );
        }
    }

    /// Gives a pair back; its ports lead nowhere then.
    pub(super) fn give_back(&mut self, pair: PortPair) {
        for component in Component::BOTH {
            self.set(pair, component, Entry::default());
        }
        if let Some(Some(termination)) = self.all.get_mut(pair.termination)
            && termination.free.free(pair.port)
        {
            termination.used -= 1;
            if termination.used == 0 && !self.listed.contains(&Some(pair.termination)) {
                self.forget_unused();
            }
        }
    }

    fn set(&mut self, pair: PortPair, component: Component, entry: Entry) {
        let Some(Some(termination)) = self.all.get_mut(pair.termination) else {
            return;
        };
        let port = match component {
            Component::Rtp => pair.port,
            Component::Rtcp => pair.port + 1,
        };
        let offset = usize::from(port - termination.first);
        if let Some(place) = termination.places.get_mut(offset) {
            *place = entry;
        }
    }
}

/// The place of an address in a table of 256.
#[inline]
fn bucket_of(address: IpAddr) -> usize {
    let bits = match address {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            u32::from(a ^ c ^ e ^ g) << 16 | u32::from(b ^ d ^ f ^ h)
        }
    };
    // The upper bits of a product depend on all bits (Knuth, TAOCP 3, 6.4).
    let [.., bucket] = bits.wrapping_mul(0x9e37_79b1).to_le_bytes();
    usize::from(bucket)
}

impl Termination {
    fn is_for(&self, wanted: &MediaTermination) -> bool {
        let range = (wanted.udp_port_min, wanted.udp_port_max);
        self.address == wanted.address && (self.first, self.last) == range
    }
}

impl core::fmt::Debug for Termination {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{} ports {}-{}, {} pairs used",
            self.address, self.first, self.last, self.used
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "192.0.2.1";

    fn termination(address: &str, first: u16, last: u16) -> MediaTermination {
        MediaTermination {
            name: String::new(),
            interface: 0,
            address: address.parse().unwrap(),
            udp_port_min: first,
            udp_port_max: last,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn place(all: &Terminations, address: &str, port: u16) -> Option<Place> {
        all.place(all.find(SocketAddr::new(ip(address), port))?)
    }

    fn owner(all: &Terminations, address: &str, port: u16) -> Option<u16> {
        all.find(SocketAddr::new(ip(address), port))
            .map(|port| port.owner)
    }

    #[test]
    fn entries_hold_any_place() {
        for slot in [0, 1, 77, SLOTS_MAX - 1] {
            for leg in Leg::BOTH {
                for component in Component::BOTH {
                    let place = Place {
                        slot,
                        leg,
                        component,
                    };
                    assert_eq!(Entry::of(place).place(), Some(place));
                }
            }
        }
        assert_eq!(Entry::default().place(), None);
    }

    #[test]
    fn ports_lead_to_their_stream_until_given_back() {
        let mut all = Terminations::new(0, 1, 7);
        all.configure(&[termination("192.0.2.1", 20_000, 20_003)]);
        let pair = all.take(&[0], ip("192.0.2.9")).unwrap();
        all.bind(pair, 5, Leg::Server);
        let Endpoint { rtp, rtcp } = pair.endpoint();
        assert_eq!((rtp.port() % 2, rtcp.port()), (0, rtp.port() + 1));
        for (address, component) in [(rtp, Component::Rtp), (rtcp, Component::Rtcp)] {
            let expected = Place {
                slot: 5,
                leg: Leg::Server,
                component,
            };
            assert_eq!(place(&all, OURS, address.port()), Some(expected));
        }
        assert_eq!(all.find(SocketAddr::new(ip("192.0.2.2"), rtp.port())), None);
        all.give_back(pair);
        assert_eq!(place(&all, OURS, rtp.port()), None);
        assert!(all.take(&[0], ip("192.0.2.9")).is_some());
        assert!(all.take(&[0], ip("192.0.2.9")).is_some());
        assert!(all.take(&[0], ip("192.0.2.9")).is_none());
    }

    #[test]
    fn family_and_order_of_the_list_decide() {
        let mut all = Terminations::new(0, 1, 7);
        all.configure(&[
            termination("2001:db8::1", 20_000, 20_001),
            termination("192.0.2.1", 20_000, 20_001),
            termination("192.0.2.2", 20_000, 20_001),
        ]);
        let take =
            |all: &mut Terminations, like| all.take(&[2, 1, 0], ip(like)).map(|pair| pair.address);
        assert_eq!(take(&mut all, "198.51.100.1"), Some(ip("192.0.2.2")));
        assert_eq!(take(&mut all, "198.51.100.1"), Some(ip("192.0.2.1")));
        assert_eq!(take(&mut all, "198.51.100.1"), None);
        assert_eq!(take(&mut all, "2001:db8::9"), Some(ip("2001:db8::1")));
        assert_eq!(all.take(&[9], ip("192.0.2.1")), None);
    }

    #[test]
    fn a_port_names_its_worker_alike_for_all() {
        let list = [termination("192.0.2.1", 20_000, 20_099)];
        let mut workers = [0, 1].map(|worker| Terminations::new(worker, 2, 7));
        for (number, worker) in (0..).zip(&mut workers) {
            worker.configure(&list);
            while let Some(pair) = worker.take(&[0], ip("192.0.2.9")) {
                for port in [pair.port, pair.port + 1] {
                    assert_eq!(owner(worker, OURS, port), Some(number));
                }
            }
        }
        assert_eq!(owner(&workers[0], OURS, 20_100), None);
        assert_eq!(owner(&workers[0], "192.0.2.2", 20_000), None);
    }

    #[test]
    fn a_new_policy_leaves_streams_where_they_are() {
        let mut all = Terminations::new(0, 1, 7);
        all.configure(&[termination("192.0.2.1", 20_000, 20_003)]);
        let old = all.take(&[0], ip("192.0.2.9")).unwrap();
        all.bind(old, 1, Leg::Client);
        // The range moves: what is open keeps its port, and nobody else is given it.
        all.configure(&[termination("192.0.2.1", 20_000, 20_005)]);
        assert!(place(&all, OURS, old.port).is_some());
        let mut ports = Vec::new();
        while let Some(pair) = all.take(&[0], ip("192.0.2.9")) {
            all.bind(pair, 2, Leg::Client);
            ports.push(pair.port);
        }
        assert_eq!(ports.len(), 2);
        assert!(!ports.contains(&old.port));
        all.give_back(old);
        assert_eq!(all.all.iter().flatten().count(), 1);
        assert_eq!(
            all.take(&[0], ip("192.0.2.9")).map(|pair| pair.port),
            Some(old.port)
        );
    }
}
