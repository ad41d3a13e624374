//! Holding sessions from before a policy against it, and closing those that it does not allow.
//!
//! A policy that is enforced has each worker go over its sessions, a portion a turn, so that media
//! never waits for it. First each is compared with what a client in its place would get now; the
//! certificates of its peers are verified anew where handshakes are. Then sessions above a
//! lowered limit are closed, the newest of all workers first. The worker acknowledges the policy
//! when it has closed what it has to.

use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use std::collections::BinaryHeap;
use std::sync::Arc;

use abi::{Now, Reason};
use pipeline::Leg;
use tls::Recheck;
use wire::Nic;

use crate::Worker;
use crate::policy::Match;
use crate::proxied::{LegAddresses, Proxied};

/// Sessions compared in one turn.
const COMPARED_PER_TURN: u32 = 16;
/// Sessions looked at for their age in one turn.
const GATHERED_PER_TURN: u32 = 64;
/// Sessions closed in one turn, or sent to have certificates verified.
const ACTED_ON_PER_TURN: usize = 2;

/// What the workers that enforce one policy tell each other.
#[derive(Debug)]
pub(crate) struct Enforcement {
    /// By worker: when its newest session that may still be closed began; at first the end of
    /// time, since it may be anything.
    newest: Vec<AtomicU64>,
}

impl Enforcement {
    pub(crate) fn of(workers: usize) -> Self {
        Self {
            newest: (0..workers).map(|_| AtomicU64::new(u64::MAX)).collect(),
        }
    }

    /// Says that `worker` closes no session any more.
    pub(crate) fn leave(&self, worker: usize) {
        self.tell(worker, 0);
    }

    fn tell(&self, worker: usize, newest: u64) {
        if let Some(word) = self.newest.get(worker) {
            word.store(newest, Release);
        }
    }

    /// Whether no other worker has a newer session; of those as old, the higher worker's counts
    /// as newer, so that exactly one worker closes next.
    fn is_first(&self, worker: usize, newest: u64) -> bool {
        let others = self.newest.iter().enumerate().filter(|(w, _)| *w != worker);
        others
            .map(|(other, word)| (word.load(Acquire), other))
            .all(|theirs| theirs < (newest, worker))
    }
}

/// How far a worker has got.
#[derive(Debug)]
pub(crate) struct Sweep {
    enforcement: Arc<Enforcement>,
    generation: u64,
    stage: Stage,
    /// Place of the next session.
    next: u32,
    /// Sessions by age, the newest on top: when they began, their number, their place.
    by_age: BinaryHeap<(u64, u64, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Sessions are compared with the policy.
    Compare,
    /// Those that are left are put in the order of their age.
    Gather,
    /// The newest are closed until limits hold.
    Trim,
}

impl<N: Nic> Worker<N> {
    /// Begins to hold sessions against the policy that is about to be obeyed.
    pub(crate) fn begin_sweep(&mut self, enforcement: Arc<Enforcement>, generation: u64) {
        if let Some(before) = &self.sweep {
            before.enforcement.leave(self.id);
        }
        self.sweep = Some(Sweep {
            enforcement,
            generation,
            stage: Stage::Compare,
            next: 0,
            by_age: BinaryHeap::new(),
        });
    }

    /// Goes on with it for one turn. Returns whether there was anything to do.
    pub(crate) fn sweep_on(&mut self, now: Now) -> usize {
        let Some(mut sweep) = self.sweep.take() else {
            return 0;
        };
        let is_through = match sweep.stage {
            Stage::Compare => {
                self.compare(&mut sweep, now);
                false
            }
            Stage::Gather => {
                self.gather(&mut sweep, now);
                false
            }
            Stage::Trim => self.trim(&mut sweep, now),
        };
        if is_through {
            sweep.enforcement.leave(self.id);
            self.layout.acknowledge(self.id, sweep.generation);
        } else {
            self.sweep = Some(sweep);
        }
        1
    }

    fn compare(&mut self, sweep: &mut Sweep, now: Now) {
        let end = self.sessions.places();
        let most = sweep.next.saturating_add(COMPARED_PER_TURN).min(end);
        let mut acted_on = 0;
        while sweep.next < most && acted_on < ACTED_ON_PER_TURN {
            acted_on += usize::from(self.compare_one(sweep.next, now));
            sweep.next += 1;
        }
        if sweep.next >= end {
            sweep.stage = Stage::Gather;
            sweep.next = 0;
        }
    }

    /// Compares the session in a place with the policy. Returns whether more than that was to do.
    fn compare_one(&mut self, index: u32, now: Now) -> bool {
        let Some(mut session) = self.sessions.take(index) else {
            return false;
        };
        let s = &mut *session;
        if s.linger_until.is_some() {
            self.sessions.put(index, session);
            return false;
        }
        let allowed = Leg::BOTH.into_iter().all(|leg| self.recheck(s, leg));
        if allowed && !s.is_rechecking() {
            self.sessions.put(index, session);
            return false;
        }
        if !allowed {
            self.dismiss(s, Reason::PolicyEnforced, now);
        }
        self.pump(index, &mut session, None, now);
        self.settle(index, session, now);
        true
    }

