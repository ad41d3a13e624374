//! What a worker tells of itself for `show`: what it has in hand, and its neighbours.

use core::array;
use core::time::Duration;

use abi::Now;
use abi::layout::Shape;
use abi::records::{DeviceRecord, NeighborRecord, PortQueues, WorkerRecord};
use wire::Nic;

use crate::Worker;

/// Time between two tellings.
const EVERY: Duration = Duration::from_millis(10);

/// Neighbours told of at once: all of them within a fifth of a second, and no turn is long.
const NEIGHBORS_AT_ONCE: usize = 64;

/// How far the telling is.
#[derive(Debug)]
pub(crate) struct Report {
    began: Now,
    due: Now,
    /// In nanoseconds.
    longest_turn: u64,
    next_neighbor: usize,
}

impl Report {
    /// Of a worker that begins `now`.
    pub(crate) const fn new(now: Now) -> Self {
        Self {
            began: now,
            due: now,
            longest_turn: 0,
            next_neighbor: 0,
        }
    }

    /// Notes how long a turn took that found work, in nanoseconds.
    #[inline]
    pub(crate) fn note_turn(&mut self, nanos: u64) {
        self.longest_turn = self.longest_turn.max(nanos);
    }
}

impl<N: Nic> Worker<N> {
    /// Writes the worker's record and some of its neighbours', if it is time.
    pub(crate) fn tell_of_itself(&mut self, now: Now) {
        if now < self.report.due {
            return;
        }
        self.report.due = now + EVERY;
        let record = self.record(now);
        if let Some(words) = self.layout.worker(self.id) {
            record.store(words);
        }
        let from = self.report.next_neighbor;
        let to = (from + NEIGHBORS_AT_ONCE).min(Shape::NEIGHBORS);
        for slot in from..to {
            let Some(words) = self.layout.neighbor(self.id, slot) else {
                continue;
            };
            match self.net.stack.neighbor(slot) {
                Some(record) => record.store(words),
                None => NeighborRecord::clear(words),
            }
        }
        self.report.next_neighbor = to % Shape::NEIGHBORS;
    }

    fn record(&mut self, now: Now) -> WorkerRecord {
        let (handoff, handoff_fullest) = self.net.ports.handoff.depths();
        WorkerRecord {
            began: self.report.began.nanos(),
            at: now.nanos(),
            longest_turn: self.report.longest_turn,
            sessions: self.sessions.taken() as u64,
            sessions_room: self.sessions.room().into(),
            streams: self.media.streams() as u64,
            streams_room: self.media.room().into(),
            handshakes: self.handshakes.away() as u64,
            handshakes_back: self.handshakes.depth(),
            handoff,
            handoff_fullest,
            ports: array::from_fn(|port| self.port_queues(port)),
        }
    }

    fn port_queues(&mut self, port: usize) -> PortQueues {
        // A driver without a peer may complain, each time, that it is asked.
        let record = self.layout.device(port).and_then(DeviceRecord::load);
        let link_up = record.is_some_and(|record| record.link_up);
        self.net.ports.queues(port, link_up).unwrap_or_default()
    }
}
