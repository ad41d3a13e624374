//! TLS, or its absence, on one leg of a session.

use std::fmt;

use abi::Reason;
use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;

use crate::buffer::Next;
use crate::engine::{self, Octets, ToSend, Turn, TurnError};
use crate::peer::PeerInfo;
use crate::profile::{ClientProfile, ServerProfile, Target};
use crate::recheck::Recheck;
use crate::record::{Records, Refused};
use crate::refusal;
use crate::shown;

/// Longest plaintext of one record (RFC 8446 §5.1).
const RECORD_PLAINTEXT_MAX: usize = 1 << 14;
/// Longest record on the wire, with room for what TLS 1.2 ciphers add.
const RECORD_MAX: usize = 5 + RECORD_PLAINTEXT_MAX + 2048;

/// Room in the output below which a longer plaintext waits, so that a peer who reads a little at
/// a time does not make records of a few octets.
const RECORD_WORTHWHILE: usize = 1024;

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
            Err(error) => (Engine::Ended, State::Failed(refusal::reason(&error, false))),
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

    /// Takes octets that came from the peer and returns how many; the rest stays with the caller.
    ///
    /// Takes everything once nothing more can come of it ([`State::PeerClosed`],
    /// [`State::Failed`]).
    pub fn feed(&mut self, input: &[u8]) -> usize {
        match (self.state, &self.engine) {
            (State::PeerClosed | State::Failed(_), _) => input.len(),
            (State::Handshaking, _) => {
                let room = self
                    .limits
                    .input_max
                    .saturating_sub(self.octets.incoming.len());
                self.store(input, room)
            }
            (State::Open, Engine::Clear) => {
                let room = self
                    .limits
                    .input_max
                    .saturating_sub(self.octets.plaintext.len());
                let (taken, _) = input.split_at(room.min(input.len()));
                self.octets.plaintext.push(taken);
                taken.len()
            }
            (State::Open, _) => self.feed_records(input),
        }
    }

    /// Takes octets up to the end of a record, reads it, and so on until there is plaintext.
    fn feed_records(&mut self, input: &[u8]) -> usize {
        let mut used = 0;
        while self.octets.plaintext.is_empty() {
            if self.state != State::Open {
                return input.len();
            }
            match self.octets.incoming.next() {
                Next::Need(lacking) => {
                    let rest = input.get(used..).unwrap_or_default();
                    if rest.is_empty() {
                        break;
                    }
                    used += self.store(rest, lacking);
                }
                Next::Record(_) | Next::Malformed => self.pump(),
            }
        }
        used
    }

    fn store(&mut self, input: &[u8], room: usize) -> usize {
        let (taken, _) = input.split_at(room.min(input.len()));
        self.octets.incoming.push(taken);
        taken.len()
    }

    /// Notes that the peer's TCP has ended. Without close_notify before it a TLS leg fails, once
    /// all that came before has been read.
    pub fn feed_end(&mut self) {
        self.ended = true;
        match (self.state, &self.engine) {
            (State::Open, Engine::Clear) => self.state = State::PeerClosed,
            (State::Open, _) => self.pump(),
            _ => {}
        }
    }

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

    /// The certificates that the peer showed.
    fn chain(&self) -> &[CertificateDer<'static>] {
        let chain = match &self.engine {
            Engine::Server(connection) => connection.peer_certificates(),
            Engine::Client(connection) => connection.peer_certificates(),
            Engine::Open(records) => Some(records.chain()),
            Engine::Clear | Engine::Ended => None,
        };
        chain.unwrap_or_default()
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

    /// Reads records until there is plaintext or no whole record is left.
    fn pump(&mut self) {
        loop {
            if !matches!(self.state, State::Handshaking | State::Open) {
                return;
            }
            if !self.octets.plaintext.is_empty() {
                return;
            }
            match self.turn(ToSend::Nothing) {
                Some(Turn::Moved) => {}
                Some(Turn::PeerClosed) => {
                    self.state = State::PeerClosed;
                    self.octets.incoming = Default::default();
                }
                Some(Turn::Blocked | Turn::Sent) => {
                    self.take_keys();
                    break;
                }
                None => break,
            }
        }
        self.check_progress();
    }

    #[cfg(test)]
    pub(crate) fn records_mut(&mut self) -> &mut Records {
        match &mut self.engine {
            Engine::Open(records) => records,
            _ => panic!("not open"),
        }
    }

    /// Takes the keys from a rustls that has nothing left to do.
    fn take_keys(&mut self) {
        if self.state != State::Open || self.octets.incoming.is_half_read() {
            return;
        }
        let records = match std::mem::replace(&mut self.engine, Engine::Ended) {
            Engine::Server(connection) => Records::of_server(*connection),
            Engine::Client(connection) => Records::of_client(*connection),
            engine => {
                self.engine = engine;
                return;
            }
        };
        match records {
            Some(records) => self.engine = Engine::Open(Box::new(records)),
            None => self.fail(Reason::TlsHandshakeOther),
        }
    }

    /// Fails a leg whose next record can never become whole, after everything before it is read.
    fn check_progress(&mut self) {
        if !matches!(self.state, State::Handshaking | State::Open) {
            return;
        }
        let incoming = &self.octets.incoming;
        if incoming.next() == Next::Malformed || incoming.len() >= self.limits.input_max {
            self.fail(Reason::TlsMalformed);
        } else if self.ended {
            self.fail(Reason::TlsTruncated);
        }
    }

    /// One turn of the connection; `None` when the leg has failed or is not one of TLS.
    fn turn(&mut self, send: ToSend<'_>) -> Option<Turn> {
        let result = match &mut self.engine {
            Engine::Server(connection) => {
                let result = engine::turn(&mut **connection, &mut self.octets, send);
                if let Some(sni) = shown::take_asked() {
                    self.sni = Some(sni);
                }
                result
            }
            Engine::Client(connection) => engine::turn(&mut **connection, &mut self.octets, send),
            Engine::Open(records) => {
                let result = record_turn(records, &mut self.octets, send);
                return self.settle(result);
            }
            Engine::Clear | Engine::Ended => return None,
        };
        match result {
            Ok(turn) => {
                self.note_open();
                Some(turn)
            }
            Err(error) => {
                self.refuse(&error);
                None
            }
        }
    }

    /// Fails an open leg whose record was refused.
    fn settle(&mut self, result: Result<Turn, Refused>) -> Option<Turn> {
        let refused = match result {
            Ok(turn) => return Some(turn),
            Err(refused) => refused,
        };
        if let Engine::Open(records) = &mut self.engine {
            records.alert(&refused, &mut self.octets.output);
        }
        self.peer_alert = refused.peer_alert;
        self.fail(refused.reason);
        None
    }

    /// Opens the leg once the handshake is over.
    fn note_open(&mut self) {
        if self.state != State::Handshaking {
            return;
        }
        let peer = match &self.engine {
            Engine::Server(connection) if !connection.is_handshaking() => {
                PeerInfo::new(connection, self.sni.take())
            }
            Engine::Client(connection) if !connection.is_handshaking() => {
                PeerInfo::new(connection, None)
            }
            _ => return,
        };
        self.peer = Some(Box::new(peer));
        self.state = State::Open;
    }

    /// Leaves the alert in the output and fails.
    fn refuse(&mut self, error: &TurnError) {
        let TurnError::Refused(error) = error else {
            return self.fail(Reason::TlsKeysExhausted);
        };
        if let Error::AlertReceived(alert) = error {
            self.peer_alert = Some(u8::from(*alert));
        }
        match &mut self.engine {
            Engine::Server(connection) => {
                let hello = self.octets.incoming.as_mut_slice();
                if let Some(alert) = refusal::old_version_alert(error, hello) {
                    self.octets.output.push(&alert);
                    return self.fail(Reason::TlsVersion);
                }
                match refusal::no_certificate_alert(error, connection.protocol_version()) {
                    Some(alert) => self.octets.output.push(&alert),
                    None => engine::flush_alert(&mut **connection, &mut self.octets),
                }
            }
            Engine::Client(connection) => engine::flush_alert(&mut **connection, &mut self.octets),
            Engine::Open(_) | Engine::Clear | Engine::Ended => {}
        }
        self.fail(refusal::reason(error, self.state != State::Handshaking));
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

    /// Offers the plaintext that waits to `take`, which returns how much it took, until it takes
    /// nothing or nothing is left. Returns how much was taken in all.
    pub fn take_plaintext(&mut self, mut take: impl FnMut(&[u8]) -> usize) -> usize {
        let mut total = 0;
        loop {
            total += self.octets.plaintext.drain_to(&mut take);
            if !self.octets.plaintext.is_empty() || self.state != State::Open {
                return total;
            }
            // Records that came with the end of the handshake wait here, not in TCP.
            if self.octets.incoming.len() > 0 || self.ended {
                self.pump();
            }
            if self.octets.plaintext.is_empty() {
                return total;
            }
        }
    }

    /// Octets of plaintext that wait to be taken.
    #[must_use]
    pub fn pending_plaintext(&self) -> usize {
        self.octets.plaintext.len()
    }

    /// Accepts plaintext for the peer and returns how much; the rest stays with the caller.
    ///
    /// Accepts nothing during the handshake, after [`close`](Self::close) or a failure, and while
    /// [`LegLimits::output_max`] or nearly so much waits to be sent.
    pub fn write(&mut self, plaintext: &[u8]) -> usize {
        let mut used = 0;
        while self.may_write() {
            let rest = plaintext.get(used..).unwrap_or_default();
            let room = self
                .limits
                .output_max
                .saturating_sub(self.octets.output.len());
            if room < rest.len().min(RECORD_WORTHWHILE) && !self.octets.output.is_empty() {
                break;
            }
            let len = rest.len().min(room).min(RECORD_PLAINTEXT_MAX);
            let (chunk, _) = rest.split_at(len);
            if chunk.is_empty() || !self.send(chunk) {
                break;
            }
            used += len;
        }
        used
    }

    fn may_write(&self) -> bool {
        matches!(self.state, State::Open | State::PeerClosed) && !self.closed
    }

    fn send(&mut self, chunk: &[u8]) -> bool {
        if matches!(self.engine, Engine::Clear) {
            self.octets.output.push(chunk);
            return true;
        }
        self.turn_until_sent(ToSend::Plaintext(chunk))
    }

    /// Turns the connection until it has sent; false when it cannot.
    ///
    /// A turn may read one more record on the way, which came with the end of the handshake.
    fn turn_until_sent(&mut self, send: ToSend<'_>) -> bool {
        loop {
            match self.turn(send) {
                Some(Turn::Moved) => {}
                Some(Turn::PeerClosed) => self.state = State::PeerClosed,
                Some(Turn::Sent) => return true,
                Some(Turn::Blocked) | None => return false,
            }
        }
    }

    /// Ends our direction: close_notify goes to the output, and nothing more is accepted. The
    /// other direction goes on. In clear, and during a handshake, there is nothing to send.
    pub fn close(&mut self) {
        if self.may_write() && !matches!(self.engine, Engine::Clear) {
            self.turn_until_sent(ToSend::CloseNotify);
        }
        self.closed = true;
    }

    /// Offers the ciphertext that waits to `take`, which returns how much it took, until it takes
    /// nothing or nothing is left. Returns how much was taken in all.
    pub fn take_output(&mut self, mut take: impl FnMut(&[u8]) -> usize) -> usize {
        self.octets.output.drain_to(&mut take)
    }

    /// Octets of ciphertext that wait to be sent.
    #[must_use]
    pub fn pending_output(&self) -> usize {
        self.octets.output.len()
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

/// One turn of an open leg: a record is read, or what was to be sent is in the output.
fn record_turn(
    records: &mut Records,
    octets: &mut Octets,
    send: ToSend<'_>,
) -> Result<Turn, Refused> {
    match send {
        ToSend::Nothing => return records.read(octets),
        ToSend::Plaintext(plaintext) => records.write(plaintext, &mut octets.output)?,
        ToSend::CloseNotify => records.close(&mut octets.output)?,
    }
    Ok(Turn::Sent)
}

impl fmt::Debug for TlsLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsLeg")
            .field("state", &self.state)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
