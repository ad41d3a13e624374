//! IPv6 headers and the walk over extension headers (RFC 8200).

use core::net::Ipv6Addr;

use abi::Reason;

use crate::field::{array, array_mut};

/// Octets of the fixed header.
pub const HEADER_LEN: usize = 40;

/// Extension headers that a packet may have. Senders use one or two; a walk without a bound is a
/// gift to whoever wants to keep a worker busy.
pub const MAX_EXTENSIONS: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
/// Next-header value of a fragment header.
pub const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

/// The fixed header of a packet whose payload length fits the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6View<'a> {
    header: &'a [u8; HEADER_LEN],
    /// The whole packet, cut to its payload length.
    packet: &'a [u8],
}

impl<'a> Ipv6View<'a> {
    /// Checks version and length; what follows the payload is padding. Jumbograms (RFC 2675) do
    /// not occur on Ethernet: their payload length of 0 means an empty packet here.
    ///
    /// # Errors
    /// [`Reason::IpTruncated`], [`Reason::IpMalformed`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Reason::IpTruncated)?;
        if header[0] >> 4 != 6 {
            return Err(Reason::IpMalformed);
        }
        let len = HEADER_LEN + usize::from(u16::from_be_bytes([header[4], header[5]]));
        let packet = bytes.get(..len).ok_or(Reason::IpTruncated)?;
        Ok(Self { header, packet })
    }

    /// DSCP and ECN.
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        self.header[0] << 4 | self.header[1] >> 4
    }

    /// Flow label, 20 bits.
    #[must_use]
    pub const fn flow_label(&self) -> u32 {
        u32::from_be_bytes([0, self.header[1] & 0x0f, self.header[2], self.header[3]])
    }

    /// Type of the first header behind this one.
    #[must_use]
    pub const fn next_header(&self) -> u8 {
        self.header[6]
    }

    /// Hops that are left.
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.header[7]
    }

    /// Source address.
    #[inline]
    #[must_use]
    pub fn src(&self) -> Ipv6Addr {
        array(self.header, 8)
            .copied()
            .map_or(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from_octets)
    }

    /// Destination address.
    #[inline]
    #[must_use]
    pub fn dst(&self) -> Ipv6Addr {
        array(self.header, 24)
            .copied()
            .map_or(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from_octets)
    }

    /// The whole packet, without padding behind it.
    #[must_use]
    pub const fn packet(&self) -> &'a [u8] {
        self.packet
    }

    /// Walks to what the packet carries.
    ///
    /// # Errors
    /// [`Reason::IpTruncated`] when a header does not fit; [`Reason::IpMalformed`] for one out of
    /// place, for more than [`MAX_EXTENSIONS`], and for a routing header with segments left,
    /// which only a sender of source routes makes (RFC 5095).
    #[inline]
    pub fn upper_layer(&self) -> Result<UpperLayer, Reason> {
        let mut at = HEADER_LEN;
        let mut next = self.next_header();
        for position in 0..=MAX_EXTENSIONS {
            match next {
                HOP_BY_HOP if position != 0 => return Err(Reason::IpMalformed),
                HOP_BY_HOP | ROUTING | DESTINATION => {
                    let head: &[u8; 4] = array(self.packet, at).ok_or(Reason::IpTruncated)?;
                    if next == ROUTING && head[3] != 0 {
                        return Err(Reason::IpMalformed);
                    }
                    next = head[0];
                    at += 8 + 8 * usize::from(head[1]);
                }
                FRAGMENT => return self.fragment(at),
                protocol => {
                    if at > self.packet.len() {
                        return Err(Reason::IpTruncated);
                    }
                    return Ok(UpperLayer {
                        protocol,
                        offset: at,
                        fragment: None,
                    });
                }
            }
        }
        Err(Reason::IpMalformed)
    }

    /// A fragment header at `at`. One that makes the packet its own only fragment (RFC 6946) is
    /// still a fragment to us: whoever reassembles takes it out.
    fn fragment(&self, at: usize) -> Result<UpperLayer, Reason> {
        let head: &[u8; 8] = array(self.packet, at).ok_or(Reason::IpTruncated)?;
        let [protocol, _, o0, o1, i0, i1, i2, i3] = *head;
        let field = u16::from_be_bytes([o0, o1]);
        let fragment = FragmentHeader {
            ident: u32::from_be_bytes([i0, i1, i2, i3]),
            offset: field & 0xfff8,
            more: field & 1 != 0,
            header_at: at,
        };
        Ok(UpperLayer {
            protocol,
            offset: at + 8,
            fragment: Some(fragment),
        })
    }
}

