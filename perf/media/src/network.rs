//! Two networks joined by the worker's ports: rings in memory, nothing copied.

use core::net::{IpAddr, Ipv4Addr};
use core::sync::atomic::AtomicU64;

use abi::counters::{BLOCK_WORDS, Counters};
use abi::policy::{Interface, MediaTermination, Prefix};
use abi::{Counter, Now, Reason};
use dpdk::{Clock, Eal, Mbuf, Pool, PoolConfig, Port, PortConfig, PortQueues, QueuePair, ring};
use ip::{Egress, Limits, NeighborEvent, Stack};
use pipeline::{Leg, PerLeg};
use wire::arp::{ArpRepr, Operation};
use wire::ethernet::{self, EthernetRepr};
use wire::{BURST, Burst, Frame, MacAddr, Nic, Parsed};

/// Frames that wait in a ring at most; a power of two.
const RING: u32 = 1024;

/// Frames that are put on the way at a time: as many as a NIC's ring would hold, so that their
/// octets lie no nearer to the core than a NIC would leave them.
pub(crate) const BLOCK: usize = 31 * BURST;

/// Peers on each side have addresses from this host number on, ours are below.
const FIRST_PEER: u8 = 101;

/// The station that all peers are behind. Rings have station addresses that no station may have.
const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

/// Our addresses on each side.
pub(crate) const ADDRESSES: u8 = 8;

/// Ports of each address, from [`FIRST_PORT`] on.
pub(crate) const PAIRS: u32 = 16_000;
pub(crate) const FIRST_PORT: u16 = 20_000;

/// One side's ports: ours and that of the generator across.
pub(crate) struct Side {
    pub(crate) ours: QueuePair,
    pub(crate) theirs: QueuePair,
    _ports: [Port; 2],
}

/// Both sides, the stack between them, and what it counts.
pub(crate) struct Network {
    pub(crate) clock: Clock,
    pub(crate) pool: Pool,
    pub(crate) sides: PerLeg<Side>,
    pub(crate) counters: Counters<'static>,
}

/// An address of ours on a leg's side.
pub(crate) const fn our_address(leg: Leg, number: u8) -> IpAddr {
    host(leg, 1 + number)
}

/// An address of a peer on a leg's side.
pub(crate) const fn peer_address(leg: Leg, number: u8) -> IpAddr {
    host(leg, FIRST_PEER + number)
}

const fn host(leg: Leg, number: u8) -> IpAddr {
    IpAddr::V4(match leg {
        Leg::Client => Ipv4Addr::new(198, 51, 100, number),
        Leg::Server => Ipv4Addr::new(192, 0, 2, number),
    })
}

/// The leg whose side a port of ours is on.
const fn leg_of(port: u16) -> Leg {
    if port == 0 { Leg::Client } else { Leg::Server }
}

impl Network {
    pub(crate) fn new(eal: &Eal) -> Self {
        let config = PoolConfig {
            mbufs: 8_191,
            ..PoolConfig::default()
        };
        let pool = Pool::create(eal, "media", &config).expect("pool");
        let sides = PerLeg {
            client: Side::new(eal, "outside", &pool),
            server: Side::new(eal, "inside", &pool),
        };
        let words: Vec<AtomicU64> = (0..BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect();
        let counters = Counters::new(words.leak()).expect("counters");
        Self {
            clock: Clock::calibrate(),
            pool,
            sides,
            counters,
        }
    }

    /// The stack of the worker, which knows all peers.
    pub(crate) fn stack(&mut self, now: Now) -> Stack<Mbuf> {
        let mut stack = Stack::new(Limits::default());
        let interfaces = Leg::BOTH.map(interface);
        let infos = Leg::BOTH.map(|leg| self.sides[leg].ours.info());
        stack
            .configure(&interfaces, &[], &infos)
            .expect("interfaces");
        let mut out = Sent::default();
        for leg in Leg::BOTH {
            for number in 0..ADDRESSES {
                let peer = peer_address(leg, number);
                stack.next_hop(peer, now).expect("next hop");
                stack.poll(
                    now,
                    &mut Out {
                        network: self,
                        queues: &mut out,
                    },
                );
                let reply = self.arp_reply(leg, peer);
                let Ok(Parsed::Arp(link)) = wire::parse(&reply) else {
                    continue;
                };
                let port = u16::from(leg == Leg::Server);
                let mut out = Out {
                    network: self,
                    queues: &mut out,
                };
                stack.on_arp(port, reply, &link, now, &mut out);
            }
        }
        stack
    }

    /// The answer of a peer that was asked for its station address.
    fn arp_reply(&self, leg: Leg, peer: IpAddr) -> Mbuf {
        let (IpAddr::V4(peer), IpAddr::V4(ours)) = (peer, our_address(leg, 0)) else {
            unreachable!("peers have IPv4 addresses")
        };
        let (dst, src) = self.stations(leg);
        let mut bytes = [0; ethernet::HEADER_LEN + wire::arp::LEN];
        let header = EthernetRepr {
            dst,
            src,
            vlan: None,
            ethertype: ethernet::ARP,
        };
        let arp = ArpRepr {
            operation: Operation::Reply,
            sender_mac: src,
            sender_ip: peer,
            target_mac: dst,
            target_ip: ours,
        };
        header.emit(&mut bytes).expect("room");
        arp.emit(bytes.get_mut(ethernet::HEADER_LEN..).expect("room"))
            .expect("room");
        self.frame(&bytes)
    }

    /// A frame that holds `bytes`.
    pub(crate) fn frame(&self, bytes: &[u8]) -> Mbuf {
        let mut frame = self.pool.alloc().expect("mbuf");
        assert!(frame.append(bytes.len()), "room in an mbuf");
        frame.data_mut().copy_from_slice(bytes);
        frame
    }

    /// What has been refused, by name.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let all = Reason::ALL
            .iter()
            .map(|&reason| (reason.name(), self.counters.refused(reason)));
        all.filter(|&(_, count)| count > 0).collect()
    }

