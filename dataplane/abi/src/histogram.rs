//! A log-linear histogram of nanoseconds in shared memory. One thread writes; anyone reads.

use crate::sync::{AtomicU64, Ordering::Relaxed};

use crate::digest::{self, Field};

/// Linear steps per power of two: values are kept to within one part in eight.
const STEPS: usize = 8;
/// Powers of two covered above the first linear range: up to about 2^35 ns = 34 s.
const POWERS: usize = 33;
/// What it consists of.
pub(crate) const FIELDS: &[Field] = &[
    Field::word("sum"),
    Field::area("linear buckets", STEPS, &[]),
    Field::area("logarithmic buckets", STEPS * POWERS, &[]),
];
/// Words of a histogram.
pub const HISTOGRAM_WORDS: usize = digest::words(FIELDS).next_multiple_of(8);

/// The histogram's words.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'r> {
    words: &'r [AtomicU64],
}

impl<'r> Histogram<'r> {
    /// A view over [`HISTOGRAM_WORDS`] words; `None` if there are fewer.
    #[must_use]
    pub fn new(words: &'r [AtomicU64]) -> Option<Self> {
        Some(Self {
            words: words.get(..HISTOGRAM_WORDS)?,
        })
    }

    /// Counts `n` values of `nanos`. Only the owner may call this.
    #[inline]
    pub fn record(&self, nanos: u64, n: u64) {
        let add = |index: usize, n: u64| {
            if let Some(word) = self.words.get(index) {
                word.store(word.load(Relaxed).wrapping_add(n), Relaxed);
            }
        };
        add(0, nanos.wrapping_mul(n));
        add(1 + bucket(nanos), n);
    }

    /// Copies the histogram out.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut words = self.words.iter().map(|w| w.load(Relaxed));
        let sum = words.next().unwrap_or(0);
        Snapshot {
            sum,
            buckets: words.collect(),
        }
    }
}

/// A histogram's content at one moment; several may be added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    sum: u64,
    buckets: Vec<u64>,
}

impl Snapshot {
    /// Adds another snapshot to this one.
    pub fn merge(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.buckets
            .resize(self.buckets.len().max(other.buckets.len()), 0);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.wrapping_add(*theirs);
        }
    }

    /// What was counted after `earlier`, which is of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.buckets.iter().chain(core::iter::repeat(&0));
        Self {
            sum: self.sum.wrapping_sub(earlier.sum),
            buckets: self
                .buckets
                .iter()
                .zip(before)
                .map(|(now, before)| now.wrapping_sub(*before))
                .collect(),
        }
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        // A damaged region may say anything.
        self.buckets
            .iter()
            .fold(0, |sum: u64, n| sum.saturating_add(*n))
    }

    /// Sum of all values, in nanoseconds.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// How many values were counted in buckets that end at `nanos` or before. Buckets end right
    /// before each power of two, so that the count is exact for one less than such a power.
    #[must_use]
    pub fn up_to(&self, nanos: u64) -> u64 {
        let ends_by = |(index, _): &(usize, &u64)| upper_bound(*index) <= nanos;
        let counts = self.buckets.iter().enumerate().take_while(ends_by);
        counts.fold(0, |sum: u64, (_, n)| sum.saturating_add(*n))
    }

    /// Upper bound, in nanoseconds, of the bucket that holds the `per_mille`-th value; `None`
    /// when nothing was counted.
    #[must_use]
    pub fn quantile(&self, per_mille: u64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (count.saturating_mul(per_mille).div_ceil(1000)).max(1);
        let mut seen: u64 = 0;
        for (index, n) in self.buckets.iter().enumerate() {
            seen = seen.saturating_add(*n);
            if seen >= rank {
                return Some(upper_bound(index));
            }
        }
        None
    }
}

/// The bucket of a value: linear below `STEPS`, then `STEPS` buckets per power of two.
#[inline]
fn bucket(nanos: u64) -> usize {
    let bits = 64 - nanos.leading_zeros() as usize;
    let step_bits = STEPS.trailing_zeros() as usize;
    if bits <= step_bits {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let power = bits - step_bits;
    let step = usize::try_from((nanos >> (power - 1)) & (STEPS as u64 - 1)).unwrap_or(0);
    (power * STEPS + step).min(STEPS * (POWERS + 1) - 1)
}

fn upper_bound(index: usize) -> u64 {
    let (power, step) = (index / STEPS, (index % STEPS) as u64);
    if power == 0 {
        return step;
    }
    ((STEPS as u64 + step + 1) << (power - 1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_within_its_bucket() {
        for value in (0..4096).chain([1 << 20, (1 << 20) + 77, 1 << 34]) {
            let index = bucket(value);
            assert!(value <= upper_bound(index), "{value}");
            assert!(index == 0 || value > upper_bound(index - 1), "{value}");
        }
    }

    #[test]
    fn values_up_to_a_power_of_two_are_counted_exactly() {
        let words: Vec<AtomicU64> = (0..HISTOGRAM_WORDS).map(|_| AtomicU64::new(0)).collect();
        let histogram = Histogram::new(&words).unwrap();
        for value in 0..5_000 {
            histogram.record(value, 1);
        }
        let snapshot = histogram.snapshot();
        for power in 0..13 {
            assert_eq!(snapshot.up_to((1 << power) - 1), (1 << power).min(5_000));
        }
        assert_eq!(snapshot.up_to(u64::MAX), 5_000);
    }

    #[test]
    fn huge_values_stay_in_the_last_bucket() {
        assert_eq!(bucket(u64::MAX), STEPS * (POWERS + 1) - 1);
    }

    #[test]
    fn quantiles_come_from_the_counts() {
        let words: Vec<AtomicU64> = (0..HISTOGRAM_WORDS).map(|_| AtomicU64::new(0)).collect();
        let histogram = Histogram::new(&words).unwrap();
        assert_eq!(histogram.snapshot().quantile(500), None);
        histogram.record(1_000, 99);
        histogram.record(1_000_000, 1);
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count(), 100);
        assert_eq!(snapshot.sum(), 1_099_000);
        assert!((1_000..1_150).contains(&snapshot.quantile(500).unwrap()));
        assert!((1_000_000..1_150_000).contains(&snapshot.quantile(1000).unwrap()));
    }

    #[test]
    fn a_window_holds_only_what_was_counted_in_it() {
        let words: Vec<AtomicU64> = (0..HISTOGRAM_WORDS).map(|_| AtomicU64::new(0)).collect();
        let histogram = Histogram::new(&words).unwrap();
        histogram.record(1_000_000, 1);
        let before = histogram.snapshot();
        histogram.record(1_000, 3);
        let window = histogram.snapshot().since(&before);
        assert_eq!((window.count(), window.sum()), (3, 3_000));
        assert!(window.quantile(1000).unwrap() < 1_150);
        assert_eq!(before.since(&Snapshot::default()), before);
    }
}
