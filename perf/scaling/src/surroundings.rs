//! What a worker asks of its surroundings, where nothing is secret and nobody has a key.

use std::sync::atomic::{AtomicU64, Ordering};

use abi::policy::KeyId;
use perf_loadgen::synth;
use pipeline::Entropy;
use worker::Keys;
use zeroize::Zeroizing;

/// No private keys.
#[derive(Debug)]
pub(crate) struct NoKeys;

impl Keys for NoKeys {
    fn key(&self, _: &KeyId) -> Option<Zeroizing<Vec<u8>>> {
        None
    }
}

/// Octets from a seed, the same in every run.
#[derive(Debug)]
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) -> bool {
        let seed = self.0.fetch_add(1 << 32, Ordering::Relaxed);
        out.copy_from_slice(&synth::Keys::new(seed).take(out.len()));
        true
    }
}
