//! ICMP for IPv6 (RFC 4443). Neighbour discovery messages are in [`crate::ndp`].

use core::net::Ipv6Addr;

use abi::Reason;

use crate::{checksum::pseudo_header, field::put, ndp::NdpRepr, proto};

/// Octets ahead of a message's data.
pub const HEADER_LEN: usize = 8;

/// Why a destination cannot be reached (RFC 4443 §3.1).
pub mod unreachable {
    /// No route.
    pub const NO_ROUTE: u8 = 0;
    /// A policy forbids it.
    pub const PROHIBITED: u8 = 1;
    /// The host does not answer.
    pub const ADDRESS: u8 = 3;
    /// Nothing listens on the port.
    pub const PORT: u8 = 4;
}

/// A message. What an error quotes is the start of the packet that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmpv6Repr<'a> {
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
        /// Start of the packet.
        quote: &'a [u8],
    },
    /// A packet is too big for a link.
    PacketTooBig {
        /// MTU of that link.
        mtu: u32,
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
    /// Neighbour discovery.
    Ndp(NdpRepr),
    /// A message that nobody here understands.
    Other {
        /// Message type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

impl<'a> Icmpv6Repr<'a> {
    /// Reads the payload of an IP packet from `src` to `dst` and checks its checksum.
    ///
    /// Neighbour discovery has rules about the packet around it: see [`crate::ndp`].
    ///
    /// # Errors
    /// [`Reason::IcmpMalformed`].
    pub fn parse(bytes: &'a [u8], src: Ipv6Addr, dst: Ipv6Addr) -> Result<Self, Reason> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Reason::IcmpMalformed)?;
        if !has_valid_checksum(bytes, src, dst) {
            return Err(Reason::IcmpMalformed);
        }
        let [kind, code, _, _, a0, a1, b0, b1] = *header;
        let (ident, seq) = (u16::from_be_bytes([a0, a1]), u16::from_be_bytes([b0, b1]));
        let rest = bytes.get(HEADER_LEN..).unwrap_or_default();
        Ok(match (kind, code) {
            (128, 0) => Self::EchoRequest {
                ident,
                seq,
                data: rest,
            },
            (129, 0) => Self::EchoReply {
                ident,
                seq,
                data: rest,
            },
            (1, _) => Self::Unreachable { code, quote: rest },
            (2, _) => Self::PacketTooBig {
                mtu: u32::from_be_bytes([a0, a1, b0, b1]),
                quote: rest,
            },
            (3, _) => Self::TimeExceeded { code, quote: rest },
            (133..=136, 0) => Self::Ndp(NdpRepr::parse(bytes)?),
            _ => Self::Other { kind, code },
        })
    }

    /// Octets of the message.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Ndp(ndp) => ndp.len(),
            _ => HEADER_LEN + self.data().len(),
        }
    }

    /// Whether the message has no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == HEADER_LEN
    }

    /// Writes the message from `src` to `dst`, which takes all of `out`; `None` if it does not.
    pub fn emit(&self, out: &mut [u8], src: Ipv6Addr, dst: Ipv6Addr) -> Option<()> {
        if out.len() != self.len() {
            return None;
        }
        let words = |a: u16, b: u16| u32::from(a) << 16 | u32::from(b);
        let (kind, code, word) = match *self {
            Self::EchoRequest { ident, seq, .. } => (128, 0, words(ident, seq)),
            Self::EchoReply { ident, seq, .. } => (129, 0, words(ident, seq)),
            Self::Unreachable { code, .. } => (1, code, 0),
            Self::PacketTooBig { mtu, .. } => (2, 0, mtu),
            Self::TimeExceeded { code, .. } => (3, code, 0),
            Self::Other { kind, code } => (kind, code, 0),
            Self::Ndp(ndp) => {
                ndp.emit(out)?;
                return fill_checksum(out, src, dst);
            }
        };
        put(out, 0, [kind, code, 0, 0])?;
        put(out, 4, word.to_be_bytes())?;
        out.get_mut(HEADER_LEN..)?.copy_from_slice(self.data());
        fill_checksum(out, src, dst)
    }

    const fn data(&self) -> &'a [u8] {
        match *self {
            Self::EchoRequest { data, .. } | Self::EchoReply { data, .. } => data,
            Self::Unreachable { quote, .. }
            | Self::PacketTooBig { quote, .. }
            | Self::TimeExceeded { quote, .. } => quote,
            Self::Ndp(_) | Self::Other { .. } => &[],
        }
    }
}

