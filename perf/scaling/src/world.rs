//! Workers that share ports, streams and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use abi::layout::{Layout, Shape};
use abi::provision::{StaticOutcome, StaticSide, StaticStream};
use abi::{Counter, Limits, Now};
use dpdk::{Clock, Eal, Pool, Port, PortConfig, QueuePair, lcore, ring};
use flow::{FlowKey, UDP, rss};
use perf_loadgen::synth::{Synth, streams};
use perf_loadgen::{Link, Side, Source, Stations, Stream, Traffics};
use tls::{HandshakePool, HandshakePort, LegLimits, PoolConfig};
use wire::{MacAddr, Nic};
use worker::{Handoff, Order, Policy, PolicyInbox, Worker, WorkerSetup};

use crate::lane::{Lane, Meeting, Tally};
use crate::policy;
use crate::surroundings::{NoKeys, Seeded};

/// Streams that each worker owns.
const STREAMS: u32 = 1_000;
/// Packets that come in by each worker's queues in one run.
const PACKETS: usize = 200_000;
/// Frames that a ring holds, plus one: several blocks.
const RING: u32 = 4_096;
/// Stations that the peers outside and inside are behind. Rings have station addresses that no
/// station may have.
const PEERS: [MacAddr; 2] = [MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2])];
/// Entries of a port's redirection table.
const REDIRECTION_ENTRIES: u16 = 128;
/// Turns after which something is wrong.
const TURNS_MAX: u32 = 10_000_000;

/// By which worker's queue packets come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// That of the owner of their stream.
    Right,
    /// That which receive-side scaling would choose.
    Rss,
}

impl Placement {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Right, Self::Rss];

    /// What it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Right => "placed right",
            Self::Rss => "placed by RSS",
        }
    }
}

/// What a worker did in one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// Packets that came in by its queues.
    pub(crate) received: f64,
    /// Packets that left by its queues.
    pub(crate) passed: f64,
    /// Packets that it handed to others.
    pub(crate) handed: f64,
    /// Seconds of its turns that had work.
    pub(crate) seconds: f64,
    /// Seconds of the generator beside it.
    pub(crate) generator: f64,
}

impl Done {
    /// Packets that it passed on in a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.passed / self.seconds
    }
}

/// Workers with their lanes.
pub(crate) struct World {
    workers: u16,
    placement: Placement,
    lanes: Vec<Lane>,
    layout: Layout<'static>,
    _ports: Vec<Port>,
    _handshakes: HandshakePool,
}

impl World {
    /// Starts `workers` workers and opens their streams.
    pub(crate) fn new(
        eal: &Eal,
        pool: &Pool,
        clock: Clock,
        workers: u16,
        placement: Placement,
    ) -> Self {
        let count = STREAMS * u32::from(workers);
        let mut made = streams(&Synth {
            count,
            ..Synth::default()
        });
        let policy = policy::image(workers, count);
        let policy = Policy::compile(1, policy, &NoKeys, LegLimits::default());
        let shared = Shared {
            workers: usize::from(workers),
            layout: layout(workers, count),
            policy: Arc::new(policy.expect("a policy")),
            clock,
        };
        let handshakes = PoolConfig {
            threads: 0,
            workers: shared.workers,
            queue_max: 1,
        };
        let (handshakes, handshake_ports) = HandshakePool::start(handshakes).expect("handshakes");
        let sides = ["outside", "inside"].map(|side| {
            let name = format!("{workers}{placement:?}-{side}");
            Across::new(eal, pool, &name, workers)
        });
        let [outside, inside] = sides;
        let inboxes: Vec<PolicyInbox> = (0..workers).map(|_| PolicyInbox::default()).collect();
        let queues = outside.pairs.into_iter().zip(inside.pairs);
        let parts = queues
            .zip(handshake_ports)
            .zip(Handoff::mesh(shared.workers))
            .zip(&inboxes);
        let lanes = parts
            .enumerate()
            .map(|(id, (((queues, port), handoff), inbox))| {
                let own = Own {
                    id,
                    queues,
                    handshakes: port,
                    handoff,
                    inbox: inbox.clone(),
                };
                shared.lane(own, &made)
            });
        let mut world = Self {
            workers,
            placement,
            lanes: lanes.collect(),
            layout: shared.layout,
            _ports: outside.ports.into_iter().chain(inside.ports).collect(),
            _handshakes: handshakes,
        };
        world.open(&mut made, &inboxes);
        world.resolve();
        world.place(&made);
        world
    }

