//! Contexts: one direction of a stream under one master key.

mod receive;
mod send;

use core::fmt;

use abi::Suite;
use zeroize::Zeroize;

use crate::plan::Packet;
use crate::rtcp::{CLEAR_LEN, WORD, Word};
use crate::source::{Rules, Sources, WhenFull};
use crate::{CipherJob, SessionKey, SessionKeys, Span, Traffic, WindowSize};

pub use receive::Receiver;
pub use send::Sender;

/// Makes session keys ready for whoever runs the cipher jobs.
pub trait Expand {
    /// A key made ready; it should wipe itself when dropped.
    type Key;

    /// Expands one session key; `None` if the cipher cannot take it.
    fn expand(&mut self, key: &SessionKey, traffic: Traffic) -> Option<Self::Key>;
}

/// A master key identifier as it stands in packets (RFC 3711 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    octets: [u8; 8],
    len: u8,
}

impl Mki {
    /// The low `len` octets of `value`, big-endian; `None` unless `len` is 1 to 8 and they hold
    /// the whole value.
    #[must_use]
    pub fn new(value: u64, len: u8) -> Option<Self> {
        let skipped = 8_usize.checked_sub(usize::from(len))?;
        let all = value.to_be_bytes();
        let (high, low) = all.split_at_checked(skipped)?;
        if len == 0 || high.iter().any(|&octet| octet != 0) {
            return None;
        }
        let mut octets = [0; 8];
        octets.get_mut(..low.len())?.copy_from_slice(low);
        Some(Self { octets, len })
    }

    #[inline]
    fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// What signalling says of one direction.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    /// Suite.
    pub suite: Suite,
    /// Master key.
    pub key: &'a [u8],
    /// Master salt.
    pub salt: &'a [u8],
    /// What each packet carries to name the key, if anything.
    pub mki: Option<Mki>,
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// What is the same for all contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The replay window.
    pub window: WindowSize,
    /// Sources of one direction at a time; one more takes the place of one that is silent.
    pub sources_max: u8,
    /// SRTP packets that one key may protect.
    pub rtp_packets_max: u64,
    /// SRTCP packets that one key may protect.
    pub rtcp_packets_max: u32,
}

impl Default for Config {
    /// The usual window, and the key lifetimes of RFC 3711 §9.2.
    fn default() -> Self {
        Self {
            window: WindowSize::default(),
            sources_max: 8,
            rtp_packets_max: 1 << 48,
            rtcp_packets_max: 1 << 31,
        }
    }
}

impl Config {
    const fn rules(&self, full: WhenFull) -> Rules {
        Rules {
            window: self.window,
            live_max: self.sources_max,
            full,
        }
    }
}

/// One protocol's part of a context.
#[repr(C)]
struct Half<K> {
    /// The salt where the IV has it: aligned to its first octet.
    salt: u128,
    sources: Sources,
    key: K,
}

impl<K> Half<K> {
    fn new<E: Expand<Key = K>>(key: &SessionKey, traffic: Traffic, expand: &mut E) -> Option<Self> {
        let mut salt = [0; 16];
        salt.get_mut(..key.salt().len())?
            .copy_from_slice(key.salt());
        let half = Self {
            key: expand.expand(key, traffic)?,
            salt: u128::from_be_bytes(salt),
            sources: Sources::default(),
        };
        salt.zeroize();
        Some(half)
    }

    /// Derives and expands the keys of both protocols.
    fn pair<E: Expand<Key = K>>(params: &Params<'_>, expand: &mut E) -> Option<(Self, Self)> {
        let keys = SessionKeys::derive(params.suite, params.key, params.salt)?;
        let rtp = Self::new(&keys.rtp, Traffic::Rtp, expand)?;
        Some((rtp, Self::new(&keys.rtcp, Traffic::Rtcp, expand)?))
    }

    /// The initial counter block (RFC 3711 §4.1.1) or the IV (RFC 7714 §8.1, §9.1).
    #[inline]
    fn iv(&self, is_aead: bool, ssrc: u32, index: u64) -> [u8; 16] {
        // In halves, which the compiler chooses between without shifting octets across them.
        let (high, low) = if is_aead {
            (u64::from(ssrc) << 16 | index >> 32, index << 32)
        } else {
            (u64::from(ssrc), index << 16)
        };
        (self.salt ^ (u128::from(high) << 64 | u128::from(low))).to_be_bytes()
    }

    /// The cipher's part for an RTP packet.
    #[inline]
    fn rtp_job(&self, is_aead: bool, packet: &Packet) -> CipherJob {
        let covered = if is_aead {
            packet.clear_len
        } else {
            packet.plain_len + WORD
        };
        self.job(is_aead, packet, covered)
    }

    /// The cipher's part for an RTCP packet that starts with `octets`. What an AEAD suite covers of
    /// an encrypted one stands in two places.
    #[inline(never)]
    fn rtcp_job(
        &self,
        is_aead: bool,
        encrypted: bool,
        packet: &Packet,
        octets: &[u8],
    ) -> CipherJob {
        let is_split = is_aead && encrypted;
        let covered = if is_split { 0 } else { packet.plain_len + WORD };
        let clear = octets.first_chunk().filter(|_| is_split);
        CipherJob {
            aad: clear.map(|clear| split_aad(*clear, Word::new(true, packet.index))),
            ..self.job(is_aead, packet, covered)
        }
    }

    /// The cipher's part for a packet of which the first `covered` octets are authenticated.
    #[inline]
    fn job(&self, is_aead: bool, packet: &Packet, covered: u16) -> CipherJob {
        CipherJob {
            iv: self.iv(is_aead, packet.ssrc, packet.index),
            cipher: packet.payload(),
            auth: Span {
                start: 0,
                len: covered,
            },
            aad: None,
        }
    }
}

/// The additional data of an encrypted SRTCP packet (RFC 7714 §9.2).
#[inline]
fn split_aad(clear: [u8; CLEAR_LEN], word: Word) -> [u8; 12] {
    let ([a, b, c, d, e, f, g, h], [w, x, y, z]) = (clear, word.to_wire());
    [a, b, c, d, e, f, g, h, w, x, y, z]
}

impl<K> Drop for Half<K> {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

#[cfg(test)]
mod tests;
