//! Burst SRTP ciphers on intel-ipsec-mb.
//!
//! A worker owns one [`Manager`] and fills a [`Burst`] with [`Job`]s of any mix of algorithms, which
//! are grouped so that the library's SIMD lanes fill. Packets are worked on in place.
//! Authentication comes before decryption, and a packet that fails it is left as it arrived.
//!
//! Deliberately absent: everything about SRTP but its ciphers. Which octets are covered, the IV
//! and the place of the tag come from the `srtp` crate. There is no scalar fallback: the library
//! itself chooses between SSE and AVX-512.

mod burst;
mod ffi;
mod job;
mod key;
mod manager;
mod prefetch;

#[cfg(test)]
mod tests;

pub use burst::{BURST, Burst};
pub use job::{Job, Op, Outcome, Results, Span, TAG_MAX, Tag};
pub use key::{Cipher, Key};
pub use manager::Manager;
pub use prefetch::{prefetch, prefetch_line};

/// Why a manager or a key could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The library cannot run here: no memory, or a processor without AES instructions.
    #[error("intel-ipsec-mb does not run on this processor")]
    Unsupported,
    /// The library failed the known-answer tests that it runs at start.
    #[error("intel-ipsec-mb failed its self-test")]
    SelfTest,
    /// The library loaded is not the one that this program was built against.
    #[error("built against intel-ipsec-mb {built:#x}, loaded {loaded:#x}")]
    Version {
        /// Version of the header, as in `IMB_VERSION`.
        built: u32,
        /// Version of the library.
        loaded: u32,
    },
    /// The cipher or authentication key has a length that the cipher does not take.
    #[error("key of a length that the cipher does not take")]
    KeyLength,
}
