//! Local ports cut into slices, one for each worker.

use std::collections::VecDeque;

/// Why a range of ports does not make slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortRangeError {
    /// The range is empty or starts at port 0.
    #[error("port range {first}-{last} is empty or begins with 0")]
    Range {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
    /// There are more workers than even/odd pairs of ports, or none.
    #[error("port range {first}-{last} does not divide among {workers} workers")]
    Workers {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
        /// Number of workers.
        workers: u16,
    },
}

/// How a range of local ports divides among the workers.
///
/// Every worker computes the same, so a port that one of them chose names its owner to all. The
/// cuts lie before even ports: a port for RTP and the next one for RTCP have the same owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortMap {
    first: u16,
    last: u16,
    workers: u16,
}

impl PortMap {
    /// Divides the ports `first..=last` evenly among `workers` workers.
    ///
    /// # Errors
    ///
    /// The range is empty, begins with port 0, or has fewer pairs of ports than there are
    /// workers.
    pub const fn new(first: u16, last: u16, workers: u16) -> Result<Self, PortRangeError> {
        if first == 0 || first > last {
            return Err(PortRangeError::Range { first, last });
        }
        let map = Self {
            first,
            last,
            workers,
        };
        if workers == 0 || map.pairs() < workers as u32 {
            return Err(PortRangeError::Workers {
                first,
                last,
                workers,
            });
        }
        Ok(map)
    }

    /// The worker that owns `port`; `None` outside the range.
    #[must_use]
    #[inline]
    pub fn owner_of(&self, port: u16) -> Option<u16> {
        if port < self.first || port > self.last {
            return None;
        }
        let pair = u32::from(port >> 1) - u32::from(self.first >> 1);
        u16::try_from(pair * u32::from(self.workers) / self.pairs()).ok()
    }

    /// Number of pairs, of which the first and the last may have one port only.
    const fn pairs(&self) -> u32 {
        (self.last >> 1) as u32 - (self.first >> 1) as u32 + 1
    }

    /// The ports that `worker` owns, in order.
    fn ports_of(&self, worker: u16) -> impl Iterator<Item = u16> {
        let bound = |worker: u32| {
            let pair = (worker * self.pairs()).div_ceil(u32::from(self.workers));
            (pair + u32::from(self.first >> 1)) * 2
        };
        let range = if worker < self.workers {
            bound(u32::from(worker))..bound(u32::from(worker) + 1)
        } else {
            0..0
        };
        let (first, last) = (self.first, self.last);
        range
            .filter_map(|p| u16::try_from(p).ok())
            .filter(move |p| (first..=last).contains(p))
    }
}

/// One worker's ports: free ones wait in line, and one given back goes to the end.
///
/// Thus a port rests for as long as possible before its next use, and a late packet of its last
/// one finds no flow. The line begins in random order, since a port that outsiders can guess is
/// half of a blind attack (RFC 6056).
#[derive(Clone, Debug)]
pub struct PortSlice(Pool);

impl PortSlice {
    /// The slice of `worker`, every port of it free. `seed` makes the order; a `worker` that the
    /// map does not know gets no port.
    #[must_use]
    pub fn new(map: &PortMap, worker: u16, seed: u64) -> Self {
        Self(Pool::new(map.ports_of(worker), seed))
    }

    /// Takes the port that has been free for longest.
    pub fn alloc(&mut self) -> Option<u16> {
        self.0.alloc()
    }

    /// Takes a port that `fits`, trying at most `tries`; those that do not fit go to the end of
    /// the line.
    ///
    /// For a source port whose packets come back to this worker by receive-side scaling, see
    /// [`crate::rss`].
    pub fn alloc_where(&mut self, tries: usize, fits: impl FnMut(u16) -> bool) -> Option<u16> {
        self.0.alloc_where(tries, fits)
    }

    /// Gives `port` back; `false` if it was not taken from here.
    pub fn free(&mut self, port: u16) -> bool {
        self.0.free(port)
    }

    /// Number of free ports.
    #[must_use]
    pub fn available(&self) -> usize {
        self.0.line.len()
    }
}

/// One worker's pairs of an even port (RTP) and the odd one after it (RTCP), in line like the
/// ports of a [`PortSlice`] (RFC 3550 §11).
#[derive(Clone, Debug)]
pub struct PairSlice(Pool);

impl PairSlice {
    /// The slice of `worker`, every pair of it free. A port at either end of the range without
    /// its partner is in no pair.
    #[must_use]
    pub fn new(map: &PortMap, worker: u16, seed: u64) -> Self {
        let last = map.last;
        Self(Pool::new(
            map.ports_of(worker)
                .filter(|port| port & 1 == 0 && *port < last),
            seed,
        ))
    }

    /// Takes the pair that has been free for longest, and returns its even port.
    pub fn alloc(&mut self) -> Option<u16> {
        self.0.alloc()
    }

    /// Gives the pair of the even port `port` back; `false` if it was not taken from here.
    pub fn free(&mut self, port: u16) -> bool {
        self.0.free(port)
    }

    /// Number of free pairs.
    #[must_use]
    pub fn available(&self) -> usize {
        self.0.line.len()
    }
}

#[derive(Clone, Debug)]
struct Pool {
    /// Free ports; its capacity is that of all.
    line: VecDeque<u16>,
    /// A bit for each port from `base` on that is taken.
    taken: Box<[u64]>,
    base: u16,
}

