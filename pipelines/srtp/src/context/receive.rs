//! The receiving direction.

use core::fmt;

use abi::{Now, Reason, Suite};

use super::{Config, Expand, Half, Mki, Params};
use crate::index::estimate;
use crate::plan::Trailer;
use crate::rtcp::{self, CLEAR_LEN, WORD_LEN, Word};
use crate::source::{Rules, WhenFull};
use crate::{CipherJob, Header, OpenPlan, Span, Traffic, is_aead, tag_len};

/// Second attempts at unknown sources that are made in one second.
const TRIALS_PER_SECOND: u8 = 8;

/// Packets of one key from one peer.
pub struct Receiver<K> {
    suite: Suite,
    mki: Option<Mki>,
    rules: Rules,
    rtp: Half<K>,
    /// What RTP packets do not need, so that what they need lies together.
    rest: Box<Rest<K>>,
}

struct Rest<K> {
    rtcp: Half<K>,
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
        let rest = Rest {
            rtcp,
            trials: Trials::default(),
            earlier: Vec::new(),
        };
        Some(Self {
            suite,
            mki,
            rules,
            rtp,
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
        let outer = Outer::split(self, Traffic::Rtp, packet).ok_or(Reason::RtpInvalidLength)?;
        if header.len > outer.body {
            return Err(Reason::RtpInvalidLength);
        }
        self.check_mki(packet, &outer)?;
        let known = self.rtp.sources.known(header.ssrc);
        let index = match known.highest() {
            Some(highest) => estimate(highest, header.seq).ok_or(Reason::SrtpKeyExhausted)?,
            None => u64::from(header.seq),
        };
        known.check(index, self.rules.window)?;
        Ok(self.lay_out_rtp(packet, &header, &outer, index))
    }

    #[inline(always)]
    fn lay_out_rtp(&self, packet: &[u8], header: &Header, outer: &Outer, index: u64) -> OpenPlan {
        let (covered, trailer) = if is_aead(self.suite) {
            (header.len, Trailer::None)
        } else {
            (outer.body + WORD_LEN, Trailer::Rollovers)
        };
        let job = CipherJob {
            iv: self.rtp.iv(self.suite, header.ssrc, index),
            cipher: Span::within(header.len, outer.body),
            auth: Span::within(0, covered),
            aad: None,
        };
        outer.plan(packet, Traffic::Rtp, header.ssrc, index, job, trailer)
    }

    // Out of line: two ways to make a plan in one function would be joined octet by octet.
    #[inline(never)]
    fn plan_rtcp(&self, packet: &[u8]) -> Result<OpenPlan, Reason> {
        let ssrc = rtcp::sender(packet)?;
        let outer = Outer::split(self, Traffic::Rtcp, packet).ok_or(Reason::RtcpInvalidLength)?;
        if outer.body < CLEAR_LEN {
            return Err(Reason::RtcpInvalidLength);
        }
        self.check_mki(packet, &outer)?;
        let word = Word::from_wire(octets_at(packet, outer.word));
        let known = self.rest.rtcp.sources.known(ssrc);
        known.check(u64::from(word.index), self.rules.window)?;
        Ok(self.lay_out_rtcp(packet, ssrc, &outer, word))
    }

    #[inline(always)]
    fn lay_out_rtcp(&self, packet: &[u8], ssrc: u32, outer: &Outer, word: Word) -> OpenPlan {
        let index = u64::from(word.index);
        let clear = if word.encrypted {
            CLEAR_LEN
        } else {
            outer.body
        };
        let (mut covered, mut aad, mut trailer) = (outer.body + WORD_LEN, None, Trailer::None);
        if is_aead(self.suite) && word.encrypted {
            aad = Some(split_aad(octets_at(packet, 0), word));
            covered = 0;
        } else if is_aead(self.suite) {
            // The tag stands between the packet and the word, which must follow one another.
            trailer = Trailer::Word;
        }
        let job = CipherJob {
            iv: self.rest.rtcp.iv(self.suite, ssrc, index),
            cipher: Span::within(clear, outer.body),
            auth: Span::within(0, covered),
            aad,
        };
        outer.plan(packet, Traffic::Rtcp, ssrc, index, job, trailer)
    }

    /// Another plan for a packet that did not authenticate, if there is a chance.
    ///
    /// SDES does not signal the rollover counter, so the first packet of a source may come after
    /// a wrap: one more value is tried, the next or the one under the earlier key. The attempts
    /// are counted, so that forged sources cost no more than a few of them a second. The packet
    /// must be unstaged.
    pub fn retry(&mut self, failed: &OpenPlan, packet: &[u8], now: Now) -> Option<OpenPlan> {
        let unknown = self.rtp.sources.known(failed.ssrc).highest().is_none();
        if failed.traffic == Traffic::Rtcp || failed.tries > 0 || !unknown {
            return None;
        }
        let header = Header::parse(packet).ok()?;
        let earlier = self
            .rest
            .earlier
            .iter()
            .find(|&&(ssrc, _)| ssrc == failed.ssrc);
        let index = match earlier {
            Some(&(_, highest)) => estimate(highest, header.seq)?,
            None => 1 << 16 | u64::from(header.seq),
        };
        if index == failed.index || !self.rest.trials.take(now) {
            return None;
        }
        let outer = Outer::split(self, Traffic::Rtp, packet)?;
        let plan = self.lay_out_rtp(packet, &header, &outer, index);
        Some(OpenPlan { tries: 1, ..plan })
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
        half.sources.accept(plan.ssrc, plan.index, self.rules, now)
    }

    #[inline]
    const fn half(&self, traffic: Traffic) -> &Half<K> {
        match traffic {
            Traffic::Rtp => &self.rtp,
            Traffic::Rtcp => &self.rest.rtcp,
        }
    }

    #[inline]
    fn check_mki(&self, packet: &[u8], outer: &Outer) -> Result<(), Reason> {
        match &self.mki {
            None => Ok(()),
            Some(mki)
                if packet.get(outer.mki..outer.mki + mki.octets().len()) == Some(mki.octets()) =>
            {
                Ok(())
            }
            Some(_) => Err(Reason::SrtpBadMki),
        }
    }
}

impl<K> fmt::Debug for Receiver<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("suite", &self.suite)
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

/// Where the parts around a protected packet begin.
struct Outer {
    /// Octets of the packet itself.
    body: usize,
    /// Offset of the SRTCP word.
    word: usize,
    mki: usize,
    tag: usize,
    tag_len: u8,
}

impl Outer {
    /// `None` if the packet has no room for the parts, or is longer than spans can say.
    #[inline]
    fn split<K>(receiver: &Receiver<K>, traffic: Traffic, packet: &[u8]) -> Option<Self> {
        let tag_len = tag_len(receiver.suite, traffic);
        let tag = usize::from(tag_len);
        let mki = receiver.mki.map_or(0, |mki| mki.octets().len());
        let word = if traffic == Traffic::Rtcp {
            WORD_LEN
        } else {
            0
        };
        u16::try_from(packet.len()).ok()?;
        let body = packet.len().checked_sub(tag + mki + word)?;
        Some(if is_aead(receiver.suite) {
            Self {
                body,
                tag: body,
                word: body + tag,
                mki: body + tag + word,
                tag_len,
            }
        } else {
            Self {
                body,
                word: body,
                mki: body + word,
                tag: body + word + mki,
                tag_len,
            }
        })
    }

