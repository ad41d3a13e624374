//! The flow table of one worker.

use abi::Reason;
use crypto::prefetch;

use crate::{FlowId, FlowKey, HashSeed};

/// Keys looked up together at most.
pub const LOOKUP_BURST: usize = 32;

const LANES: usize = 8;
const NIL: u32 = u32::MAX;

/// One cache line of the index: short tags to compare at once, and the entries they stand for.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    /// Part of the hash, zero where the lane is free.
    tags: [u16; LANES],
    entries: [u32; LANES],
    /// Entries that belong here or before but found no lane free up to here. A search goes on
    /// to the next bucket only while this is not zero, so removal leaves no tombstone.
    overflow: u32,
}

impl Bucket {
    const EMPTY: Self = Self {
        tags: [0; LANES],
        entries: [0; LANES],
        overflow: 0,
    };

    /// Bit `i` is set where lane `i` has `tag`.
    #[inline]
    fn matches(&self, tag: u16) -> u32 {
        let mut mask = 0;
        for (lane, &t) in self.tags.iter().enumerate() {
            mask |= u32::from(t == tag) << lane;
        }
        mask
    }
}

/// A flow's record, in one cache line with its key.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Entry {
    key: FlowKey,
    /// Odd while the entry holds a flow.
    generation: u32,
    /// Next free entry, while this one is free.
    next_free: u32,
}

/// Why a flow was not inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// Every entry holds a flow.
    #[error("flow table is full")]
    Full,
    /// A flow with this key is in the table.
    #[error("flow is in the table already")]
    Exists(FlowId),
}

impl InsertError {
    /// The reason to count it under.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason::FlowTableFull
    }
}

/// Where a key's search begins, and what it compares.
#[derive(Clone, Copy, Default)]
struct Probe {
    bucket: u32,
    tag: u16,
}

/// How far one lookup of a burst has come.
#[derive(Clone, Copy, Default)]
struct Lookup {
    probe: Probe,
    overflow: u32,
    candidate: u32,
}

/// Flows of one worker by key, a fixed number of them.
///
/// An open-addressing index of one-line buckets points at one-line entries, so a lookup reads
/// two lines that nothing else shares. [`FlowTable::get_burst`] reads them for a whole burst at
/// once: at a million flows both lines miss the caches, and waiting for 32 misses together costs
/// little more than waiting for one.
#[derive(Debug)]
pub struct FlowTable {
    buckets: Box<[Bucket]>,
    entries: Box<[Entry]>,
    bucket_mask: u32,
    first_free: u32,
    len: u32,
    seed: HashSeed,
}

impl core::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list()
            .entries(self.tags.iter().zip(&self.entries))
            .finish()
    }
}

impl core::fmt::Debug for Entry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?} generation {}", self.key, self.generation)
    }
}

impl FlowTable {
    /// A table for `capacity` flows: 64 octets each, and 16 to 32 more for the index.
    ///
    /// `capacity` is held between 1 and 2^28.
    #[must_use]
    pub fn new(capacity: u32, seed: HashSeed) -> Self {
        let capacity = capacity.clamp(1, 1 << 28);
        // Lanes are at most half full, which keeps overflowing buckets to one in fifty.
        let buckets = (capacity.saturating_mul(2)).div_ceil(8).next_power_of_two();
        let entry = |next| Entry {
            key: FlowKey::NONE,
            generation: 0,
            next_free: if next < capacity { next } else { NIL },
        };
        Self {
            buckets: vec![Bucket::EMPTY; buckets as usize].into_boxed_slice(),
            entries: (1..=capacity).map(entry).collect(),
            bucket_mask: buckets - 1,
            first_free: 0,
            len: 0,
            seed,
        }
    }

    /// Number of flows in the table.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the table has no flow.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of flows that fit.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// The flow with `key`.
    #[must_use]
    pub fn get(&self, key: &FlowKey) -> Option<FlowId> {
        self.find(key, self.probe(key)).map(|(_, _, id)| id)
    }

    /// Looks up to [`LOOKUP_BURST`] keys up together; `found[i]` tells the flow with `keys[i]`.
    ///
    /// Looks up as many as the shorter slice has. Each stage has fetched what the next one reads,
    /// and waits for nothing itself: so the processor has the misses of a whole stage under way at
    /// once.
    pub fn get_burst(&self, keys: &[FlowKey], found: &mut [Option<FlowId>]) {
        let mut burst = [Lookup::default(); LOOKUP_BURST];
        for (keys, found) in keys
            .chunks(LOOKUP_BURST)
            .zip(found.chunks_mut(LOOKUP_BURST))
        {
            for (lookup, key) in burst.iter_mut().zip(keys) {
                lookup.probe = self.probe(key);
                if let Some(bucket) = self.bucket(lookup.probe.bucket) {
                    prefetch(bucket);
                }
            }
            let burst = burst.get_mut(..keys.len()).unwrap_or_default();
            for lookup in &mut *burst {
                lookup.overflow = self.bucket(lookup.probe.bucket).map_or(0, |b| b.overflow);
                lookup.candidate = self.candidate(lookup.probe);
                if let Some(entry) = self.entry(lookup.candidate) {
                    prefetch(entry);
                }
            }
            for ((lookup, key), found) in burst.iter().zip(keys).zip(found) {
                *found = match self.entry(lookup.candidate) {
                    Some(entry) if entry.key.same(key) => {
                        Some(FlowId::new(lookup.candidate, entry.generation))
                    }
                    None if lookup.overflow == 0 => None,
                    _ => self.find(key, lookup.probe).map(|(_, _, id)| id),
                };
            }
        }
    }

