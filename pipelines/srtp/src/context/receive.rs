//! The receiving direction.

use core::fmt;

use abi::{Now, Reason, Suite};

use super::{Config, Expand, Half, Mki, Params};
use crate::index::estimate;
use crate::plan::{Packet, Trailer};
use crate::profile::{Parts, Tail};
use crate::rtcp::{self, CLEAR, Word};
use crate::source::{Rules, WhenFull};
use crate::{CipherJob, Header, OpenPlan, Traffic};

/// Second attempts at unknown sources that are made in one second.
const TRIALS_PER_SECOND: u8 = 8;

/// Packets of one key from one peer. What each packet needs comes first.
#[repr(C)]
pub struct Receiver<K> {
    rtp: Half<K>,
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
    trials: Trials,
    /// Sources and their highest indices under the key before this one: signalling does not say
    /// whether the peer goes on counting rollovers.
    earlier: Vec<(u32, u64)>,
}

/// The attempts left in a second.
#[derive(Debug, Default)]
struct Trials {
    second: u64,
    made: u8,
}

impl<K> Receiver<K> {
    /// A context that has seen no packet; `None` if key or salt do not suit the suite.
    pub fn new<E: Expand<Key = K>>(
        params: &Params<'_>,
        config: Config,
        expand: &mut E,
    ) -> Option<Self> {
        let (rtp, rtcp) = Half::pair(params, expand)?;
        let (suite, mki) = (params.suite, params.mki);
        let rules = config.rules(WhenFull::Forget);
        let mki_len = mki.map_or(0, |mki| mki.len);
        let tail = |traffic| Tail::new(suite, traffic, mki_len);
        let rest = Rest {
            suite,
            rtcp,
            rtcp_tail: tail(Traffic::Rtcp),
            trials: Trials::default(),
            earlier: Vec::new(),
        };
        Some(Self {
            rtp,
            rtp_tail: tail(Traffic::Rtp),
            rules,
            mki,
            rest: Box::new(rest),
        })
    }

    /// Takes note of what the peer has sent under the key that this one follows.
    pub fn follow(&mut self, old: &Self) {
        self.rest.earlier = old.rtp.sources.live().collect();
    }

    /// The key for the cipher jobs of a protocol.
    #[inline]
    pub const fn key(&self, traffic: Traffic) -> &K {
        &self.half(traffic).key
    }

    /// Whether `packet` is long enough and new, and how to open it. Changes nothing.
    ///
    /// # Errors
    /// The packet is too short or of another version, names another key, or is no news.
    #[inline(always)]
    pub fn plan(&self, traffic: Traffic, packet: &[u8]) -> Result<OpenPlan, Reason> {
        match traffic {
            Traffic::Rtp => self.plan_rtp(packet),
            Traffic::Rtcp => self.plan_rtcp(packet),
        }
    }

    #[inline(always)]
    fn plan_rtp(&self, packet: &[u8]) -> Result<OpenPlan, Reason> {
        let header = Header::parse(packet)?;
        let parts = self.rtp_tail.split(packet);
        let parts = parts.ok_or(Reason::RtpInvalidLength)?;
        let clear_len = u16::try_from(header.len).unwrap_or(u16::MAX);
        if clear_len > parts.body {
            return Err(Reason::RtpInvalidLength);
        }
        self.check_mki(packet, &parts)?;
        let known = self.rtp.sources.known(header.ssrc);
        let index = match known.highest() {
            Some(highest) => estimate(highest, header.seq).ok_or(Reason::SrtpKeyExhausted)?,
            None => u64::from(header.seq),
        };
        known.check(index, self.rules.window)?;
        let Tail {
            is_aead, tag_len, ..
        } = self.rtp_tail;
        Ok(OpenPlan {
            packet: Packet {
                index,
                ssrc: header.ssrc,
                clear_len,
                plain_len: parts.body,
            },
            original: word_at(packet, parts.body),
            tag_at: parts.tag,
            tag_len,
            traffic: Traffic::Rtp,
            tries: 0,
            trailer: if is_aead {
                Trailer::None
            } else {
                Trailer::Rollovers
            },
        })
    }

    // Out of line: two ways to make a plan in one function would be joined octet by octet.
    #[inline(never)]
    fn plan_rtcp(&self, packet: &[u8]) -> Result<OpenPlan, Reason> {
        let ssrc = rtcp::sender(packet)?;
        let Tail {
            is_aead, tag_len, ..
        } = self.rest.rtcp_tail;
        let parts = self.rest.rtcp_tail.split(packet);
        let parts = parts.filter(|parts| parts.body >= CLEAR);
        let parts = parts.ok_or(Reason::RtcpInvalidLength)?;
        self.check_mki(packet, &parts)?;
        let word = Word::from_wire(word_at(packet, parts.word).to_be_bytes());
        let index = u64::from(word.index);
        let known = self.rest.rtcp.sources.known(ssrc);
        known.check(index, self.rules.window)?;
        Ok(OpenPlan {
            packet: Packet {
                index,
                ssrc,
                clear_len: if word.encrypted { CLEAR } else { parts.body },
                plain_len: parts.body,
            },
            original: word_at(packet, parts.body),
            tag_at: parts.tag,
            tag_len,
            traffic: Traffic::Rtcp,
            tries: 0,
            // The tag stands between a packet in clear and the word, which must follow one
            // another.
            trailer: if is_aead && !word.encrypted {
                Trailer::Word
            } else {
                Trailer::None
            },
        })
    }

