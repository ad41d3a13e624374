//! One run: packets through the worker's path, and how long each part took.

use core::ops::Range;

use abi::Now;
use dpdk::{Clock, Mbuf};
use ip::Stack;
use pipeline::{Leg, MediaId, PerLeg};
use wire::{Burst, Nic};
use worker::{MediaEngine, Probe, Stage, fetch_frames};

use crate::calls::{Case, Frames};
use crate::network::{BLOCK, Network, Out, Sent, terminations};

/// The parts of a packet's way, in order.
pub(crate) const PARTS: [&str; 9] = [
    "receive", "classify", "admit", "open", "accept", "forward", "seal", "send", "transmit",
];

/// Nanoseconds a packet.
pub(crate) struct Cost {
    /// In all.
    pub(crate) total: f64,
    /// By [`PARTS`]; zeroes unless they were asked for.
    pub(crate) parts: [f64; PARTS.len()],
}

/// Ready to run: an engine with all streams open, and their packets.
pub(crate) struct Run {
    engine: MediaEngine<Mbuf>,
    stack: Stack<Mbuf>,
    frames: Frames,
    /// Frames that are each the first of their stream. What they take is not counted: the stream
    /// finds its way out by them, and learns its peer's address.
    firsts: usize,
    from: Leg,
    is_bad: bool,
    /// Packets that arrive together.
    block: usize,
}

impl Run {
    /// Opens `streams` streams and makes `packets` packets, and one more for each stream to begin
    /// with.
    pub(crate) fn new(network: &mut Network, case: &Case, streams: u32, packets: usize) -> Self {
        let now = Now::from_nanos(network.clock.now());
        let mut engine = MediaEngine::new(0, 1, streams, 1).expect("engine");
        let all = terminations(streams);
        engine.configure(&all, abi::policy::RtpSettings::default());
        let each = u16::try_from(all.len() / 2).expect("few");
        let client: Vec<u16> = (0..each).collect();
        let server: Vec<u16> = (each..each * 2).collect();
        let among = PerLeg {
            client: client.as_slice(),
            server: server.as_slice(),
        };
        let local: Vec<_> = (0..streams)
            .map(|number| {
                let plan = case.plan(number);
                let opened = engine.open(1, MediaId(number), &plan, among, now);
                let (_, local) = opened.expect("stream");
                local[case.from].rtp
            })
            .collect();
        let stations = network.stations(case.from);
        let frames = Frames::make(case, &local, stations, local.len() + packets);
        let stack = network.stack(now);
        Self {
            engine,
            stack,
            frames,
            firsts: local.len(),
            from: case.from,
            is_bad: case.bad.is_some(),
            block: BLOCK,
        }
    }

    /// The same with packets that arrive one by one, so that none shares a burst.
    pub(crate) fn one_by_one(self) -> Self {
        Self { block: 1, ..self }
    }

    /// Sends all packets through. Every good one must come out, every bad one be counted.
    pub(crate) fn go(&mut self, network: &mut Network, with_parts: bool) -> Cost {
        let (all, firsts) = (self.frames.count(), self.firsts);
        let refused_before = refused(network);
        let mut untimed = Meter::new(network.clock, false);
        let (_, mut arrived) = self.pass(network, 0..firsts, &mut untimed);
        let mut meter = Meter::new(network.clock, with_parts);
        let (total, arrived_later) = self.pass(network, firsts..all, &mut meter);
        arrived += arrived_later;
        let lost = all - arrived;
        assert!(
            lost == 0 || self.is_bad,
            "{lost} packets were lost: {:?}",
            network.refusals()
        );
        let refused = refused(network) - refused_before;
        assert_eq!(lost as u64, refused, "each is counted once");
        let each = |nanos: u64| nanos as f64 / (all - firsts) as f64;
        Cost {
            total: each(total),
            parts: meter.parts.map(each),
        }
    }

