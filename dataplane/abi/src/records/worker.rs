//! What a worker has in hand.

use crate::sync::AtomicU64;

use super::{guarded, load, store};
use crate::part::{Part, part};

/// Words of a worker's record.
pub const WORKER_WORDS: usize = guarded::<WorkerRecord>();

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
        /// Messages of other workers that wait in its rings.
        handoff: u64,
        /// Messages that its rings have room for.
        handoff_room: u64,
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
        let record = WorkerRecord {
            began: 1,
            at: 2,
            longest_turn: 3,
            sessions: 4,
            sessions_room: 5,
            streams: 6,
            streams_room: 7,
            handshakes: 8,
            handoff: 9,
            handoff_room: 10,
        };
        let words: Vec<AtomicU64> = (0..WORKER_WORDS).map(|_| AtomicU64::new(0)).collect();
        assert_eq!(WorkerRecord::load(&words), None);
        record.store(&words);
        assert_eq!(WorkerRecord::load(&words), Some(record));
    }
}
