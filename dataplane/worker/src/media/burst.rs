//! One burst, stage by stage: admit, open, accept, forward, seal, send.
//!
//! Each stage goes over the whole burst before the next begins, so that the ciphers get all of
//! it at once and the memory that a later stage needs is on its way while an earlier one works.

use core::net::{IpAddr, SocketAddr};

use abi::counters::Counters;
use abi::{Counter, Now, Reason};
use arrayvec::ArrayVec;
use crypto::{Job, Op, Outcome, Tag, prefetch};
use ip::{Egress, Stack};
use media::{Admission, Content, Fetch, Forward, Origin};
use srtp::{OpenPlan, SealPlan};
use wire::udp::{UdpChecksum, UdpRepr};
use wire::{BURST, Frame, Packet};

use super::ciphers::{Ciphers, job};
use super::terminations::Place;
use super::{Hop, MediaEngine, Open, stream_at};

/// Hops that a packet may take from here; it begins anew at a media termination.
const HOP_LIMIT: u8 = 64;

/// The parts of a burst's way, for whoever measures them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Finding the stream, the source, the index and the replay window.
    Admit,
    /// Verifying and decrypting.
    Open,
    /// Taking note of what was authentic.
    Accept,
    /// Asking the other side, and claiming indices to send under.
    Forward,
    /// Encrypting and making tags.
    Seal,
    /// Writing headers and handing frames to the port.
    Send,
}

/// Is told when a stage of a burst ends.
pub trait Probe {
    /// `stage` has ended.
    fn ended(&mut self, stage: Stage);
}

/// Measures nothing.
impl Probe for () {
    #[inline]
    fn ended(&mut self, _: Stage) {}
}

/// Fetches memory by the processor's own instruction.
struct Prefetch;

impl Fetch for Prefetch {
    #[inline]
    fn fetch<T>(&self, value: &T) {
        prefetch(value);
    }
}

/// A datagram in line. Its frame holds nothing but its payload.
///
/// What the stages find out is written into its place once and never copied.
pub(super) struct Waiting<F> {
    frame: F,
    place: Place,
    source: SocketAddr,
    traffic_class: u8,
    step: Step,
    /// What is left to check of it.
    admission: Option<Admission>,
    /// What it carries.
    content: Content,
    /// Octets that are passed on, tags left out.
    octets: usize,
    /// How it is sealed.
    seal: Option<SealPlan>,
}

/// How far a datagram has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
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
    const fn origin(&self) -> Origin {
        let Place { leg, component, .. } = self.place;
        Origin {
            leg,
            component,
            source: self.source,
        }
    }

    /// How the ciphers open the packet, if they have to.
    const fn opening(&self) -> Option<(Op, &OpenPlan)> {
        match (self.step, &self.admission) {
            (Step::Arrived, Some(Admission::Open(plan))) => Some((Op::Open, plan)),
            (Step::Arrived, Some(Admission::Check(plan))) => Some((Op::Check, plan)),
            _ => None,
        }
    }
}

/// What a burst did, counted once at its end.
#[derive(Default)]
struct Totals {
    packets: u64,
    octets: u64,
    opened: u64,
    sealed: u64,
    latched: u64,
}

impl<F: Frame> MediaEngine<F> {
    /// Whether the line is full; then it must be run before more is queued.
    pub fn is_full(&self) -> bool {
        self.line.is_full()
    }

    /// Puts a UDP packet to one of this worker's media ports in line. One to a port that no
    /// stream has open is dropped, as is one that finds the line full.
    #[inline]
    pub fn queue(&mut self, mut frame: F, packet: &Packet, counters: &Counters<'_>) {
        let Some(place) = self.terminations.find(packet.dst, packet.dst_port) else {
            return counters.refuse(Reason::MediaNoSession);
        };
        if let Some(Some(open)) = self.streams.get(place.slot as usize) {
            open.stream.fetch(place.leg, &Prefetch);
            prefetch(&open.hops[place.leg.other()]);
        }
        frame.truncate(packet.payload_end.into());
        if self.line.is_full() || !frame.trim_front(packet.payload.into()) {
            return counters.refuse(Reason::UdpMalformed);
        }
        self.line.push(Waiting {
            frame,
            place,
            source: SocketAddr::new(packet.src, packet.src_port),
            traffic_class: packet.traffic_class,
            step: Step::Arrived,
            admission: None,
            content: Content::Rtp,
            octets: 0,
            seal: None,
        });
    }

