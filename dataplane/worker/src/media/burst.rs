//! One burst, stage by stage: admit, open, accept, forward, seal, send.
//!
//! Each stage goes over the whole burst before the next begins, so that the ciphers get all of
//! it at once and the memory that a later stage needs is on its way while an earlier one works.

use abi::counters::Counters;
use abi::{Counter, Now, Reason};
use arrayvec::ArrayVec;
use crypto::{Op, Outcome};
use ip::{Egress, Stack};
use media::{Admission, Content, Forward, Screened};
use pipeline::Leg;
use srtp::{SealPlan, Traffic};
use wire::{BURST, Frame};

use super::ciphers::retry;
use super::line::{Prefetch, Step, Waiting};
use super::terminations::Place;
use super::{MediaEngine, Open, stream_at};

/// Octets of a packet that has room on any link that IPv6 runs over, as on nearly all links (RFC
/// 8200 §5), whatever protection adds: at most a tag of 16 octets, an MKI of 8 and an index of 4.
/// On a link that takes less, a packet is refused when it is sent.
const SHORT: usize = 1280 - (40 + 8) - (16 + 8 + 4);

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

/// What a burst did, counted once at its end.
#[derive(Default)]
pub(super) struct Totals {
    packets: u64,
    octets: u64,
    opened: u64,
    pub(super) sealed: u64,
    latched: u64,
}

impl<F: Frame> MediaEngine<F> {
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
        self.locate(counters);
        self.admit(counters);
        probe.ended(Stage::Admit);
        let opened = self.open_burst();
        probe.ended(Stage::Open);
        self.accept(&opened, stack, counters, now, &mut totals);
        probe.ended(Stage::Accept);
        let plans = self.forward(stack, counters, now);
        probe.ended(Stage::Forward);
        self.seal_burst(&plans, counters, &mut totals);
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

    fn admit(&mut self, counters: &Counters<'_>) {
        for waiting in &mut self.line {
            if waiting.step == Step::Refused {
                continue;
            }
            let Some(open) = stream_at(&mut self.streams, waiting.place.slot) else {
                counters.refuse(Reason::MediaNoSession);
                waiting.step = Step::Refused;
                continue;
            };
            if let Err(reason) = admit(waiting, open) {
                waiting.refuse(open, reason, counters);
            }
        }
    }

