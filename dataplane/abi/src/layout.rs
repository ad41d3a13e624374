//! Where everything lies in the shared region, and how the two sides agree on it.
//!
//! ```text
//! header | limits | usage | process record | device records
//!        | acknowledgements, one line a worker | policy slots
//!        | per worker: counters, burst sizes, media delay histogram, handshake histogram,
//!          turn histogram, worker record, neighbour records, session records, stream records
//! ```
//! All offsets are in words of eight octets and on cache lines.

use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

use crate::boot::{BootId, Origin};
use crate::bursts::{BURST_WORDS, BurstSizes};
use crate::counters::{BLOCK_WORDS, Counters};
use crate::digest::{self, Field};
use crate::histogram::{HISTOGRAM_WORDS, Histogram};
use crate::id::LayoutId;
use crate::limits::{LIMITS_WORDS, LimitWords};
use crate::publish::{ACK_WORDS, Acknowledgements, PolicySlots, publish_words};
use crate::records::{
    self, DEVICE_WORDS, NEIGHBOR_WORDS, PROCESS_WORDS, SESSION_WORDS, STREAM_WORDS, WORKER_WORDS,
};
use crate::usage::{USAGE_WORDS, Usage};
use crate::{Counter, Reason};

/// File name of the region in the runtime directory.
pub const REGION_NAME: &str = "region";

const MAGIC: u64 = u64::from_be_bytes(*b"ucproxy\0");
const HEADER_WORDS: usize = 16;
const LINE_WORDS: usize = 8;

/// Where the parts of a worker's area begin, in words from its start.
const BURSTS_AT: usize = BLOCK_WORDS;
const DELAY_AT: usize = BURSTS_AT + BURST_WORDS;
const HANDSHAKES_AT: usize = DELAY_AT + HISTOGRAM_WORDS;
const TURNS_AT: usize = HANDSHAKES_AT + HISTOGRAM_WORDS;
const WORKER_AT: usize = TURNS_AT + HISTOGRAM_WORDS;
const NEIGHBORS_AT: usize = WORKER_AT + WORKER_WORDS;
const SESSIONS_AT: usize = NEIGHBORS_AT + Shape::NEIGHBORS * NEIGHBOR_WORDS;

macro_rules! header {
    ($($word:ident,)*) => {
        /// Words of the header, by position.
        #[derive(Clone, Copy)]
        enum Head {
            $($word,)*
        }

        /// The same, described.
        pub(crate) const HEADER: &[Field] = &[$(Field::word(stringify!($word)),)*];
    };
}

header! {
    Magic,
    Version,
    Hash,
    Workers,
    Sessions,
    Streams,
    ImageWords,
    Boot,
    Pid,
    Started,
    Ready,
    Heartbeat,
    BootHash,
    Refused,
    Enforced,
}

/// The areas of a region in their order. Of those whose number or size is in the header, one is
/// described.
pub(crate) const AREAS: &[Field] = &[
    Field::area("header", HEADER_WORDS, HEADER),
    Field::area("limits", LIMITS_WORDS, crate::limits::FIELDS),
    Field::area("usage", USAGE_WORDS, crate::usage::FIELDS),
    Field::area("process", PROCESS_WORDS, records::PROCESS),
    Field::area("device", DEVICE_WORDS, records::DEVICE),
    Field::area("devices", DEVICE_WORDS * Shape::DEVICES, &[]),
    Field::area("acknowledgement", ACK_WORDS, &[]),
    Field::area("policy", publish_words(0), crate::publish::FIELDS),
    Field::area("counters", BLOCK_WORDS, &[]),
    Field::area("bursts", BURST_WORDS, &[]),
    Field::area("media delay", HISTOGRAM_WORDS, crate::histogram::FIELDS),
    Field::area("handshake time", HISTOGRAM_WORDS, crate::histogram::FIELDS),
    Field::area("turn time", HISTOGRAM_WORDS, crate::histogram::FIELDS),
    Field::area("worker", WORKER_WORDS, records::WORKER),
    Field::area("neighbor", NEIGHBOR_WORDS, records::NEIGHBOR),
    Field::area("neighbors", NEIGHBOR_WORDS * Shape::NEIGHBORS, &[]),
    Field::area("session", SESSION_WORDS, records::SESSION),
    Field::area("stream", STREAM_WORDS, records::STREAM),
];

/// How large the tables of a region are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Workers that the region has room for, 1 to [`Shape::WORKERS_MAX`].
    pub workers: usize,
    /// Session records a worker.
    pub sessions: usize,
    /// Stream records a worker.
    pub streams: usize,
    /// Words of one policy image.
    pub image_words: usize,
}

