//! The signalling path: segments to legs, legs to sessions, sessions to legs, and their end.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use abi::{Counter, Now, Reason};
use flow::{FlowId, FlowKey, InsertError, TCP};
use pipeline::{Closed, Closing, Input, Leg, PerLeg, SessionSetup};
use tcp::{Accepted, TcpLeg};
use tls::{Target, TlsLeg};
use wire::Nic;

use crate::Worker;
use crate::half_open::HalfOpen;
use crate::leg::{Change, SignalLeg};
use crate::net::TcpOut;
use crate::policy::Match;
use crate::proxied::{LegAddresses, Proxied};

/// Rounds of moving octets between the legs of one session before others get their turn.
const ROUNDS_MAX: usize = 32;

/// Source ports tried before none counts as free.
const PORT_TRIES: usize = 64;

/// Time until a leg that is overdue but away is looked at again.
const AWAY_RETRY: Duration = Duration::from_millis(100);

/// Which leg of which session a flow belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LegRef {
    pub(crate) session: u32,
    pub(crate) leg: Leg,
}

impl<N: Nic> Worker<N> {
    /// Makes the session of a client whose handshake packet has proved its address. `segment` is
    /// the packet.
    pub(crate) fn accept(
        &mut self,
        found: Match,
        addresses: LegAddresses,
        accepted: &Accepted,
        segment: &[u8],
        now: Now,
    ) {
        if let Err(reason) = self.try_accept(found, addresses, accepted, segment, now) {
            self.counters.refuse(reason);
            self.log_client(addresses.peer, reason, now);
            self.net.reset(segment, now);
        }
    }

    fn try_accept(
        &mut self,
        found: Match,
        addresses: LegAddresses,
        accepted: &Accepted,
        segment: &[u8],
        now: Now,
    ) -> Result<(), Reason> {
        self.admission.has_room(found.app.config.def().licence)?;
        let place = self.take_place(addresses.peer.ip())?;
        match self.make_room(addresses, accepted, segment, now) {
            Ok((index, leg)) => {
                self.begin(index, leg, found, addresses, place, now);
                Ok(())
            }
            Err(reason) => {
                self.sources.release(&place);
                Err(reason)
            }
        }
    }

    /// A place among the handshakes in progress, of all and of this source.
    fn take_place(&mut self, source: IpAddr) -> Result<HalfOpen, Reason> {
        let permit = self.admission.handshake()?;
        let most = self.policy.image.tls.handshakes_per_source;
        self.sources
            .take(source, most, permit)
            .ok_or(Reason::LimitHandshakesPerSource)
    }

    /// The client's TCP leg with its flow, and a place for its session.
    fn make_room(
        &mut self,
        addresses: LegAddresses,
        accepted: &Accepted,
        segment: &[u8],
        now: Now,
    ) -> Result<(u32, (TcpLeg, FlowId)), Reason> {
        let mut out = TcpOut::new(&mut self.net, now);
        let tcp = TcpLeg::accept(accepted, segment, &self.tcp_params, now, &mut out)?;
        let key = FlowKey::new(TCP, addresses.local, addresses.peer);
        let flow = self.flows.insert(key).map_err(InsertError::reason)?;
        let Some(index) = self.sessions.vacant() else {
            self.flows.remove(flow);
            return Err(Reason::SessionTableFull);
        };
        Ok((index, (tcp, flow)))
    }

    /// Makes the session and lets it run.
    fn begin(
        &mut self,
        index: u32,
        (tcp, flow): (TcpLeg, FlowId),
        found: Match,
        addresses: LegAddresses,
        place: HalfOpen,
        now: Now,
    ) {
        self.bind(
            flow,
            LegRef {
                session: index,
                leg: Leg::Client,
            },
        );
        let tls = match &found.app.client_tls {
            Some(profile) => TlsLeg::server(profile),
            None => TlsLeg::clear(self.leg_limits),
        };
        self.counters.add(Counter::TcpAccepted, 1);
        self.counters.add(Counter::SessionsOpened, 1);
        let unknown = SocketAddr::new(found.server.address.ip(), 0);
        self.session_serial += 1;
        let mut session = Box::new(Proxied {
            id: self.session_id(),
            addresses: PerLeg {
                client: addresses,
                server: LegAddresses {
                    local: unknown,
                    peer: found.server.address,
                },
            },
            app: found.app,
            server: found.server,
            interface: found.interface,
            legs: PerLeg {
                client: Some(SignalLeg::new(tcp, Box::new(tls), flow)),
                server: None,
            },
            session: None,
            permit: None,
            half_open: Some(place),
            pins: Vec::new(),
            calls: Vec::new(),
            octets: PerLeg::default(),
            opened: now,
            active: now,
            handshake_until: Some(now + self.handshake_timeout()),
            linger_until: None,
            owes_recheck: PerLeg::default(),
            has_more: false,
            recorded: None,
        });
        self.pump(index, &mut session, None, now);
        self.settle(index, session, now);
    }

