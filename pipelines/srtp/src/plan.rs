//! What is to be done with one packet.

use crate::Traffic;
use crate::rtcp::{WORD_LEN, Word};

/// A range of octets in a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first octet.
    pub start: u16,
    /// Number of octets.
    pub len: u16,
}

/// The cipher's part of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherJob {
    /// The initial counter block; AEAD suites take its first twelve octets as the IV.
    pub iv: [u8; 16],
    /// What is encrypted. May be empty.
    pub cipher: Span,
    /// What the HMAC covers, encrypted; for AEAD suites the additional data.
    pub auth: Span,
    /// For AEAD suites: the additional data, in place of `auth`, where it is not in one piece.
    pub aad: Option<[u8; 12]>,
}

/// A packet as both directions number and cipher it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) index: u64,
    pub(crate) ssrc: u32,
    /// Octets at the start that are in clear.
    pub(crate) clear_len: u16,
    /// Octets without what protection adds.
    pub(crate) plain_len: u16,
}

impl Packet {
    /// What is encrypted, or would be.
    #[inline]
    pub(crate) const fn payload(&self) -> Span {
        Span {
            start: self.clear_len,
            len: self.plain_len.saturating_sub(self.clear_len),
        }
    }
}

/// How to open, or only check, a packet that has arrived.
///
/// [`OpenPlan::tag`] and [`crate::Receiver::job`], then [`OpenPlan::stage`] and the cipher job;
/// then [`OpenPlan::plain_len`] octets are the packet in clear. Or [`OpenPlan::unstage`], and the
/// packet is as it arrived.
///
/// Small, since each packet in line holds one: what the ciphers need is made of it when they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenPlan {
    pub(crate) packet: Packet,
    /// What the trailer takes the place of.
    pub(crate) original: u32,
    pub(crate) tag_at: u16,
    pub(crate) tag_len: u8,
    pub(crate) traffic: Traffic,
    /// How often another index has been tried.
    pub(crate) tries: u8,
    pub(crate) trailer: Trailer,
}

/// What must stand behind a packet while it is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trailer {
    /// What stands there.
    None,
    /// The rollover counter of the index.
    Rollovers,
    /// The SRTCP word of a packet in clear.
    Word,
}

impl OpenPlan {
    /// The tag that `packet` carries. A staged packet has lost it.
    #[inline]
    #[must_use]
    pub fn tag<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.tag_at);
        packet
            .get(start..start + usize::from(self.tag_len))
            .unwrap_or_default()
    }

    /// Octets of the packet once it is opened.
    #[inline]
    #[must_use]
    pub fn plain_len(&self) -> usize {
        usize::from(self.packet.plain_len)
    }

    /// Octets that are encrypted, or would be.
    #[inline]
    #[must_use]
    pub fn payload_len(&self) -> usize {
        usize::from(self.packet.payload().len)
    }

    /// The packet's protocol.
    #[inline]
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Puts what must be authenticated with the packet into its place.
    #[inline]
    pub fn stage(&self, packet: &mut [u8]) {
        let word = match self.trailer {
            Trailer::None => return,
            Trailer::Rollovers => rollovers(self.packet.index),
            Trailer::Word => Word::new(false, self.packet.index).bits(),
        };
        self.put_trailer(packet, word);
    }

    /// Restores a staged packet that was not opened.
    #[inline]
    pub fn unstage(&self, packet: &mut [u8]) {
        if self.trailer != Trailer::None {
            self.put_trailer(packet, self.original);
        }
    }

    #[inline]
    fn put_trailer(&self, packet: &mut [u8], word: u32) {
        put(packet, self.plain_len(), &word.to_be_bytes());
    }
}

/// The rollover counter of an index, which has 48 bits.
#[inline]
pub(crate) fn rollovers(index: u64) -> u32 {
    u32::try_from(index >> 16 & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// How to protect a packet that is to be sent.
///
/// The packet grows by [`crate::Sender::growth`] octets at its end; then [`SealPlan::stage`],
/// [`crate::Sender::job`], and [`SealPlan::finish`] with the tag.
///
/// Small, for the same reason as [`OpenPlan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealPlan {
    pub(crate) packet: Packet,
    pub(crate) mki: [u8; 8],
    pub(crate) mki_len: u8,
    pub(crate) tag_len: u8,
    pub(crate) is_aead: bool,
    pub(crate) traffic: Traffic,
}

impl SealPlan {
    /// Octets of the tag that the cipher is to make.
    #[inline]
    #[must_use]
    pub const fn tag_len(&self) -> u8 {
        self.tag_len
    }

    /// The packet's protocol.
    #[inline]
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    #[inline]
    fn plain_len(&self) -> usize {
        usize::from(self.packet.plain_len)
    }

    /// The rollover counter or the SRTCP word. All but AEAD suites stage it after the payload.
    #[inline]
    fn word(&self) -> [u8; WORD_LEN] {
        match self.traffic {
            Traffic::Rtp => rollovers(self.packet.index).to_be_bytes(),
            Traffic::Rtcp => Word::new(true, self.packet.index).to_wire(),
        }
    }

    /// Puts what must be authenticated with the grown packet into its place.
    #[inline]
    pub fn stage(&self, packet: &mut [u8]) {
        if !self.is_aead {
            put(packet, self.plain_len(), &self.word());
        }
    }

    /// Completes the packet with its tag and what else follows it.
    #[inline]
    pub fn finish(&self, packet: &mut [u8], tag: &[u8]) {
        let at = self.plain_len();
        if self.traffic == Traffic::Rtcp || self.mki_len > 0 {
            return self.finish_parts(packet, at, tag);
        }
        // The usual lengths are written in one go.
        if let Ok(tag) = <&[u8; 10]>::try_from(tag) {
            put(packet, at, tag);
        } else if let Ok(tag) = <&[u8; 16]>::try_from(tag) {
            put(packet, at, tag);
        } else {
            put_slice(packet, at, tag);
        }
    }

    /// The SRTCP word, the MKI and the tag, in the suite's order (RFC 3711 §3.1, §3.4; RFC 7714
    /// §7, §9).
    #[cold]
    fn finish_parts(&self, packet: &mut [u8], mut at: usize, tag: &[u8]) {
        let word = self.word();
        let word: &[u8] = match self.traffic {
            Traffic::Rtp => &[],
            Traffic::Rtcp => &word,
        };
        let mki = self
            .mki
            .get(..usize::from(self.mki_len))
            .unwrap_or_default();
        let parts = if self.is_aead {
            [tag, word, mki]
        } else {
            [word, mki, tag]
        };
        for part in parts {
            put_slice(packet, at, part);
            at += part.len();
        }
    }
}

/// Copies `octets` into the packet, or nothing where they do not fit.
#[inline]
fn put<const N: usize>(packet: &mut [u8], at: usize, octets: &[u8; N]) {
    let place = packet.get_mut(at..);
    if let Some(place) = place.and_then(<[u8]>::first_chunk_mut) {
        *place = *octets;
    }
}

/// The same for any number of them.
fn put_slice(packet: &mut [u8], at: usize, octets: &[u8]) {
    if let Some(place) = packet.get_mut(at..at + octets.len()) {
        place.copy_from_slice(octets);
    }
}