/// Whether a message of type `kind` reports an error (RFC 4443 §2.1).
#[must_use]
pub const fn is_error(kind: u8) -> bool {
    kind < 128
}

/// Whether the checksum of a message from `src` to `dst` is right.
#[must_use]
pub fn has_valid_checksum(message: &[u8], src: Ipv6Addr, dst: Ipv6Addr) -> bool {
    u32::try_from(message.len()).is_ok_and(|len| {
        pseudo_header(src.into(), dst.into(), proto::ICMPV6, len)
            .add_bytes(message)
            .is_valid()
    })
}

/// Computes the checksum of a message from `src` to `dst` and puts it in.
fn fill_checksum(message: &mut [u8], src: Ipv6Addr, dst: Ipv6Addr) -> Option<()> {
    put(message, 2, [0, 0])?;
    let len = u32::try_from(message.len()).ok()?;
    let sum = pseudo_header(src.into(), dst.into(), proto::ICMPV6, len).add_bytes(message);
    put(message, 2, sum.finish().to_be_bytes())
}

/// Turns the echo request at the front of `message` into its reply, checksum included; `false`
/// if it is none. Its addresses change places, which the checksum does not notice.
#[must_use]
pub fn echo_request_to_reply(message: &mut [u8]) -> bool {
    let Some(&[128, 0, c0, c1]) = message.first_chunk() else {
        return false;
    };
    let new = crate::checksum::update(u16::from_be_bytes([c0, c1]), &[128, 0], &[129, 0]);
    let [n0, n1] = new.to_be_bytes();
    put(message, 0, [129, 0, n0, n1]).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRC: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    const DST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

    #[test]
    fn messages_round_trip() {
        let data = b"abcdefg";
        for repr in [
            Icmpv6Repr::EchoRequest {
                ident: 0x1234,
                seq: 7,
                data,
            },
            Icmpv6Repr::EchoReply {
                ident: 0x1234,
                seq: 7,
                data: b"",
            },
            Icmpv6Repr::Unreachable {
                code: unreachable::PORT,
                quote: data,
            },
            Icmpv6Repr::PacketTooBig {
                mtu: 1280,
                quote: data,
            },
            Icmpv6Repr::TimeExceeded {
                code: 0,
                quote: data,
            },
            Icmpv6Repr::Ndp(NdpRepr::RouterSolicit { source_mac: None }),
            Icmpv6Repr::Other { kind: 42, code: 1 },
        ] {
            let mut bytes = vec![0xff; repr.len()];
            repr.emit(&mut bytes, SRC, DST).unwrap();
            assert_eq!(Icmpv6Repr::parse(&bytes, SRC, DST), Ok(repr));
            assert_eq!(
                Icmpv6Repr::parse(&bytes, SRC, SRC),
                Err(Reason::IcmpMalformed)
            );
            assert_eq!(repr.emit(&mut vec![0; repr.len() + 1], SRC, DST), None);
        }
        assert_eq!(
            Icmpv6Repr::parse(&[0; 7], SRC, DST),
            Err(Reason::IcmpMalformed)
        );
    }

    #[test]
    fn request_turns_into_its_reply_in_place() {
        let mut bytes = vec![0; 15];
        let request = Icmpv6Repr::EchoRequest {
            ident: 1,
            seq: 2,
            data: b"payload",
        };
        request.emit(&mut bytes, SRC, DST).unwrap();
        assert!(echo_request_to_reply(&mut bytes));
        let reply = Icmpv6Repr::EchoReply {
            ident: 1,
            seq: 2,
            data: b"payload",
        };
        assert_eq!(Icmpv6Repr::parse(&bytes, DST, SRC), Ok(reply));
        assert!(!echo_request_to_reply(&mut bytes));
    }
}
