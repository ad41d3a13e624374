//! What a worker has in hand.

use crate::sync::AtomicU64;

use super::{guarded, load, store};
use crate::layout::Shape;
use crate::part::{Part, part};

/// Words of a worker's record.
pub const WORKER_WORDS: usize = guarded::<WorkerRecord>();

part! {
    /// How much waits in a ring, and how much has room in it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub Depth {
        /// Entries that wait.
        waiting: u64,
        /// Entries that it has room for.
        room: u64,
    }
}

part! {
    /// A worker's queues on one port.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub PortQueues {
        /// Frames in the receive queue at one moment; `None` where there is none, its driver cannot
        /// say, or the link is down.
        rx: Option<Depth>,
        /// Frames that the transmit queue has taken since the worker began.
        tx_taken: u64,
        /// Frames that it has not taken, which are lost.
        tx_refused: u64,
    }
}

part! {
    /// What a worker has in hand, told by itself now and then. Counts of things are at one moment.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub WorkerRecord {
        /// When it began, nanoseconds of the data plane's clock.
        began: u64,
        /// When it wrote this, by the same clock; 0 before the first time.
        at: u64,
        /// The longest turn that found work since it began, in nanoseconds.
        longest_turn: u64,
        /// Live sessions.
        sessions: u64,
        /// Sessions that it has room for.
        sessions_room: u64,
        /// Live media streams.
        streams: u64,
        /// Media streams that it has room for.
        streams_room: u64,
        /// Handshakes that are away at their threads.
        handshakes: u64,
        /// Legs that are back from their threads, and wait to be taken up again.
        handshakes_back: Depth,
        /// Messages of other workers in its rings, all of them together.
        handoff: Depth,
        /// The fullest of these rings, the one that is the next to lose something.
        handoff_fullest: Depth,
        /// Its queues, by port.
        ports: [PortQueues; Shape::DEVICES],
    }
}

impl WorkerRecord {
    /// Writes the record to its place. Only the owner may call this.
    pub fn store(&self, words: &[AtomicU64]) {
        store::<{ Self::WORDS }>(self, words);
    }

    /// Reads a record; `None` before the first was written, or when it was never left alone.
    #[must_use]
    pub fn load(words: &[AtomicU64]) -> Option<Self> {
        load::<{ Self::WORDS }, Self>(words).filter(|record| record.at > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_record_round_trips() {
        let depth = |n| Depth {
            waiting: n,
            room: n + 1,
        };
        let mut record = WorkerRecord {
            began: 1,
            at: 2,
            longest_turn: 3,
            sessions: 4,
            sessions_room: 5,
            streams: 6,
            streams_room: 7,
            handshakes: 8,
            handshakes_back: depth(9),
            handoff: depth(11),
            handoff_fullest: depth(13),
            ports: [PortQueues {
                rx: Some(depth(15)),
                tx_taken: 17,
                tx_refused: 18,
            }; Shape::DEVICES],
        };
        record.ports[1].rx = None;
        let words: Vec<AtomicU64> = (0..WORKER_WORDS).map(|_| AtomicU64::new(0)).collect();
        assert_eq!(WorkerRecord::load(&words), None);
        record.store(&words);
        assert_eq!(WorkerRecord::load(&words), Some(record));
    }
}
