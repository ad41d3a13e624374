//! A proxied session as its worker holds it.

use core::hint::black_box;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use abi::records::{SessionRecord, SessionState, Text};
use abi::{Now, Permit, Reason};
use pipeline::{CallId, Leg, MediaId, PerLeg, Session};
use registry::AppSession;

use crate::admission::SessionPermit;
use crate::half_open::HalfOpen;
use crate::leg::SignalLeg;
use crate::policy::{App, ServerSide};

/// How long an ending session may take to say what it has left to say.
const LINGER: Duration = Duration::from_secs(5);

/// How far the record of a session may lag behind what has passed.
const RECORD_EVERY: Duration = Duration::from_millis(250);

/// A media stream that the session has pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pin {
    pub(crate) media: MediaId,
    pub(crate) call: CallId,
    /// Slot in the media engine.
    pub(crate) slot: u32,
}

/// A call's unit of the SRTP limit.
#[derive(Debug)]
pub(crate) struct CallUnit {
    pub(crate) call: CallId,
    pub(crate) _permit: Permit<'static>,
}

/// One proxied session: two legs, the application between them, and all that it holds.
///
/// Dropping it gives its licence units back; flows, media and the record are released by
/// `Worker::end`, the one way out.
#[derive(Debug)]
pub(crate) struct Proxied {
    pub(crate) id: u64,
    pub(crate) app: Arc<App>,
    pub(crate) server: ServerSide,
    /// Name of the interface that the client came in by.
    pub(crate) interface: Arc<str>,
    pub(crate) addresses: PerLeg<LegAddresses>,
    pub(crate) legs: PerLeg<Option<SignalLeg>>,
    /// Made when the client's handshake is done.
    pub(crate) session: Option<AppSession>,
    /// Licence units, from the end of the client's handshake on.
    pub(crate) permit: Option<SessionPermit>,
    /// A place among the handshakes in progress, until the client's is done.
    pub(crate) half_open: Option<HalfOpen>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) calls: Vec<CallUnit>,
    pub(crate) octets: PerLeg<u64>,
    pub(crate) opened: Now,
    pub(crate) active: Now,
    /// When the handshakes in progress are given up.
    pub(crate) handshake_until: Option<Now>,
    /// When an ending session is cut off.
    pub(crate) linger_until: Option<Now>,
    /// Legs to hold against the policy in force once their handshake is done.
    pub(crate) owes_recheck: PerLeg<bool>,
    /// Octets are left to move that others had to go before.
    pub(crate) has_more: bool,
    /// When the record was last written, and what state it told.
    pub(crate) recorded: Option<(Now, SessionState)>,
}

/// Both ends of a leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LegAddresses {
    /// Ours.
    pub(crate) local: SocketAddr,
    /// The peer's.
    pub(crate) peer: SocketAddr,
}

impl Proxied {
    /// How far the session has come.
    fn state(&self) -> SessionState {
        let is_open = |leg: &Option<SignalLeg>| leg.as_ref().is_some_and(SignalLeg::is_open);
        match (&self.legs.client, &self.legs.server) {
            _ if self.linger_until.is_some() => SessionState::Closing,
            (client, None) if !is_open(client) => SessionState::ClientHandshake,
            (_, server) if !is_open(server) => SessionState::ServerConnect,
            _ => SessionState::Open,
        }
    }

    /// Begins to end: what waits may leave, but not for long.
    pub(crate) fn linger(&mut self, now: Now) {
        self.linger_until.get_or_insert(now + LINGER);
    }

    /// Whether we have nothing more to say on either leg.
    pub(crate) fn is_closing(&self) -> bool {
        let closing = |leg: &Option<SignalLeg>| leg.as_ref().is_none_or(SignalLeg::is_closing);
        closing(&self.legs.client) && closing(&self.legs.server)
    }

    /// Whether the certificate of a peer is still to be verified anew.
    pub(crate) fn is_rechecking(&self) -> bool {
        let is = |leg: &Option<SignalLeg>| leg.as_ref().is_some_and(SignalLeg::is_rechecking);
        self.linger_until.is_none() && (is(&self.legs.client) || is(&self.legs.server))
    }

    /// Whether nothing is left to do on either leg.
    pub(crate) fn is_over(&self) -> bool {
        let done = |leg: &Option<SignalLeg>| leg.as_ref().is_none_or(SignalLeg::is_done);
        let begun_to_end = Leg::BOTH
            .into_iter()
            .any(|leg| self.legs[leg].as_ref().is_some_and(SignalLeg::is_done));
        begun_to_end && done(&self.legs.client) && done(&self.legs.server)
    }