    /// Runs what is in line.
    pub fn run<E: Egress<F>>(
        &mut self,
        stack: &mut Stack<F>,
        out: &mut E,
        counters: &Counters<'_>,
        now: Now,
        probe: &mut impl Probe,
    ) {
        if self.line.is_empty() {
            return;
        }
        let mut totals = Totals::default();
        self.admit(counters);
        probe.ended(Stage::Admit);
        let outcomes = self.open_burst();
        probe.ended(Stage::Open);
        self.accept(&outcomes, counters, now, &mut totals);
        probe.ended(Stage::Accept);
        self.forward(counters, now);
        probe.ended(Stage::Forward);
        let sealed = self.seal_burst();
        self.finish(&sealed, counters, &mut totals);
        probe.ended(Stage::Seal);
        self.send(stack, out, counters, now, &mut totals);
        probe.ended(Stage::Send);
        counters.add(Counter::MediaPackets, totals.packets);
        counters.add(Counter::MediaBytes, totals.octets);
        counters.add(Counter::MediaDecrypted, totals.opened);
        counters.add(Counter::MediaEncrypted, totals.sealed);
        counters.add(Counter::MediaLatched, totals.latched);
        self.passed += totals.packets;
    }

    /// Packets passed on since this was last asked.
    pub const fn take_passed(&mut self) -> u64 {
        core::mem::replace(&mut self.passed, 0)
    }

    fn admit(&mut self, counters: &Counters<'_>) {
        for waiting in &mut self.line {
            let origin = waiting.origin();
            let Some(open) = stream_at(&mut self.streams, waiting.place.slot) else {
                counters.refuse(Reason::MediaNoSession);
                waiting.step = Step::Refused;
                continue;
            };
            match open.stream.admit(origin, waiting.frame.data()) {
                Ok(admission) => waiting.admission = Some(admission),
                Err(reason) => {
                    waiting.refuse(open, reason, counters);
                    continue;
                }
            }
            open.stream.fetch_sender(origin.leg, &Prefetch);
            if let Some(Admission::Open(plan) | Admission::Check(plan)) = &waiting.admission {
                plan.stage(waiting.frame.data_mut());
                if let Some(key) = open.stream.open_key(origin.leg, plan.traffic()) {
                    key.prefetch();
                }
            }
        }
    }

    /// Verifies and decrypts what has to be. The outcomes are in the order of those packets.
    fn open_burst(&mut self) -> ArrayVec<Outcome, BURST> {
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        for waiting in &mut self.line {
            let Waiting {
                frame,
                place,
                step: Step::Arrived,
                admission,
                ..
            } = waiting
            else {
                continue;
            };
            let (op, plan) = match admission {
                Some(Admission::Open(plan)) => (Op::Open, plan),
                Some(Admission::Check(plan)) => (Op::Check, plan),
                _ => continue,
            };
            let Some(Some(open)) = self.streams.get(place.slot as usize) else {
                continue;
            };
            // A plan was made with this key, and its tag is no longer than any tag.
            let key = open.stream.open_key(place.leg, plan.traffic());
            let (Some(key), Some(tag)) = (key, Tag::received(plan.tag())) else {
                continue;
            };
            jobs.push(job(key, op, frame.data_mut(), plan.job(), tag));
        }
        if !jobs.is_empty() {
            self.ciphers.run(&mut jobs);
        }
        jobs.iter().map(|job| job.outcome).collect()
    }