    /// The cipher's part of a plan for `packet`.
    #[inline(always)]
    pub fn job(&self, plan: &OpenPlan, packet: &[u8]) -> CipherJob {
        match plan.traffic {
            Traffic::Rtp => self.rtp.rtp_job(self.rtp_tail.is_aead, &plan.packet),
            Traffic::Rtcp => {
                let is_aead = self.rest.rtcp_tail.is_aead;
                let encrypted = plan.trailer == Trailer::None;
                let rtcp = &self.rest.rtcp;
                rtcp.rtcp_job(is_aead, encrypted, &plan.packet, packet)
            }
        }
    }

    /// Another plan for a packet that did not authenticate, if there is a chance. The packet must
    /// be unstaged. A packet gets no third plan, so that a forged one costs two attempts at most.
    ///
    /// A burst is planned before any of it is authentic. So once the packets before this one are
    /// committed, its index may be another (RFC 3711 §3.3.1): they may have gone through a wrap,
    /// or have shown where a new source is. Whether that index was seen is for
    /// [`Receiver::commit`] to say, when the packet is known not to be forged.
    ///
    /// For a source that is still unknown another rollover counter is tried.
    pub fn retry(&mut self, failed: &OpenPlan, packet: &[u8], now: Now) -> Option<OpenPlan> {
        if failed.traffic == Traffic::Rtcp || failed.tries > 0 {
            return None;
        }
        let Header { seq, ssrc, .. } = Header::parse(packet).ok()?;
        let index = match self.rtp.sources.known(ssrc).highest() {
            Some(highest) => {
                estimate(highest, seq).filter(|&index| index != failed.packet.index)?
            }
            None => self.trial(failed.packet.index, ssrc, seq, now)?,
        };
        Some(OpenPlan {
            packet: Packet {
                index,
                ..failed.packet
            },
            tries: 1,
            ..*failed
        })
    }

    /// Another index for a packet of an unknown source than the one that `failed`.
    ///
    /// SDES does not signal the rollover counter, so the first packet of a source may come after
    /// a wrap: one more value is tried, the next or the one under the earlier key. The attempts
    /// are counted, so that forged sources cost no more than a few of them a second.
    fn trial(&mut self, failed: u64, ssrc: u32, seq: u16, now: Now) -> Option<u64> {
        let mut earlier = self.rest.earlier.iter();
        let index = match earlier.find(|&&(earlier, _)| earlier == ssrc) {
            Some(&(_, highest)) => estimate(highest, seq)?,
            None => 1 << 16 | u64::from(seq),
        };
        (index != failed && self.rest.trials.take(now)).then_some(index)
    }

    /// Takes note of a packet that has proved authentic. Returns whether it is the newest of its
    /// source: not one that was late, and not one that somebody held back.
    ///
    /// # Errors
    /// A packet of the same burst had the same index, or there are too many sources; the packet
    /// is to be dropped.
    #[inline]
    pub fn commit(&mut self, plan: &OpenPlan, now: Now) -> Result<bool, Reason> {
        let half = match plan.traffic {
            Traffic::Rtp => &mut self.rtp,
            Traffic::Rtcp => &mut self.rest.rtcp,
        };
        let Packet { ssrc, index, .. } = plan.packet;
        half.sources.accept(ssrc, index, self.rules, now)
    }

    #[inline]
    const fn half(&self, traffic: Traffic) -> &Half<K> {
        match traffic {
            Traffic::Rtp => &self.rtp,
            Traffic::Rtcp => &self.rest.rtcp,
        }
    }

    #[inline]
    fn check_mki(&self, packet: &[u8], parts: &Parts) -> Result<(), Reason> {
        let Some(mki) = &self.mki else {
            return Ok(());
        };
        let received = packet.get(usize::from(parts.mki)..);
        if received.is_some_and(|received| received.starts_with(mki.octets())) {
            Ok(())
        } else {
            Err(Reason::SrtpBadMki)
        }
    }
}

impl<K> fmt::Debug for Receiver<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("suite", &self.rest.suite)
            .finish_non_exhaustive()
    }
}

impl Trials {
    fn take(&mut self, now: Now) -> bool {
        let second = now.millis() / 1000;
        if second != self.second {
            *self = Self { second, made: 0 };
        }
        self.made = self.made.saturating_add(1);
        self.made <= TRIALS_PER_SECOND
    }
}

/// The word at `at`; zero where the packet ends before.
#[inline]
fn word_at(packet: &[u8], at: u16) -> u32 {
    let octets = packet.get(usize::from(at)..).and_then(<[u8]>::first_chunk);
    octets.map_or(0, |octets| u32::from_be_bytes(*octets))
}
