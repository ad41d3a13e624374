//! Randomness as an argument.

/// Where keys and other unguessable values come from.
///
/// The product gives a CSPRNG; tests give a seeded one, so that a run repeats.
pub trait Entropy: Send + Sync + core::fmt::Debug {
    /// Fills `out`; `false` when there is no randomness to be had, and then `out` is not to be
    /// used.
    #[must_use]
    fn fill(&self, out: &mut [u8]) -> bool;
}