impl Shape {
    /// Most workers that a region may have.
    pub const WORKERS_MAX: usize = 64;
    /// Most records of a kind that one worker may have.
    pub const RECORDS_MAX: usize = 1 << 22;
    /// Neighbours that one worker has records for.
    pub const NEIGHBORS: usize = 1_024;
    /// Ports that there are records for: all that DPDK has.
    pub const DEVICES: usize = 32;
    /// Most words of a policy image: 256 MiB.
    pub const IMAGE_WORDS_MAX: usize = 32 << 20;

    /// Words of the whole region.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.workers_at() + self.workers * self.worker_words()
    }

    const fn limits_at() -> usize {
        HEADER_WORDS
    }

    const fn usage_at() -> usize {
        Self::limits_at() + LIMITS_WORDS
    }

    const fn process_at() -> usize {
        Self::usage_at() + USAGE_WORDS
    }

    const fn devices_at() -> usize {
        Self::process_at() + PROCESS_WORDS
    }

    const fn acks_at() -> usize {
        Self::devices_at() + Self::DEVICES * DEVICE_WORDS
    }

    const fn policy_at(&self) -> usize {
        Self::acks_at() + self.workers * ACK_WORDS
    }

    const fn workers_at(&self) -> usize {
        (self.policy_at() + publish_words(self.image_words)).next_multiple_of(LINE_WORDS)
    }

    const fn worker_words(&self) -> usize {
        let records = self.sessions * SESSION_WORDS + self.streams * STREAM_WORDS;
        (SESSIONS_AT + records).next_multiple_of(LINE_WORDS)
    }

    const fn is_sane(&self) -> bool {
        self.workers >= 1
            && self.workers <= Self::WORKERS_MAX
            && self.sessions <= Self::RECORDS_MAX
            && self.streams <= Self::RECORDS_MAX
            && self.image_words <= Self::IMAGE_WORDS_MAX
    }
}

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

    /// Workers that the data plane runs; zero until it is ready.
    #[must_use]
    pub fn workers_running(&self) -> usize {
        usize::try_from(self.get(Head::Ready))
            .unwrap_or(0)
            .min(self.shape.workers)
    }

    /// Says how many workers run. Only the data plane calls this.
    pub fn set_workers_running(&self, workers: usize) {
        self.set(Head::Ready, workers as u64);
    }

    /// Which start of the data plane made the region.
    #[must_use]
    pub fn boot(&self) -> BootId {
        BootId(self.get(Head::Boot))
    }

    /// Process id of the data plane.
    #[must_use]
    pub fn pid(&self) -> u64 {
        self.get(Head::Pid)
    }

    /// Wall clock at the data plane's start, seconds since 1970.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.get(Head::Started)
    }

    /// Records who made the region and when. Only the data plane calls this.
    pub fn set_origin(&self, origin: &Origin) {
        self.set(Head::Boot, origin.boot.0);
        self.set(Head::Pid, origin.pid);
        self.set(Head::Started, origin.started);
    }

    /// The data plane's clock, nanoseconds, when it last did its housekeeping.
    #[must_use]
    pub fn heartbeat(&self) -> u64 {
        self.get(Head::Heartbeat)
    }

    /// Notes that the data plane is alive. Only its management thread calls this.
    pub fn beat(&self, nanos: u64) {
        self.set(Head::Heartbeat, nanos);
    }

    /// The [`restart_hash`](crate::policy::PolicyImage::restart_hash) of the policy that the data
    /// plane started with.
    #[must_use]
    pub fn boot_hash(&self) -> u64 {
        self.get(Head::BootHash)
    }

    /// Records it. Only the data plane calls this.
    pub fn set_boot_hash(&self, hash: u64) {
        self.set(Head::BootHash, hash);
    }

    /// The last generation that the data plane could not use; it stays with the one before.
    #[must_use]
    pub fn refused_generation(&self) -> u64 {
        self.get(Head::Refused)
    }

    /// Says that `generation` cannot be used. Only the management thread calls this.
    pub fn refuse_generation(&self, generation: u64) {
        self.set(Head::Refused, generation);
    }

    /// The generation that sessions from before it are held against too; zero when none is.
    #[must_use]
    pub fn enforced_generation(&self) -> u64 {
        self.get(Head::Enforced)
    }

    /// Says which generation that is, before it is published. Only control calls this.
    pub fn set_enforced_generation(&self, generation: u64) {
        self.set(Head::Enforced, generation);
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

    fn get(&self, head: Head) -> u64 {
        self.words.get(head as usize).map_or(0, |w| w.load(Acquire))
    }

    fn set(&self, head: Head, value: u64) {
        if let Some(word) = self.words.get(head as usize) {
            word.store(value, Release);
        }
    }
}

/// Every counter and refusal, summed over all workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Counters, in order.
    pub counters: Vec<(Counter, u64)>,
    /// Refusals, in order.
    pub refusals: Vec<(Reason, u64)>,
}

