//! `show workers`: how busy they are, and what they have in hand.

use core::fmt;
use std::thread;
use std::time::Duration;

use abi::Counter;
use abi::bursts::BURST_BOUNDS;
use abi::layout::Shape;
use abi::records::{DeviceRecord, PortQueues, ProcessRecord, WorkerRecord};
use serde::Serialize;

use crate::region::View;
use crate::table::Table;

/// Every worker, and what they share: packet buffers and handshake threads.
#[derive(Debug, Serialize)]
pub(crate) struct Workers {
    workers: Vec<Worker>,
    /// Packet buffers in all, and free ones.
    mbufs: u64,
    mbufs_free: u64,
    /// Legs that wait for a handshake thread, and how many may.
    handshakes_waiting: u64,
    handshakes_waiting_room: u64,
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
    /// Legs that are back from there and wait in their ring.
    handshakes_back: u64,
    handshakes_back_room: u64,
    /// Messages of other workers that wait in its rings.
    handoff: u64,
    handoff_room: u64,
    /// The same of the fullest of these rings.
    handoff_fullest: u64,
    handoff_fullest_room: u64,
    ports: Vec<Port>,
    bursts: Vec<Bursts>,
}

/// A worker's queues on one port.
#[derive(Debug, Serialize)]
struct Port {
    device: String,
    /// Frames that wait to be received; `null` where the driver cannot say.
    rx_waiting: Option<u64>,
    rx_room: Option<u64>,
    /// Frames that the transmit queue has taken, and those that it has not.
    tx_taken: u64,
    tx_refused: u64,
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
        let devices: Vec<_> = (0..Shape::DEVICES)
            .map_while(|index| DeviceRecord::load(view.layout.device(index)?))
            .map(|device| device.name.to_string())
            .collect();
        let pairs = view.workers().zip(before);
        Self {
            workers: pairs
                .map(|(w, before)| worker(view, w, before, &devices))
                .collect(),
            mbufs: process.mbufs,
            mbufs_free: process.mbufs_free,
            handshakes_waiting: process.handshakes.waiting,
            handshakes_waiting_room: process.handshakes.room,
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

fn worker(view: &View, worker: usize, before: Option<Time>, devices: &[String]) -> Worker {
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
        handshakes_back: record.handshakes_back.waiting,
        handshakes_back_room: record.handshakes_back.room,
        handoff: record.handoff.waiting,
        handoff_room: record.handoff.room,
        handoff_fullest: record.handoff_fullest.waiting,
        handoff_fullest_room: record.handoff_fullest.room,
        ports: devices.iter().zip(&record.ports).map(port).collect(),
        bursts: classes
            .map(|(frames_max, bursts)| Bursts { frames_max, bursts })
            .collect(),
    }
}

fn port((device, queues): (&String, &PortQueues)) -> Port {
    Port {
        device: device.clone(),
        rx_waiting: queues.rx.map(|rx| rx.waiting),
        rx_room: queues.rx.map(|rx| rx.room),
        tx_taken: queues.tx_taken,
        tx_refused: queues.tx_refused,
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
}

fn of(used: u64, room: u64) -> String {
    format!("{used}/{room}")
}

impl Workers {
    fn work(&self) -> Table {
        let mut table = Table::new([
            "worker",
            "busy",
            "since start",
            "sessions",
            "streams",
            "handshakes",
            "longest turn",
        ]);
        for w in &self.workers {
            table.row([
                w.worker.to_string(),
                percent(w.busy_interval),
                percent(w.busy),
                of(w.sessions, w.sessions_room),
                of(w.streams, w.streams_room),
                w.handshakes.to_string(),
                format!("{} us", w.longest_turn_ns / 1_000),
            ]);
        }
        table
    }

    fn rings(&self) -> Table {
        let mut table = Table::new(["worker", "from workers", "fullest", "from handshakes"]);
        for w in &self.workers {
            table.row([
                w.worker.to_string(),
                of(w.handoff, w.handoff_room),
                of(w.handoff_fullest, w.handoff_fullest_room),
                of(w.handshakes_back, w.handshakes_back_room),
            ]);
        }
        table
    }

    fn queues(&self) -> Table {
        let mut table = Table::new(["worker", "port", "receive queue", "sent", "not taken"]);
        for w in &self.workers {
            for port in &w.ports {
                let waiting = port.rx_waiting.zip(port.rx_room);
                table.row([
                    w.worker.to_string(),
                    port.device.clone(),
                    waiting.map_or_else(|| "-".into(), |(waiting, room)| of(waiting, room)),
                    port.tx_taken.to_string(),
                    port.tx_refused.to_string(),
                ]);
            }
        }
        table
    }

    fn bursts(&self) -> Table {
        let mut table = Table::new([
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
            table.row([
                w.worker.to_string(),
                next(),
                next(),
                next(),
                next(),
                next(),
                next(),
            ]);
        }
        table
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in [self.work(), self.rings(), self.queues(), self.bursts()] {
            write!(f, "{table}")?;
        }
        let (free, all) = (self.mbufs_free, self.mbufs);
        writeln!(f, "packet buffers: {free} of {all} free")?;
        let waiting = of(self.handshakes_waiting, self.handshakes_waiting_room);
        writeln!(f, "waiting for a handshake thread: {waiting}")
    }
}
