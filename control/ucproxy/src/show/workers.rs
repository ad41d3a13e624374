//! `show workers`: how busy they are, and what they have in hand.

use core::fmt;
use std::thread;
use std::time::Duration;

use abi::Counter;
use abi::bursts::BURST_BOUNDS;
use abi::records::{ProcessRecord, WorkerRecord};
use serde::Serialize;

use crate::region::View;
use crate::table::Table;

/// Every worker, and the packet buffers that they share.
#[derive(Debug, Serialize)]
pub(crate) struct Workers {
    workers: Vec<Worker>,
    /// Packet buffers in all, and free ones.
    mbufs: u64,
    mbufs_free: u64,
}

#[derive(Debug, Serialize)]
struct Worker {
    worker: usize,
    /// Share of the time spent in turns that found work, since the worker began.
    busy: Option<f64>,
    /// The same over the interval; `null` without one, or when the worker does not run.
    busy_interval: Option<f64>,
    longest_turn_ns: u64,
    sessions: u64,
    sessions_room: u64,
    streams: u64,
    streams_room: u64,
    /// Handshakes that are away at their threads.
    handshakes: u64,
    /// Messages of other workers that wait in its rings.
    handoff: u64,
    handoff_room: u64,
    bursts: Vec<Bursts>,
}

/// Receive bursts of more frames than the class before has, and at most this many.
#[derive(Debug, Serialize)]
struct Bursts {
    frames_max: u64,
    bursts: u64,
}

/// A worker's time at one moment.
#[derive(Clone, Copy)]
struct Time {
    began: u64,
    at: u64,
    busy: u64,
}

impl Workers {
    /// Reads every worker's record, twice if there is an interval (in seconds) to look over.
    pub(crate) fn read(view: &View, interval: u16) -> Self {
        let before: Vec<_> = view.workers().map(|w| Time::read(view, w)).collect();
        if interval > 0 && view.is_alive() {
            thread::park_timeout(Duration::from_secs(interval.into()));
        }
        let process = view.layout.process().and_then(ProcessRecord::load);
        let process = process.unwrap_or_default();
        let pairs = view.workers().zip(before);
        Self {
            workers: pairs.map(|(w, before)| worker(view, w, before)).collect(),
            mbufs: process.mbufs,
            mbufs_free: process.mbufs_free,
        }
    }
}

impl Time {
    fn read(view: &View, worker: usize) -> Option<Self> {
        let record = WorkerRecord::load(view.layout.worker(worker)?)?;
        Some(Self {
            began: record.began,
            at: record.at,
            busy: view.layout.counters(worker)?.count(Counter::BusyNanos),
        })
    }
}

/// Share of the time from `from` to `to` that was busy; `None` when none has passed.
fn share(busy: u64, from: u64, to: u64) -> Option<f64> {
    let parts = |nanos: u64| (nanos / 1_000) as f64;
    let passed = to.checked_sub(from).filter(|&passed| passed >= 1_000)?;
    Some((parts(busy) / parts(passed)).min(1.0))
}

fn worker(view: &View, worker: usize, before: Option<Time>) -> Worker {
    let record = view.layout.worker(worker).and_then(WorkerRecord::load);
    let record = record.unwrap_or_default();
    let now = Time::read(view, worker);
    let over = |(a, b): (Time, Time)| share(b.busy.saturating_sub(a.busy), a.at, b.at);
    let counts = view.layout.bursts(worker).map(|bursts| bursts.counts());
    let classes = BURST_BOUNDS.into_iter().zip(counts.into_iter().flatten());
    Worker {
        worker,
        busy: now.and_then(|now| share(now.busy, now.began, now.at)),
        busy_interval: before.zip(now).and_then(over),
        longest_turn_ns: record.longest_turn,
        sessions: record.sessions,
        sessions_room: record.sessions_room,
        streams: record.streams,
        streams_room: record.streams_room,
        handshakes: record.handshakes,
        handoff: record.handoff,
        handoff_room: record.handoff_room,
        bursts: classes
            .map(|(frames_max, bursts)| Bursts { frames_max, bursts })
            .collect(),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "worker",
            "busy",
            "since start",
            "sessions",
            "streams",
            "handshakes",
            "rings",
            "longest turn",
        ]);
        let of = |used: u64, room: u64| format!("{used}/{room}");
        for w in &self.workers {
            table.row([
                w.worker.to_string(),
                percent(w.busy_interval),
                percent(w.busy),
                of(w.sessions, w.sessions_room),
                of(w.streams, w.streams_room),
                w.handshakes.to_string(),
                of(w.handoff, w.handoff_room),
                format!("{} us", w.longest_turn_ns / 1_000),
            ]);
        }
        let mut bursts = Table::new([
            "worker",
            "bursts of 1",
            "to 2",
            "to 4",
            "to 8",
            "to 16",
            "to 32",
        ]);
        for w in &self.workers {
            let mut counts = w.bursts.iter().map(|class| class.bursts.to_string());
            let mut next = || counts.next().unwrap_or_default();
            bursts.row([
                w.worker.to_string(),
                next(),
                next(),
                next(),
                next(),
                next(),
                next(),
            ]);
        }
        let (free, all) = (self.mbufs_free, self.mbufs);
        writeln!(f, "{table}{bursts}packet buffers: {free} of {all} free")
    }
}
