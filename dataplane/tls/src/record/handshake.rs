//! What a peer may say of the handshake once it is over, and the keys that come of it.

use rustls::ConnectionTrafficSecrets;
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;

use super::{Refused, alert};
use abi::Reason;

// Message types (RFC 8446 §4, RFC 5246 §7.4).
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const NEW_SESSION_TICKET: u8 = 4;
const UPDATE: u8 = 24;

/// The message that announces our next key and does not ask for the peer's.
pub(super) const KEY_UPDATE: [u8; 5] = [UPDATE, 0, 0, 1, 0];

/// Octets of a message's header: type and length.
const HEADER: usize = 4;
/// Longest body: a ticket with its nonce and extensions, or a hello.
const BODY_MAX: usize = 0xffff;

/// Where later keys come from.
pub(crate) enum KeySchedule {
    /// TLS 1.3, and we are the server.
    Server(Box<KernelConnection<ServerConnectionData>>),
    /// TLS 1.3, and we are the client.
    Client(Box<KernelConnection<ClientConnectionData>>),
    /// TLS 1.2 has one key each way.
    Fixed { server: bool },
}

impl KeySchedule {
    pub(super) const fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed { .. })
    }

    /// The key after the one that protects what we send.
    pub(super) fn next_to_send(&mut self) -> Result<ConnectionTrafficSecrets, Refused> {
        let next = match self {
            Self::Server(kernel) => kernel.update_tx_secret(),
            Self::Client(kernel) => kernel.update_tx_secret(),
            Self::Fixed { .. } => return Err(Refused::exhausted()),
        };
        next.map(|(_, secrets)| secrets).map_err(|_| internal())
    }

    /// The key after the one that protects what the peer sends.
    pub(super) fn next_to_receive(&mut self) -> Result<ConnectionTrafficSecrets, Refused> {
        let next = match self {
            Self::Server(kernel) => kernel.update_rx_secret(),
            Self::Client(kernel) => kernel.update_rx_secret(),
            Self::Fixed { .. } => return Err(Refused::unexpected()),
        };
        next.map(|(_, secrets)| secrets).map_err(|_| internal())
    }

    /// Hands a ticket to the profile's memory of servers, if it has one.
    pub(super) fn keep(&mut self, ticket: &[u8]) -> Result<(), Refused> {
        match self {
            Self::Client(kernel) => kernel
                .handle_new_session_ticket(ticket)
                .map_err(|_| Refused::malformed()),
            Self::Server(_) | Self::Fixed { .. } => Err(Refused::unexpected()),
        }
    }

    /// Reads a message that this side of this version may get.
    fn read(&self, kind: u8, body: Vec<u8>) -> Result<Message, Refused> {
        match (self, kind) {
            (Self::Client(_), NEW_SESSION_TICKET) => Ok(Message::NewSessionTicket(body)),
            (Self::Client(_) | Self::Server(_), UPDATE) => match *body {
                [requested @ 0..=1] => Ok(Message::KeyUpdate {
                    requested: requested == 1,
                }),
                [_] => Err(Refused::new(alert::ILLEGAL_PARAMETER, Reason::TlsMalformed)),
                _ => Err(Refused::malformed()),
            },
            (Self::Fixed { server: true }, CLIENT_HELLO)
            | (Self::Fixed { server: false }, HELLO_REQUEST) => Ok(Message::Renegotiation),
            _ => Err(Refused::unexpected()),
        }
    }
}

fn internal() -> Refused {
    Refused::new(alert::INTERNAL_ERROR, Reason::TlsRecord)
}

/// A message that may come after the handshake.
pub(super) enum Message {
    KeyUpdate {
        /// The peer wants our next key too.
        requested: bool,
    },
    /// The body of a NewSessionTicket.
    NewSessionTicket(Vec<u8>),
    /// The peer would shake hands anew, which we decline.
    Renegotiation,
}

/// Handshake octets of which the end has not come yet; owns no memory while there are none.
#[derive(Default)]
pub(super) struct Fragments(Vec<u8>);

impl Fragments {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the body of a record.
    pub(super) fn push(&mut self, body: &[u8]) -> Result<(), Refused> {
        if body.is_empty() {
            return Err(Refused::unexpected());
        }
        self.0.extend_from_slice(body);
        Ok(())
    }

    /// Takes the first message, once it is whole.
    pub(super) fn next(&mut self, schedule: &KeySchedule) -> Result<Option<Message>, Refused> {
        let &[kind, high, mid, low, ..] = self.0.as_slice() else {
            return Ok(None);
        };
        let len = usize::from(high) << 16 | usize::from(mid) << 8 | usize::from(low);
        if len > BODY_MAX {
            return Err(Refused::malformed());
        }
        if self.0.len() < HEADER + len {
            return Ok(None);
        }
        let rest = self.0.split_off(HEADER + len);
        let message = std::mem::replace(&mut self.0, rest);
        let body = message.get(HEADER..).unwrap_or_default().to_vec();
        schedule.read(kind, body).map(Some)
    }
}
