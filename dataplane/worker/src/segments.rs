//! TCP's segments, a burst at a time.
//!
//! Ten thousand sessions are far more memory than the caches hold, so nearly every segment finds
//! its session cold. A burst is therefore a pipeline: while one segment runs, the memory of the
//! next three is on its way, a step of pointers further for each.

use core::hint::black_box;

use abi::{Now, Reason};
use flow::{FlowId, FlowKey, TCP};
use ip::InterfaceId;
use pipeline::Leg;
use wire::tcp::Flags;
use wire::{BURST, Burst, Frame, Nic, Packet};

use crate::Worker;
use crate::proxied::LegAddresses;
use crate::signal::LegRef;

/// Stages in which a segment's memory is fetched, one segment apart, before it runs.
const STAGES: usize = 3;

/// The leg that a segment is for.
#[derive(Clone, Copy, Debug)]
struct Coming {
    session: u32,
    leg: Leg,
    /// They are passed on, so they concern the other leg too.
    has_octets: bool,
}

/// A segment of a listener or of one of our connections.
#[derive(Debug)]
pub(crate) struct Arrived<F> {
    interface: InterfaceId,
    frame: F,
    packet: Packet,
}

impl<N: Nic> Worker<N> {
    /// Puts a segment in line.
    pub(crate) fn queue_segment(
        &mut self,
        interface: InterfaceId,
        frame: N::Frame,
        packet: Packet,
        now: Now,
    ) {
        if self.segments.is_full() {
            self.run_segments(now);
        }
        self.segments.push(Arrived {
            interface,
            frame,
            packet,
        });
    }

    /// Runs the segments in line to their ends.
    pub(crate) fn run_segments(&mut self, now: Now) {
        if self.segments.is_empty() {
            return;
        }
        let segments = core::mem::take(&mut self.segments);
        let keys: Burst<FlowKey> = segments.iter().map(|of| key_of(&of.packet)).collect();
        let mut flows = [None; BURST];
        self.flows.get_burst(&keys, &mut flows);
        let coming: Burst<Option<Coming>> = segments
            .iter()
            .zip(flows)
            .map(|(of, flow)| self.coming(of, flow))
            .collect();
        self.touch_places(&coming);
        let mut segments = segments.into_iter().zip(flows);
        for step in 0..coming.len() + STAGES {
            self.fetch(&coming, step);
            if step >= STAGES
                && let Some((segment, flow)) = segments.next()
            {
                self.on_tcp(segment, flow, now);
            }
        }
    }

    /// Which leg a segment is for.
    fn coming(&self, of: &Arrived<N::Frame>, flow: Option<FlowId>) -> Option<Coming> {
        let LegRef { session, leg } = self.leg_of(flow?)?;
        let has_octets = !of.packet.payload_range().is_empty();
        Some(Coming {
            session,
            leg,
            has_octets,
        })
    }

    /// Reads what says where sessions are and when they wake, of all segments at once.
    fn touch_places(&self, coming: &[Option<Coming>]) {
        for of in coming.iter().flatten() {
            black_box((
                self.sessions.get(of.session).is_some(),
                self.wake_at.get(of.session as usize),
                self.wheel.is_scheduled(of.session),
            ));
        }
    }

    /// Has the processor fetch the session of one segment, what the session of the one before it
    /// points at, and the way of the octets of the one before that.
    fn fetch(&self, coming: &[Option<Coming>], step: usize) {
        let at = |stage: usize| {
            let of = coming.get(step.checked_sub(stage)?)?.as_ref()?;
            Some((self.sessions.get(of.session)?, of))
        };
        if let Some((session, of)) = at(0) {
            session.prefetch(of.leg, of.has_octets);
        }
        if let Some((session, of)) = at(1) {
            session.prefetch_parts(of.leg, of.has_octets);
        }
        if let Some((session, of)) = at(2)
            && of.has_octets
        {
            session.prefetch_way(of.leg);
        }
    }

    /// Runs a segment. `flow` is what the table said before the burst, part of which has run since.
    fn on_tcp(&mut self, arrived: Arrived<N::Frame>, flow: Option<FlowId>, now: Now) {
        let Arrived {
            interface,
            frame,
            packet,
        } = arrived;
        let flow = flow
            .filter(|&flow| self.flows.contains(flow))
            .or_else(|| self.flows.get(&key_of(&packet)));
        let Some(to) = flow.and_then(|flow| self.leg_of(flow)) else {
            self.on_stray_segment(interface, frame, packet, now);
            return;
        };
        if let Some(segment) = frame.data().get(packet.ip_range()) {
            self.on_segment(to, segment, now);
        }
    }

    /// A segment of no connection: the beginning of one, or nothing.
    fn on_stray_segment(
        &mut self,
        interface: InterfaceId,
        frame: N::Frame,
        packet: Packet,
        now: Now,
    ) {
        let addresses = LegAddresses::of(&packet);
        let Some(found) = self.policy.listener(interface.0, addresses.local) else {
            return self.on_unlistened(interface, frame, packet, now);
        };
        let Some(segment) = frame.data().get(packet.ip_range()) else {
            return;
        };
        let flags = Self::flags(&frame, &packet);
        if flags.is_initial_syn() {
            self.answer_syn(segment, now);
        } else if flags.contains(Flags::RST) {
            self.counters.refuse(Reason::TcpNoFlow);
        } else {
            match self.cookies.on_ack(segment, now) {
                Ok(accepted) => self.accept(found, addresses, &accepted, segment, now),
                Err(reason) => {
                    self.counters.refuse(reason);
                    if reason != Reason::TcpEarly {
                        self.net.reset(segment, now);
                    }
                }
            }
        }
    }
}

/// The flow that a received packet is of.
fn key_of(packet: &Packet) -> FlowKey {
    let LegAddresses { local, peer } = LegAddresses::of(packet);
    FlowKey::new(TCP, local, peer)
}
