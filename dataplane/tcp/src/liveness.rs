//! How long a leg waits, and for what.

use core::time::Duration;

use abi::Now;

use crate::CloseCause;
use crate::Params;

/// What a leg is waiting for from its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// The answer to our SYN.
    Open,
    /// Acknowledgement of what we have sent.
    Acknowledgement,
    /// The peer's FIN, after it has acknowledged ours.
    Fin,
    /// Nothing: it may be silent as long as it answers keepalives.
    Nothing,
}

/// Time limits of one leg, and when it last heard of its peer.
///
/// smoltcp has one time limit, which takes an idle peer for a dead one and a closed window for
/// an open one. So that is off, and these are kept beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liveness {
    limits: Limits,
    awaits: Awaits,
    /// When the leg began to wait for that, or when the peer last did some of it.
    since: Now,
    /// When a segment last came from the peer.
    heard: Now,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    connect: Duration,
    keepalive: Option<Duration>,
    dead: Duration,
    stall: Duration,
    fin: Duration,
}

impl Liveness {
    pub(crate) fn new(params: &Params, now: Now) -> Self {
        let Params {
            connect,
            keepalive,
            dead,
            stall,
            fin,
            ..
        } = *params;
        let limits = Limits {
            connect,
            keepalive,
            dead,
            stall,
            fin,
        };
        Self {
            limits,
            awaits: Awaits::Open,
            since: now,
            heard: now,
        }
    }

    /// A segment came from the peer.
    pub(crate) const fn heard(&mut self, now: Now) {
        self.heard = now;
    }

    /// The leg waits for `awaits` now; `progress` tells that the peer has done some of it.
    pub(crate) fn update(&mut self, awaits: Awaits, progress: bool, now: Now) {
        if progress || awaits != self.awaits {
            self.since = now;
        }
        self.awaits = awaits;
    }

    /// Why the leg has waited too long, if it has.
    pub(crate) fn expired(&self, now: Now) -> Option<CloseCause> {
        self.limits()
            .into_iter()
            .flatten()
            .find(|(at, _)| *at <= now)
            .map(|(_, cause)| cause)
    }

    /// When the leg will have waited too long, unless something changes.
    pub(crate) fn deadline(&self) -> Option<Now> {
        self.limits().into_iter().flatten().map(|(at, _)| at).min()
    }

    fn limits(&self) -> [Option<(Now, CloseCause)>; 2] {
        let Limits {
            connect,
            keepalive,
            dead,
            stall,
            fin,
        } = self.limits;
        // Silence counts from when an answer was first due.
        let due = match self.awaits {
            Awaits::Acknowledgement => Some(self.heard.max(self.since)),
            _ => keepalive.map(|interval| self.heard + interval),
        };
        let silent = due.map(|due| (due + dead, CloseCause::TimedOut));
        match self.awaits {
            Awaits::Open => [Some((self.since + connect, CloseCause::Refused)), None],
            // Only a peer that still answers is stalling; else it may be dead, or recover.
            Awaits::Acknowledgement if self.heard > self.since + stall / 2 => {
                [silent, Some((self.since + stall, CloseCause::Stalled))]
            }
            Awaits::Acknowledgement => [silent, None],
            Awaits::Fin => [silent, Some((self.since + fin, CloseCause::TimedOut))],
            Awaits::Nothing => [silent, None],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(secs: u64) -> Now {
        Now::from_millis(secs * 1_000)
    }

    fn liveness() -> Liveness {
        let params = Params {
            connect: Duration::from_secs(10),
            keepalive: Some(Duration::from_secs(60)),
            dead: Duration::from_secs(120),
            stall: Duration::from_secs(200),
            fin: Duration::from_secs(30),
            ..Params::default()
        };
        Liveness::new(&params, s(100))
    }

    #[test]
    fn connecting_has_its_own_limit() {
        let live = liveness();
        assert_eq!(live.deadline(), Some(s(110)));
        assert_eq!(live.expired(Now::from_millis(109_999)), None);
        assert_eq!(live.expired(s(110)), Some(CloseCause::Refused));
    }

    #[test]
    fn idle_peer_is_dead_after_unanswered_keepalives_only() {
        let mut live = liveness();
        live.update(Awaits::Nothing, true, s(101));
        live.heard(s(101));
        assert_eq!(live.deadline(), Some(s(101 + 60 + 120)));
        live.heard(s(161));
        assert_eq!(live.expired(s(281)), None);
        assert_eq!(live.expired(s(341)), Some(CloseCause::TimedOut));
    }

    #[test]
    fn silent_peer_and_stalled_peer_are_told_apart() {
        let mut live = liveness();
        live.update(Awaits::Acknowledgement, false, s(110));
        assert_eq!(live.expired(s(230)), Some(CloseCause::TimedOut));
        for at in (120..310).step_by(10) {
            live.heard(s(at));
            live.update(Awaits::Acknowledgement, false, s(at));
            assert_eq!(live.expired(s(at)), None, "{at}");
        }
        assert_eq!(live.expired(s(310)), Some(CloseCause::Stalled));
        live.update(Awaits::Acknowledgement, true, s(309));
        assert_eq!(live.expired(s(310)), None);
    }

    #[test]
    fn peer_that_sends_on_after_our_fin_is_waited_for() {
        let mut live = liveness();
        live.update(Awaits::Fin, false, s(110));
        live.heard(s(135));
        live.update(Awaits::Fin, true, s(135));
        assert_eq!(live.expired(s(140)), None);
        assert_eq!(live.expired(s(165)), Some(CloseCause::TimedOut));
    }
}