    /// When the session next wants attention without a packet.
    pub(crate) fn next_deadline(&self, now: Now, idle: Duration, stall: Duration) -> Now {
        if self.has_more {
            return now;
        }
        let mut first = self.active + idle;
        for leg in Leg::BOTH {
            let Some(leg) = &self.legs[leg] else {
                continue;
            };
            let stalled = leg.stalled_since().map(|since| since + stall);
            first = leg
                .deadline()
                .into_iter()
                .chain(stalled)
                .fold(first, Now::min);
        }
        let session = self.session.as_ref().and_then(Session::next_deadline);
        let ours = [self.handshake_until, self.linger_until, self.record_due()];
        session
            .into_iter()
            .chain(ours.into_iter().flatten())
            .fold(first, Now::min)
    }

    /// Why the session has to be cut off now, if it has.
    pub(crate) fn overdue(&self, now: Now, idle: Duration, stall: Duration) -> Option<Reason> {
        let stalled = Leg::BOTH.into_iter().any(|leg| {
            let since = self.legs[leg].as_ref().and_then(SignalLeg::stalled_since);
            since.is_some_and(|since| now.since(since) >= stall)
        });
        if stalled {
            Some(Reason::PeerStalled)
        } else if self.linger_until.is_some_and(|until| now >= until) {
            Some(Reason::LegClosed)
        } else if now.since(self.active) >= idle {
            Some(Reason::IdleTimeout)
        } else {
            None
        }
    }

    /// When the record has to be written again because octets have passed since.
    fn record_due(&self) -> Option<Now> {
        let (written, _) = self.recorded?;
        (self.active > written).then_some(written + RECORD_EVERY)
    }

    /// The record, if it has to be written now: at once when the state has changed, else now and
    /// then, since it is as large as all else that a packet touches.
    pub(crate) fn record_to_write(&mut self, now: Now) -> Option<SessionRecord> {
        let state = self.state();
        let is_told = self.recorded.is_some_and(|(_, told)| told == state);
        if is_told && self.record_due().is_none_or(|due| now < due) {
            return None;
        }
        self.recorded = Some((now, state));
        Some(self.record())
    }

    /// Has the processor fetch the session itself, as far as a packet of `leg` needs it: one with
    /// octets, which are passed on, concerns the other leg too.
    pub(crate) fn prefetch(&self, leg: Leg, has_octets: bool) {
        if has_octets {
            crypto::prefetch(self);
        } else {
            crypto::prefetch(&self.legs[leg]);
            crypto::prefetch(&self.active);
            crypto::prefetch(&self.recorded);
        }
    }

    /// Has the processor fetch what the session points at; call it when the session itself has
    /// been fetched.
    pub(crate) fn prefetch_parts(&self, leg: Leg, has_octets: bool) {
        for concerned in Leg::BOTH {
            if (has_octets || concerned == leg)
                && let Some(leg) = &self.legs[concerned]
            {
                leg.prefetch_parts();
            }
        }
        black_box(self.session.as_ref().and_then(Session::next_deadline));
    }

    /// Has the processor fetch the way of octets from `leg` to the other; call it when the parts
    /// have been fetched.
    pub(crate) fn prefetch_way(&self, from: Leg) {
        if let Some(leg) = &self.legs[from] {
            leg.prefetch_way_in();
        }
        if let Some(leg) = &self.legs[from.other()] {
            leg.prefetch_way_out();
        }
    }

    /// What `show` says of the session.
    fn record(&self) -> SessionRecord {
        let tls = PerLeg::from_fn(|leg| {
            let info = self.legs[leg]
                .as_ref()
                .and_then(SignalLeg::tls)
                .and_then(|t| t.peer());
            info.map_or((0, 0), |info| (info.version, info.suite))
        });
        let client = self
            .legs
            .client
            .as_ref()
            .and_then(SignalLeg::tls)
            .and_then(|t| t.peer());
        let name = client
            .and_then(|info| info.common_name.as_deref())
            .unwrap_or("");
        SessionRecord {
            state: self.state(),
            id: self.id,
            app: self.app.index,
            opened: self.opened.nanos(),
            active: self.active.nanos(),
            client: self.addresses.client.peer,
            client_local: self.addresses.client.local,
            server: self.addresses.server.peer,
            server_local: self.addresses.server.local,
            from_client: self.octets.client,
            from_server: self.octets.server,
            client_tls: tls.client.0,
            server_tls: tls.server.0,
            client_suite: tls.client.1,
            server_suite: tls.server.1,
            name: Text::new(name),
        }
    }
}