    #[inline(always)]
    fn plan(
        &self,
        packet: &[u8],
        traffic: Traffic,
        ssrc: u32,
        index: u64,
        job: CipherJob,
        trailer: Trailer,
    ) -> OpenPlan {
        OpenPlan {
            index,
            ssrc,
            job,
            tag: read_tag(packet, self.tag, self.tag_len),
            tag_len: self.tag_len,
            plain_len: u16::try_from(self.body).unwrap_or(u16::MAX),
            traffic,
            tries: 0,
            trailer,
            // Every suite's trailing parts are four octets or more.
            original: octets_at(packet, self.body),
        }
    }
}

/// The tag at `at`, padded. Each length is read in one go.
#[inline(always)]
fn read_tag(packet: &[u8], at: usize, len: u8) -> [u8; 16] {
    match len {
        4 => {
            let [a, b, c, d] = octets_at(packet, at);
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        10 => {
            let [a, b, c, d, e, f, g, h] = octets_at(packet, at);
            let [i, j] = octets_at(packet, at + 8);
            [a, b, c, d, e, f, g, h, i, j, 0, 0, 0, 0, 0, 0]
        }
        _ => octets_at(packet, at),
    }
}

/// Octets of a part that [`Outer::split`] has found room for.
#[inline]
fn octets_at<const N: usize>(packet: &[u8], at: usize) -> [u8; N] {
    packet
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or([0; N], |octets| *octets)
}

/// The additional data of an encrypted SRTCP packet (RFC 7714 §9.2).
#[inline]
pub(super) fn split_aad(clear: [u8; CLEAR_LEN], word: Word) -> [u8; 12] {
    let ([a, b, c, d, e, f, g, h], [w, x, y, z]) = (clear, word.to_wire());
    [a, b, c, d, e, f, g, h, w, x, y, z]
}