impl Totals {
    /// Adds up the blocks of all workers.
    #[must_use]
    pub fn read(layout: &Layout<'_>) -> Self {
        let blocks: Vec<_> = (0..layout.shape().workers)
            .filter_map(|worker| layout.counters(worker))
            .collect();
        // Counters of a damaged region may say anything; those of a sound one never come near.
        let add = |sum: u64, count| sum.saturating_add(count);
        let count = |c| blocks.iter().map(|b| b.count(c)).fold(0, add);
        let refused = |r| blocks.iter().map(|b| b.refused(r)).fold(0, add);
        Self {
            counters: Counter::ALL.iter().map(|&c| (c, count(c))).collect(),
            refusals: Reason::ALL.iter().map(|&r| (r, refused(r))).collect(),
        }
    }
}

const _: () = assert!(HEADER_WORDS.is_multiple_of(LINE_WORDS));
const _: () = assert!(USAGE_WORDS.is_multiple_of(LINE_WORDS));
const _: () = assert!(SESSIONS_AT.is_multiple_of(LINE_WORDS));
const _: () = assert!(digest::words(HEADER) <= HEADER_WORDS);

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering::Relaxed;

    const SHAPE: Shape = Shape {
        workers: 2,
        sessions: 3,
        streams: 5,
        image_words: 16,
    };

    fn words(n: usize) -> Vec<AtomicU64> {
        (0..n).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn what_was_laid_out_opens_with_the_same_shape() {
        let words = words(SHAPE.words());
        Layout::format(&words, SHAPE).unwrap();
        assert_eq!(Layout::open(&words).unwrap().shape(), SHAPE);
    }

    #[test]
    fn areas_do_not_overlap_and_fill_the_region() {
        let words = words(SHAPE.words());
        let layout = Layout::format(&words, SHAPE).unwrap();
        let mut seen = vec![false; words.len()];
        let mut claim = |part: &[AtomicU64]| {
            let start = (part.as_ptr() as usize - words.as_ptr() as usize) / 8;
            for taken in &mut seen[start..start + part.len()] {
                assert!(!*taken);
                *taken = true;
            }
        };
        claim(layout.process().unwrap());
        (0..Shape::DEVICES).for_each(|i| claim(layout.device(i).unwrap()));
        for worker in 0..SHAPE.workers {
            claim(layout.worker(worker).unwrap());
            (0..Shape::NEIGHBORS).for_each(|i| claim(layout.neighbor(worker, i).unwrap()));
            for i in 0..SHAPE.sessions {
                claim(layout.session(worker, i).unwrap());
            }
            for i in 0..SHAPE.streams {
                claim(layout.stream(worker, i).unwrap());
            }
            assert!(layout.counters(worker).is_some() && layout.media_delay(worker).is_some());
            assert!(layout.bursts(worker).is_some() && layout.handshake_time(worker).is_some());
            assert!(layout.turn_time(worker).is_some());
        }
        assert!(layout.device(Shape::DEVICES).is_none());
        assert!(layout.neighbor(0, Shape::NEIGHBORS).is_none());
        assert!(layout.session(0, SHAPE.sessions).is_none());
        assert!(layout.stream(SHAPE.workers, 0).is_none());
    }

    #[test]
    fn another_version_or_hash_is_refused_saying_both() {
        for head in [Head::Version, Head::Hash] {
            let words = words(SHAPE.words());
            Layout::format(&words, SHAPE).unwrap();
            words[head as usize].store(99, Relaxed);
            let error = Layout::open(&words).unwrap_err();
            let LayoutError::Other(theirs) = error else {
                panic!("{error}");
            };
            assert_ne!(theirs, LayoutId::OURS);
            let said = error.to_string();
            assert!(said.contains(&theirs.to_string()), "{said}");
            assert!(said.contains(&LayoutId::OURS.to_string()), "{said}");
        }
    }

    #[test]
    fn fields_fit_their_areas() {
        for area in AREAS {
            assert!(digest::words(area.parts) <= area.words, "{}", area.name);
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for head in [
            Head::Workers,
            Head::Sessions,
            Head::Streams,
            Head::ImageWords,
        ] {
            let words = words(SHAPE.words());
            Layout::format(&words, SHAPE).unwrap();
            for value in [u64::MAX, 1 << 40, 1 << 20] {
                words[head as usize].store(value, Relaxed);
                assert_eq!(Layout::open(&words).unwrap_err(), LayoutError::Shape);
            }
        }
        assert_eq!(
            Layout::open(&words(4)).unwrap_err(),
            LayoutError::NotARegion
        );
    }

    #[test]
    fn workers_acknowledge_on_their_own_lines() {
        let words = words(SHAPE.words());
        let layout = Layout::format(&words, SHAPE).unwrap();
        layout.acknowledge(1, 7);
        layout.acknowledge(9, 8);
        assert_eq!((layout.acknowledged(0), layout.acknowledged(1)), (0, 7));
    }
}