    /// What a client in the session's place would be given now, if it is the same.
    fn still_listens(&self, s: &Proxied) -> Option<Match> {
        let LegAddresses { local, peer } = s.addresses.client;
        let found = self.policy.listener_on(&s.interface, local)?;
        let server = s.server.address;
        let source = |app: &crate::App| app.source_for(server.ip(), peer.ip());
        let same = found.server.address == server
            && found.server.tls.is_some() == s.server.tls.is_some()
            && source(&found.app) == source(&s.app)
            && found.app.continues(&s.app)
            && self.admission.is_licensed(s.app.config.def().licence);
        same.then_some(found)
    }

    /// Has the certificate of a leg's peer verified as the policy now says, at once or when the
    /// handshake is done. `false` when the policy does not know the session any more.
    pub(crate) fn recheck(&self, s: &mut Proxied, leg: Leg) -> bool {
        let Some(found) = self.still_listens(s) else {
            return false;
        };
        let against = match leg {
            Leg::Client => found.app.client_tls.clone().map(Recheck::Client),
            Leg::Server => {
                let address = found.server.address.ip();
                let profile = found.server.tls;
                profile.map(|profile| Recheck::Server(profile, address))
            }
        };
        match (&mut s.legs[leg], against) {
            (Some(open), Some(against)) if open.is_open() => open.recheck(against),
            (_, against) => s.owes_recheck[leg] = against.is_some(),
        }
        true
    }

    /// Closes the session when the certificate of a leg's peer was verified anew and is not good.
    pub(crate) fn heed_verdict(&mut self, s: &mut Proxied, leg: Leg, now: Now) {
        let verdict = s.legs[leg].as_mut().and_then(|leg| leg.verdict());
        if let Some(Err(why)) = verdict {
            tracing::info!(session = s.id, ?leg, why = why.name(), "no longer allowed");
            self.dismiss(s, Reason::PolicyEnforced, now);
        }
    }

    /// Ends a session in good order, and gives its licence units back at once: nothing passes any
    /// more but the end itself.
    pub(crate) fn dismiss(&mut self, s: &mut Proxied, reason: Reason, now: Now) {
        self.on_failed(s, Leg::Client, reason, now);
        self.unpin_all(s);
        self.return_units(s);
    }

    /// Notes the age of sessions that are left, once their certificates are verified.
    fn gather(&mut self, sweep: &mut Sweep, now: Now) {
        let end = self.sessions.places();
        let most = sweep.next.saturating_add(GATHERED_PER_TURN).min(end);
        while sweep.next < most {
            let session = self.sessions.get(sweep.next);
            if session.is_some_and(Proxied::is_rechecking) {
                return self.nudge(sweep.next, now);
            }
            if let Some(s) = session.filter(|s| s.permit.is_some()) {
                sweep.by_age.push((s.opened.nanos(), s.id, sweep.next));
            }
            sweep.next += 1;
        }
        if sweep.next >= end {
            sweep.stage = Stage::Trim;
        }
    }

    /// Has the certificates of a session verified for which there was no room before.
    fn nudge(&mut self, index: u32, now: Now) {
        if let Some(mut session) = self.sessions.take(index) {
            self.pump(index, &mut session, None, now);
            self.settle(index, session, now);
        }
    }

    /// Closes the newest sessions above a limit. Returns whether all is done.
    fn trim(&mut self, sweep: &mut Sweep, now: Now) -> bool {
        let mut closed = 0;
        for _ in 0..GATHERED_PER_TURN {
            if !self.admission.is_any_over() {
                return true;
            }
            let Some(&(opened, id, index)) = sweep.by_age.peek() else {
                return true;
            };
            sweep.enforcement.tell(self.id, opened);
            if closed >= ACTED_ON_PER_TURN || !sweep.enforcement.is_first(self.id, opened) {
                return false;
            }
            sweep.by_age.pop();
            closed += usize::from(self.trim_one(index, id, now));
        }
        false
    }

    /// Closes a session if it holds a unit of which there are too many.
    fn trim_one(&mut self, index: u32, id: u64, now: Now) -> bool {
        let Some(mut session) = self.sessions.take(index) else {
            return false;
        };
        let holds = session.id == id && session.permit.is_some();
        let is_over = self.admission.is_over(session.app.config.def().licence)
            || (!session.calls.is_empty() && self.admission.is_srtp_over());
        if !holds || !is_over {
            self.sessions.put(index, session);
            return false;
        }
        self.dismiss(&mut session, Reason::LimitEnforced, now);
        self.pump(index, &mut session, None, now);
        self.settle(index, session, now);
        true
    }
}
