//! TCP's segments, a burst at a time.
//!
//! Ten thousand sessions are far more memory than the caches hold, so nearly every segment finds
//! its session cold. A burst therefore goes in stages, each of which fetches for many segments what
//! the next one needs: the processor then waits for the memory of all at once, not in turn.

use core::hint::black_box;

use abi::{Now, Reason};
use flow::{FlowId, FlowKey, TCP};
use ip::InterfaceId;
use wire::tcp::Flags;
use wire::{BURST, Burst, Frame, Nic, Packet};

use crate::Worker;
use crate::proxied::LegAddresses;
use crate::signal::LegRef;

/// Segments whose memory is fetched together: as much of it as the first cache holds.
const AHEAD: usize = 16;

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
        let mut flows = flows.into_iter();
        let mut segments = segments.into_iter();
        while !segments.as_slice().is_empty() {
            let ahead = segments.as_slice();
            self.prefetch(flows.as_slice(), ahead.get(..AHEAD).unwrap_or(ahead));
            for (segment, flow) in segments.by_ref().take(AHEAD).zip(flows.by_ref()) {
                self.on_tcp(segment, flow, now);
            }
        }
    }

    /// Fetches what the segments will need, one step of the way to it after the other.
    fn prefetch(&self, flows: &[Option<FlowId>], segments: &[Arrived<N::Frame>]) {
        if segments.len() < 2 {
            return;
        }
        let mut legs = [None; AHEAD];
        for (leg, flow) in legs.iter_mut().zip(flows) {
            *leg = flow.and_then(|flow| self.leg_of(flow));
        }
        let legs = || {
            legs.iter()
                .zip(segments)
                .filter_map(|(leg, of)| Some(((*leg)?, of)))
        };
        for (LegRef { session, .. }, _) in legs() {
            black_box((
                self.sessions.get(session).is_some(),
                self.wake_at.get(session as usize),
                self.wheel.is_scheduled(session),
            ));
        }
        let sessions = || {
            legs().filter_map(|(LegRef { session, leg }, Arrived { packet, .. })| {
                let has_octets = !packet.payload_range().is_empty();
                Some((self.sessions.get(session)?, leg, has_octets))
            })
        };
        for (session, leg, has_octets) in sessions() {
            session.prefetch(leg, has_octets);
        }
        for (session, leg, has_octets) in sessions() {
            session.prefetch_parts(leg, has_octets);
        }
        for (session, leg, _) in sessions().filter(|(.., has_octets)| *has_octets) {
            session.prefetch_way(leg);
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
