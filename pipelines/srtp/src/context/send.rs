//! The sending direction.

use core::fmt;

use abi::{Now, Reason, Suite};

use super::receive::{rollovers, split_aad};
use super::{Config, Expand, Half, Mki, Params};
use crate::index::estimate;
use crate::rtcp::{self, CLEAR_LEN, INDEX_MAX, WORD_LEN, Word};
use crate::source::WhenFull;
use crate::{CipherJob, Header, SealPlan, Span, Traffic, is_aead, tag_len};

/// Packets that we protect under one key.
///
/// The RTP source on the other side chooses sequence numbers and SSRCs. Two different packets
/// under one index would give their exclusive-or away (RFC 3711 §9.1), so an index is claimed
/// when it is planned, and a packet that claims it again is refused.
pub struct Sender<K> {
    suite: Suite,
    mki: Option<Mki>,
    config: Config,
    rtp: Half<K>,
    rtcp: Half<K>,
    rtp_packets: u64,
    /// Indices run over all sources together, which keeps each one unique under the key.
    rtcp_packets: u32,
}

impl<K> Sender<K> {
    /// A context that has protected no packet; `None` if key or salt do not suit the suite.
    pub fn new<E: Expand<Key = K>>(
        params: &Params<'_>,
        config: Config,
        expand: &mut E,
    ) -> Option<Self> {
        let (rtp, rtcp) = Half::pair(params, expand)?;
        let (suite, mki) = (params.suite, params.mki);
        Some(Self {
            suite,
            mki,
            config,
            rtp,
            rtcp,
            rtp_packets: 0,
            rtcp_packets: 0,
        })
    }

    /// The key for the cipher jobs of a protocol.
    pub const fn key(&self, traffic: Traffic) -> &K {
        match traffic {
            Traffic::Rtp => &self.rtp.key,
            Traffic::Rtcp => &self.rtcp.key,
        }
    }

    /// Octets by which a packet grows.
    pub fn growth(&self, traffic: Traffic) -> usize {
        let word = if traffic == Traffic::Rtcp {
            WORD_LEN
        } else {
            0
        };
        let mki = self.mki.map_or(0, |mki| mki.octets().len());
        word + mki + usize::from(tag_len(self.suite, traffic))
    }

    /// Claims an index for the clear `packet` and says how to protect it.
    ///
    /// # Errors
    /// The packet is malformed, its index was used before, there are too many sources, or the
    /// key has protected all that it may.
    pub fn plan(&mut self, traffic: Traffic, packet: &[u8], now: Now) -> Result<SealPlan, Reason> {
        match traffic {
            Traffic::Rtp => self.plan_rtp(packet, now),
            Traffic::Rtcp => self.plan_rtcp(packet),
        }
    }

    fn plan_rtp(&mut self, packet: &[u8], now: Now) -> Result<SealPlan, Reason> {
        let Header { seq, ssrc, len } = Header::parse(packet)?;
        let (cipher, auth) = self
            .spans(len, packet, len)
            .ok_or(Reason::RtpInvalidLength)?;
        if self.rtp_packets >= self.config.rtp_packets_max {
            return Err(Reason::SrtpKeyExhausted);
        }
        let index = match self.rtp.sources.highest(ssrc) {
            Some(highest) => estimate(highest, seq).ok_or(Reason::SrtpKeyExhausted)?,
            None => u64::from(seq),
        };
        let rules = self.config.rules(WhenFull::Refuse);
        let claim = self.rtp.sources.accept(ssrc, index, rules, now);
        claim.map_err(|reason| match reason {
            Reason::SrtpTooManySources => reason,
            _ => Reason::SrtpIndexReused,
        })?;
        self.rtp_packets += 1;
        let iv = self.rtp.iv(self.suite, ssrc, index);
        Ok(self.seal(
            Traffic::Rtp,
            CipherJob {
                iv,
                cipher,
                auth,
                aad: None,
            },
            rollovers(index),
        ))
    }

    fn plan_rtcp(&mut self, packet: &[u8]) -> Result<SealPlan, Reason> {
        let ssrc = rtcp::sender(packet)?;
        let spans = self.spans(CLEAR_LEN, packet, 0);
        let (cipher, auth) = spans.ok_or(Reason::RtcpInvalidLength)?;
        if self.rtcp_packets >= self.config.rtcp_packets_max.min(INDEX_MAX) {
            return Err(Reason::SrtpKeyExhausted);
        }
        // The first packet has index 1, as libsrtp's has: RFC 3711 §3.4 can be read both ways.
        let word = Word {
            encrypted: true,
            index: self.rtcp_packets + 1,
        };
        let mut aad = None;
        if is_aead(self.suite) {
            aad = Some(split_aad(packet, word).ok_or(Reason::RtcpInvalidLength)?);
        }
        self.rtcp_packets += 1;
        let iv = self.rtcp.iv(self.suite, ssrc, u64::from(word.index));
        Ok(self.seal(
            Traffic::Rtcp,
            CipherJob {
                iv,
                cipher,
                auth,
                aad,
            },
            word.to_wire(),
        ))
    }

    /// What is encrypted and what is authenticated; `None` if the packet would grow too long.
    fn spans(&self, clear: usize, packet: &[u8], aad_len: usize) -> Option<(Span, Span)> {
        let covered = if is_aead(self.suite) {
            aad_len
        } else {
            packet.len() + WORD_LEN
        };
        Some((Span::new(clear..packet.len())?, Span::new(0..covered)?))
    }

    fn seal(&self, traffic: Traffic, job: CipherJob, word: [u8; WORD_LEN]) -> SealPlan {
        SealPlan {
            job,
            tag_len: tag_len(self.suite, traffic),
            is_aead: is_aead(self.suite),
            word,
            sends_word: traffic == Traffic::Rtcp,
            mki: self.mki.map_or([0; 8], |mki| mki.octets),
            mki_len: self.mki.map_or(0, |mki| mki.len),
        }
    }
}

impl<K> fmt::Debug for Sender<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}
