//! The sending half: whose packet is next, and what is in it.

use core::mem;

use abi::Reason;
use arrayvec::ArrayVec;
use crypto::{Op, Tag};
use srtp::{SealPlan, Traffic};
use wire::BURST;

use crate::bad::{self, Fault};
use crate::ciphers::{self, Ciphers};
use crate::packet::{Media, Mix, Packets};
use crate::synth::Keys;
use crate::talker::Talker;
use crate::{Direction, End, LoadError, Stations, Stream};

/// Hundredths of a bad packet that are owed at most: what a few bursts have no room for.
const OWED_MAX: u32 = 6_400;

/// The next packet to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    talker: u32,
    kind: Kind,
    /// Where the frame leaves.
    pub end: End,
    /// Octets of the frame.
    pub len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Good(Traffic),
    /// Made of the frame before it.
    Bad(Fault),
}

impl Ticket {
    /// Whether the packet is one that the proxy should pass on.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self.kind, Kind::Good(_))
    }
}

/// What traffic to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffics {
    /// Which way.
    pub direction: Direction,
    /// What streams carry.
    pub mix: Mix,
    /// Whether talkers send reports.
    pub rtcp: bool,
    /// A fault, and how many packets in a hundred have it, up to 96: a burst has a good one.
    pub bad: Option<(Fault, u8)>,
    /// Where the order of the streams comes from.
    pub seed: u64,
}

impl Default for Traffics {
    fn default() -> Self {
        Self {
            direction: Direction::Inward,
            mix: Mix::G711,
            rtcp: true,
            bad: None,
            seed: 1,
        }
    }
}

/// The sending half of the generator.
#[derive(Debug)]
pub struct Source {
    talkers: Vec<Talker>,
    ciphers: Ciphers,
    packets: Packets,
    rtcp: bool,
    bad: Option<(Fault, u8)>,
    /// Ports on which the proxy has none of the streams.
    unused_ports: Vec<u16>,
    /// Hundredths of a bad packet that are owed.
    owed: u32,
    /// Talker whose turn it is.
    next: usize,
}

impl Source {
    /// Talkers for `streams`.
    ///
    /// # Errors
    /// [`LoadError::Key`], [`LoadError::Crypto`], [`LoadError::NoStreams`].
    pub fn new(streams: &[Stream], traffics: &Traffics) -> Result<Self, LoadError> {
        let mut ciphers = Ciphers::new()?;
        let mut made = Vec::new();
        for (number, (stream, media, end)) in (0..).zip(talkers(streams, traffics)) {
            made.push(Talker::new(
                number,
                end,
                end.side(stream),
                media,
                &mut ciphers,
            )?);
        }
        if made.is_empty() {
            return Err(LoadError::NoStreams);
        }
        Ok(Self {
            unused_ports: bad::unused_ports(&made),
            talkers: made,
            ciphers,
            packets: Packets::default(),
            rtcp: traffics.rtcp,
            bad: traffics.bad,
            owed: 0,
            next: 0,
        })
    }

    /// Talkers in all.
    #[must_use]
    pub const fn talkers(&self) -> usize {
        self.talkers.len()
    }

    /// RTP packets and reports that each talker has made so far.
    pub fn made(&self) -> impl Iterator<Item = (u64, u64)> {
        self.talkers
            .iter()
            .map(|talker| (talker.packets, talker.reports))
    }

    /// Says which stations frames go between.
    pub fn set_stations(&mut self, stations: &Stations) {
        for talker in &mut self.talkers {
            let src = stations.own(talker.end);
            if let Some(dst) = stations.of(talker.end, talker.to().ip()) {
                talker.set_stations(src, dst);
            }
        }
    }

    /// Packets that have to be made at once, at most a burst, to hold a good one and the bad ones
    /// that are owed by then: a bad one can only be made of one in its batch.
    #[must_use]
    pub fn together(&self) -> usize {
        let owed = self
            .bad
            .map_or(0, |(_, share)| self.owed + bad_per_good(share));
        (owed / 100 + 1).try_into().unwrap_or(BURST).min(BURST)
    }

    /// Makes packets with `bad` from now on, and says what was made before.
    pub(crate) const fn set_bad(&mut self, bad: Option<(Fault, u8)>) -> Option<(Fault, u8)> {
        self.owed = 0;
        mem::replace(&mut self.bad, bad)
    }

    /// The next packets, at most `count` and a burst.
    pub fn tickets(&mut self, count: usize) -> ArrayVec<Ticket, BURST> {
        let mut tickets: ArrayVec<Ticket, BURST> = ArrayVec::new();
        while tickets.len() < count.min(BURST) {
            let previous = tickets.last().copied();
            let bad = previous.and_then(|previous| self.bad_ticket(previous));
            tickets.push(bad.unwrap_or_else(|| self.good_ticket()));
        }
        tickets
    }

    fn good_ticket(&mut self) -> Ticket {
        if let Some((_, share)) = self.bad {
            self.owed = (self.owed + bad_per_good(share)).min(OWED_MAX);
        }
        let at = self.next;
        let Some(talker) = self.talkers.get_mut(at) else {
            self.next = 0;
            return self.good_ticket();
        };
        talker.until_report -= 1;
        let traffic = if talker.until_report == 0 {
            // A report takes the place of the turn in which it is due.
            talker.until_report = talker.media.per_report;
            if self.rtcp {
                Traffic::Rtcp
            } else {
                Traffic::Rtp
            }
        } else {
            Traffic::Rtp
        };
        self.next = (at + 1) % self.talkers.len().max(1);
        self.ticket(at, traffic)
    }