    /// Station addresses in frames from a leg's peers: ours, then theirs.
    pub(crate) fn stations(&self, leg: Leg) -> (MacAddr, MacAddr) {
        (self.sides[leg].ours.info().mac, PEER)
    }
}

impl Side {
    fn new(eal: &Eal, name: &str, pool: &Pool) -> Self {
        let names = [format!("{name}-ours"), format!("{name}-theirs")];
        ring::cross(eal, &names[0], &names[1], 1, RING).expect("rings");
        let open = |name: &String| {
            let name = ring::port_name(name);
            let PortQueues { port, mut pairs } =
                Port::configure(eal, &name, &PortConfig::default(), pool).expect("port");
            (port, pairs.remove(0))
        };
        let ((port, ours), (across, theirs)) = (open(&names[0]), open(&names[1]));
        Self {
            ours,
            theirs,
            _ports: [port, across],
        }
    }
}

fn interface(leg: Leg) -> Interface {
    let addresses = (0..ADDRESSES).map(|number| our_address(leg, number));
    Interface {
        name: String::new(),
        device: u16::from(leg == Leg::Server),
        vlan: None,
        addresses: addresses
            .map(|address| Prefix { address, len: 24 })
            .collect(),
        owned: Vec::new(),
        reassemble: false,
    }
}

/// The terminations that `streams` streams need: the outside's first, then as many inside.
pub(crate) fn terminations(streams: u32) -> Vec<MediaTermination> {
    let each = u8::try_from(streams.div_ceil(PAIRS)).expect("few addresses");
    assert!(each <= ADDRESSES, "too many streams");
    let last = FIRST_PORT + u16::try_from(PAIRS * 2 - 1).expect("port");
    let of = |leg| {
        (0..each).map(move |number| MediaTermination {
            name: String::new(),
            interface: u16::from(leg == Leg::Server),
            address: our_address(leg, number),
            udp_port_min: FIRST_PORT,
            udp_port_max: last,
        })
    };
    of(Leg::Client).chain(of(Leg::Server)).collect()
}

/// Frames in line for each port.
#[derive(Default)]
pub(crate) struct Sent(PerLeg<Burst<Mbuf>>);

/// What the stack sends by: the ports' transmit queues, as the worker fills them.
pub(crate) struct Out<'a> {
    pub(crate) network: &'a mut Network,
    pub(crate) queues: &'a mut Sent,
}

impl Out<'_> {
    /// Sends all that is in line.
    pub(crate) fn flush(&mut self) {
        Leg::BOTH.into_iter().for_each(|leg| self.flush_side(leg));
    }

    fn flush_side(&mut self, leg: Leg) {
        let queue = &mut self.queues.0[leg];
        self.network.sides[leg].ours.tx_burst(queue);
        queue.clear();
    }
}

impl Egress<Mbuf> for Out<'_> {
    fn alloc(&mut self, _: u16) -> Option<Mbuf> {
        self.network.pool.alloc()
    }

    #[inline]
    fn send(&mut self, port: u16, frame: Mbuf) {
        let leg = leg_of(port);
        let queue = &mut self.queues.0[leg];
        queue.push(frame);
        if queue.is_full() {
            self.flush_side(leg);
        }
    }

    fn refuse(&mut self, reason: Reason) {
        self.network.counters.refuse(reason);
    }

    fn count(&mut self, counter: Counter) {
        self.network.counters.add(counter, 1);
    }

    fn tell(&mut self, _: NeighborEvent) {}
}
