//! Carrying out what a session wants: the only code that acts on the world for a pipeline.

use abi::{Counter, Now, Reason};
use pipeline::{CallId, Event, Input, Leg, MediaId, MediaPlan, Output, PerLeg, Session};
use wire::Nic;

use crate::Worker;
use crate::proxied::{CallUnit, Pin, Proxied};

impl<N: Nic> Worker<N> {
    /// Tells the session what happened and carries out what it wants done about it.
    pub(crate) fn tell(&mut self, s: &mut Proxied, input: Input<'_>, now: Now) {
        let Some(session) = &mut s.session else {
            return;
        };
        session.handle_input(input, now);
        // Carrying one output out may make the session want more.
        while let Some(output) = s.session.as_mut().and_then(Session::poll_output) {
            self.apply(s, output, now);
        }
    }

    fn apply(&mut self, s: &mut Proxied, output: Output, now: Now) {
        match output {
            Output::Send { leg, bytes } => {
                if let Some(leg) = &mut s.legs[leg] {
                    leg.push(&bytes);
                }
            }
            Output::Open => self.connect(s, now),
            Output::Close { leg, how } => {
                if let Some(leg) = &mut s.legs[leg] {
                    leg.close(how);
                }
                if s.is_closing() {
                    s.linger(now);
                }
            }
            Output::PinMedia { media, plan } => self.pin(s, media, &plan, now),
            Output::UnpinMedia { media } => self.unpin(s, media),
            Output::Audit(Event::Counted(counter)) => self.counters.add(counter, 1),
            Output::Audit(Event::Refused { leg, reason }) => {
                self.counters.refuse(reason);
                self.log_refusal(s, leg, reason, now);
            }
        }
    }

    /// Opens media, or changes what is open, and answers at once.
    fn pin(&mut self, s: &mut Proxied, media: MediaId, plan: &MediaPlan, now: Now) {
        let answer = match self.try_pin(s, media, plan, now) {
            Ok(local) => Input::MediaReady { media, local },
            Err(reason) => {
                self.counters.refuse(reason);
                Input::MediaRefused { media, reason }
            }
        };
        if let Some(session) = &mut s.session {
            session.handle_input(answer, now);
        }
    }

    fn try_pin(
        &mut self,
        s: &mut Proxied,
        media: MediaId,
        plan: &MediaPlan,
        now: Now,
    ) -> Result<PerLeg<pipeline::Endpoint>, Reason> {
        let is_new_call = !s.pins.iter().any(|pin| pin.call == plan.call);
        self.take_unit(s, plan)?;
        let pinned = match s.pins.iter().find(|pin| pin.media == media) {
            Some(pin) => self.media.update(pin.slot, plan),
            None => {
                let listed = self.policy.media_of(&s.app);
                let terminations = PerLeg::from_fn(|leg| listed[leg].as_slice());
                let opened = self.media.open(s.id, media, plan, terminations, now);
                opened.map(|(slot, local)| {
                    s.pins.push(Pin {
                        media,
                        call: plan.call,
                        slot,
                    });
                    local
                })
            }
        };
        match pinned {
            Ok(_) if is_new_call => self.counters.add(Counter::CallsStarted, 1),
            Ok(_) => {}
            Err(_) => self.return_unit(s, plan.call),
        }
        pinned
    }

    /// Takes the call's SRTP unit when the plan first needs it (L18, L21).
    fn take_unit(&self, s: &mut Proxied, plan: &MediaPlan) -> Result<(), Reason> {
        if !plan.is_counted() || s.calls.iter().any(|unit| unit.call == plan.call) {
            return Ok(());
        }
        let permit = self.admission.srtp()?;
        self.counters.add(Counter::PermitsTaken, 1);
        s.calls.push(CallUnit {
            call: plan.call,
            _permit: permit,
        });
        Ok(())
    }

    /// Gives the call's SRTP unit back once no media of the call is left.
    fn return_unit(&self, s: &mut Proxied, call: CallId) {
        if s.pins.iter().any(|pin| pin.call == call) {
            return;
        }
        let before = s.calls.len();
        s.calls.retain(|unit| unit.call != call);
        self.counters
            .add(Counter::PermitsReturned, (before - s.calls.len()) as u64);
    }

    /// Closes media.
    fn unpin(&mut self, s: &mut Proxied, media: MediaId) {
        let Some(at) = s.pins.iter().position(|pin| pin.media == media) else {
            return;
        };
        let pin = s.pins.swap_remove(at);
        self.media.close(pin.slot);
        self.return_unit(s, pin.call);
        if !s.pins.iter().any(|other| other.call == pin.call) {
            self.counters.add(Counter::CallsEnded, 1);
        }
    }

    /// Closes all media of a session.
    pub(crate) fn unpin_all(&mut self, s: &mut Proxied) {
        while let Some(pin) = s.pins.first() {
            self.unpin(s, pin.media);
        }
    }

    /// Logs a refusal on a session, at most a few a second.
    fn log_refusal(&mut self, s: &Proxied, leg: Leg, reason: Reason, now: Now) {
        if self.log_rate.admits(now) {
            tracing::info!(
                session = s.id,
                client = %s.addresses.client.peer,
                ?leg,
                reason = reason.name(),
                "refused"
            );
        }
    }
}
