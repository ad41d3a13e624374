//! The receiving half: whether what comes back is what was sent.

use core::net::SocketAddr;

use abi::Now;
use arrayvec::ArrayVec;
use crypto::{Op, Outcome, Tag};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use srtp::{OpenPlan, Traffic};
use wire::{BURST, Burst, Frame, Packet, Parsed, proto};

use crate::ciphers::{self, Ciphers};
use crate::listener::Listener;
use crate::packet::{self, Packets};
use crate::source::talkers;
use crate::{End, LoadError, Stream, Traffics};

/// Longest delay that the histogram tells apart: ten seconds.
const DELAY_MAX_NS: u64 = 10_000_000_000;

/// What has come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// RTP packets, whole and in order.
    pub packets: u64,
    /// Reports, whole and in order.
    pub reports: u64,
    /// Packets with wrong tags.
    pub unauthentic: u64,
    /// Packets that SRTP refuses: replayed, malformed.
    pub refused: u64,
    /// Packets with octets that are not those sent.
    pub damaged: u64,
    /// Packets behind a later one, or for the second time.
    pub late: u64,
    /// Packets that are no talker's, or came by another way than theirs.
    pub stray: u64,
    /// Frames that are no valid packets.
    pub malformed: u64,
}

impl Counts {
    /// Packets that should not have come, or not so.
    #[must_use]
    pub const fn faults(&self) -> u64 {
        self.unauthentic + self.refused + self.damaged + self.late + self.stray + self.malformed
    }
}

/// The receiving half of the generator.
#[derive(Debug)]
pub struct Sink {
    listeners: Vec<Listener>,
    ciphers: Ciphers,
    packets: Packets,
    counts: Counts,
    delay: Histogram<u64>,
}

/// A packet for a listener.
#[derive(Debug)]
struct Arrival {
    listener: usize,
    report: bool,
    plan: Option<OpenPlan>,
}

/// UDP packets that came in together.
type Datagrams<F> = Burst<(F, Packet)>;

impl Sink {
    /// Listeners for `streams`, in the order in which [`crate::Source::new`] has its talkers.
    ///
    /// # Errors
    /// [`LoadError::Key`], [`LoadError::Crypto`], [`LoadError::NoStreams`].
    pub fn new(streams: &[Stream], traffics: &Traffics) -> Result<Self, LoadError> {
        let mut sink = Self::empty()?;
        for (stream, media, end) in talkers(streams, traffics) {
            let (end, side) = (end.other(), end.other().side(stream));
            let listener = Listener::new(end, side, media, &mut sink.ciphers)?;
            sink.listeners.push(listener);
        }
        Ok(sink)
    }

    /// As [`Sink::new`], for something in place of the proxy that sends every frame on as it is.
    /// What is sealed is told apart and counted, not opened and compared.
    ///
    /// # Errors
    /// As [`Sink::new`].
    pub fn mirrored(streams: &[Stream], traffics: &Traffics) -> Result<Self, LoadError> {
        let mut sink = Self::empty()?;
        for (stream, media, end) in talkers(streams, traffics) {
            let listener = Listener::mirrored(end.other(), end.side(stream), media);
            sink.listeners.push(listener);
        }
        Ok(sink)
    }

    fn empty() -> Result<Self, LoadError> {
        // Three digits; the bounds are right by construction.
        let delay = Histogram::new_with_bounds(1, DELAY_MAX_NS, 3);
        Ok(Self {
            listeners: Vec::new(),
            ciphers: Ciphers::new()?,
            packets: Packets::default(),
            counts: Counts::default(),
            delay: delay.map_err(|_| LoadError::NoStreams)?,
        })
    }

    /// What has come back since the last [`Sink::restart`].
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Delays of the packets that carried a time, in nanoseconds.
    #[must_use]
    pub const fn delay(&self) -> &Histogram<u64> {
        &self.delay
    }

    /// Counts from zero again, and expects of each talker what comes after the packets and
    /// reports that it has `made`.
    pub fn restart(&mut self, made: impl Iterator<Item = (u64, u64)>) {
        self.counts = Counts::default();
        self.delay.reset();
        for (listener, (packets, reports)) in self.listeners.iter_mut().zip(made) {
            (listener.packets, listener.reports) = (packets, reports);
        }
    }