    /// Opens the server's leg, as the session asked.
    pub(crate) fn connect(&mut self, s: &mut Proxied, now: Now) {
        if s.legs.server.is_some() {
            return;
        }
        if let Err(reason) = self.try_connect(s, now) {
            self.counters.refuse(reason);
            let how = Closed::Failed(reason);
            if let Some(session) = &mut s.session {
                pipeline::Session::handle_input(
                    session,
                    Input::Closed {
                        leg: Leg::Server,
                        how,
                    },
                    now,
                );
            }
        }
    }

    fn try_connect(&mut self, s: &mut Proxied, now: Now) -> Result<(), Reason> {
        let server = s.server.address;
        let client = s.addresses.client.peer;
        let source = s
            .app
            .source_for(server.ip(), client.ip())
            .ok_or(Reason::NoRoute)?;
        let (flow, local) = self.claim_port(source, server)?;
        let client_flow = s.legs.client.as_ref().map(|leg| leg.flow);
        let owner = client_flow
            .and_then(|flow| self.leg_of(flow))
            .ok_or(Reason::LegClosed)?;
        self.bind(
            flow,
            LegRef {
                session: owner.session,
                leg: Leg::Server,
            },
        );
        let isn = self.isns.isn(local, server, now);
        let tcp = match TcpLeg::connect(local, server, isn, &self.tcp_params, now) {
            Ok(tcp) => tcp,
            Err(reason) => {
                self.flows.remove(flow);
                return Err(reason);
            }
        };
        let tls = match &s.server.tls {
            Some(profile) => {
                let client = s.legs.client.as_ref().and_then(SignalLeg::tls);
                let client_sni = client.and_then(|t| t.peer()).and_then(|p| p.sni.as_deref());
                TlsLeg::client(
                    profile,
                    &Target {
                        address: server.ip(),
                        client_sni,
                    },
                )
            }
            None => TlsLeg::clear(self.leg_limits),
        };
        s.addresses.server.local = local;
        s.handshake_until = Some(now + self.handshake_timeout());
        s.legs.server = Some(SignalLeg::new(tcp, Box::new(tls), flow));
        Ok(())
    }

    /// Finds a source port of this worker's slice that no flow to `server` has yet.
    fn claim_port(
        &mut self,
        source: IpAddr,
        server: SocketAddr,
    ) -> Result<(FlowId, SocketAddr), Reason> {
        for _ in 0..PORT_TRIES {
            let Some(port) = self.tcp_ports.alloc() else {
                break;
            };
            // To the end of the line at once: what keeps a port to one flow is the flow table,
            // and the same port may serve many pairs of addresses.
            self.tcp_ports.free(port);
            let local = SocketAddr::new(source, port);
            match self.flows.insert(FlowKey::new(TCP, local, server)) {
                Ok(flow) => return Ok((flow, local)),
                Err(InsertError::Exists(_)) => {}
                Err(error) => return Err(error.reason()),
            }
        }
        Err(Reason::PortsExhausted)
    }

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

    fn on_change(&mut self, s: &mut Proxied, leg: Leg, change: Change, now: Now) {
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
    fn release_place(&mut self, s: &mut Proxied) {
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
    fn end(&mut self, index: u32, mut session: Box<Proxied>, now: Now) {
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

    /// A number that no other session has or had: the worker in the upper bits, a serial below.
    fn session_id(&self) -> u64 {
        (self.id as u64) << 48 | self.session_serial
    }

    fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.policy.image.tls.handshake_ms))
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