    /// Takes note of what has proved right, by what the ciphers found, in line's order.
    fn accept(
        &mut self,
        opened: &[Outcome],
        stack: &Stack<F>,
        counters: &Counters<'_>,
        now: Now,
        totals: &mut Totals,
    ) {
        let mut opened = opened.iter();
        for waiting in &mut self.line {
            if waiting.step != Step::Arrived {
                continue;
            }
            let opening = waiting.opening();
            let opening = opening.map(|(op, plan, _)| (op, plan.plain_len()));
            let is_authentic = opening.is_none() || opened.next() == Some(&Outcome::Done);
            let Some(open) = stream_at(&mut self.streams, waiting.place.slot) else {
                continue;
            };
            if !is_authentic {
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
            let Some(admission) = &waiting.admission else {
                continue;
            };
            // Neither an address of ours nor a group has a way.
            let leads_to = |address| stack.interface_towards(address).is_ok();
            let origin = waiting.origin();
            match open.stream.accept(origin, admission, leads_to, now) {
                Ok(accepted) => totals.latched += u64::from(accepted.latched),
                Err(reason) => waiting.refuse(open, reason, counters),
            }
        }
    }

    /// Decides how each packet leaves. The plans are those of the packets to be sealed, in line's
    /// order.
    fn forward(
        &mut self,
        stack: &mut Stack<F>,
        counters: &Counters<'_>,
        now: Now,
    ) -> ArrayVec<SealPlan, BURST> {
        let mut plans = ArrayVec::new();
        for waiting in &mut self.line {
            let (Step::Arrived, Some(admission)) = (waiting.step, &waiting.admission) else {
                continue;
            };
            let Place { slot, leg, .. } = waiting.place;
            let Some(open) = stream_at(&mut self.streams, slot) else {
                continue;
            };
            let packet = waiting.frame.data();
            waiting.content = admission.content();
            waiting.octets = match admission {
                Admission::Check(plan) => plan.plain_len(),
                _ => packet.len(),
            };
            let done = match open.stream.forward(leg, admission, packet) {
                Ok(Forward::AsIs) => {
                    waiting.step = Step::Leaving;
                    Ok(())
                }
                Ok(Forward::Seal(Traffic::Rtp)) => {
                    plan_sealing(waiting, open, Traffic::Rtp, (&mut plans, stack), now)
                }
                Ok(Forward::Seal(Traffic::Rtcp)) => {
                    plan_sealing_rtcp(waiting, open, (&mut plans, stack), now)
                }
                Err(reason) => Err(reason),
            };
            if let Err(reason) = done {
                waiting.refuse(open, reason, counters);
            }
        }
        plans
    }

    fn send<E: Egress<F>>(
        &mut self,
        stack: &mut Stack<F>,
        out: &mut E,
        counters: &Counters<'_>,
        now: Now,
        totals: &mut Totals,
    ) {
        // Taken apart at once: a place in line as a whole would be copied.
        for Waiting {
            frame,
            place,
            step,
            content,
            octets,
            traffic_class,
            ..
        } in self.line.drain(..)
        {
            if step != Step::Leaving {
                continue;
            }
            let Some(open) = stream_at(&mut self.streams, place.slot) else {
                continue;
            };
            let leaving = (frame, traffic_class);
            match open.send(leaving, place.leg, content, stack, out, now) {
                Ok(()) => {
                    open.stream.count_passed(place.leg, content, octets);
                    totals.packets += 1;
                    totals.octets += octets as u64;
                }
                Err(reason) => open.refuse(place.leg, reason, counters),
            }
        }
    }
}

/// Finds out what is left to check of a packet, and has fetched what that takes.
#[inline(always)]
fn admit<F: Frame>(waiting: &mut Waiting<F>, open: &Open) -> Result<(), Reason> {
    let (leg, packet) = (waiting.place.leg, waiting.frame.data());
    let screened = open.stream.screen(waiting.origin(), packet)?;
    let admission = &mut waiting.admission;
    match screened {
        Screened::Clear(content) => *admission = Some(Admission::Clear(content)),
        Screened::Protected(Traffic::Rtp) => {
            admit_protected(admission, open, (leg, Traffic::Rtp), packet)?;
        }
        Screened::Protected(Traffic::Rtcp) => admit_rtcp(admission, open, leg, packet)?,
    }
    open.stream.fetch_sender(leg, &Prefetch);
    Ok(())
}

#[inline(always)]
fn admit_protected(
    admission: &mut Option<Admission>,
    open: &Open,
    (leg, traffic): (Leg, Traffic),
    packet: &[u8],
) -> Result<(), Reason> {
    *admission = Some(open.stream.admit(leg, traffic, packet)?);
    if let (Some(Admission::Open(plan) | Admission::Check(plan)), Some(receiver)) =
        (admission, open.stream.receiver(leg))
    {
        receiver.key(traffic).prefetch(plan.payload_len());
    }
    Ok(())
}

/// Out of line: what is found out in two ways and then joined is moved octet by octet.
#[inline(never)]
fn admit_rtcp(
    admission: &mut Option<Admission>,
    open: &Open,
    leg: Leg,
    packet: &[u8],
) -> Result<(), Reason> {
    admit_protected(admission, open, (leg, Traffic::Rtcp), packet)
}

/// Claims an index for a packet to be sealed, and stages it.
#[inline(always)]
fn plan_sealing<F: Frame>(
    waiting: &mut Waiting<F>,
    open: &mut Open,
    traffic: Traffic,
    (plans, stack): (&mut ArrayVec<SealPlan, BURST>, &mut Stack<F>),
    now: Now,
) -> Result<(), Reason> {
    let from = waiting.place.leg;
    // What is too big must not cost an index and a run of the ciphers.
    if waiting.octets > SHORT {
        open.check_room(from, traffic, waiting.octets, stack, now)?;
    }
    let sender = open.stream.sender_mut(from.other());
    let sender = sender.ok_or(Reason::MediaNoKey)?;
    let plan = sender.plan(traffic, waiting.frame.data(), now)?;
    if !waiting.frame.append(sender.growth(traffic)) {
        return Err(Reason::NoBuffer);
    }
    plan.stage(waiting.frame.data_mut());
    plans.push(plan);
    waiting.step = Step::Sealing;
    sender.key(traffic).prefetch(waiting.octets);
    Ok(())
}

/// Out of line, for the same reason.
#[inline(never)]
fn plan_sealing_rtcp<F: Frame>(
    waiting: &mut Waiting<F>,
    open: &mut Open,
    into: (&mut ArrayVec<SealPlan, BURST>, &mut Stack<F>),
    now: Now,
) -> Result<(), Reason> {
    plan_sealing(waiting, open, Traffic::Rtcp, into, now)
}

impl Open {
    /// Sends a frame of that traffic class, which came from a leg, to the other one.
    #[inline(always)]
    fn send<F: Frame, E: Egress<F>>(
        &mut self,
        (frame, traffic_class): (F, u8),
        from: Leg,
        content: Content,
        stack: &mut Stack<F>,
        out: &mut E,
        now: Now,
    ) -> Result<(), Reason> {
        let path = self.stream.path(from, content)?;
        let exit = self.exits[from.other()].to(path, stack, now)?;
        exit.send(frame, traffic_class, path, stack, out, now)
    }

    /// Whether a packet of `len` octets that came from a leg has room on its way to the other one
    /// once it is sealed. Out of line: voice is short.
    #[inline(never)]
    fn check_room<F: Frame>(
        &mut self,
        from: Leg,
        traffic: Traffic,
        len: usize,
        stack: &mut Stack<F>,
        now: Now,
    ) -> Result<(), Reason> {
        let sender = self.stream.sender(from.other());
        let len = len + sender.ok_or(Reason::MediaNoKey)?.growth(traffic);
        let content = match traffic {
            Traffic::Rtp => Content::Rtp,
            Traffic::Rtcp => Content::Rtcp,
        };
        let path = self.stream.path(from, content)?;
        self.exits[from.other()].check_room(path, len, stack, now)
    }

    /// Counts a packet that is dropped.
    #[cold]
    pub(super) fn refuse(&mut self, from: Leg, reason: Reason, counters: &Counters<'_>) {
        counters.refuse(reason);
        self.stream.count_refused(from, reason);
    }
}
