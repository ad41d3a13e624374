//! Where everything lies in the shared region, and how the two sides agree on it.
//!
//! ```text
//! header | limits | usage | process record | device records
//!        | acknowledgements, one line a worker | policy slots
//!        | per worker: counters, burst sizes, media delay histogram, handshake histogram,
//!          turn histogram, worker record, neighbour records, session records, stream records
//! ```
//! All offsets are in words of eight octets and on cache lines.

mod header;
mod shape;
mod totals;

#[cfg(test)]
mod tests;

use crate::bursts::{BURST_WORDS, BurstSizes};
use crate::counters::{BLOCK_WORDS, Counters};
use crate::histogram::{HISTOGRAM_WORDS, Histogram};
use crate::id::LayoutId;
use crate::limits::{LIMITS_WORDS, LimitWords};
use crate::publish::{ACK_WORDS, Acknowledgements, PolicySlots, publish_words};
use crate::records::{
    DEVICE_WORDS, NEIGHBOR_WORDS, PROCESS_WORDS, SESSION_WORDS, STREAM_WORDS, WORKER_WORDS,
};
use crate::sync::{AtomicU64, Ordering::Acquire};
use crate::usage::{USAGE_WORDS, Usage};
use header::{HEADER_WORDS, Head};
use shape::{BURSTS_AT, DELAY_AT, HANDSHAKES_AT, NEIGHBORS_AT, SESSIONS_AT, TURNS_AT, WORKER_AT};

pub(crate) use shape::AREAS;
pub use shape::Shape;
pub use totals::Totals;

/// File name of the region in the runtime directory.
pub const REGION_NAME: &str = "region";

/// File name beside it of the lock that the data plane holds for its life.
pub const LOCK_NAME: &str = "dataplane.lock";

const MAGIC: u64 = u64::from_be_bytes(*b"ucproxy\0");

/// Why a region cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The region does not begin like one of ours.
    #[error("not a ucproxy region")]
    NotARegion,
    /// The data plane was built with another layout.
    #[error("shared memory has {0}, this program has {ours}", ours = LayoutId::OURS)]
    Other(LayoutId),
    /// The sizes in the header are impossible or do not fit the region.
    #[error("shared memory header gives sizes that do not fit")]
    Shape,
}

/// The whole region.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'r> {
    words: &'r [AtomicU64],
    shape: Shape,
}

impl<'r> Layout<'r> {
    /// Lays an empty region out over zeroed `words`. Only the data plane calls this.
    ///
    /// # Errors
    /// [`LayoutError::Shape`] when `shape` is impossible or needs more words.
    pub fn format(words: &'r [AtomicU64], shape: Shape) -> Result<Self, LayoutError> {
        if !shape.is_sane() || words.len() < shape.words() {
            return Err(LayoutError::Shape);
        }
        let layout = Self { words, shape };
        layout.set(Head::Version, LayoutId::OURS.version);
        layout.set(Head::Hash, LayoutId::OURS.hash);
        layout.set(Head::Workers, shape.workers as u64);
        layout.set(Head::Sessions, shape.sessions as u64);
        layout.set(Head::Streams, shape.streams as u64);
        layout.set(Head::ImageWords, shape.image_words as u64);
        layout.set(Head::Magic, MAGIC);
        Ok(layout)
    }

    /// Reads the layout of a region that the data plane made.
    ///
    /// # Errors
    /// See [`LayoutError`]; nothing of the region is believed before it fits.
    pub fn open(words: &'r [AtomicU64]) -> Result<Self, LayoutError> {
        let head = |h: Head| words.get(h as usize).map_or(0, |w| w.load(Acquire));
        if words.len() < HEADER_WORDS || head(Head::Magic) != MAGIC {
            return Err(LayoutError::NotARegion);
        }
        let theirs = LayoutId {
            version: head(Head::Version),
            hash: head(Head::Hash),
        };
        if theirs != LayoutId::OURS {
            return Err(LayoutError::Other(theirs));
        }
        let size = |h| usize::try_from(head(h)).unwrap_or(usize::MAX);
        let shape = Shape {
            workers: size(Head::Workers),
            sessions: size(Head::Sessions),
            streams: size(Head::Streams),
            image_words: size(Head::ImageWords),
        };
        if !shape.is_sane() || words.len() < shape.words() {
            return Err(LayoutError::Shape);
        }
        Ok(Self { words, shape })
    }

