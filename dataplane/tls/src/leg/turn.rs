//! What moves a leg on: turns of its engine, from the handshake to a failure.

use abi::Reason;
use rustls::Error;

use super::{Engine, State, TlsLeg};
use crate::buffer::Next;
use crate::engine::{self, Octets, Turn};
use crate::peer::PeerInfo;
use crate::recheck::Recheck;
use crate::record::{Records, Refused};
use crate::refusal;
use crate::shown;

impl TlsLeg {
    /// Whether [`step`](Self::step) has anything to do; only ever so during the handshake and
    /// after [`recheck`](Self::recheck).
    #[must_use]
    pub fn wants_step(&self) -> bool {
        match self.state {
            State::Handshaking => {
                self.fresh
                    || self.ended
                    || self.octets.incoming.len() >= self.limits.input_max
                    || !matches!(self.octets.incoming.next(), Next::Need(_))
            }
            State::Open => self.recheck.is_some(),
            State::PeerClosed | State::Failed(_) => false,
        }
    }

    /// Has the next [`step`](Self::step) hold the peer of an open leg against another profile than
    /// the one that it came in by. Nothing comes of it but a [`verdict`](Self::verdict).
    pub fn recheck(&mut self, against: Recheck) {
        if self.tls && self.state == State::Open {
            self.recheck = Some(Box::new(against));
        }
    }

    /// Takes what came of a [`recheck`](Self::recheck): what a handshake would now fail for.
    pub fn verdict(&mut self) -> Option<Result<(), Reason>> {
        self.verdict.take()
    }

    fn judge(&mut self, against: &Recheck) {
        self.verdict = Some(against.judge(self.peer.as_deref(), self.chain()));
    }

    /// Goes on with the handshake as far as the input reaches. Costs up to a millisecond for a
    /// signature and a chain to verify.
    pub fn step(&mut self) {
        if let Some(against) = self.recheck.take() {
            self.judge(&against);
        } else if self.wants_step() {
            self.fresh = false;
            self.pump();
        }
    }

    /// One turn of the engine; `None` when the leg has failed or is not one of TLS.
    pub(super) fn turn(&mut self) -> Option<Turn> {
        let result = match &mut self.engine {
            Engine::Server(connection) => {
                let result = engine::turn(&mut **connection, &mut self.octets);
                if let Some(sni) = shown::take_asked() {
                    self.sni = Some(sni);
                }
                result
            }
            Engine::Client(connection) => engine::turn(&mut **connection, &mut self.octets),
            Engine::Open(records) => {
                let result = records.read(&mut self.octets);
                return self.accepted(result);
            }
            Engine::Clear | Engine::Ended => return None,
        };
        match result {
            Ok(turn) => Some(turn),
            Err(error) => {
                self.refuse(&error);
                None
            }
        }
    }

    /// What came of a record, unless the leg has to end for it.
    pub(super) fn accepted<T>(&mut self, result: Result<T, Refused>) -> Option<T> {
        let refused = match result {
            Ok(value) => return Some(value),
            Err(refused) => refused,
        };
        if let Engine::Open(records) = &mut self.engine {
            records.alert(&refused, &mut self.octets.output);
        }
        self.peer_alert = refused.peer_alert;
        self.fail(refused.reason);
        None
    }

    /// Opens the leg, if the handshake is over and rustls has said all that it had to say.
    pub(super) fn open_if_done(&mut self) {
        let peer = match &self.engine {
            Engine::Server(connection) if !connection.is_handshaking() => {
                PeerInfo::new(connection, self.sni.take())
            }
            Engine::Client(connection) if !connection.is_handshaking() => {
                PeerInfo::new(connection, None)
            }
            _ => return,
        };
        let records = match std::mem::replace(&mut self.engine, Engine::Ended) {
            Engine::Server(connection) => Records::of_server(*connection),
            Engine::Client(connection) => Records::of_client(*connection),
            Engine::Open(_) | Engine::Clear | Engine::Ended => None,
        };
        let Some(records) = records else {
            return self.fail(Reason::TlsHandshakeOther);
        };
        self.engine = Engine::Open(Box::new(records));
        self.peer = Some(Box::new(peer));
        self.state = State::Open;
    }

    /// Leaves the alert in the output and fails a handshake.
    fn refuse(&mut self, error: &Error) {
        if let Error::AlertReceived(alert) = error {
            self.peer_alert = Some(u8::from(*alert));
        }
        let Octets {
            incoming, output, ..
        } = &mut self.octets;
        match &mut self.engine {
            Engine::Server(connection) => {
                if let Some(alert) = refusal::old_version_alert(error, incoming.as_mut_slice()) {
                    output.push(&alert);
                    return self.fail(Reason::TlsVersion);
                }
                match refusal::no_certificate_alert(error, connection.protocol_version()) {
                    Some(alert) => output.push(&alert),
                    None => engine::flush_alert(&mut **connection, output),
                }
            }
            Engine::Client(connection) => engine::flush_alert(&mut **connection, output),
            Engine::Open(_) | Engine::Clear | Engine::Ended => {}
        }
        self.fail(refusal::reason(error));
    }

    /// Ends the leg for a reason of the caller's, such as a handshake that takes too long, without
    /// a word to the peer; [`close`](Self::close) before it sends close_notify. Does nothing to a
    /// leg that has failed already.
    pub fn fail(&mut self, reason: Reason) {
        if !matches!(self.state, State::Failed(_)) {
            self.state = State::Failed(reason);
            self.engine = Engine::Ended;
            self.octets.incoming = Default::default();
        }
    }
}