    /// Puts a flow with `key` into the table.
    ///
    /// # Errors
    ///
    /// The table is full, or has a flow with that key.
    pub fn insert(&mut self, key: FlowKey) -> Result<FlowId, InsertError> {
        let probe = self.probe(&key);
        if let Some((_, _, id)) = self.find(&key, probe) {
            return Err(InsertError::Exists(id));
        }
        let index = self.first_free;
        let Some(entry) = self.entries.get_mut(index as usize) else {
            return Err(InsertError::Full);
        };
        self.first_free = entry.next_free;
        entry.key = key;
        entry.generation = entry.generation.wrapping_add(1);
        let id = FlowId::new(index, entry.generation);
        self.link(probe, index);
        self.len += 1;
        Ok(id)
    }

    /// Takes the flow out of the table and returns its key; `None` if it is gone already.
    pub fn remove(&mut self, id: FlowId) -> Option<FlowKey> {
        let key = *self.key(id)?;
        let probe = self.probe(&key);
        let (bucket, lane, _) = self.find(&key, probe)?;
        self.unlink(probe, bucket, lane);
        let entry = self.entries.get_mut(id.index() as usize)?;
        entry.key = FlowKey::NONE;
        entry.generation = entry.generation.wrapping_add(1);
        entry.next_free = self.first_free;
        self.first_free = id.index();
        self.len -= 1;
        Some(key)
    }

    /// The key of a flow that is in the table.
    #[must_use]
    pub fn key(&self, id: FlowId) -> Option<&FlowKey> {
        let entry = self.entry(id.index())?;
        (entry.generation == id.generation() && id.generation() & 1 == 1).then_some(&entry.key)
    }

    /// Whether the flow is in the table.
    #[must_use]
    pub fn contains(&self, id: FlowId) -> bool {
        self.key(id).is_some()
    }

    /// The flow that has place `index` now, if any.
    #[must_use]
    pub fn at(&self, index: u32) -> Option<FlowId> {
        let generation = self.entry(index)?.generation;
        (generation & 1 == 1).then_some(FlowId::new(index, generation))
    }

    /// All flows, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, &FlowKey)> {
        (0_u32..)
            .zip(self.entries.iter())
            .filter(|(_, entry)| entry.generation & 1 == 1)
            .map(|(index, entry)| (FlowId::new(index, entry.generation), &entry.key))
    }

    #[inline]
    fn probe(&self, key: &FlowKey) -> Probe {
        let hash = self.seed.hash(key);
        let tag = (hash & 0xffff) as u16;
        Probe {
            bucket: (hash >> 32) as u32 & self.bucket_mask,
            tag: tag.max(1),
        }
    }

    #[inline]
    fn bucket(&self, index: u32) -> Option<&Bucket> {
        self.buckets.get(index as usize)
    }

    #[inline]
    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    /// The first entry of the home bucket with the right tag, or `NIL`.
    #[inline]
    fn candidate(&self, probe: Probe) -> u32 {
        let Some(bucket) = self.bucket(probe.bucket) else {
            return NIL;
        };
        let lane = bucket.matches(probe.tag).trailing_zeros();
        bucket.entries.get(lane as usize).copied().unwrap_or(NIL)
    }

    /// Bucket, lane and id of the flow with `key`.
    fn find(&self, key: &FlowKey, probe: Probe) -> Option<(u32, usize, FlowId)> {
        let mut index = probe.bucket;
        for _ in 0..self.buckets.len() {
            let bucket = self.bucket(index)?;
            let mut matches = bucket.matches(probe.tag);
            while matches != 0 {
                let lane = matches.trailing_zeros() as usize;
                let place = *bucket.entries.get(lane)?;
                let entry = self.entry(place)?;
                if entry.key.same(key) {
                    return Some((index, lane, FlowId::new(place, entry.generation)));
                }
                matches &= matches - 1;
            }
            if bucket.overflow == 0 {
                return None;
            }
            index = (index + 1) & self.bucket_mask;
        }
        None
    }

    /// Points the first free lane from the home bucket on at entry `place`.
    ///
    /// There is one: lanes are at least twice as many as entries.
    fn link(&mut self, probe: Probe, place: u32) {
        let mut index = probe.bucket;
        while let Some(bucket) = self.buckets.get_mut(index as usize) {
            let lanes = bucket.tags.iter_mut().zip(&mut bucket.entries);
            if let Some((tag, entry)) = lanes.into_iter().find(|(tag, _)| **tag == 0) {
                *tag = probe.tag;
                *entry = place;
                return;
            }
            bucket.overflow += 1;
            index = (index + 1) & self.bucket_mask;
        }
    }

    /// Frees a lane, and the overflow marks of the buckets that its entry had passed.
    fn unlink(&mut self, probe: Probe, found_in: u32, lane: usize) {
        let mut index = probe.bucket;
        while let Some(bucket) = self.buckets.get_mut(index as usize) {
            if index == found_in {
                if let Some(tag) = bucket.tags.get_mut(lane) {
                    *tag = 0;
                }
                return;
            }
            bucket.overflow -= 1;
            index = (index + 1) & self.bucket_mask;
        }
    }
}

#[cfg(test)]
mod tests;
