//! ICMP for IPv4 (RFC 792): echo and the errors that concern a proxy.

use abi::Reason;

use crate::{
    checksum::Sum,
    field::{be16, put},
};

/// Octets ahead of a message's data.
pub const HEADER_LEN: usize = 8;

/// Why a destination cannot be reached (RFC 792, RFC 1122 §3.2.2.1).
pub mod unreachable {
    /// No route to its network.
    pub const NET: u8 = 0;
    /// The host does not answer.
    pub const HOST: u8 = 1;
    /// Nothing listens on the port.
    pub const PORT: u8 = 3;
    /// The packet is too big for a link and may not be fragmented.
    pub const FRAGMENTATION_NEEDED: u8 = 4;
    /// A policy forbids it.
    pub const PROHIBITED: u8 = 13;
}

/// A message. What an error quotes is the start of the packet that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmpv4Repr<'a> {
    /// Are you there?
    EchoRequest {
        /// Names the sender's run of requests.
        ident: u16,
        /// Number of the request.
        seq: u16,
        /// To be sent back.
        data: &'a [u8],
    },
    /// Yes.
    EchoReply {
        /// That of the request.
        ident: u16,
        /// That of the request.
        seq: u16,
        /// That of the request.
        data: &'a [u8],
    },
    /// A packet did not get to where it was going.
    Unreachable {
        /// See [`mod@unreachable`].
        code: u8,
        /// MTU of the next link, for [`unreachable::FRAGMENTATION_NEEDED`] (RFC 1191); else 0.
        mtu: u16,
        /// Start of the packet.
        quote: &'a [u8],
    },
    /// A packet ran out of hops (code 0) or its fragments out of time (code 1).
    TimeExceeded {
        /// Hops or fragments.
        code: u8,
        /// Start of the packet.
        quote: &'a [u8],
    },
    /// A message that nobody here understands.
    Other {
        /// Message type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

impl<'a> Icmpv4Repr<'a> {
    /// Reads the payload of an IP packet and checks its checksum.
    ///
    /// # Errors
    /// [`Reason::IcmpMalformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Reason::IcmpMalformed)?;
        if !Sum::new().add_bytes(bytes).is_valid() {
            return Err(Reason::IcmpMalformed);
        }
        let [kind, code, _, _, a0, a1, b0, b1] = *header;
        let (a, b) = (u16::from_be_bytes([a0, a1]), u16::from_be_bytes([b0, b1]));
        let rest = bytes.get(HEADER_LEN..).unwrap_or_default();
        Ok(match (kind, code) {
            (8, 0) => Self::EchoRequest {
                ident: a,
                seq: b,
                data: rest,
            },
            (0, 0) => Self::EchoReply {
                ident: a,
                seq: b,
                data: rest,
            },
            (3, _) => Self::Unreachable {
                code,
                mtu: b,
                quote: rest,
            },
            (11, _) => Self::TimeExceeded { code, quote: rest },
            _ => Self::Other { kind, code },
        })
    }

    /// Octets of the message.
    #[must_use]
    pub const fn len(&self) -> usize {
        HEADER_LEN + self.data().len()
    }

    /// Whether the message has no data.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.data().is_empty()
    }

    /// Writes the message, which takes all of `out`; `None` if it does not.
    pub fn emit(&self, out: &mut [u8]) -> Option<()> {
        if out.len() != self.len() {
            return None;
        }
        let (kind, code, a, b) = match *self {
            Self::EchoRequest { ident, seq, .. } => (8, 0, ident, seq),
            Self::EchoReply { ident, seq, .. } => (0, 0, ident, seq),
            Self::Unreachable { code, mtu, .. } => (3, code, 0, mtu),
            Self::TimeExceeded { code, .. } => (11, code, 0, 0),
            Self::Other { kind, code } => (kind, code, 0, 0),
        };
        put(out, 0, [kind, code, 0, 0])?;
        put(out, 4, a.to_be_bytes())?;
        put(out, 6, b.to_be_bytes())?;
        out.get_mut(HEADER_LEN..)?.copy_from_slice(self.data());
        let sum = Sum::new().add_bytes(out).finish();
        put(out, 2, sum.to_be_bytes())
    }

    const fn data(&self) -> &'a [u8] {
        match *self {
            Self::EchoRequest { data, .. } | Self::EchoReply { data, .. } => data,
            Self::Unreachable { quote, .. } | Self::TimeExceeded { quote, .. } => quote,
            Self::Other { .. } => &[],
        }
    }
}

/// Whether a message of type `kind` reports an error. None may be sent about an error
/// (RFC 1122 §3.2.2); unknown types count as errors, to be safe.
#[must_use]
pub const fn is_error(kind: u8) -> bool {
    !matches!(kind, 0 | 8 | 9 | 10 | 13..=18)
}

/// Turns the echo request at the front of `message` into its reply, checksum included; `false`
/// if it is none.
#[must_use]
pub fn echo_request_to_reply(message: &mut [u8]) -> bool {
    let Some(checksum) = be16(message, 2) else {
        return false;
    };
    if message.first_chunk() != Some(&[8, 0]) {
        return false;
    }
    let new = crate::checksum::update(checksum, &[8, 0], &[0, 0]);
    put(message, 0, [0, 0])
        .and_then(|()| put(message, 2, new.to_be_bytes()))
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let data = b"abcdefg";
        for repr in [
            Icmpv4Repr::EchoRequest {
                ident: 0x1234,
                seq: 7,
                data,
            },
            Icmpv4Repr::EchoReply {
                ident: 0x1234,
                seq: 7,
                data: b"",
            },
            Icmpv4Repr::Unreachable {
                code: unreachable::PORT,
                mtu: 0,
                quote: data,
            },
            Icmpv4Repr::Unreachable {
                code: 4,
                mtu: 1400,
                quote: data,
            },
            Icmpv4Repr::TimeExceeded {
                code: 0,
                quote: data,
            },
            Icmpv4Repr::Other { kind: 42, code: 1 },
        ] {
            let mut bytes = vec![0xff; repr.len()];
            repr.emit(&mut bytes).unwrap();
            assert_eq!(Icmpv4Repr::parse(&bytes), Ok(repr));
            bytes[0] ^= 0x10;
            assert_eq!(Icmpv4Repr::parse(&bytes), Err(Reason::IcmpMalformed));
            assert_eq!(repr.emit(&mut vec![0; repr.len() + 1]), None);
        }
        assert_eq!(Icmpv4Repr::parse(&[0; 7]), Err(Reason::IcmpMalformed));
    }

    #[test]
    fn request_turns_into_its_reply_in_place() {
        let mut bytes = vec![0; 15];
        let request = Icmpv4Repr::EchoRequest {
            ident: 1,
            seq: 2,
            data: b"payload",
        };
        request.emit(&mut bytes).unwrap();
        assert!(echo_request_to_reply(&mut bytes));
        let reply = Icmpv4Repr::EchoReply {
            ident: 1,
            seq: 2,
            data: b"payload",
        };
        assert_eq!(Icmpv4Repr::parse(&bytes), Ok(reply));
        assert!(!echo_request_to_reply(&mut bytes));
    }

    #[test]
    fn errors_are_told_from_queries() {
        assert!([3, 4, 5, 11, 12, 99].into_iter().all(is_error));
        assert!(![0, 8, 13, 14].into_iter().any(is_error));
    }
}
