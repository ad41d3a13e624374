//! The way that is counted: what a worker does with a burst of media, over frames in memory.

use core::net::SocketAddr;
use core::sync::atomic::AtomicU64;

use abi::counters::{BLOCK_WORDS, Counters};
use abi::policy::{Interface, MediaTermination, Prefix, RtpSettings};
use abi::{Counter, Now, Reason};
use arrayvec::ArrayVec;
use ip::{Egress, Limits, NeighborEvent, Stack};
use perf_loadgen::synth::{FIRST_PORT, LOCALS_FROM, Network, Synth, streams};
use perf_loadgen::{End, Link, Side, Source, Stations, Store, Stream, Traffics};
use pipeline::{
    CallId, Endpoint, MasterKey, MediaId, MediaKind, MediaPlan, PerLeg, SidePlan, SrtpParams,
};
use wire::sim::SimFrame;
use wire::{BURST, MacAddr, NicInfo, Parsed};
use worker::MediaEngine;

use crate::CountError;
use crate::case::{CASES, Case};
use crate::stage::Markers;

/// Streams: each packet of a burst is another's.
const STREAMS: u32 = 64;
/// Bursts before the counted ones, so that all sources are known.
const WARM_UP: usize = 8;
/// Bursts that are counted.
pub(crate) const BURSTS: usize = 4;

const OURS: [MacAddr; 2] = [MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2])];
const PEERS: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

/// Runs the case of that name, once.
pub(crate) fn run(name: &str) -> Result<(), CountError> {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.ok_or(CountError::Case("no such case"))?;
    let ran = Path::new(case).and_then(|mut path| path.run());
    ran.ok_or(CountError::Case("the case does not run"))
}

/// A worker's media path with all streams open, and packets for it.
struct Path {
    engine: MediaEngine<SimFrame>,
    stack: Stack<SimFrame>,
    counters: Counters<'static>,
    store: Store,
    out: Out,
    /// Packets of a burst that is counted.
    burst: usize,
}

/// What leaves, by port.
#[derive(Default)]
struct Out {
    frames: Vec<(u16, SimFrame)>,
    refused: u64,
}

impl Egress<SimFrame> for Out {
    fn alloc(&mut self, _: u16) -> Option<SimFrame> {
        Some(SimFrame::empty())
    }

    fn send(&mut self, port: u16, frame: SimFrame) {
        self.frames.push((port, frame));
    }

    fn refuse(&mut self, _: Reason) {
        self.refused += 1;
    }

    fn count(&mut self, _: Counter) {}

    fn tell(&mut self, _: NeighborEvent) {}
}