    /// How many workers there are.
    pub(crate) const fn workers(&self) -> u16 {
        self.workers
    }

    /// By which queues packets come in.
    pub(crate) const fn placement(&self) -> Placement {
        self.placement
    }

    /// Sends packets through all workers at once.
    pub(crate) fn run(&mut self, eal: &Eal) -> Vec<Done> {
        let meeting = Arc::new(Meeting::new(self.lanes.len()));
        let before = self.handed();
        let lanes = self.lanes.drain(..).zip(eal.workers());
        let running: Vec<_> = lanes
            .map(|(mut lane, &on)| {
                let meeting = Arc::clone(&meeting);
                let run = move || (lane.run(PACKETS, &meeting), lane);
                lcore::spawn(eal, on, run).expect("an idle core")
            })
            .collect();
        let mut tallies = Vec::new();
        for handle in running {
            let (tally, lane) = handle.join().expect("a run");
            tallies.push(tally);
            self.lanes.push(lane);
        }
        let handed = self.handed().into_iter().zip(before);
        let done = tallies.into_iter().zip(handed);
        done.map(|(tally, (after, before))| Done::of(tally, after - before))
            .collect()
    }

    /// Messages that each worker has handed to others.
    fn handed(&self) -> Vec<u64> {
        let counters = (0..usize::from(self.workers)).map(|worker| self.layout.counters(worker));
        counters
            .map(|counters| counters.expect("counters").count(Counter::HandoffOut))
            .collect()
    }

    /// Has the workers open `streams`, and puts the ports that they chose into them.
    fn open(&mut self, streams: &mut [Stream], inboxes: &[PolicyInbox]) {
        let wanted = streams.iter().map(|stream| StaticStream {
            client: side(&stream.client),
            server: side(&stream.server),
        });
        let order = Arc::new(Order::new(
            Vec::new(),
            (0..).zip(wanted).collect(),
            inboxes.len(),
        ));
        for inbox in inboxes {
            assert!(inbox.put_order(Arc::clone(&order)), "the inbox is empty");
        }
        let outcomes = self.until(|_| order.outcomes());
        for (stream, outcome) in streams.iter_mut().zip(outcomes) {
            let StaticOutcome::Open {
                client_port,
                server_port,
            } = outcome
            else {
                panic!("a stream is refused: {outcome:?}");
            };
            stream.client.local.set_port(client_port);
            stream.server.local.set_port(server_port);
        }
    }

    /// Finds the workers' stations, and lets all workers know those of the peers.
    fn resolve(&mut self) {
        for lane in &mut self.lanes {
            lane.ask();
        }
        self.until(|lanes| {
            let known = |lane: &Lane| lane.link.unresolved().is_none();
            lanes.iter().all(known).then_some(())
        });
    }

    /// Gives each lane the talkers whose packets come in there.
    fn place(&mut self, streams: &[Stream]) {
        let mut placed = vec![Vec::new(); self.lanes.len()];
        for (number, stream) in streams.iter().enumerate() {
            let lane = match self.placement {
                // As workers divide an order among them.
                Placement::Right => number % self.lanes.len(),
                Placement::Rss => {
                    let Side { local, peer, .. } = stream.client;
                    let hash = rss::symmetric_hash(&FlowKey::new(UDP, local, peer));
                    rss::queue_of(hash, REDIRECTION_ENTRIES, self.workers).into()
                }
            };
            placed.get_mut(lane).expect("a lane").push(stream.clone());
        }
        let traffics = Traffics {
            rtcp: false,
            ..Traffics::default()
        };
        for (lane, streams) in self.lanes.iter_mut().zip(placed) {
            lane.source = (!streams.is_empty()).then(|| {
                let mut source = Source::new(&streams, &traffics).expect("talkers");
                source.set_stations(lane.link.stations());
                source
            });
        }
    }