    fn accept(
        &mut self,
        outcomes: &[Outcome],
        counters: &Counters<'_>,
        now: Now,
        totals: &mut Totals,
    ) {
        let mut outcomes = outcomes.iter();
        for waiting in &mut self.line {
            let slot = waiting.place.slot;
            let Some(open) = stream_at(&mut self.streams, slot) else {
                continue;
            };
            let opening = waiting.opening().map(|(op, plan)| (op, plan.plain_len()));
            if opening.is_some() && outcomes.next() != Some(&Outcome::Done) {
                waiting.unstage();
                if !retry(&mut self.ciphers, open, waiting, now) {
                    waiting.refuse(open, Reason::SrtpAuthFailed, counters);
                    continue;
                }
            }
            match opening {
                Some((Op::Open, plain_len)) => {
                    waiting.frame.truncate(plain_len);
                    totals.opened += 1;
                }
                Some(_) => waiting.unstage(),
                None => {}
            }
            let origin = waiting.origin();
            let Waiting {
                step: Step::Arrived,
                admission: Some(admission),
                ..
            } = waiting
            else {
                continue;
            };
            match open.stream.accept(origin, admission, now) {
                Ok(accepted) => totals.latched += u64::from(accepted.latched),
                Err(reason) => waiting.refuse(open, reason, counters),
            }
        }
    }

    fn forward(&mut self, counters: &Counters<'_>, now: Now) {
        for waiting in &mut self.line {
            let Waiting {
                frame,
                place,
                step: Step::Arrived,
                admission: Some(admission),
                ..
            } = waiting
            else {
                continue;
            };
            let Some(open) = stream_at(&mut self.streams, place.slot) else {
                continue;
            };
            let leg = place.leg;
            waiting.content = admission.content();
            waiting.octets = match admission {
                Admission::Check(plan) => plan.plain_len(),
                _ => frame.data().len(),
            };
            match open.stream.forward(leg, admission, frame.data(), now) {
                Ok(Forward::AsIs) => waiting.step = Step::Leaving,
                Ok(Forward::Seal { plan, growth }) if frame.append(growth) => {
                    plan.stage(frame.data_mut());
                    waiting.seal = Some(plan);
                    waiting.step = Step::Sealing;
                    if let Some(key) = open.stream.seal_key(leg.other(), traffic(waiting.content)) {
                        key.prefetch();
                    }
                }
                Ok(Forward::Seal { .. }) => waiting.refuse(open, Reason::NoBuffer, counters),
                Err(reason) => waiting.refuse(open, reason, counters),
            }
        }
    }

    /// Encrypts what has to be. The outcomes are in the order of those packets.
    fn seal_burst(&mut self) -> ArrayVec<(Outcome, Tag), BURST> {
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        for waiting in &mut self.line {
            let Waiting {
                frame,
                place,
                step: Step::Sealing,
                seal: Some(plan),
                content,
                ..
            } = waiting
            else {
                continue;
            };
            let Some(Some(open)) = self.streams.get(place.slot as usize) else {
                continue;
            };
            // A plan was made with this key.
            let key = open.stream.seal_key(place.leg.other(), traffic(*content));
            let Some(key) = key else { continue };
            let tag = Tag::empty(plan.tag_len());
            jobs.push(job(key, Op::Seal, frame.data_mut(), plan.job(), tag));
        }
        if !jobs.is_empty() {
            self.ciphers.run(&mut jobs);
        }
        jobs.iter().map(|job| (job.outcome, job.tag)).collect()
    }

    fn finish(&mut self, sealed: &[(Outcome, Tag)], counters: &Counters<'_>, totals: &mut Totals) {
        let sealing = self
            .line
            .iter_mut()
            .filter(|waiting| waiting.step == Step::Sealing);
        for (waiting, (outcome, tag)) in sealing.zip(sealed) {
            if let (Outcome::Done, Some(plan)) = (outcome, &waiting.seal) {
                plan.finish(waiting.frame.data_mut(), tag.octets());
                waiting.step = Step::Leaving;
                totals.sealed += 1;
            } else if let Some(open) = stream_at(&mut self.streams, waiting.place.slot) {
                waiting.refuse(open, Reason::SrtpEncryptFailed, counters);
            }
        }
    }

