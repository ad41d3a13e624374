//! The record layer of an open leg (RFC 8446 §5, RFC 5246 §6.2).
//!
//! rustls runs the handshake and then gives its keys away. What is kept of a leg from then on is
//! two keys in one block of memory, which a worker has fetched before it needs them, where a
//! connection of rustls scatters several times as much (`docs/decisions/0006-tcp-cost.md`).

mod handshake;
mod protection;
#[cfg(test)]
mod tests;

use std::fmt;

use abi::Reason;
use rustls::ProtocolVersion;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::UnbufferedConnectionCommon;
use rustls::{ExtractedSecrets, SupportedCipherSuite};

use crate::buffer::{Next, Pending};
use crate::engine::{Octets, Turn};
use handshake::{Fragments, Message};
use protection::{Direction, RecordRefused};

pub(crate) use handshake::KeySchedule;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Alerts (RFC 8446 §6).
mod alert {
    pub(super) const WARNING: u8 = 1;
    pub(super) const FATAL: u8 = 2;

    pub(super) const CLOSE_NOTIFY: u8 = 0;
    pub(super) const UNEXPECTED_MESSAGE: u8 = 10;
    pub(super) const BAD_RECORD_MAC: u8 = 20;
    pub(super) const RECORD_OVERFLOW: u8 = 22;
    pub(super) const ILLEGAL_PARAMETER: u8 = 47;
    pub(super) const DECODE_ERROR: u8 = 50;
    pub(super) const INTERNAL_ERROR: u8 = 80;
    pub(super) const USER_CANCELED: u8 = 90;
    pub(super) const NO_RENEGOTIATION: u8 = 100;
}

/// Records without application data that may follow each other. Each costs us a decryption, and
/// some an answer, for which a peer has no honest use.
const IDLE_MAX: u8 = 32;

/// Renegotiations that are declined before the peer is.
const RENEGOTIATIONS_MAX: u8 = 4;

/// Why a leg has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The alert that we owe the peer.
    pub(crate) alert: Option<u8>,
    /// The alert that the peer sent.
    pub(crate) peer_alert: Option<u8>,
    pub(crate) reason: Reason,
}

impl Refused {
    const fn new(alert: u8, reason: Reason) -> Self {
        Self {
            alert: Some(alert),
            peer_alert: None,
            reason,
        }
    }

    /// For a message that is well formed but has no place here.
    const fn unexpected() -> Self {
        Self::new(alert::UNEXPECTED_MESSAGE, Reason::TlsMalformed)
    }

    const fn malformed() -> Self {
        Self::new(alert::DECODE_ERROR, Reason::TlsMalformed)
    }

    /// The keys may protect no more records, and none can replace them.
    const fn exhausted() -> Self {
        Self {
            alert: None,
            peer_alert: None,
            reason: Reason::TlsKeysExhausted,
        }
    }
}

impl From<RecordRefused> for Refused {
    fn from(refused: RecordRefused) -> Self {
        let alert = match refused {
            RecordRefused::Forged => alert::BAD_RECORD_MAC,
            RecordRefused::Oversized => alert::RECORD_OVERFLOW,
            RecordRefused::Unprotected | RecordRefused::Untyped => return Self::unexpected(),
        };
        Self::new(alert, Reason::TlsRecord)
    }
}

/// The keys of an open leg and what little else its records need.
pub struct Records {
    receive: Direction,
    send: Direction,
    schedule: KeySchedule,
    /// A handshake message that goes on in the next record.
    fragments: Fragments,
    /// Records since the last one with application data.
    idle: u8,
    renegotiations: u8,
    /// The peer has asked for a key update, which goes before the next octet that we send.
    update_owed: bool,
    chain: Box<[CertificateDer<'static>]>,
}

impl Records {
    /// Takes the keys of a connection on which we are the server; it must be open, with nothing
    /// of its own left to send. `None` when it gives no keys.
    pub(crate) fn of_server(connection: UnbufferedServerConnection) -> Option<Self> {
        let chain = chain_of(&connection);
        let (secrets, kernel) = connection.dangerous_into_kernel_connection().ok()?;
        let (suite, version) = (kernel.negotiated_cipher_suite(), kernel.protocol_version());
        let schedule = match version {
            ProtocolVersion::TLSv1_3 => KeySchedule::Server(Box::new(kernel)),
            _ => KeySchedule::Fixed { server: true },
        };
        Self::new(secrets, suite, version, schedule, chain)
    }

    /// The same for a connection on which we are the client.
    pub(crate) fn of_client(connection: UnbufferedClientConnection) -> Option<Self> {
        let chain = chain_of(&connection);
        let (secrets, kernel) = connection.dangerous_into_kernel_connection().ok()?;
        let (suite, version) = (kernel.negotiated_cipher_suite(), kernel.protocol_version());
        let schedule = match version {
            ProtocolVersion::TLSv1_3 => KeySchedule::Client(Box::new(kernel)),
            _ => KeySchedule::Fixed { server: false },
        };
        Self::new(secrets, suite, version, schedule, chain)
    }

    fn new(
        secrets: ExtractedSecrets,
        suite: SupportedCipherSuite,
        version: ProtocolVersion,
        schedule: KeySchedule,
        chain: Box<[CertificateDer<'static>]>,
    ) -> Option<Self> {
        let limit = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.common.confidentiality_limit,
            SupportedCipherSuite::Tls12(suite) => suite.common.confidentiality_limit,
        };
        let direction = |(seq, secrets)| Direction::new(version, &secrets, seq, limit);
        Some(Self {
            receive: direction(secrets.rx)?,
            send: direction(secrets.tx)?,
            schedule,
            fragments: Fragments::default(),
            idle: 0,
            renegotiations: 0,
            update_owed: false,
            chain,
        })
    }

