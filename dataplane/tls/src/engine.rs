//! A handshake's turns of rustls's unbuffered connection, for either side of the protocol.

use rustls::Error;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, UnbufferedConnectionCommon, UnbufferedStatus,
};

use crate::buffer::{Incoming, Pending};

/// A connection of either side.
pub(crate) trait Connection {
    /// rustls's name for the side.
    type Side;

    /// Has rustls read `input` up to its next event.
    fn drive<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Side>;

    /// What both sides have in common.
    fn common(&self) -> &UnbufferedConnectionCommon<Self::Side>;
}

impl Connection for UnbufferedServerConnection {
    type Side = ServerConnectionData;

    fn drive<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Side> {
        self.process_tls_records(input)
    }

    fn common(&self) -> &UnbufferedConnectionCommon<Self::Side> {
        self
    }
}

impl Connection for UnbufferedClientConnection {
    type Side = ClientConnectionData;

    fn drive<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Side> {
        self.process_tls_records(input)
    }

    fn common(&self) -> &UnbufferedConnectionCommon<Self::Side> {
        self
    }
}

/// The octets of a leg, each kind in its own buffer.
#[derive(Default)]
pub(crate) struct Octets {
    /// Ciphertext from the peer.
    pub(crate) incoming: Incoming,
    /// Plaintext for the session.
    pub(crate) plaintext: Pending,
    /// Ciphertext for the peer.
    pub(crate) output: Pending,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something moved; there may be more.
    Moved,
    /// The peer will send no more.
    PeerClosed,
    /// Nothing moves before more input comes.
    Blocked,
}

/// Takes `connection` to its next event.
///
/// It reads one record at most, and none once the handshake is over: what rustls would answer to
/// a later one cannot be taken along with the keys.
pub(crate) fn turn<C: Connection>(connection: &mut C, octets: &mut Octets) -> Result<Turn, Error> {
    let end = octets.incoming.next_end();
    let all = octets.incoming.as_mut_slice();
    let len = if connection.common().is_handshaking() {
        end.unwrap_or(all.len())
    } else {
        0
    };
    let status = connection.drive(all.get_mut(..len).unwrap_or_default());
    let discard = status.discard;
    let turn = match status.state? {
        ConnectionState::EncodeTlsData(mut data) => {
            encode(&mut data, &mut octets.output)?;
            Turn::Moved
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Turn::Moved
        }
        ConnectionState::PeerClosed => Turn::PeerClosed,
        _ => Turn::Blocked,
    };
    octets.incoming.discard(discard);
    if let (Turn::Blocked, Some(end)) = (turn, end.filter(|_| len > 0)) {
        octets.incoming.mark_seen(end.saturating_sub(discard));
    }
    Ok(turn)
}

/// Moves the alert of a connection that has failed to the output.
///
/// Gives rustls no input and stops when nothing is left to send, so that nothing more is read.
pub(crate) fn flush_alert<C: Connection>(connection: &mut C, output: &mut Pending) {
    while connection.common().wants_write() {
        match connection.drive(&mut []).state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                if encode(&mut data, output).is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}

fn encode<S>(data: &mut EncodeTlsData<'_, S>, output: &mut Pending) -> Result<(), Error> {
    let mut room = 0;
    loop {
        match output.push_with(room, |fresh| data.encode(fresh)) {
            Ok(()) => return Ok(()),
            Err(EncodeError::InsufficientSize(size)) if size.required_size > room => {
                room = size.required_size;
            }
            Err(_) => return Err(Error::EncryptError),
        }
    }
}
