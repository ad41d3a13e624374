//! What a suite fixes beyond its key lengths.

use abi::Suite;

/// Octets of the derived HMAC-SHA1 key (RFC 3711 §8.2).
pub const AUTH_KEY_LEN: usize = 20;

/// Which of a stream's two protocols; each has keys and indices of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Media.
    Rtp,
    /// Its control.
    Rtcp,
}

/// Whether the suite authenticates with the cipher itself (RFC 7714).
#[must_use]
#[inline]
pub const fn is_aead(suite: Suite) -> bool {
    matches!(suite, Suite::AeadAes128Gcm | Suite::AeadAes256Gcm)
}

/// Octets of the authentication tag. The short tag is for RTP alone (RFC 4568 §6.2.2).
#[must_use]
#[inline]
pub const fn tag_len(suite: Suite, traffic: Traffic) -> u8 {
    match (suite, traffic) {
        (Suite::AeadAes128Gcm | Suite::AeadAes256Gcm, _) => 16,
        (
            Suite::AesCm128HmacSha1_32 | Suite::AesCm192HmacSha1_32 | Suite::AesCm256HmacSha1_32,
            Traffic::Rtp,
        ) => 4,
        _ => 10,
    }
}
