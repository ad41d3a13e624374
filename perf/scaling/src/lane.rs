//! One worker with the generator on its core.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use abi::Now;
use dpdk::{Clock, QueuePair};
use perf_loadgen::{End, Link, Source, Store};
use wire::{BURST, Burst, Frame, Nic, Parsed};
use worker::Worker;

/// Frames that are put on the way at a time.
const BLOCK: usize = 31 * BURST;

/// Where the lanes of a run meet.
#[derive(Debug)]
pub(crate) struct Meeting {
    begin: Barrier,
    ended: AtomicUsize,
    lanes: usize,
}

impl Meeting {
    /// For so many lanes.
    pub(crate) fn new(lanes: usize) -> Self {
        Self {
            begin: Barrier::new(lanes),
            ended: AtomicUsize::new(0),
            lanes,
        }
    }
}

/// What a lane has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Frames that came in by its queues.
    pub(crate) received: u64,
    /// Frames that left by its queues.
    pub(crate) passed: u64,
    /// Nanoseconds of the worker's turns that had work.
    pub(crate) busy: u64,
    /// Nanoseconds of everything else.
    pub(crate) rest: u64,
}

/// One worker, what is across from its queues, and who talks there.
pub(crate) struct Lane {
    pub(crate) worker: Worker<QueuePair>,
    pub(crate) outside: QueuePair,
    pub(crate) inside: QueuePair,
    pub(crate) link: Link,
    pub(crate) clock: Clock,
    /// Those whose packets come in by this worker's queues; none if RSS places none here.
    pub(crate) source: Option<Source>,
}

impl Lane {
    /// Sends `packets` packets through, together with the lanes at `meeting`.
    pub(crate) fn run(&mut self, packets: usize, meeting: &Meeting) -> Tally {
        let source = self.source.as_mut();
        let mut load = source
            .map(|source| Store::make(source, packets).expect("packets"))
            .unwrap_or_default();
        let mut tally = Tally::default();
        meeting.begin.wait();
        let began = self.clock.now();
        while load.left() > 0 {
            tally.received += self.inject(&mut load);
            while self.turn(&mut tally) {}
            self.drain(&mut tally);
        }
        meeting.ended.fetch_add(1, Ordering::AcqRel);
        // Others may still hand packets over.
        loop {
            let last = meeting.ended.load(Ordering::Acquire) == meeting.lanes;
            let busy = self.turn(&mut tally);
            self.drain(&mut tally);
            if last && !busy {
                break;
            }
        }
        tally.rest = (self.clock.now() - began).saturating_sub(tally.busy);
        tally
    }

    /// One turn of the worker; whether it found anything to do.
    pub(crate) fn turn(&mut self, tally: &mut Tally) -> bool {
        let began = self.clock.now();
        let turn = self.worker.poll_once(Now::from_nanos(began));
        if turn.busy {
            tally.busy += self.clock.now() - began;
        }
        turn.busy
    }

    /// Asks for the stations of our addresses, as every peer would.
    pub(crate) fn ask(&mut self) {
        for (end, nic) in [
            (End::Outside, &mut self.outside),
            (End::Inside, &mut self.inside),
        ] {
            for question in self.link.questions(end) {
                send(nic, &question);
            }
        }
    }

    /// Takes in what came out, and answers what is asked.
    pub(crate) fn drain(&mut self, tally: &mut Tally) {
        for (end, nic) in [
            (End::Outside, &mut self.outside),
            (End::Inside, &mut self.inside),
        ] {
            loop {
                let mut burst = Burst::new();
                if nic.rx_burst(&mut burst) == 0 {
                    break;
                }
                for frame in &burst {
                    if let Some(answer) = self.link.on_frame(end, frame) {
                        send(nic, &answer);
                    } else if matches!(wire::parse(frame), Ok(Parsed::Ip(_))) {
                        tally.passed += 1;
                    }
                }
            }
        }
    }

    /// Puts a block of frames on the way in.
    fn inject(&mut self, load: &mut Store) -> u64 {
        let mut sent = 0;
        while sent < BLOCK && load.left() > 0 {
            let mut burst = Burst::new();
            while !burst.is_full()
                && let Some(ready) = load.ready()
            {
                burst.push(filled(&mut self.outside, ready.octets));
                load.advance();
            }
            sent += self.outside.tx_burst(&mut burst);
            assert!(burst.is_empty(), "the ring has room for a block");
        }
        sent as u64
    }
}

fn filled(nic: &mut QueuePair, octets: &[u8]) -> <QueuePair as Nic>::Frame {
    let mut frame = nic.alloc().expect("a buffer");
    assert!(frame.append(octets.len()), "a frame has room");
    frame.data_mut().copy_from_slice(octets);
    frame
}

fn send(nic: &mut QueuePair, octets: &[u8]) {
    let mut burst = Burst::new();
    burst.push(filled(nic, octets));
    nic.tx_burst(&mut burst);
}
