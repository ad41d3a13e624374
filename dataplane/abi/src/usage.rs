//! Units in use, and the right to one of them.

use crate::sync::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

use crate::digest::{Field, places};

places! {
    /// A pool of units that admissions take from and give back to.
    Pool, Field::area("", POOL_WORDS, POOL);
    /// Every TLS proxy session.
    TlsSessions "tls-sessions",
    /// Sessions that the UC licence counts.
    UcSessions "uc-sessions",
    /// Phone proxy sessions.
    PhoneProxySessions "phone-proxy-sessions",
    /// Calls whose media is encrypted or decrypted here.
    SrtpSessions "srtp-sessions",
    /// Handshakes in progress.
    Handshakes "handshakes",
}

/// The words of one pool.
const POOL: &[Field] = &[
    Field::word("in use"),
    Field::word("most used"),
    Field::word("taken"),
    Field::word("returned"),
];

/// Words of one pool, padded to a cache line.
pub const POOL_WORDS: usize = 8;

/// Words of all pools.
pub const USAGE_WORDS: usize = POOL_WORDS * Pool::ALL.len();

/// What one pool says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUsage {
    /// Units held now.
    pub in_use: u64,
    /// Most units ever held at once.
    pub most_used: u64,
    /// Units taken since start.
    pub taken: u64,
    /// Units given back since start.
    pub returned: u64,
}

/// All pools in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct Usage<'r> {
    words: &'r [AtomicU64],
}

impl<'r> Usage<'r> {
    /// A view over [`USAGE_WORDS`] words; `None` if there are fewer.
    #[must_use]
    pub fn new(words: &'r [AtomicU64]) -> Option<Self> {
        Some(Self {
            words: words.get(..USAGE_WORDS)?,
        })
    }

    /// Takes one unit of `pool` unless `limit` are already in use.
    ///
    /// One atomic read-modify-write, so that two workers never admit past the limit (L31).
    #[must_use]
    pub fn take(&self, pool: Pool, limit: u64) -> Option<Permit<'r>> {
        let [in_use, most_used, taken, returned] = self.pool(pool)?;
        let before = in_use
            .fetch_update(AcqRel, Acquire, |used| (used < limit).then(|| used + 1))
            .ok()?;
        most_used.fetch_max(before + 1, Relaxed);
        taken.fetch_add(1, Relaxed);
        Some(Permit { in_use, returned })
    }

    /// What `pool` holds now.
    #[must_use]
    pub fn read(&self, pool: Pool) -> PoolUsage {
        self.pool(pool).map_or_else(
            PoolUsage::default,
            |[in_use, most_used, taken, returned]| PoolUsage {
                in_use: in_use.load(Acquire),
                most_used: most_used.load(Relaxed),
                taken: taken.load(Relaxed),
                returned: returned.load(Relaxed),
            },
        )
    }

    fn pool(&self, pool: Pool) -> Option<[&'r AtomicU64; 4]> {
        let base = pool as usize * POOL_WORDS;
        let [a, b, c, d] = self.words.get(base..base + 4)? else {
            return None;
        };
        Some([a, b, c, d])
    }
}

/// The right to one unit of a pool; dropping it gives the unit back, exactly once (L32).
#[derive(Debug)]
pub struct Permit<'r> {
    in_use: &'r AtomicU64,
    returned: &'r AtomicU64,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.in_use.fetch_sub(1, AcqRel);
        self.returned.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn words() -> Vec<AtomicU64> {
        (0..USAGE_WORDS).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn l05_refuses_at_the_limit_and_admits_after_a_return() {
        let words = words();
        let usage = Usage::new(&words).unwrap();
        let first = usage.take(Pool::UcSessions, 2).unwrap();
        let _second = usage.take(Pool::UcSessions, 2).unwrap();
        assert!(usage.take(Pool::UcSessions, 2).is_none());
        drop(first);
        assert!(usage.take(Pool::UcSessions, 2).is_some());
        assert_eq!(usage.read(Pool::TlsSessions), PoolUsage::default());
    }

    #[test]
    fn l31_threads_never_overshoot_and_l32_nothing_leaks() {
        let words = words();
        let peak = AtomicUsize::new(0);
        let live = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let usage = Usage::new(&words).unwrap();
                    for _ in 0..20_000 {
                        if let Some(permit) = usage.take(Pool::UcSessions, 3) {
                            let n = live.fetch_add(1, AcqRel) + 1;
                            peak.fetch_max(n, Relaxed);
                            live.fetch_sub(1, AcqRel);
                            drop(permit);
                        }
                    }
                });
            }
        });
        let usage = Usage::new(&words).unwrap().read(Pool::UcSessions);
        assert!(peak.load(Relaxed) <= 3);
        assert!(usage.most_used <= 3);
        assert_eq!(usage.in_use, 0);
        assert_eq!(usage.taken, usage.returned);
    }

    #[test]
    fn l23_lowering_the_limit_below_use_lets_live_ones_drain() {
        let words = words();
        let usage = Usage::new(&words).unwrap();
        let held: Vec<_> = (0..5)
            .map(|_| usage.take(Pool::TlsSessions, 5).unwrap())
            .collect();
        assert!(usage.take(Pool::TlsSessions, 3).is_none());
        assert_eq!(usage.read(Pool::TlsSessions).in_use, 5);
        drop(held);
        assert!(usage.take(Pool::TlsSessions, 3).is_some());
    }
}