    /// Sends a range of the packets through. Returns the nanoseconds that it took, and how many
    /// came out.
    fn pass(
        &mut self,
        network: &mut Network,
        range: Range<usize>,
        meter: &mut Meter,
    ) -> (u64, usize) {
        let (mut total, mut arrived) = (0, 0);
        let mut waiting = self.frames.iter().skip(range.start).take(range.len());
        loop {
            let block: Vec<Mbuf> = waiting
                .by_ref()
                .take(self.block)
                .map(|bytes| network.frame(bytes))
                .collect();
            if block.is_empty() {
                return (total, arrived);
            }
            inject(network, self.from, block);
            let began = network.clock.now();
            meter.last = began;
            block_through(network, self.from, &mut self.engine, &mut self.stack, meter);
            total += network.clock.now() - began;
            arrived += drain(network, self.from.other());
        }
    }
}

/// Packets refused so far, whatever for.
fn refused(network: &Network) -> u64 {
    network.refusals().iter().map(|&(_, count)| count).sum()
}

/// Puts a block of frames into our receive ring.
fn inject(network: &mut Network, from: Leg, block: Vec<Mbuf>) {
    let theirs = &mut network.sides[from].theirs;
    let mut frames = block.into_iter().peekable();
    while frames.peek().is_some() {
        let mut burst: Burst<Mbuf> = frames.by_ref().take(wire::BURST).collect();
        let len = burst.len();
        assert_eq!(theirs.tx_burst(&mut burst), len, "ring full");
    }
}

/// Takes in what came out across, and counts it.
fn drain(network: &mut Network, to: Leg) -> usize {
    let theirs = &mut network.sides[to].theirs;
    let mut arrived = 0;
    loop {
        let mut burst = Burst::new();
        match theirs.rx_burst(&mut burst) {
            0 => return arrived,
            received => arrived += received,
        }
    }
}

/// What the worker's loop does with media, until nothing more arrives.
fn block_through(
    network: &mut Network,
    from: Leg,
    engine: &mut MediaEngine<Mbuf>,
    stack: &mut Stack<Mbuf>,
    meter: &mut Meter,
) {
    let port = u16::from(from == Leg::Server);
    let mut queues = Sent::default();
    loop {
        let mut burst = Burst::new();
        if network.sides[from].ours.rx_burst(&mut burst) == 0 {
            return;
        }
        fetch_frames(&burst);
        let now = Now::from_nanos(network.clock.now());
        meter.part(0);
        for frame in burst {
            let arrival = engine.recognise(stack, port, &frame);
            if let Some(arrival) = arrival.filter(|arrival| arrival.port.owner == 0) {
                engine.queue(frame, &arrival, &network.counters);
            }
        }
        meter.part(1);
        let counters = network.counters;
        let mut out = Out {
            network,
            queues: &mut queues,
        };
        engine.run(stack, &mut out, &counters, now, meter);
        out.flush();
        meter.part(8);
    }
}

/// Adds up how long each part takes, if it is to.
struct Meter {
    clock: Clock,
    is_on: bool,
    last: u64,
    parts: [u64; PARTS.len()],
}

impl Meter {
    fn new(clock: Clock, is_on: bool) -> Self {
        Self {
            clock,
            is_on,
            last: 0,
            parts: [0; PARTS.len()],
        }
    }

    #[inline]
    fn part(&mut self, part: usize) {
        if !self.is_on {
            return;
        }
        let now = self.clock.now();
        if let Some(sum) = self.parts.get_mut(part) {
            *sum += now - self.last;
        }
        self.last = now;
    }
}

impl Probe for Meter {
    #[inline]
    fn ended(&mut self, stage: Stage) {
        self.part(match stage {
            Stage::Admit => 2,
            Stage::Open => 3,
            Stage::Accept => 4,
            Stage::Forward => 5,
            Stage::Seal => 6,
            Stage::Send => 7,
        });
    }
}
