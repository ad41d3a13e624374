//! Sizes of the areas, and where each begins.

use super::header::{HEADER, HEADER_WORDS};
use crate::bursts::BURST_WORDS;
use crate::counters::BLOCK_WORDS;
use crate::digest::Field;
use crate::histogram::HISTOGRAM_WORDS;
use crate::limits::LIMITS_WORDS;
use crate::publish::{ACK_WORDS, publish_words};
use crate::records::{
    self, DEVICE_WORDS, NEIGHBOR_WORDS, PROCESS_WORDS, SESSION_WORDS, STREAM_WORDS, WORKER_WORDS,
};
use crate::usage::USAGE_WORDS;

const LINE_WORDS: usize = 8;

/// Where the parts of a worker's area begin, in words from its start.
pub(super) const BURSTS_AT: usize = BLOCK_WORDS;
pub(super) const DELAY_AT: usize = BURSTS_AT + BURST_WORDS;
pub(super) const HANDSHAKES_AT: usize = DELAY_AT + HISTOGRAM_WORDS;
pub(super) const TURNS_AT: usize = HANDSHAKES_AT + HISTOGRAM_WORDS;
pub(super) const WORKER_AT: usize = TURNS_AT + HISTOGRAM_WORDS;
pub(super) const NEIGHBORS_AT: usize = WORKER_AT + WORKER_WORDS;
pub(super) const SESSIONS_AT: usize = NEIGHBORS_AT + Shape::NEIGHBORS * NEIGHBOR_WORDS;

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

    pub(super) const fn limits_at() -> usize {
        HEADER_WORDS
    }

    pub(super) const fn usage_at() -> usize {
        Self::limits_at() + LIMITS_WORDS
    }

    pub(super) const fn process_at() -> usize {
        Self::usage_at() + USAGE_WORDS
    }

    pub(super) const fn devices_at() -> usize {
        Self::process_at() + PROCESS_WORDS
    }

    pub(super) const fn acks_at() -> usize {
        Self::devices_at() + Self::DEVICES * DEVICE_WORDS
    }

    pub(super) const fn policy_at(&self) -> usize {
        Self::acks_at() + self.workers * ACK_WORDS
    }

    pub(super) const fn workers_at(&self) -> usize {
        (self.policy_at() + publish_words(self.image_words)).next_multiple_of(LINE_WORDS)
    }

    pub(super) const fn worker_words(&self) -> usize {
        let records = self.sessions * SESSION_WORDS + self.streams * STREAM_WORDS;
        (SESSIONS_AT + records).next_multiple_of(LINE_WORDS)
    }

    pub(super) const fn is_sane(&self) -> bool {
        self.workers >= 1
            && self.workers <= Self::WORKERS_MAX
            && self.sessions <= Self::RECORDS_MAX
            && self.streams <= Self::RECORDS_MAX
            && self.image_words <= Self::IMAGE_WORDS_MAX
    }
}

const _: () = assert!(HEADER_WORDS.is_multiple_of(LINE_WORDS));
const _: () = assert!(USAGE_WORDS.is_multiple_of(LINE_WORDS));
const _: () = assert!(SESSIONS_AT.is_multiple_of(LINE_WORDS));