    fn ticket(&self, at: usize, traffic: Traffic) -> Ticket {
        let (end, len) = self.talkers.get(at).map_or((End::Outside, 0), |talker| {
            (talker.end, talker.frame_len(traffic))
        });
        Ticket {
            talker: u32::try_from(at).unwrap_or(u32::MAX),
            kind: Kind::Good(traffic),
            end,
            len,
        }
    }

    /// A bad packet, if one is due and can be made of `previous`.
    fn bad_ticket(&mut self, previous: Ticket) -> Option<Ticket> {
        let (fault, _) = self.bad.filter(|_| self.owed >= 100)?;
        if previous.kind == Kind::Good(Traffic::Rtcp) {
            return None;
        }
        let talker = self.talkers.get(previous.talker as usize)?;
        self.owed -= 100;
        Some(Ticket {
            kind: Kind::Bad(fault),
            len: fault.frame_len(talker, previous.len),
            ..previous
        })
    }

    /// Makes the packets of `tickets` in `frames`, one each and as long as it says. `time` has
    /// the nanoseconds that each carries, by its place.
    ///
    /// # Errors
    /// [`LoadError::Packet`]: a key has protected all that it may.
    pub fn fill(
        &mut self,
        tickets: &[Ticket],
        frames: &mut [&mut [u8]],
        time: impl Fn(u64) -> u64,
    ) -> Result<(), LoadError> {
        let mut plans: ArrayVec<Option<SealPlan>, BURST> = ArrayVec::new();
        for ((ticket, frame), place) in tickets.iter().zip(frames.iter_mut()).zip(0..) {
            let plan = match ticket.kind {
                Kind::Good(traffic) => match self.talkers.get_mut(ticket.talker as usize) {
                    Some(talker) => talker.write(traffic, frame, &self.packets, time(place))?,
                    None => None,
                },
                Kind::Bad(_) => None,
            };
            plans.push(plan);
        }
        let tags = self.seal(tickets, frames, &plans)?;
        for (at, ticket) in tickets.iter().enumerate() {
            let (before, rest) = frames.split_at_mut(at);
            let earlier = tickets.get(..at).unwrap_or_default();
            let ([frame, ..], Some(talker)) = (rest, self.talkers.get(ticket.talker as usize))
            else {
                continue;
            };
            let written = match ticket.kind {
                Kind::Good(traffic) => {
                    if let (Some(Some(plan)), Some(Some(tag))) = (plans.get(at), tags.get(at)) {
                        let body = frame.get_mut(talker.headers_len()..).unwrap_or_default();
                        plan.finish(body, tag.octets());
                    }
                    talker.address(traffic, frame)
                }
                Kind::Bad(fault) => {
                    let good = earlier.iter().rposition(Ticket::is_good);
                    let good = good.and_then(|at| before.get(at));
                    good.and_then(|good| fault.spoil(talker, good, frame, &self.unused_ports))
                }
            };
            written.ok_or(Reason::RtpInvalidLength)?;
        }
        Ok(())
    }

    /// Runs the ciphers over the packets that have a plan.
    fn seal(
        &mut self,
        tickets: &[Ticket],
        frames: &mut [&mut [u8]],
        plans: &[Option<SealPlan>],
    ) -> Result<ArrayVec<Option<Tag>, BURST>, Reason> {
        let talkers = &self.talkers;
        let planned = tickets.iter().zip(frames).zip(plans);
        let jobs = planned.filter_map(|((ticket, frame), plan)| {
            let (Some(plan), Kind::Good(traffic)) = (plan, ticket.kind) else {
                return None;
            };
            let talker = talkers.get(ticket.talker as usize)?;
            let sender = talker.sender()?;
            let body = frame.get_mut(talker.headers_len()..).unwrap_or_default();
            let (key, cipher) = (sender.key(traffic), sender.job(plan, body));
            let tag = Tag::empty(plan.tag_len());
            Some(ciphers::job(key, Op::Seal, body, &cipher, tag))
        });
        let mut sealed = self.ciphers.run(jobs).tags();
        let mut tags = ArrayVec::new();
        for plan in plans {
            tags.push(match plan.as_ref().and_then(|_| sealed.next()) {
                Some(Some(tag)) => Some(*tag),
                Some(None) => return Err(Reason::SrtpEncryptFailed),
                None => None,
            });
        }
        Ok(tags)
    }
}

/// Hundredths of a bad packet that are owed for a good one, so that `share` in a hundred are bad.
fn bad_per_good(share: u8) -> u32 {
    let share = u32::from(share.min(99));
    share * 100 / (100 - share)
}

/// Every talker of `streams`, in another order than theirs, so that neighbours in a table of the
/// proxy's are no neighbours in time: its stream, its media and the end that it sends from.
pub(crate) fn talkers<'s>(
    streams: &'s [Stream],
    traffics: &Traffics,
) -> impl Iterator<Item = (&'s Stream, Media, End)> {
    let (mix, ends) = (traffics.mix, traffics.direction.ends());
    let mut order: Vec<&Stream> = streams.iter().collect();
    Keys::new(traffics.seed).shuffle(&mut order);
    (0..).zip(order).flat_map(move |(number, stream)| {
        ends.iter()
            .map(move |&end| (stream, mix.media(number), end))
    })
}