    /// The certificates that the peer showed.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// What reading a record takes, for a worker that has the memory of many legs fetched before
    /// it uses them.
    #[must_use]
    pub fn receiving(&self) -> &(impl Sized + use<>) {
        &self.receive
    }

    /// What writing a record takes, for the same worker.
    #[must_use]
    pub fn sending(&self) -> &(impl Sized + use<>) {
        &self.send
    }

    /// Reads the next record, if it is all there.
    ///
    /// # Errors
    /// Why the leg has to end.
    pub(crate) fn read(&mut self, octets: &mut Octets) -> Result<Turn, Refused> {
        let len = match octets.incoming.next() {
            Next::Need(_) => return Ok(Turn::Blocked),
            Next::Malformed => return Err(Refused::malformed()),
            Next::Record(len) => len,
        };
        let record = octets.incoming.as_mut_slice().get_mut(..len);
        let (kind, body) = self.receive.open(record.unwrap_or_default())?;
        let turn = if kind == APPLICATION_DATA && !body.is_empty() && self.fragments.is_empty() {
            self.idle = 0;
            octets.plaintext.push(body);
            Turn::Moved
        } else {
            self.read_other(kind, body, &mut octets.output)?
        };
        octets.incoming.discard(len);
        Ok(turn)
    }

    fn read_other(&mut self, kind: u8, body: &[u8], output: &mut Pending) -> Result<Turn, Refused> {
        self.idle += 1;
        if self.idle > IDLE_MAX {
            return Err(Refused::unexpected());
        }
        match kind {
            HANDSHAKE => {
                self.fragments.push(body)?;
                while let Some(message) = self.fragments.next(&self.schedule)? {
                    self.read_message(&message, output)?;
                }
                Ok(Turn::Moved)
            }
            _ if !self.fragments.is_empty() => Err(Refused::unexpected()),
            APPLICATION_DATA => Ok(Turn::Moved),
            ALERT => self.read_alert(body),
            _ => Err(Refused::unexpected()),
        }
    }

    /// RFC 8446 §6, and for TLS 1.2 RFC 5246 §7.2, in which a warning changes nothing.
    fn read_alert(&self, body: &[u8]) -> Result<Turn, Refused> {
        let &[level, description] = body else {
            return Err(Refused::malformed());
        };
        let refused = |alert| Refused {
            alert,
            peer_alert: Some(description),
            reason: Reason::TlsPeerAlert,
        };
        match (level, description) {
            (alert::WARNING | alert::FATAL, alert::CLOSE_NOTIFY) => Ok(Turn::PeerClosed),
            (alert::WARNING, alert::USER_CANCELED) => Ok(Turn::Moved),
            (alert::WARNING, _) if !self.schedule.is_fixed() => {
                Err(refused(Some(alert::DECODE_ERROR)))
            }
            (alert::WARNING, _) => Ok(Turn::Moved),
            (alert::FATAL, _) => Err(refused(None)),
            _ => Err(refused(Some(alert::ILLEGAL_PARAMETER))),
        }
    }

    fn read_message(&mut self, message: &Message, output: &mut Pending) -> Result<(), Refused> {
        match message {
            Message::KeyUpdate { requested } => {
                // A message after it would have to be under the new key (RFC 8446 §5.1).
                if !self.fragments.is_empty() {
                    return Err(Refused::unexpected());
                }
                self.update_owed |= requested;
                self.receive.rekey(&self.schedule.next_to_receive()?)
            }
            Message::NewSessionTicket(ticket) => self.schedule.keep(ticket),
            Message::Renegotiation => self.decline_renegotiation(output),
        }
    }

    fn decline_renegotiation(&mut self, output: &mut Pending) -> Result<(), Refused> {
        self.renegotiations += 1;
        if self.renegotiations > RENEGOTIATIONS_MAX {
            return Err(Refused::unexpected());
        }
        let warning = [alert::WARNING, alert::NO_RENEGOTIATION];
        self.send.seal(ALERT, &warning, output)
    }

    /// Puts a record of application data into `output`, at most 2^14 octets, after a key update
    /// if one is due.
    ///
    /// # Errors
    /// Why the leg has to end.
    pub(crate) fn write(&mut self, plaintext: &[u8], output: &mut Pending) -> Result<(), Refused> {
        if self.update_owed || self.send.is_worn() {
            self.update_own(output)?;
        }
        self.send.seal(APPLICATION_DATA, plaintext, output)
    }

    fn update_own(&mut self, output: &mut Pending) -> Result<(), Refused> {
        let next = self.schedule.next_to_send()?;
        self.send.seal(HANDSHAKE, &handshake::KEY_UPDATE, output)?;
        self.update_owed = false;
        self.send.rekey(&next)
    }

    /// Ends our direction.
    pub(crate) fn close(&mut self, output: &mut Pending) -> Result<(), Refused> {
        let close = [alert::WARNING, alert::CLOSE_NOTIFY];
        self.send.seal(ALERT, &close, output)
    }

    /// Puts the alert that `refused` owes the peer into `output`.
    pub(crate) fn alert(&mut self, refused: &Refused, output: &mut Pending) {
        if let Some(alert) = refused.alert {
            // Nothing can be done for a peer that cannot be told.
            let _ = self.send.seal(ALERT, &[alert::FATAL, alert], output);
        }
    }

    /// Has our key worn out once it has protected this many more records.
    #[cfg(test)]
    fn wear_after(&mut self, records: u64) {
        self.send.wear_after(records);
    }
}

fn chain_of<S>(connection: &UnbufferedConnectionCommon<S>) -> Box<[CertificateDer<'static>]> {
    connection.peer_certificates().unwrap_or_default().into()
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}
