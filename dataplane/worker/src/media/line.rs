//! Datagrams in line: what has come since the last run, and how far each has got.

use core::net::SocketAddr;

use abi::Reason;
use abi::counters::Counters;
use crypto::{Op, prefetch};
use media::{Admission, Content, Fetch, Origin};
use srtp::OpenPlan;
use wire::Frame;

use super::arrival::Arrival;
use super::terminations::{MediaPort, Place};
use super::{MediaEngine, Open};

/// A datagram in line. Its frame holds nothing but its payload.
///
/// What the stages find out is written into its place once and never copied.
pub(super) struct Waiting<F> {
    pub(super) frame: F,
    pub(super) port: MediaPort,
    /// Where the port leads, once that has been looked up.
    pub(super) place: Place,
    pub(super) source: SocketAddr,
    pub(super) traffic_class: u8,
    pub(super) step: Step,
    /// What is left to check of it.
    pub(super) admission: Option<Admission>,
    /// What it carries.
    pub(super) content: Content,
    /// Octets that are passed on, tags left out.
    pub(super) octets: usize,
}

/// How far a datagram has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is looked at.
    Arrived,
    /// It leaves once it is sealed.
    Sealing,
    /// It leaves as it is.
    Leaving,
    /// It is dropped.
    Refused,
}

impl<F> Waiting<F> {
    pub(super) const fn origin(&self) -> Origin<'_> {
        let Place { leg, component, .. } = self.place;
        Origin {
            leg,
            component,
            source: &self.source,
        }
    }

    pub(super) fn is_sealing(&self) -> bool {
        self.step == Step::Sealing
    }

    /// How the ciphers open the packet, if they have to, and its frame.
    #[inline(always)]
    pub(super) const fn opening(&mut self) -> Option<(Op, &OpenPlan, &mut F)> {
        let (op, plan) = match (self.step, &self.admission) {
            (Step::Arrived, Some(Admission::Open(plan))) => (Op::Open, plan),
            (Step::Arrived, Some(Admission::Check(plan))) => (Op::Check, plan),
            _ => return None,
        };
        Some((op, plan, &mut self.frame))
    }
}

impl<F: Frame> Waiting<F> {
    /// Drops the packet, counted.
    #[cold]
    pub(super) fn refuse(&mut self, open: &mut Open, reason: Reason, counters: &Counters<'_>) {
        open.refuse(self.place.leg, reason, counters);
        self.step = Step::Refused;
    }

    /// Takes out of the packet what was put there for its authentication.
    pub(super) fn unstage(&mut self) {
        if let Some(Admission::Open(plan) | Admission::Check(plan)) = &self.admission {
            plan.unstage(self.frame.data_mut());
        }
    }
}

/// Datagrams that are looked at while a step of fetching what is behind takes place: some hundred
/// nanoseconds.
const STEP_BEHIND: usize = 6;

/// Fetches memory by the processor's own instruction.
pub(super) struct Prefetch;

impl Fetch for Prefetch {
    #[inline]
    fn fetch<T>(&self, value: &T) {
        prefetch(value);
    }
}

impl<F: Frame> MediaEngine<F> {
    /// Whether the line is full; then it must be run before more is queued.
    pub fn is_full(&self) -> bool {
        self.line.is_full()
    }

    /// Puts a datagram to one of this worker's media ports in line, which must not be full.
    #[inline]
    pub fn queue(&mut self, mut frame: F, arrival: &Arrival, counters: &Counters<'_>) {
        self.terminations.fetch(arrival.port);
        frame.truncate(arrival.payload_end.into());
        if !frame.trim_front(arrival.payload.into()) {
            return counters.refuse(Reason::UdpMalformed);
        }
        let queued = self.line.try_push(Waiting {
            frame,
            port: arrival.port,
            place: Place::UNKNOWN,
            source: arrival.src,
            traffic_class: arrival.traffic_class,
            step: Step::Arrived,
            admission: None,
            content: Content::Rtp,
            octets: 0,
        });
        if queued.is_err() {
            return counters.refuse(Reason::NoBuffer);
        }
        self.fetch_behind();
    }

    /// Has fetched what leads to the streams of datagrams that came before, each a step at a time:
    /// so their memory is on its way while the next frames are looked at.
    ///
    /// Signalling may still end a stream or open another on its port, so [`Self::locate`] asks
    /// anew.
    #[inline]
    fn fetch_behind(&mut self) {
        let last = self.line.len() - 1;
        let behind = |steps: usize| last.checked_sub(steps * STEP_BEHIND);
        if let Some(waiting) = behind(1).and_then(|at| self.line.get_mut(at))
            && let Some(place) = self.terminations.place(waiting.port)
        {
            waiting.place = place;
            if let Some(stream) = self.streams.get(place.slot as usize) {
                prefetch(stream);
            }
        }
        if let Some(waiting) = behind(2).and_then(|at| self.line.get(at)) {
            self.fetch_stream(waiting.place);
        }
    }

    #[inline]
    fn fetch_stream(&self, Place { slot, leg, .. }: Place) {
        if let Some(Some(open)) = self.streams.get(slot as usize) {
            open.stream.fetch(leg, &Prefetch);
            prefetch(open.exits[leg.other()].rtp());
        }
    }

    /// Finds each packet's stream, and has fetched what the latest still need. A packet to a port
    /// that no stream has open is dropped.
    ///
    /// Loops of their own, with little else in them: so the processor has the loads of many
    /// packets under way at once where the tables are larger than its caches.
    pub(super) fn locate(&mut self, counters: &Counters<'_>) {
        for waiting in &mut self.line {
            if let Some(place) = self.terminations.place(waiting.port) {
                waiting.place = place;
                if let Some(stream) = self.streams.get(place.slot as usize) {
                    prefetch(stream);
                }
            } else {
                counters.refuse(Reason::MediaNoSession);
                waiting.step = Step::Refused;
            }
        }
        let fetched = self.line.len().saturating_sub(2 * STEP_BEHIND);
        for waiting in self.line.iter().skip(fetched) {
            self.fetch_stream(waiting.place);
        }
    }

    /// Packets passed on since this was last asked.
    pub const fn take_passed(&mut self) -> u64 {
        core::mem::replace(&mut self.passed, 0)
    }
}

/// Where the cache lines of a frame begin that are fetched ahead: all of an ordinary voice packet.
const AHEAD: [usize; 4] = [0, 64, 128, 192];

/// Has the processor fetch a burst of frames that has just been received, ahead of the parser and
/// the checksums, which read all of them.
#[inline]
pub fn fetch_frames<F: Frame>(frames: &[F]) {
    for frame in frames {
        let octets = frame.data();
        AHEAD
            .iter()
            .filter_map(|&at| octets.get(at))
            .for_each(prefetch);
    }
}
