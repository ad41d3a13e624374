//! One turn of rustls's unbuffered connection, for either side of the protocol.

use rustls::Error;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedConnectionCommon,
    UnbufferedStatus, WriteTraffic,
};

use crate::buffer::{Incoming, Pending};

/// Most that a record adds to its plaintext: header, explicit nonce, content type, tag, and room
/// for a key update or alert that goes before it.
const RECORD_OVERHEAD: usize = 128;

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

/// What to do once the connection may send.
#[derive(Clone, Copy)]
pub(crate) enum ToSend<'a> {
    Nothing,
    Plaintext(&'a [u8]),
    CloseNotify,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something moved; there may be more.
    Moved,
    /// The peer will send no more.
    PeerClosed,
    /// Nothing moves before more input comes, and this was not the time to send.
    Blocked,
    /// Nothing moves before more input comes, and what was to be sent is in the output.
    Sent,
}

/// Why a turn failed.
pub(crate) enum TurnError {
    /// rustls refused what the peer sent.
    Refused(Error),
    /// The keys may protect no more records.
    KeysExhausted,
}

impl From<Error> for TurnError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Takes `connection` to its next event and sends, if it may.
///
/// It reads one record at most, so that none after the handshake is read before its keys are
/// taken: what rustls means to answer to one cannot be taken along.
pub(crate) fn turn<C: Connection>(
    connection: &mut C,
    octets: &mut Octets,
    send: ToSend<'_>,
) -> Result<Turn, TurnError> {
    let end = octets.incoming.next_end();
    let all = octets.incoming.as_mut_slice();
    let len = end.unwrap_or(all.len());
    let status = connection.drive(all.get_mut(..len).unwrap_or_default());
    let mut discard = status.discard;
    let turn = match status.state? {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record?;
                discard += record.discard;
                octets.plaintext.push(record.payload);
            }
            Turn::Moved
        }
        ConnectionState::EncodeTlsData(mut data) => {
            encode(&mut data, &mut octets.output)?;
            Turn::Moved
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Turn::Moved
        }
        ConnectionState::PeerClosed => Turn::PeerClosed,
        ConnectionState::WriteTraffic(traffic) => match send {
            ToSend::Nothing => Turn::Blocked,
            send => write(traffic, send, &mut octets.output)?,
        },
        _ => Turn::Blocked,
    };
    octets.incoming.discard(discard);
    if let (Turn::Blocked | Turn::Sent, Some(end)) = (turn, end) {
        octets.incoming.mark_seen(end.saturating_sub(discard));
    }
    Ok(turn)
}

/// Moves the alert of a connection that has failed to the output.
///
/// Gives rustls no input and stops when nothing is left to send, so that nothing more is read.
pub(crate) fn flush_alert<C: Connection>(connection: &mut C, octets: &mut Octets) {
    while connection.common().wants_write() {
        match connection.drive(&mut []).state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                if encode(&mut data, &mut octets.output).is_err() {
                    return;
                }
            }
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(Ok(record)) = traffic.next_record() {
                    octets.plaintext.push(record.payload);
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

fn write<S>(
    mut traffic: WriteTraffic<'_, S>,
    send: ToSend<'_>,
    output: &mut Pending,
) -> Result<Turn, TurnError> {
    let mut room = RECORD_OVERHEAD;
    if let ToSend::Plaintext(plaintext) = send {
        room += plaintext.len();
    }
    loop {
        let written = output.push_with(room, |fresh| match send {
            ToSend::Plaintext(plaintext) => traffic.encrypt(plaintext, fresh),
            ToSend::CloseNotify | ToSend::Nothing => traffic.queue_close_notify(fresh),
        });
        match written {
            Ok(()) => return Ok(Turn::Sent),
            Err(EncryptError::InsufficientSize(size)) if size.required_size > room => {
                room = size.required_size;
            }
            Err(EncryptError::InsufficientSize(_)) => return Err(Error::EncryptError.into()),
            Err(EncryptError::EncryptExhausted) => return Err(TurnError::KeysExhausted),
        }
    }
}
