//! Random octets for media keys.

use pipeline::Entropy;
use ring::rand::{SecureRandom, SystemRandom};

/// The system's CSPRNG.
#[derive(Clone, Debug)]
pub(crate) struct SystemEntropy(SystemRandom);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> bool {
        self.0.fill(out).is_ok()
    }
}