/// What lies behind the extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpperLayer {
    /// Protocol number.
    pub protocol: u8,
    /// Octets from the packet's start to it.
    pub offset: usize,
    /// The fragment header, if there is one; the walk ends there.
    pub fragment: Option<FragmentHeader>,
}

/// A fragment header (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// Names the packet that the fragment is of.
    pub ident: u32,
    /// Place of the fragment in the whole, in octets.
    pub offset: u16,
    /// Whether other fragments lie behind this one.
    pub more: bool,
    /// Octets from the packet's start to this header.
    pub header_at: usize,
}

/// A fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Repr {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// Type of what follows.
    pub next_header: u8,
    /// Octets behind the header.
    pub payload_len: u16,
    /// Hops that the packet may take.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
}

impl Ipv6Repr {
    /// Reads the header of `view`.
    #[must_use]
    pub fn of(view: &Ipv6View<'_>) -> Self {
        Self {
            src: view.src(),
            dst: view.dst(),
            next_header: view.next_header(),
            payload_len: u16::from_be_bytes([view.header[4], view.header[5]]),
            hop_limit: view.hop_limit(),
            traffic_class: view.traffic_class(),
        }
    }

    /// Writes the header to the front of `packet`, with flow label 0; `None` if it does not fit.
    #[inline]
    pub fn emit(&self, packet: &mut [u8]) -> Option<()> {
        let header: &mut [u8; HEADER_LEN] = packet.first_chunk_mut()?;
        let [l0, l1] = self.payload_len.to_be_bytes();
        let class = self.traffic_class;
        let first = [
            0x60 | class >> 4,
            class << 4,
            0,
            0,
            l0,
            l1,
            self.next_header,
            self.hop_limit,
        ];
        *array_mut(header, 0)? = first;
        *array_mut(header, 8)? = self.src.octets();
        *array_mut(header, 24)? = self.dst.octets();
        Some(())
    }
}