impl Path {
    fn new(case: &Case) -> Option<Self> {
        let mut made = streams(&Synth {
            count: STREAMS,
            client_suite: case.client,
            server_suite: case.server,
            v6: case.v6,
            ..Synth::default()
        });
        let mut engine = MediaEngine::new(0, 1, STREAMS, 1).ok()?;
        engine.configure(
            &Network::BOTH.map(|net| termination(net, case.v6)),
            RtpSettings::default(),
        );
        for (number, stream) in (0..).zip(&mut made) {
            let plan = plan(number, stream)?;
            let among = PerLeg {
                client: &[0][..],
                server: &[1][..],
            };
            let opened = engine.open(1, MediaId(number), &plan, among, now(0));
            let (_, local) = opened.ok()?;
            (stream.client.local, stream.server.local) = (local.client.rtp, local.server.rtp);
        }
        let words: Vec<AtomicU64> = (0..BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect();
        let mut out = Out::default();
        let traffics = Traffics {
            direction: case.direction,
            rtcp: false,
            ..Traffics::default()
        };
        let mut source = Source::new(&made, &traffics).ok()?;
        let stack = stack(case, &made, &mut source, &mut out)?;
        let store = Store::make(&mut source, WARM_UP * BURST + BURSTS * case.burst).ok()?;
        Some(Self {
            engine,
            stack,
            counters: Counters::new(words.leak())?,
            store,
            out,
            burst: case.burst,
        })
    }

    fn run(&mut self) -> Option<()> {
        for turn in 0..WARM_UP + BURSTS {
            let packets = if turn < WARM_UP { BURST } else { self.burst };
            let mut burst: ArrayVec<(u16, SimFrame), BURST> = ArrayVec::new();
            while burst.len() < packets {
                let ready = self.store.ready()?;
                let port = u16::from(ready.end == End::Inside);
                burst.push((port, SimFrame::from_bytes(ready.octets)));
                self.store.advance();
            }
            if turn < WARM_UP {
                self.turn(burst, &mut (), || {});
            } else {
                let mut markers = Markers;
                markers.begin();
                self.turn(burst, &mut markers, || Markers.classified());
            }
            // Every packet came through, and what was counted is the whole way.
            (self.out.frames.len() == packets && self.out.refused == 0).then_some(())?;
            self.out.frames.clear();
        }
        Some(())
    }

    /// What a worker's turn does with media.
    #[inline(never)]
    fn turn(
        &mut self,
        burst: ArrayVec<(u16, SimFrame), BURST>,
        probe: &mut impl worker::Probe,
        classified: impl Fn(),
    ) {
        for (port, frame) in burst {
            let arrival = self.engine.recognise(&self.stack, port, &frame);
            if let Some(arrival) = arrival.filter(|arrival| arrival.port.owner == 0) {
                self.engine.queue(frame, &arrival, &self.counters);
            }
        }
        classified();
        self.engine.run(
            &mut self.stack,
            &mut self.out,
            &self.counters,
            now(1),
            probe,
        );
    }
}

const fn now(seconds: u64) -> Now {
    Now::from_millis(seconds * 1_000)
}

/// The addresses that media of a side ends at.
fn termination(network: Network, v6: bool) -> MediaTermination {
    MediaTermination {
        name: String::new(),
        interface: u16::from(network == Network::Inside),
        address: network.host(LOCALS_FROM, v6),
        udp_port_min: FIRST_PORT,
        udp_port_max: FIRST_PORT + 16_383,
    }
}

fn plan(number: u32, stream: &Stream) -> Option<MediaPlan> {
    Some(MediaPlan {
        call: CallId(number),
        kind: MediaKind::Rtp,
        sides: PerLeg {
            client: side(&stream.client)?,
            server: side(&stream.server)?,
        },
    })
}

fn side(side: &Side) -> Option<SidePlan> {
    let rtcp = SocketAddr::new(side.peer.ip(), side.peer.port() + 1);
    let keys = |octets: &[u8]| match side.suite {
        None => Some(None),
        Some(suite) => {
            let key = MasterKey::new(suite, octets)?;
            Some(Some(SrtpParams {
                suite,
                key,
                mki: None,
            }))
        }
    };
    Some(SidePlan {
        family_of: side.peer.ip(),
        remote: Some(Endpoint {
            rtp: side.peer,
            rtcp,
        }),
        rtcp_mux: false,
        secure: side.suite.is_some(),
        receive: keys(&side.receive)?,
        transmit: keys(&side.transmit)?,
        peer_sends: true,
        peer_receives: true,
    })
}

/// A stack that knows all peers, which know it.
fn stack(
    case: &Case,
    streams: &[Stream],
    source: &mut Source,
    out: &mut Out,
) -> Option<Stack<SimFrame>> {
    let mut stack = Stack::new(Limits::default());
    let infos = OURS.map(|mac| NicInfo {
        mac,
        mtu: 1_500,
        has_rx: true,
        has_tx: true,
        tx_checksums: wire::TxChecksums::NONE,
    });
    let interfaces = Network::BOTH.map(|network| Interface {
        name: String::new(),
        device: u16::from(network == Network::Inside),
        vlan: None,
        addresses: vec![Prefix {
            address: network.host(LOCALS_FROM, case.v6),
            len: if case.v6 { 64 } else { 24 },
        }],
        owned: Vec::new(),
        reassemble: false,
    });
    stack.configure(&interfaces, &[], &infos).ok()?;
    let mut link = Link::new(Stations::new(PEERS, PEERS), streams);
    for (port, end) in (0..).zip(End::BOTH) {
        let questions: Vec<Vec<u8>> = link.questions(end).collect();
        for question in questions {
            let frame = SimFrame::from_bytes(&question);
            hand_over(&mut stack, port, frame, out)?;
        }
    }
    for stream in streams {
        for end in End::BOTH {
            stack.next_hop(end.side(stream).peer.ip(), now(0)).ok()?;
        }
    }
    // Answers to the questions of both sides go back and forth until nobody asks any more.
    loop {
        stack.poll(now(0), out);
        if out.frames.is_empty() {
            break;
        }
        for (port, frame) in core::mem::take(&mut out.frames) {
            let end = if port == 0 { End::Outside } else { End::Inside };
            if let Some(answer) = link.on_frame(end, &frame) {
                hand_over(&mut stack, port, SimFrame::from_bytes(&answer), out)?;
            }
        }
    }
    source.set_stations(link.stations());
    Some(stack)
}

/// Gives the stack a frame of neighbour resolution.
fn hand_over(stack: &mut Stack<SimFrame>, port: u16, frame: SimFrame, out: &mut Out) -> Option<()> {
    match wire::parse(&frame).ok()? {
        Parsed::Arp(link) => stack.on_arp(port, frame, &link, now(0), out),
        Parsed::Ip(packet) => {
            let interface = stack.accept(port, &packet).ok()?;
            stack.on_icmp(frame, &packet, interface, now(0), out);
        }
    }
    Some(())
}
