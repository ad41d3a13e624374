//! TLS, or its absence, on one leg of a session.

mod read;
mod turn;
mod write;

use std::fmt;

use abi::Reason;
use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;

use crate::engine::Octets;
use crate::peer::PeerInfo;
use crate::profile::{ClientProfile, ServerProfile, Target};
use crate::recheck::Recheck;
use crate::record::Records;
use crate::refusal;

/// Longest plaintext of one record (RFC 8446 §5.1).
const RECORD_PLAINTEXT_MAX: usize = 1 << 14;
/// Longest record on the wire, with room for what TLS 1.2 ciphers add.
const RECORD_MAX: usize = 5 + RECORD_PLAINTEXT_MAX + 2048;

/// How much a leg holds, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegLimits {
    /// [`TlsLeg::write`] accepts nothing while this much ciphertext waits. One record may go over
    /// it by its overhead.
    pub output_max: usize,
    /// Input that a leg holds during the handshake, and so the longest handshake message; one
    /// record if less is given. A leg in clear holds as much plaintext.
    pub input_max: usize,
}

impl Default for LegLimits {
    fn default() -> Self {
        Self {
            output_max: 16 * 1024,
            input_max: 32 * 1024,
        }
    }
}

/// Where a leg stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Keys are being agreed on; no plaintext passes.
    Handshaking,
    /// Plaintext passes both ways.
    Open,
    /// The peer has ended its direction in good order (close_notify, or FIN in clear). Plaintext
    /// may still be sent, and what came before may still wait to be taken.
    PeerClosed,
    /// It is over. An alert may wait in the output, and plaintext that came before may wait to be
    /// taken.
    Failed(Reason),
}

enum Engine {
    Clear,
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
    /// The handshake is over, and rustls has given its keys away.
    Open(Box<Records>),
    /// The connection is freed as soon as it has failed.
    Ended,
}

/// One leg: ciphertext in and out, plaintext in and out, and a [`State`].
///
/// While it is `Handshaking`, [`feed`](Self::feed) only stores; [`step`](Self::step) does the
/// work, on a handshake thread or wherever the caller likes. After that all calls are cheap
/// enough for a worker.
///
/// A leg holds one record of plaintext and [`LegLimits`] at most. Back-pressure works by taking
/// less: a session that leaves plaintext makes `feed` take nothing more from TCP, and a peer that
/// does not read makes [`write`](Self::write) accept nothing more from the session.
pub struct TlsLeg {
    engine: Engine,
    octets: Octets,
    state: State,
    limits: LegLimits,
    tls: bool,
    /// A client leg that has not sent its first message.
    fresh: bool,
    /// The peer's TCP has ended.
    ended: bool,
    /// close_notify has been sent, or would be.
    closed: bool,
    peer_alert: Option<u8>,
    peer: Option<Box<PeerInfo>>,
    sni: Option<Box<str>>,
    /// What the peer is to be held against in the next step.
    recheck: Option<Box<Recheck>>,
    verdict: Option<Result<(), Reason>>,
}

impl TlsLeg {
    /// A leg in clear, which is open at once.
    #[must_use]
    pub fn clear(limits: LegLimits) -> Self {
        Self::new(Ok(Engine::Clear), limits, State::Open)
    }

    /// A leg on which the peer is the TLS client.
    #[must_use]
    pub fn server(profile: &ServerProfile) -> Self {
        let engine = UnbufferedServerConnection::new(profile.config.clone())
            .map(|connection| Engine::Server(Box::new(connection)));
        Self::new(engine, profile.limits, State::Handshaking)
    }

    /// A leg on which the peer is the TLS server `target`.
    #[must_use]
    pub fn client(profile: &ClientProfile, target: &Target<'_>) -> Self {
        let (config, name) = profile.connect(target);
        let engine = UnbufferedClientConnection::new(config, name)
            .map(|connection| Engine::Client(Box::new(connection)));
        Self {
            fresh: true,
            ..Self::new(engine, profile.limits, State::Handshaking)
        }
    }

    fn new(engine: Result<Engine, Error>, limits: LegLimits, state: State) -> Self {
        let (engine, state) = match engine {
            Ok(engine) => (engine, state),
            Err(error) => (Engine::Ended, State::Failed(refusal::reason(&error))),
        };
        let limits = LegLimits {
            input_max: limits.input_max.max(RECORD_MAX),
            ..limits
        };
        Self {
            tls: !matches!(engine, Engine::Clear),
            engine,
            octets: Octets::default(),
            state,
            limits,
            fresh: false,
            ended: false,
            closed: false,
            peer_alert: None,
            peer: None,
            sni: None,
            recheck: None,
            verdict: None,
        }
    }

    /// The keys of an open leg.
    #[must_use]
    pub fn records(&self) -> Option<&Records> {
        match &self.engine {
            Engine::Open(records) => Some(records),
            _ => None,
        }
    }

    /// The certificates that the peer showed.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        let chain = match &self.engine {
            Engine::Server(connection) => connection.peer_certificates(),
            Engine::Client(connection) => connection.peer_certificates(),
            Engine::Open(records) => Some(records.chain()),
            Engine::Clear | Engine::Ended => None,
        };
        chain.unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn records_mut(&mut self) -> &mut Records {
        match &mut self.engine {
            Engine::Open(records) => records,
            _ => panic!("not open"),
        }
    }

    /// Where the leg stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the leg is TLS and not in clear.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// What the handshake agreed on and with whom; `None` before its end and in clear.
    #[must_use]
    pub fn peer(&self) -> Option<&PeerInfo> {
        self.peer.as_deref()
    }

    /// The peer's own certificate, DER, of a leg that is open.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.chain().first().map(AsRef::as_ref)
    }

    /// The alert that the peer ended the connection with ([`Reason::TlsPeerAlert`]), as on the
    /// wire (RFC 8446 §6).
    #[must_use]
    pub fn peer_alert(&self) -> Option<u8> {
        self.peer_alert
    }
}

impl fmt::Debug for TlsLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsLeg")
            .field("state", &self.state)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
