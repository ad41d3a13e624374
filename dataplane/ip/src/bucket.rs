//! A rate limit.

use abi::Now;

/// A token bucket: `burst` at once, `per_second` in the long run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    /// Nanoseconds that one token takes to come back.
    interval_ns: u64,
    burst: u64,
    /// When the bucket is full again; it holds fewer tokens the further away that is.
    full_at: Now,
}

impl TokenBucket {
    /// A full bucket. A rate of 0 gives out nothing.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let interval_ns = 1_000_000_000u64
            .checked_div(u64::from(per_second))
            .unwrap_or(u64::MAX);
        Self {
            interval_ns,
            burst: u64::from(burst),
            full_at: Now::ZERO,
        }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Now) -> bool {
        if self.interval_ns == u64::MAX {
            return false;
        }
        let full_at = self
            .full_at
            .max(now)
            .nanos()
            .saturating_add(self.interval_ns);
        let horizon = now
            .nanos()
            .saturating_add(self.interval_ns.saturating_mul(self.burst));
        if full_at > horizon {
            return false;
        }
        self.full_at = Now::from_nanos(full_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_passes_and_then_the_rate() {
        let mut bucket = TokenBucket::new(10, 3);
        let taken = |bucket: &mut TokenBucket, ms| {
            (0..10)
                .filter(|_| bucket.take(Now::from_millis(ms)))
                .count()
        };
        assert_eq!(taken(&mut bucket, 0), 3);
        assert_eq!(taken(&mut bucket, 99), 0);
        assert_eq!(taken(&mut bucket, 100), 1);
        assert_eq!(taken(&mut bucket, 350), 2);
        assert_eq!(taken(&mut bucket, 100_000), 3);
    }

    #[test]
    fn rate_of_zero_gives_nothing() {
        assert!(!TokenBucket::new(0, 5).take(Now::from_millis(1)));
    }
}