impl Pool {
    fn new(ports: impl Iterator<Item = u16>, seed: u64) -> Self {
        let mut line: VecDeque<u16> = ports.collect();
        let base = line.front().copied().unwrap_or_default();
        let span = line.back().map_or(0, |last| usize::from(last - base) + 1);
        shuffle(line.make_contiguous(), seed);
        Self {
            line,
            taken: vec![0; span.div_ceil(64)].into_boxed_slice(),
            base,
        }
    }

    fn alloc(&mut self) -> Option<u16> {
        self.alloc_where(1, |_| true)
    }

    fn alloc_where(&mut self, tries: usize, mut fits: impl FnMut(u16) -> bool) -> Option<u16> {
        for _ in 0..tries.min(self.line.len()) {
            let port = self.line.pop_front()?;
            if fits(port) {
                if let Some((word, bit)) = self.taken_bit(port) {
                    *word |= bit;
                }
                return Some(port);
            }
            self.line.push_back(port);
        }
        None
    }

    fn free(&mut self, port: u16) -> bool {
        let Some((word, bit)) = self.taken_bit(port) else {
            return false;
        };
        if *word & bit == 0 {
            return false;
        }
        *word &= !bit;
        self.line.push_back(port);
        true
    }

    fn taken_bit(&mut self, port: u16) -> Option<(&mut u64, u64)> {
        let offset = port.checked_sub(self.base)?;
        let word = self.taken.get_mut(usize::from(offset / 64))?;
        Some((word, 1 << (offset % 64)))
    }
}

/// Fisher and Yates' shuffle, by SplitMix64.
fn shuffle(ports: &mut [u16], seed: u64) {
    let mut state = seed;
    for i in (1..ports.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // At most 2^16 ports, so 32 random bits are even enough.
        let j = ((z >> 32) as u32) as usize % (i + 1);
        ports.swap(i, j);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn all(slice: &mut PortSlice) -> Vec<u16> {
        std::iter::from_fn(|| slice.alloc()).collect()
    }

    #[test]
    fn port_given_back_is_used_last() {
        let map = PortMap::new(20_000, 20_003, 1).unwrap();
        let mut slice = PortSlice::new(&map, 0, 1);
        let first = slice.alloc().unwrap();
        assert!(slice.free(first));
        let order = all(&mut slice);
        assert_eq!(order.len(), 4);
        assert_eq!(order[3], first);
        assert_eq!(slice.alloc(), None);
    }

    #[test]
    fn port_is_not_freed_twice_nor_by_a_stranger() {
        let map = PortMap::new(20_000, 20_099, 2).unwrap();
        let mut slice = PortSlice::new(&map, 0, 1);
        let port = slice.alloc().unwrap();
        assert!(slice.free(port));
        assert!(!slice.free(port));
        assert!(!slice.free(20_099));
        assert!(!slice.free(19_999));
        assert!(!slice.free(0));
        assert_eq!(slice.available(), 50);
    }

    #[test]
    fn seeds_give_other_orders() {
        let map = PortMap::new(20_000, 20_999, 1).unwrap();
        let orders: Vec<_> = (0..3)
            .map(|s| all(&mut PortSlice::new(&map, 0, s)))
            .collect();
        assert!(orders[0] != orders[1] && orders[1] != orders[2] && orders[0] != orders[2]);
        assert!(!orders[0].is_sorted());
    }

    #[test]
    fn port_that_fits_is_found_among_those_tried() {
        let map = PortMap::new(20_000, 20_999, 1).unwrap();
        let mut slice = PortSlice::new(&map, 0, 9);
        let port = slice.alloc_where(1_000, |port| port == 20_345);
        assert_eq!(port, Some(20_345));
        assert_eq!(slice.alloc_where(1_000, |port| port == 20_345), None);
        assert_eq!(slice.available(), 999);
    }

    #[test]
    fn ranges_that_cannot_be_divided_are_refused() {
        assert!(PortMap::new(0, 9, 1).is_err());
        assert!(PortMap::new(9, 8, 1).is_err());
        assert!(PortMap::new(9, 9, 0).is_err());
        assert!(PortMap::new(10, 15, 4).is_err());
        assert!(PortMap::new(10, 15, 3).is_ok());
        assert!(PortMap::new(1, u16::MAX, u16::MAX / 2).is_ok());
    }

    #[test]
    fn unknown_worker_gets_no_port() {
        let map = PortMap::new(10, 15, 3).unwrap();
        assert_eq!(PortSlice::new(&map, 3, 0).alloc(), None);
    }

    proptest! {
        #[test]
        fn slices_cover_the_range_once_and_owner_agrees(
            first in 1_u16.., len in 0_u16..600, workers in 1_u16..9,
        ) {
            let last = first.saturating_add(len);
            let Ok(map) = PortMap::new(first, last, workers) else { return Ok(()) };
            let mut seen = BTreeSet::new();
            for worker in 0..workers {
                let mut ports = PortSlice::new(&map, worker, 7);
                for port in all(&mut ports) {
                    prop_assert!(seen.insert(port));
                    prop_assert_eq!(map.owner_of(port), Some(worker));
                }
                let mut pairs = PairSlice::new(&map, worker, 7);
                while let Some(even) = pairs.alloc() {
                    prop_assert_eq!(even & 1, 0);
                    prop_assert_eq!(map.owner_of(even), Some(worker));
                    prop_assert_eq!(map.owner_of(even + 1), Some(worker));
                }
            }
            prop_assert!(seen.iter().copied().eq(first..=last));
            prop_assert_eq!(map.owner_of(first - 1), None);
            prop_assert_eq!(last.checked_add(1).and_then(|port| map.owner_of(port)), None);
        }
    }
}