    /// Lets all workers run until something is so.
    fn until<T>(&mut self, mut so: impl FnMut(&[Lane]) -> Option<T>) -> T {
        let mut tally = Tally::default();
        for _ in 0..TURNS_MAX {
            for lane in &mut self.lanes {
                lane.turn(&mut tally);
                lane.drain(&mut tally);
            }
            if let Some(value) = so(&self.lanes) {
                return value;
            }
        }
        panic!("the workers do not get ready");
    }
}

impl Done {
    fn of(tally: Tally, handed: u64) -> Self {
        let number = |value: u64| value as f64;
        Self {
            received: number(tally.received),
            passed: number(tally.passed),
            handed: number(handed),
            seconds: number(tally.busy) / 1e9,
            generator: number(tally.rest) / 1e9,
        }
    }
}

/// What all workers of a world have in common.
struct Shared {
    workers: usize,
    layout: Layout<'static>,
    policy: Arc<Policy>,
    clock: Clock,
}

/// What each worker has of its own: on either side its queue pair and the one across from it.
struct Own {
    id: usize,
    queues: ((QueuePair, QueuePair), (QueuePair, QueuePair)),
    handshakes: HandshakePort,
    handoff: Handoff<<QueuePair as Nic>::Frame>,
    inbox: PolicyInbox,
}

impl Shared {
    /// A worker and what is across from it.
    fn lane(&self, own: Own, streams: &[Stream]) -> Lane {
        let ((outside, far_outside), (inside, far_inside)) = own.queues;
        let setup = WorkerSetup {
            id: own.id,
            workers: self.workers,
            layout: self.layout,
            nics: vec![outside, inside],
            senders: vec![own.id, own.id],
            handoff: own.handoff,
            handshakes: own.handshakes,
            policies: own.inbox,
            policy: Arc::clone(&self.policy),
            entropy: Arc::new(Seeded::new(own.id as u64)),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let now = Now::from_nanos(self.clock.now());
        let [outside, inside] = PEERS;
        let stations = Stations::new(outside, inside);
        Lane {
            worker: Worker::new(setup, now).expect("a worker"),
            outside: far_outside,
            inside: far_inside,
            link: Link::new(stations, streams),
            clock: self.clock,
            source: None,
        }
    }
}

/// The two ports of one side, with a queue a worker, and the queue pairs across from each other.
struct Across {
    ports: Vec<Port>,
    pairs: Vec<(QueuePair, QueuePair)>,
}

impl Across {
    fn new(eal: &Eal, pool: &Pool, name: &str, workers: u16) -> Self {
        let (near, far) = (format!("{name}-near"), format!("{name}-far"));
        ring::cross(eal, &near, &far, workers, RING).expect("rings");
        let config = PortConfig {
            workers,
            ..PortConfig::default()
        };
        let open = |name: &str| {
            Port::configure(eal, &ring::port_name(name), &config, pool).expect("a port")
        };
        let (near, far) = (open(&near), open(&far));
        Self {
            pairs: near.pairs.into_iter().zip(far.pairs).collect(),
            ports: vec![near.port, far.port],
        }
    }
}

fn layout(workers: u16, streams: u32) -> Layout<'static> {
    let shape = Shape {
        workers: usize::from(workers),
        sessions: 16,
        streams: streams as usize,
        image_words: 8,
    };
    let words: Vec<AtomicU64> = (0..shape.words()).map(|_| AtomicU64::new(0)).collect();
    let layout = Layout::format(words.leak(), shape).expect("a region");
    layout.limits().expect("limits").store(&Limits::UNLIMITED);
    layout
}

fn side(side: &Side) -> StaticSide {
    StaticSide {
        local: side.local.ip(),
        peer: side.peer,
        rtcp_mux: side.rtcp_mux,
        suite: side.suite.map_or(0, abi::Suite::id),
        receive: side.receive.clone(),
        transmit: side.transmit.clone(),
    }
}
