//! Time and memory of this process.

use std::fs;
use std::time::{Duration, Instant};

/// Runs `work` and returns its result and nanoseconds for each of `count` times it did something.
pub(crate) fn nanos_each<T>(count: usize, work: impl FnOnce() -> T) -> (T, f64) {
    let begun = clock();
    let result = work();
    (result, each(begun.elapsed(), count))
}

/// A reading of the real clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}

/// Nanoseconds of `time` for each of `count`.
pub(crate) fn each(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e9 / u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// Resident memory in octets.
pub(crate) fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let high = u128::from(self.next()) * u128::try_from(end).unwrap_or(0);
        usize::try_from(high >> 64).unwrap_or(0)
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
