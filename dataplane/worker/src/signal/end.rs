//! Sessions back to their places, and their end.

use abi::{Counter, Now};
use pipeline::Leg;
use wire::Nic;

use crate::Worker;
use crate::net::TcpOut;
use crate::proxied::Proxied;

impl<N: Nic> Worker<N> {
    /// Puts a session back in its place, or ends it.
    pub(crate) fn settle(&mut self, index: u32, mut session: Box<Proxied>, now: Now) {
        if session.is_over() {
            self.end(index, session, now);
            return;
        }
        if let Some(record) = session.record_to_write(now)
            && let Some(words) = self.layout.session(self.id, index as usize)
        {
            record.store(words);
        }
        let (idle, stall) = self.patience();
        let wake = session.next_deadline(now, idle, stall);
        if let Some(place) = self.wake_at.get_mut(index as usize) {
            *place = wake;
        }
        self.wheel.schedule_by(index, wake);
        self.sessions.put(index, session);
    }

    /// Ends a session: the one way out, whatever the cause.
    pub(super) fn end(&mut self, index: u32, mut session: Box<Proxied>, now: Now) {
        self.unpin_all(&mut session);
        self.release_place(&mut session);
        for leg in Leg::BOTH {
            let Some(mut leg) = session.legs[leg].take() else {
                continue;
            };
            leg.cut(now, &mut TcpOut::new(&mut self.net, now));
            self.flows.remove(leg.flow);
        }
        self.wheel.cancel(index);
        if let Some(words) = self.layout.session(self.id, index as usize) {
            abi::records::SessionRecord::clear(words);
        }
        self.return_units(&mut session);
        self.counters.add(Counter::SessionsClosed, 1);
        self.sessions.free(index);
    }

    /// Gives the session's licence units back.
    pub(crate) fn return_units(&self, s: &mut Proxied) {
        let units = s.permit.take().map_or(0, |permit| permit.units());
        self.counters.add(Counter::PermitsReturned, units);
    }

    /// Ends every session, as when the process stops.
    pub(crate) fn end_all(&mut self, now: Now) {
        for index in 0..self.sessions.places() {
            if let Some(session) = self.sessions.take(index) {
                self.end(index, session, now);
            }
        }
    }
}