    /// Sizes of the tables.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> Option<LimitWords<'r>> {
        LimitWords::new(self.slice(Shape::limits_at(), LIMITS_WORDS)?)
    }

    /// The pools.
    #[must_use]
    pub fn usage(&self) -> Option<Usage<'r>> {
        Usage::new(self.slice(Shape::usage_at(), USAGE_WORDS)?)
    }

    /// The policy images.
    #[must_use]
    pub fn policy(&self) -> Option<PolicySlots<'r>> {
        let words = publish_words(self.shape.image_words);
        PolicySlots::new(self.slice(self.shape.policy_at(), words)?)
    }

    /// What the workers have acknowledged.
    #[must_use]
    pub fn acknowledgements(&self) -> Acknowledgements<'r> {
        let words = self.shape.workers * ACK_WORDS;
        Acknowledgements::new(self.slice(Shape::acks_at(), words).unwrap_or_default())
    }

    /// The generation that `worker` last said it obeys.
    #[must_use]
    pub fn acknowledged(&self, worker: usize) -> u64 {
        self.acknowledgements().of(worker)
    }

    /// Says that `worker` obeys `generation` and holds nothing of the one before. Where the
    /// generation is enforced, sessions that it does not allow are being closed by then.
    pub fn acknowledge(&self, worker: usize, generation: u64) {
        self.acknowledgements().set(worker, generation);
    }

    /// The words of the process's record.
    #[must_use]
    pub fn process(&self) -> Option<&'r [AtomicU64]> {
        self.slice(Shape::process_at(), PROCESS_WORDS)
    }

    /// The words of the record of device `index`.
    #[must_use]
    pub fn device(&self, index: usize) -> Option<&'r [AtomicU64]> {
        if index >= Shape::DEVICES {
            return None;
        }
        self.slice(Shape::devices_at() + index * DEVICE_WORDS, DEVICE_WORDS)
    }

    /// The counters of `worker`.
    #[must_use]
    pub fn counters(&self, worker: usize) -> Option<Counters<'r>> {
        Counters::new(self.part(worker, 0, BLOCK_WORDS)?)
    }

    /// How full the receive bursts of `worker` are.
    #[must_use]
    pub fn bursts(&self, worker: usize) -> Option<BurstSizes<'r>> {
        BurstSizes::new(self.part(worker, BURSTS_AT, BURST_WORDS)?)
    }

    /// The media delay histogram of `worker`: nanoseconds from receive burst to transmit burst.
    #[must_use]
    pub fn media_delay(&self, worker: usize) -> Option<Histogram<'r>> {
        Histogram::new(self.part(worker, DELAY_AT, HISTOGRAM_WORDS)?)
    }

    /// The handshake histogram of `worker`: nanoseconds from a client's connection to the end of
    /// its handshake.
    #[must_use]
    pub fn handshake_time(&self, worker: usize) -> Option<Histogram<'r>> {
        Histogram::new(self.part(worker, HANDSHAKES_AT, HISTOGRAM_WORDS)?)
    }

    /// The turn histogram of `worker`: nanoseconds of each turn of its loop, idle ones too.
    #[must_use]
    pub fn turn_time(&self, worker: usize) -> Option<Histogram<'r>> {
        Histogram::new(self.part(worker, TURNS_AT, HISTOGRAM_WORDS)?)
    }

    /// The words of the record of `worker` itself.
    #[must_use]
    pub fn worker(&self, worker: usize) -> Option<&'r [AtomicU64]> {
        self.part(worker, WORKER_AT, WORKER_WORDS)
    }

    /// The words of neighbour record `index` of `worker`.
    #[must_use]
    pub fn neighbor(&self, worker: usize, index: usize) -> Option<&'r [AtomicU64]> {
        if index >= Shape::NEIGHBORS {
            return None;
        }
        self.part(
            worker,
            NEIGHBORS_AT + index * NEIGHBOR_WORDS,
            NEIGHBOR_WORDS,
        )
    }

    /// The words of session record `index` of `worker`.
    #[must_use]
    pub fn session(&self, worker: usize, index: usize) -> Option<&'r [AtomicU64]> {
        if index >= self.shape.sessions {
            return None;
        }
        self.part(worker, SESSIONS_AT + index * SESSION_WORDS, SESSION_WORDS)
    }

    /// The words of stream record `index` of `worker`.
    #[must_use]
    pub fn stream(&self, worker: usize, index: usize) -> Option<&'r [AtomicU64]> {
        if index >= self.shape.streams {
            return None;
        }
        let base = SESSIONS_AT + self.shape.sessions * SESSION_WORDS;
        self.part(worker, base + index * STREAM_WORDS, STREAM_WORDS)
    }

    fn worker_at(&self, worker: usize) -> Option<usize> {
        (worker < self.shape.workers)
            .then(|| self.shape.workers_at() + worker * self.shape.worker_words())
    }

    /// `len` words of the area of `worker`, from `at` on.
    fn part(&self, worker: usize, at: usize, len: usize) -> Option<&'r [AtomicU64]> {
        self.slice(self.worker_at(worker)? + at, len)
    }

    fn slice(&self, at: usize, len: usize) -> Option<&'r [AtomicU64]> {
        self.words.get(at..at.checked_add(len)?)
    }
}
