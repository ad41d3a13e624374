//! How a session begins: the client's leg, then the server's.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use abi::{Counter, Now, Reason};
use flow::{FlowId, FlowKey, InsertError, TCP};
use pipeline::{Closed, Input, Leg, PerLeg};
use tcp::{Accepted, TcpLeg};
use tls::{Target, TlsLeg};
use wire::Nic;

use super::LegRef;
use crate::Worker;
use crate::half_open::HalfOpen;
use crate::leg::SignalLeg;
use crate::net::TcpOut;
use crate::policy::Match;
use crate::proxied::{LegAddresses, Proxied};

/// Source ports tried before none counts as free.
const PORT_TRIES: usize = 64;

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

    /// A number that no other session has or had: the worker in the upper bits, a serial below.
    fn session_id(&self) -> u64 {
        (self.id as u64) << 48 | self.session_serial
    }

    fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.policy.image.tls.handshake_ms))
    }
}
