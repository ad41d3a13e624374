//! The sending direction.

use core::fmt;

use abi::{Now, Reason, Suite};

use super::{Config, Expand, Half, Mki, Params};
use crate::index::estimate;
use crate::plan::Packet;
use crate::profile::Tail;
use crate::rtcp::{self, CLEAR_LEN, INDEX_MAX, WORD};
use crate::source::{Rules, WhenFull};
use crate::{CipherJob, Header, SealPlan, Traffic};

/// Packets that we protect under one key.
///
/// The RTP source on the other side chooses sequence numbers and SSRCs. Two different packets
/// under one index would give their exclusive-or away (RFC 3711 §9.1), so an index is claimed
/// when it is planned, and a packet that claims it again is refused.
///
/// What each packet needs comes first.
#[repr(C)]
pub struct Sender<K> {
    rtp: Half<K>,
    /// RTP packets that the key may still protect.
    rtp_packets_left: u64,
    rtp_tail: Tail,
    rules: Rules,
    mki: Option<Mki>,
    /// What RTP packets do not need, so that what they need lies together.
    rest: Box<Rest<K>>,
}

struct Rest<K> {
    suite: Suite,
    rtcp: Half<K>,
    rtcp_tail: Tail,
    /// Indices run over all sources together, which keeps each one unique under the key.
    packets: u32,
    packets_max: u32,
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
        let mki_len = mki.map_or(0, |mki| mki.len);
        let tail = |traffic| Tail::new(suite, traffic, mki_len);
        let packets_max = config.rtcp_packets_max.min(INDEX_MAX);
        Some(Self {
            rtp,
            rtp_packets_left: config.rtp_packets_max,
            rtp_tail: tail(Traffic::Rtp),
            rules: config.rules(WhenFull::Refuse),
            mki,
            rest: Box::new(Rest {
                suite,
                rtcp,
                rtcp_tail: tail(Traffic::Rtcp),
                packets: 0,
                packets_max,
            }),
        })
    }

    /// The key for the cipher jobs of a protocol.
    #[inline]
    pub const fn key(&self, traffic: Traffic) -> &K {
        match traffic {
            Traffic::Rtp => &self.rtp.key,
            Traffic::Rtcp => &self.rest.rtcp.key,
        }
    }

    /// Octets by which a packet grows.
    #[inline]
    pub fn growth(&self, traffic: Traffic) -> usize {
        self.tail(traffic).len().into()
    }

    #[inline]
    const fn tail(&self, traffic: Traffic) -> Tail {
        match traffic {
            Traffic::Rtp => self.rtp_tail,
            Traffic::Rtcp => self.rest.rtcp_tail,
        }
    }

    /// Claims an index for the clear `packet` and says how to protect it.
    ///
    /// # Errors
    /// The packet is malformed, its index was used before, there are too many sources, or the
    /// key has protected all that it may.
    #[inline]
    pub fn plan(&mut self, traffic: Traffic, packet: &[u8], now: Now) -> Result<SealPlan, Reason> {
        match traffic {
            Traffic::Rtp => self.plan_rtp(packet, now),
            Traffic::Rtcp => self.plan_rtcp(packet),
        }
    }

    #[inline]
    fn plan_rtp(&mut self, packet: &[u8], now: Now) -> Result<SealPlan, Reason> {
        let Header { seq, ssrc, len } = Header::parse(packet)?;
        let lengths = lengths(len, packet);
        let (clear_len, plain_len) = lengths.ok_or(Reason::RtpInvalidLength)?;
        let left = self
            .rtp_packets_left
            .checked_sub(1)
            .ok_or(Reason::SrtpKeyExhausted)?;
        let index = match self.rtp.sources.known(ssrc).highest() {
            Some(highest) => estimate(highest, seq).ok_or(Reason::SrtpKeyExhausted)?,
            None => u64::from(seq),
        };
        let claim = self.rtp.sources.accept(ssrc, index, self.rules, now);
        claim.map_err(|reason| match reason {
            Reason::SrtpTooManySources => reason,
            _ => Reason::SrtpIndexReused,
        })?;
        self.rtp_packets_left = left;
        Ok(self.seal(
            Traffic::Rtp,
            Packet {
                index,
                ssrc,
                clear_len,
                plain_len,
            },
        ))
    }

    fn plan_rtcp(&mut self, packet: &[u8]) -> Result<SealPlan, Reason> {
        let ssrc = rtcp::sender(packet)?;
        let lengths = lengths(CLEAR_LEN, packet);
        let (clear_len, plain_len) = lengths.ok_or(Reason::RtcpInvalidLength)?;
        if self.rest.packets >= self.rest.packets_max {
            return Err(Reason::SrtpKeyExhausted);
        }
        // The first packet has index 1, as libsrtp's has: RFC 3711 §3.4 can be read both ways.
        self.rest.packets += 1;
        Ok(self.seal(
            Traffic::Rtcp,
            Packet {
                index: self.rest.packets.into(),
                ssrc,
                clear_len,
                plain_len,
            },
        ))
    }

    #[inline]
    fn seal(&self, traffic: Traffic, packet: Packet) -> SealPlan {
        let Tail {
            is_aead, tag_len, ..
        } = self.tail(traffic);
        SealPlan {
            packet,
            mki: self.mki.map_or([0; 8], |mki| mki.octets),
            mki_len: self.mki.map_or(0, |mki| mki.len),
            tag_len,
            is_aead,
            traffic,
        }
    }

    /// The cipher's part of a plan for `packet`, which is staged.
    #[inline(always)]
    pub fn job(&self, plan: &SealPlan, packet: &[u8]) -> CipherJob {
        match plan.traffic {
            Traffic::Rtp => self.rtp.rtp_job(plan.is_aead, &plan.packet),
            Traffic::Rtcp => {
                let rtcp = &self.rest.rtcp;
                rtcp.rtcp_job(plan.is_aead, true, &plan.packet, packet)
            }
        }
    }
}

/// The octets of a packet that stay clear, and all of them; `None` if it begins with fewer or
/// would grow too long.
#[inline]
fn lengths(clear: usize, packet: &[u8]) -> Option<(u16, u16)> {
    let all = u16::try_from(packet.len()).ok()?;
    all.checked_add(WORD)?;
    let clear = u16::try_from(clear).ok().filter(|&clear| clear <= all)?;
    Some((clear, all))
}

impl<K> fmt::Debug for Sender<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("suite", &self.rest.suite)
            .finish_non_exhaustive()
    }
}
