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

/// The parts behind a packet's payload, by suite and protocol (RFC 3711 §3.1, §3.4; RFC 7714 §7,
/// §9). Worked out once, and not for each packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub(crate) is_aead: bool,
    pub(crate) tag_len: u8,
    /// Octets of the MKI.
    mki_len: u8,
    /// Octets of the SRTCP word.
    word_len: u8,
}

/// Where the parts of a packet with a [`Tail`] begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// Octets of the packet itself.
    pub(crate) body: u16,
    /// Offset of the SRTCP word.
    pub(crate) word: u16,
    pub(crate) mki: u16,
    pub(crate) tag: u16,
}

impl Tail {
    pub(crate) const fn new(suite: Suite, traffic: Traffic, mki_len: u8) -> Self {
        Self {
            is_aead: is_aead(suite),
            tag_len: tag_len(suite, traffic),
            mki_len,
            word_len: match traffic {
                Traffic::Rtp => 0,
                Traffic::Rtcp => 4,
            },
        }
    }

    /// Octets of all parts.
    #[inline]
    pub(crate) fn len(self) -> u16 {
        u16::from(self.tag_len) + u16::from(self.mki_len) + u16::from(self.word_len)
    }

    /// Where the parts begin; `None` if the packet has no room for them, or is longer than spans
    /// can say.
    #[inline]
    pub(crate) fn split(self, packet: &[u8]) -> Option<Parts> {
        let len = u16::try_from(packet.len()).ok()?;
        let body = len.checked_sub(self.len())?;
        let (tag, word) = (u16::from(self.tag_len), u16::from(self.word_len));
        Some(if self.is_aead {
            Parts {
                body,
                tag: body,
                word: body + tag,
                mki: body + tag + word,
            }
        } else {
            Parts {
                body,
                word: body,
                mki: body + word,
                tag: len - tag,
            }
        })
    }
}
