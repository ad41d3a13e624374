//! What becomes of a session when a leg opens, finishes or fails.

use abi::{Counter, Now, Reason};
use pipeline::{Closed, Closing, Input, Leg, SessionSetup};
use wire::Nic;

use crate::Worker;
use crate::leg::{Change, SignalLeg};
use crate::proxied::{LegAddresses, Proxied};

impl<N: Nic> Worker<N> {
    pub(super) fn on_change(&mut self, s: &mut Proxied, leg: Leg, change: Change, now: Now) {
        match change {
            Change::Opened => self.on_opened(s, leg, now),
            Change::Finished => {
                self.tell(
                    s,
                    Input::Closed {
                        leg,
                        how: Closed::Finished,
                    },
                    now,
                );
            }
            Change::Failed(reason) => self.on_failed(s, leg, reason, now),
        }
    }

    fn on_opened(&mut self, s: &mut Proxied, leg: Leg, now: Now) {
        let info = s.legs[leg]
            .as_ref()
            .and_then(SignalLeg::tls)
            .and_then(|tls| tls.peer());
        if let Some(info) = info {
            let counter = match leg {
                Leg::Client => Counter::TlsHandshakesServer,
                Leg::Server => Counter::TlsHandshakesClient,
            };
            self.counters.add(counter, 1);
            self.counters
                .add(Counter::TlsResumed, u64::from(info.resumed));
            if leg == Leg::Client {
                let took = now.since(s.opened).as_nanos();
                self.times
                    .handshake
                    .record(u64::try_from(took).unwrap_or(u64::MAX), 1);
            }
        }
        s.handshake_until = None;
        if core::mem::take(&mut s.owes_recheck[leg]) && !self.recheck(s, leg) {
            self.release_place(s);
            return self.dismiss(s, Reason::PolicyEnforced, now);
        }
        if leg == Leg::Client {
            self.release_place(s);
            if let Err(reason) = self.admit(s) {
                return self.on_failed(s, leg, reason, now);
            }
            s.session = Some(s.app.config.session(SessionSetup {
                server: s.server.address,
                client_secure: s.app.client_tls.is_some(),
                server_secure: s.server.tls.is_some(),
                entropy: self.entropy.clone(),
            }));
        } else {
            self.counters.add(Counter::TcpConnected, 1);
        }
        let LegAddresses { local, peer } = s.addresses[leg];
        self.tell(s, Input::Opened { leg, local, peer }, now);
    }

    /// Takes the session's licence units, now that the client has proved who it is: one that has
    /// not may hold a place among the handshakes, but no unit of a licence.
    fn admit(&self, s: &mut Proxied) -> Result<(), Reason> {
        let permit = self.admission.session(s.app.config.def().licence)?;
        self.counters.add(Counter::PermitsTaken, permit.units());
        s.permit = Some(permit);
        Ok(())
    }

    /// Gives back the session's place among the handshakes in progress.
    pub(super) fn release_place(&mut self, s: &mut Proxied) {
        if let Some(place) = s.half_open.take() {
            self.sources.release(&place);
        }
    }

    /// Fails a leg, and with it the session, in good order.
    pub(crate) fn on_failed(&mut self, s: &mut Proxied, leg: Leg, reason: Reason, now: Now) {
        self.counters.refuse(reason);
        self.log_client(s.addresses.client.peer, reason, now);
        self.tell(
            s,
            Input::Closed {
                leg,
                how: Closed::Failed(reason),
            },
            now,
        );
        s.linger(now);
        // An alert that explains the failure may still wait on the leg itself; the other leg
        // learns of a reset by a reset.
        if let Some(failed) = &mut s.legs[leg] {
            failed.close(Closing::Finish);
        }
        if let Some(other) = &mut s.legs[leg.other()] {
            let how = if reason == Reason::TcpReset {
                Closing::Abort
            } else {
                Closing::Finish
            };
            other.close(how);
        }
    }
}
