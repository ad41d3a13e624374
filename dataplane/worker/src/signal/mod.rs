//! The signalling path: segments to legs, legs to sessions, sessions to legs, and their end.

mod change;
mod end;
mod exchange;
mod open;

use core::net::SocketAddr;
use core::time::Duration;

use abi::{Now, Reason};
use pipeline::{Input, Leg};
use wire::Nic;

use crate::Worker;
use crate::net::TcpOut;

/// Time until a leg that is overdue but away is looked at again.
const AWAY_RETRY: Duration = Duration::from_millis(100);

/// Which leg of which session a flow belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LegRef {
    pub(crate) session: u32,
    pub(crate) leg: Leg,
}

impl<N: Nic> Worker<N> {
    /// Gives a segment, from its IP header on, to the leg that it belongs to.
    pub(crate) fn on_segment(&mut self, to: LegRef, segment: &[u8], now: Now) {
        let Some(mut session) = self.sessions.take(to.session) else {
            return;
        };
        if let Some(leg) = &mut session.legs[to.leg] {
            let mut out = TcpOut::new(&mut self.net, now);
            if let Err(reason) = leg.on_segment(segment, now, &mut out) {
                self.counters.refuse(reason);
            }
        }
        let only = (!session.has_more).then_some(to.leg);
        self.pump(to.session, &mut session, only, now);
        self.settle(to.session, session, now);
    }

    /// Goes on with a session whose timer has fired, if it still wants to.
    pub(crate) fn on_timer(&mut self, index: u32, now: Now) {
        // Most timers move to later with every packet, and are set again only here.
        let wake = self.wake_at.get(index as usize).copied();
        if let Some(later) = wake.filter(|&at| at > now) {
            self.wheel.schedule(index, later);
            return;
        }
        let Some(mut session) = self.sessions.take(index) else {
            return;
        };
        for leg in Leg::BOTH {
            if let Some(leg) = &mut session.legs[leg] {
                leg.wake(now);
            }
        }
        let (idle, stall) = self.patience();
        if let Some(reason) = session.overdue(now, idle, stall) {
            if reason != Reason::LegClosed {
                self.counters.refuse(reason);
                self.log_client(session.addresses.client.peer, reason, now);
            }
            self.end(index, session, now);
            return;
        }
        if session.handshake_until.is_some_and(|until| now >= until) {
            session.handshake_until = None;
            for leg in Leg::BOTH {
                let Some(leg) = session.legs[leg].as_mut().filter(|leg| !leg.is_open()) else {
                    continue;
                };
                // One that a handshake thread has is looked at again when it is back.
                if !leg.time_out() {
                    session.handshake_until = Some(now + AWAY_RETRY);
                }
            }
        }
        if session.session.as_ref().is_some_and(|a| {
            pipeline::Session::next_deadline(a).is_some_and(|deadline| now >= deadline)
        }) {
            self.tell(&mut session, Input::Timer, now);
        }
        self.pump(index, &mut session, None, now);
        self.settle(index, session, now);
    }

    /// Takes legs back from the handshake threads.
    pub(crate) fn take_handshakes(&mut self, most: usize, now: Now) -> usize {
        let mut taken = 0;
        while taken < most {
            let Some((mark, tls)) = self.handshakes.poll() else {
                break;
            };
            taken += 1;
            let (to, serial) = unmark(mark);
            let Some(mut session) = self.sessions.take(to.session) else {
                continue;
            };
            // A leg that comes back late may find another session in its place.
            if session.id & SERIAL_MASK == serial {
                if let Some(leg) = &mut session.legs[to.leg] {
                    leg.give_back(tls);
                }
                self.heed_verdict(&mut session, to.leg, now);
                self.pump(to.session, &mut session, None, now);
            }
            self.settle(to.session, session, now);
        }
        taken
    }

    fn patience(&self) -> (Duration, Duration) {
        let tcp = &self.policy.image.tcp;
        let millis = |ms: u32| Duration::from_millis(u64::from(ms));
        (millis(tcp.idle_ms), millis(tcp.stall_ms))
    }

    fn log_client(&mut self, client: SocketAddr, reason: Reason, now: Now) {
        if self.log_rate.admits(now) {
            tracing::info!(%client, reason = reason.name(), "refused");
        }
    }
}

/// Bits of a session's number that a mark carries.
const SERIAL_MASK: u64 = (1 << 31) - 1;

/// What a leg is known by while a handshake thread has it.
fn mark(leg: LegRef, session_id: u64) -> u64 {
    let which = match leg.leg {
        Leg::Client => 0,
        Leg::Server => 1,
    };
    (session_id & SERIAL_MASK) << 33 | which << 32 | u64::from(leg.session)
}

fn unmark(mark: u64) -> (LegRef, u64) {
    let leg = if mark >> 32 & 1 == 0 {
        Leg::Client
    } else {
        Leg::Server
    };
    let session = u32::try_from(mark & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (LegRef { session, leg }, mark >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_round_trip() {
        for leg in Leg::BOTH {
            let leg = LegRef { session: 77, leg };
            assert_eq!(unmark(mark(leg, SERIAL_MASK)), (leg, SERIAL_MASK));
        }
    }
}
