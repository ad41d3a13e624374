//! Expanded keys.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ffi::{Counted, GcmData, Pads, Schedule};
use crate::prefetch::prefetch;

/// The ciphers of SRTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128 in counter mode with HMAC-SHA1 (RFC 3711).
    AesCm128,
    /// AES-192 in counter mode with HMAC-SHA1 (RFC 6188).
    AesCm192,
    /// AES-256 in counter mode with HMAC-SHA1 (RFC 6188).
    AesCm256,
    /// AES-128 in Galois/counter mode (RFC 7714).
    AesGcm128,
    /// AES-256 in Galois/counter mode (RFC 7714).
    AesGcm256,
}

impl Cipher {
    /// Octets of the cipher key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesCm128 | Self::AesGcm128 => 16,
            Self::AesCm192 => 24,
            Self::AesCm256 | Self::AesGcm256 => 32,
        }
    }
}

/// Counter-mode key schedule of `N` octets with the state of its HMAC, which comes first: so both
/// are in the same place whatever `N` is.
#[repr(C, align(64))]
pub(crate) struct CmKey<const N: usize> {
    pub(crate) pads: Pads,
    pub(crate) schedule: Schedule<N>,
}

impl<const N: usize> CmKey<N> {
    #[inline]
    pub(crate) const fn counted(&self) -> Counted<'_> {
        Counted::new(&self.pads, &self.schedule)
    }
}

/// An AES-GCM key of `N` octets that is expanded anew for each packet.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct PackedKey<const N: usize>(pub(crate) [u8; N]);

/// The forms of a key.
pub(crate) enum Form {
    Cm128(Box<CmKey<176>>),
    Cm192(Box<CmKey<208>>),
    Cm256(Box<CmKey<240>>),
    Gcm128(Box<GcmData>),
    Gcm256(Box<GcmData>),
    Gcm128Packed(Box<PackedKey<16>>),
    Gcm256Packed(Box<PackedKey<32>>),
}

/// A key made ready for the ciphers, wiped when dropped.
pub struct Key(pub(crate) Form);

impl Key {
    /// Asks the processor to fetch what ciphering `octets` needs of the key, for use a few hundred
    /// nanoseconds later.
    #[inline]
    pub fn prefetch(&self, octets: usize) {
        match &self.0 {
            Form::Cm128(key) => prefetch(&**key),
            Form::Cm192(key) => prefetch(&**key),
            Form::Cm256(key) => prefetch(&**key),
            Form::Gcm128(key) => key.prefetch::<176>(octets),
            Form::Gcm256(key) => key.prefetch::<240>(octets),
            Form::Gcm128Packed(key) => prefetch(&**key),
            Form::Gcm256Packed(key) => prefetch(&**key),
        }
    }

    /// The key as a counter-mode job needs it; `None` if it is of another mode.
    #[inline(always)]
    pub(crate) fn counted(&self) -> Option<Counted<'_>> {
        match &self.0 {
            Form::Cm128(key) => Some(key.counted()),
            Form::Cm192(key) => Some(key.counted()),
            Form::Cm256(key) => Some(key.counted()),
            _ => None,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
