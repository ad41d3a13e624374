//! A neighbour that a worker knows or asks for.

use crate::sync::{AtomicU64, Ordering::Relaxed};
use core::net::IpAddr;

use super::{Mac, guarded, load, store};
use crate::part::{Part, Reader, Writer, part};
use crate::seqlock::SeqRecord;

/// Words of a neighbour's record.
pub const NEIGHBOR_WORDS: usize = guarded::<NeighborRecord>();

/// How well a neighbour is known (after RFC 4861 §7.3.2, for ARP too).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NeighborState {
    /// The record is free.
    #[default]
    Free,
    /// Being asked for the first time; packets wait.
    Incomplete,
    /// Answered lately.
    Reachable,
    /// The answer is old and nobody used it since.
    Stale,
    /// Being asked again.
    Probe,
    /// Did not answer.
    Failed,
}

impl NeighborState {
    pub(crate) const ALL: &[Self] = &[
        Self::Free,
        Self::Incomplete,
        Self::Reachable,
        Self::Stale,
        Self::Probe,
        Self::Failed,
    ];

    /// One word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Incomplete => "incomplete",
            Self::Reachable => "reachable",
            Self::Stale => "stale",
            Self::Probe => "probe",
            Self::Failed => "failed",
        }
    }
}

impl Part for NeighborState {
    const WORDS: usize = 1;

    fn put(&self, writer: &mut Writer<'_>) {
        let position = Self::ALL.iter().position(|state| state == self);
        writer.word(position.unwrap_or(0) as u64);
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        let position = usize::try_from(reader.word()).unwrap_or(usize::MAX);
        Self::ALL.get(position).copied().unwrap_or_default()
    }
}

part! {
    /// A neighbour.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub NeighborRecord {
        /// How well it is known; a free record means nothing.
        state: NeighborState,
        /// Position of its interface in the policy.
        interface: u16,
        /// Its address.
        address: IpAddr,
        /// Its station address; of no meaning while incomplete.
        station: Mac,
        /// When it last answered, or was first asked for; nanoseconds of the data plane's clock.
        confirmed: u64,
    }
}

impl NeighborRecord {
    /// Writes the record to its place. Only the owner may call this.
    pub fn store(&self, words: &[AtomicU64]) {
        store::<{ Self::WORDS }>(self, words);
    }

    /// Marks the record at `words` free; one that is free already is not touched, so that memory
    /// that was never used stays unused.
    pub fn clear(words: &[AtomicU64]) {
        if words.get(1).is_some_and(|state| state.load(Relaxed) != 0) {
            SeqRecord::new(words).write(&[0]);
        }
    }

    /// Reads a record; `None` when it is free or was never left alone for long enough.
    #[must_use]
    pub fn load(words: &[AtomicU64]) -> Option<Self> {
        load::<{ Self::WORDS }, Self>(words).filter(|record| record.state != NeighborState::Free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbor_record_round_trips() {
        let words: Vec<AtomicU64> = (0..NEIGHBOR_WORDS).map(|_| AtomicU64::new(0)).collect();
        assert_eq!(NeighborRecord::load(&words), None);
        for address in ["192.0.2.7", "2001:db8::7"] {
            for &state in &NeighborState::ALL[1..] {
                let record = NeighborRecord {
                    state,
                    interface: 3,
                    address: address.parse().unwrap(),
                    station: Mac([2, 0, 0, 0, 0xff, 9]),
                    confirmed: 77,
                };
                record.store(&words);
                assert_eq!(NeighborRecord::load(&words), Some(record));
            }
        }
        NeighborRecord::clear(&words);
        assert_eq!(NeighborRecord::load(&words), None);
    }
}