/// Takes one hop off the packet at the front of `packet`.
///
/// # Errors
/// [`Reason::IpTtlExpired`] when none would be left; nothing changes then.
pub fn decrement_hop_limit(packet: &mut [u8]) -> Result<(), Reason> {
    let hops = packet.get_mut(7).ok_or(Reason::IpTruncated)?;
    if *hops <= 1 {
        return Err(Reason::IpTtlExpired);
    }
    *hops -= 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header ahead of `rest`, whose type is `next`.
    fn packet(next: u8, rest: &[u8]) -> Vec<u8> {
        let repr = Ipv6Repr {
            src: "2001:db8::a".parse().unwrap(),
            dst: "2001:db8:1::1".parse().unwrap(),
            next_header: next,
            payload_len: u16::try_from(rest.len()).unwrap(),
            hop_limit: 64,
            traffic_class: 0xb8,
        };
        let mut bytes = vec![0; HEADER_LEN];
        repr.emit(&mut bytes).unwrap();
        bytes.extend_from_slice(rest);
        assert_eq!(Ipv6Repr::of(&Ipv6View::parse(&bytes).unwrap()), repr);
        bytes
    }

    fn walk(next: u8, rest: &[u8]) -> Result<UpperLayer, Reason> {
        Ipv6View::parse(&packet(next, rest)).unwrap().upper_layer()
    }

    #[test]
    fn header_is_laid_out_as_on_the_wire() {
        let bytes = packet(17, &[1, 2, 3]);
        assert_eq!(bytes[..8], [0x6b, 0x80, 0, 0, 0, 3, 17, 64]);
        let view = Ipv6View::parse(&bytes).unwrap();
        assert_eq!((view.traffic_class(), view.flow_label()), (0xb8, 0));
        assert_eq!(view.src(), "2001:db8::a".parse::<Ipv6Addr>().unwrap());
        assert_eq!(view.dst(), "2001:db8:1::1".parse::<Ipv6Addr>().unwrap());
        let mut padded = bytes.clone();
        padded.extend_from_slice(&[0; 9]);
        assert_eq!(Ipv6View::parse(&padded).unwrap().packet(), bytes);
    }

    #[test]
    fn impossible_headers_are_refused() {
        let bytes = packet(17, &[1, 2, 3]);
        assert_eq!(
            Ipv6View::parse(&bytes[..42]).unwrap_err(),
            Reason::IpTruncated
        );
        assert_eq!(
            Ipv6View::parse(&bytes[..39]).unwrap_err(),
            Reason::IpTruncated
        );
        let mut v4 = bytes;
        v4[0] = 0x45;
        assert_eq!(Ipv6View::parse(&v4).unwrap_err(), Reason::IpMalformed);
    }

    #[test]
    fn extension_headers_are_walked() {
        let mut rest = vec![DESTINATION, 0, 1, 4, 0, 0, 0, 0]; // hop-by-hop, padded
        rest.extend_from_slice(&[ROUTING, 1, 1, 12]);
        rest.extend_from_slice(&[0; 12]); // destination options, 16 octets
        rest.extend_from_slice(&[17, 0, 3, 0, 0, 0, 0, 0]); // routing, no segments left
        let at = HEADER_LEN + rest.len();
        rest.extend_from_slice(&[0xaa; 8]);
        let found = walk(HOP_BY_HOP, &rest).unwrap();
        assert_eq!(
            found,
            UpperLayer {
                protocol: 17,
                offset: at,
                fragment: None
            }
        );
    }

    #[test]
    fn fragment_header_ends_the_walk() {
        let found = walk(FRAGMENT, &[17, 0, 0x01, 0x71, 0xde, 0xad, 0xbe, 0xef, 1, 2]).unwrap();
        let fragment = found.fragment.unwrap();
        assert_eq!((found.protocol, found.offset), (17, 48));
        assert_eq!((fragment.ident, fragment.offset), (0xdead_beef, 0x170));
        assert!(fragment.more);
    }

    #[test]
    fn hostile_chains_are_refused() {
        let link = |next| [next, 0, 1, 4, 0, 0, 0, 0];
        let mut long = Vec::new();
        for _ in 0..MAX_EXTENSIONS {
            long.extend_from_slice(&link(DESTINATION));
        }
        assert_eq!(walk(DESTINATION, &long), Err(Reason::IpTruncated));
        long.extend_from_slice(&link(17));
        assert_eq!(walk(DESTINATION, &long), Err(Reason::IpMalformed));
        assert_eq!(
            walk(DESTINATION, &link(HOP_BY_HOP)),
            Err(Reason::IpMalformed)
        );
        assert_eq!(
            walk(ROUTING, &[17, 0, 0, 1, 0, 0, 0, 0]),
            Err(Reason::IpMalformed)
        );
        assert_eq!(
            walk(DESTINATION, &[17, 9, 0, 0, 0, 0, 0, 0]),
            Err(Reason::IpTruncated)
        );
        assert_eq!(
            walk(FRAGMENT, &[17, 0, 0, 0, 0, 0, 0]),
            Err(Reason::IpTruncated)
        );
        assert_eq!(walk(DESTINATION, &[]), Err(Reason::IpTruncated));
    }

    #[test]
    fn hop_limit_falls_to_one_and_no_further() {
        let mut bytes = packet(17, &[]);
        for _ in 1..64 {
            decrement_hop_limit(&mut bytes).unwrap();
        }
        assert_eq!(decrement_hop_limit(&mut bytes), Err(Reason::IpTtlExpired));
        assert_eq!(Ipv6View::parse(&bytes).unwrap().hop_limit(), 1);
    }
}
