//! Octets from leg to session and from session to leg.

use abi::Now;
use pipeline::{Input, Leg};
use wire::Nic;

use super::{LegRef, mark};
use crate::Worker;
use crate::leg::SignalLeg;
use crate::net::TcpOut;
use crate::proxied::Proxied;

/// Rounds of moving octets between the legs of one session before others get their turn.
const ROUNDS_MAX: usize = 32;

impl<N: Nic> Worker<N> {
    /// Moves octets between the legs and lets TCP speak. `only` names the leg to which something
    /// has happened, if nothing can have happened to the other.
    pub(crate) fn pump(&mut self, index: u32, s: &mut Proxied, mut only: Option<Leg>, now: Now) {
        loop {
            s.has_more = self.exchange(index, s, only, now);
            let mut given_up = false;
            for leg in Leg::BOTH {
                if let Some(leg) = &mut s.legs[leg] {
                    given_up |= leg.speak(now, &mut TcpOut::new(&mut self.net, now));
                }
            }
            // The session has to hear of it.
            if !given_up {
                return;
            }
            only = None;
        }
    }

    /// Moves octets between the legs until nothing moves any more, or others should have a turn:
    /// then more is left to move. The leg that is not the `only` one is left alone until
    /// something moves.
    fn exchange(&mut self, index: u32, s: &mut Proxied, mut only: Option<Leg>, now: Now) -> bool {
        for _ in 0..ROUNDS_MAX {
            let mut moved = false;
            for leg in Leg::BOTH {
                if only.is_none_or(|only| only == leg) {
                    moved |= self.raise(index, s, leg, now);
                }
            }
            only = only.filter(|_| !moved);
            for leg in Leg::BOTH {
                if only.is_none_or(|only| only == leg) {
                    moved |= s.legs[leg].as_mut().is_some_and(|leg| leg.lower(now));
                }
            }
            if !moved {
                return false;
            }
            only = None;
            s.active = now;
        }
        true
    }

    /// Brings one leg's octets up to the session.
    fn raise(&mut self, index: u32, s: &mut Proxied, leg: Leg, now: Now) -> bool {
        let mut moved = false;
        if let Some(l) = &mut s.legs[leg] {
            moved |= l.lift();
            if let Some(tls) = l.take_for_step() {
                let mark = mark(
                    LegRef {
                        session: index,
                        leg,
                    },
                    s.id,
                );
                if let Err(refused) = self.handshakes.submit(mark, tls) {
                    l.give_back(refused);
                }
            }
        }
        moved |= self.deliver(s, leg, now);
        while let Some(change) = s.legs[leg].as_mut().and_then(SignalLeg::change) {
            moved = true;
            self.on_change(s, leg, change, now);
        }
        moved
    }

    /// Tells the session what a leg has brought, unless what it would say in return has no room.
    fn deliver(&mut self, s: &mut Proxied, leg: Leg, now: Now) -> bool {
        let congested = |l: &Option<SignalLeg>| l.as_ref().is_some_and(SignalLeg::is_congested);
        let peer_open = s.legs[leg.other()]
            .as_ref()
            .is_some_and(|l| l.is_open() || l.is_failed());
        if !peer_open || congested(&s.legs.client) || congested(&s.legs.server) {
            return false;
        }
        let Some(l) = s.legs[leg].as_mut().filter(|l| l.is_open()) else {
            return false;
        };
        let mut scratch = core::mem::take(&mut self.scratch);
        l.read(&mut scratch);
        let len = scratch.len();
        if len > 0 {
            s.octets[leg] += len as u64;
            self.tell(
                s,
                Input::Data {
                    leg,
                    bytes: &scratch,
                },
                now,
            );
        }
        self.scratch = scratch;
        len > 0
    }
}
