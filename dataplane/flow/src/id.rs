//! Names for places in a table that are used again.

use core::fmt;

/// A flow's place in its worker's table, and which of the flows that ever had that place it is.
///
/// An id that outlives its flow names nothing: the place has another generation by then. So a
/// timer, a queue or another worker may hold one without care.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    index: u32,
    generation: u32,
}

impl FlowId {
    pub(crate) const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// Place in the table, below its capacity.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }

    /// The id as one word, for a message between workers.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        ((self.generation as u64) << 32) | self.index as u64
    }

    /// The id that [`FlowId::to_bits`] wrote. Any word is safe: a wrong one names no flow.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            index: (bits & 0xffff_ffff) as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

impl fmt::Debug for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flow {}.{}", self.index, self.generation)
    }
}