    fn send<E: Egress<F>>(
        &mut self,
        stack: &mut Stack<F>,
        out: &mut E,
        counters: &Counters<'_>,
        now: Now,
        totals: &mut Totals,
    ) {
        for mut waiting in self.line.drain(..) {
            if waiting.step != Step::Leaving {
                continue;
            }
            let (content, octets, leg) = (waiting.content, waiting.octets, waiting.place.leg);
            let Some(open) = stream_at(&mut self.streams, waiting.place.slot) else {
                continue;
            };
            let path = match open.stream.path(leg, content) {
                Ok(path) => path,
                Err(reason) => {
                    waiting.refuse(open, reason, counters);
                    continue;
                }
            };
            let headers = UdpRepr {
                src: path.source,
                dst: path.destination,
                hop_limit: HOP_LIMIT,
                traffic_class: waiting.traffic_class,
                checksum: UdpChecksum::Compute,
            };
            let frame = &mut waiting.frame;
            if !frame.prepend(UdpRepr::headers_len(path.destination)) {
                waiting.refuse(open, Reason::NoBuffer, counters);
                continue;
            }
            // Fails where signalling named an address of the other family.
            if headers.emit(frame.data_mut()).is_none() {
                waiting.refuse(open, Reason::NoRoute, counters);
                continue;
            }
            open.stream.count_passed(leg, content, octets);
            totals.packets += 1;
            totals.octets += octets as u64;
            let hop = open.hops[leg.other()].of(path.component);
            transmit(waiting.frame, path.destination.ip(), hop, stack, out, now);
        }
    }
}

impl<F: Frame> Waiting<F> {
    #[cold]
    fn refuse(&mut self, open: &mut Open, reason: Reason, counters: &Counters<'_>) {
        counters.refuse(reason);
        open.stream.count_refused(self.place.leg, reason);
        self.step = Step::Refused;
    }

    /// Takes out of the packet what was put there for its authentication.
    fn unstage(&mut self) {
        if let Some(Admission::Open(plan) | Admission::Check(plan)) = &self.admission {
            plan.unstage(self.frame.data_mut());
        }
    }
}

/// Tries to open a packet that failed, once more in another way, if there is one.
#[cold]
fn retry<F: Frame>(
    ciphers: &mut Ciphers,
    open: &mut Open,
    waiting: &mut Waiting<F>,
    now: Now,
) -> bool {
    let Waiting {
        frame,
        place,
        admission: Some(admission),
        ..
    } = waiting
    else {
        return false;
    };
    let (op, failed) = match admission {
        Admission::Open(failed) => (Op::Open, failed),
        Admission::Check(failed) => (Op::Check, failed),
        Admission::Clear(_) => return false,
    };
    let Some(plan) = open.stream.retry(place.leg, failed, frame.data(), now) else {
        return false;
    };
    let Some(tag) = Tag::received(plan.tag()) else {
        return false;
    };
    let Some(key) = open.stream.open_key(place.leg, plan.traffic()) else {
        return false;
    };
    *failed = plan;
    plan.stage(frame.data_mut());
    let mut jobs = [job(key, op, frame.data_mut(), plan.job(), tag)];
    ciphers.run(&mut jobs);
    let [Job { outcome, .. }] = jobs;
    outcome == Outcome::Done
}

/// The protocol whose key protects a packet; datagrams are never protected.
const fn traffic(content: Content) -> srtp::Traffic {
    match content {
        Content::Rtcp => srtp::Traffic::Rtcp,
        Content::Rtp | Content::Datagram => srtp::Traffic::Rtp,
    }
}

/// Sends an IP packet to `to` by the hop that is remembered, or by the one that is found.
#[inline]
fn transmit<F: Frame, E: Egress<F>>(
    packet: F,
    to: IpAddr,
    hop: &mut Option<Hop>,
    stack: &mut Stack<F>,
    out: &mut E,
    now: Now,
) {
    let known = hop.filter(|hop| hop.to == to && stack.link_header(hop.id).is_some());
    let id = match known {
        Some(hop) => hop.id,
        None => match stack.next_hop(to, now) {
            Ok(id) => id,
            Err(reason) => return out.refuse(reason),
        },
    };
    *hop = Some(Hop { to, id });
    stack.transmit_to(packet, id, now, out);
}