    /// Takes UDP packets out of `frames`, which came in at `end` at `nanos`; what is something
    /// else stays.
    pub fn take<F: Frame>(&mut self, end: End, frames: &mut Burst<F>, nanos: u64) {
        let mut datagrams: Datagrams<F> = Burst::new();
        let mut other: Burst<F> = Burst::new();
        for frame in frames.drain(..) {
            match wire::parse(&frame) {
                Ok(Parsed::Ip(packet)) if packet.protocol == proto::UDP => {
                    datagrams.push((frame, packet));
                }
                Ok(_) => other.push(frame),
                Err(_) => self.counts.malformed += 1,
            }
        }
        *frames = other;
        let arrivals: ArrayVec<Option<Arrival>, BURST> = datagrams
            .iter()
            .map(|(frame, packet)| self.arrival(end, packet, frame.data()))
            .collect();
        let mut opened = self.open(&mut datagrams, &arrivals).into_iter();
        for ((frame, packet), arrival) in datagrams.iter().zip(&arrivals) {
            let Some(arrival) = arrival else { continue };
            let mut payload = frame.data().get(packet.payload_range()).unwrap_or_default();
            if let Some(plan) = &arrival.plan {
                if opened.next() != Some(Outcome::Done) {
                    self.counts.unauthentic += 1;
                    continue;
                }
                payload = payload.get(..plan.plain_len()).unwrap_or_default();
            }
            self.settle(arrival, payload, nanos);
        }
    }

    /// Whose packet it is, and how to open it; `None` if it is nobody's or SRTP refuses it.
    fn arrival(&mut self, end: End, packet: &Packet, frame: &[u8]) -> Option<Arrival> {
        let payload = frame.get(packet.payload_range())?;
        let found = packet::source(payload).and_then(|(ssrc, report)| {
            let at = packet::talker(ssrc)? as usize;
            let listener = self.listeners.get(at)?;
            let src = SocketAddr::new(packet.src, packet.src_port);
            let dst = SocketAddr::new(packet.dst, packet.dst_port);
            let expected = listener.expects(end, src, dst, report);
            expected.then_some((at, listener, report))
        });
        let Some((at, listener, report)) = found else {
            self.counts.stray += 1;
            return None;
        };
        let mut plan = None;
        if let Some(receiver) = &listener.receiver {
            match receiver.plan(traffic(report), payload) {
                Ok(open) => plan = Some(open),
                Err(_) => {
                    self.counts.refused += 1;
                    return None;
                }
            }
        }
        Some(Arrival {
            listener: at,
            report,
            plan,
        })
    }

    /// Opens what is sealed, in order.
    fn open<F: Frame>(
        &mut self,
        datagrams: &mut Datagrams<F>,
        arrivals: &[Option<Arrival>],
    ) -> ArrayVec<Outcome, BURST> {
        let listeners = &self.listeners;
        let jobs = datagrams.iter_mut().zip(arrivals);
        let jobs = jobs.filter_map(|((frame, packet), arrival)| {
            let arrival = arrival.as_ref()?;
            let plan = arrival.plan.as_ref()?;
            // What follows from this packet's arrival is there.
            let receiver = listeners.get(arrival.listener)?.receiver.as_deref()?;
            let payload = frame.data_mut().get_mut(packet.payload_range())?;
            let tag = Tag::received(plan.tag(payload));
            let key = receiver.key(plan.traffic());
            let cipher = receiver.job(plan, payload);
            plan.stage(payload);
            Some(ciphers::job(key, Op::Open, payload, &cipher, tag))
        });
        self.ciphers.run(jobs).outcomes().collect()
    }

    /// Compares a packet in clear with what was sent.
    fn settle(&mut self, arrival: &Arrival, clear: &[u8], nanos: u64) {
        let Some(listener) = self.listeners.get_mut(arrival.listener) else {
            return;
        };
        if let (Some(plan), Some(receiver)) = (&arrival.plan, &mut listener.receiver)
            && receiver.commit(plan, Now::from_nanos(nanos)).is_err()
        {
            self.counts.refused += 1;
            return;
        }
        if listener.sealed {
            self.counts.packets += u64::from(!arrival.report);
            self.counts.reports += u64::from(arrival.report);
            return;
        }
        let ssrc = packet::ssrc(u32::try_from(arrival.listener).unwrap_or(u32::MAX));
        let (number, expected, counted) = if arrival.report {
            let number = packet::check_report(clear, listener.media, ssrc);
            (number, &mut listener.reports, &mut self.counts.reports)
        } else {
            let stamp = self.packets.check_rtp(clear, listener.media, ssrc);
            if let Some(sent) = stamp.map(|stamp| stamp.nanos).filter(|&sent| sent != 0) {
                self.delay.saturating_record(nanos.saturating_sub(sent));
            }
            let number = stamp.map(|stamp| stamp.number);
            (number, &mut listener.packets, &mut self.counts.packets)
        };
        match number {
            None => self.counts.damaged += 1,
            Some(number) if number < *expected => self.counts.late += 1,
            Some(number) => {
                *expected = number + 1;
                *counted += 1;
            }
        }
    }
}

const fn traffic(report: bool) -> Traffic {
    if report { Traffic::Rtcp } else { Traffic::Rtp }
}
