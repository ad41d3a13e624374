//! UDP (RFC 768).

use core::net::{IpAddr, SocketAddr};

use abi::Reason;

use crate::{
    checksum::pseudo_header,
    field::be16,
    ipv4::{self, Ipv4Repr},
    ipv6::{self, Ipv6Repr},
    proto,
};

pub use headers::UdpHeaders;
pub use plain::{Datagram, Plain, PlainV4, PlainV6};

mod headers;
mod plain;

/// Octets of the header.
pub const HEADER_LEN: usize = 8;

/// A datagram whose length fits the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct UdpView<'a> {
    header: &'a [u8; HEADER_LEN],
    /// Header and payload.
    datagram: &'a [u8],
}

impl<'a> UdpView<'a> {
    /// Checks the length; what follows it is no part of the datagram.
    ///
    /// # Errors
    /// [`Reason::UdpMalformed`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Reason::UdpMalformed)?;
        let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        if len < HEADER_LEN {
            return Err(Reason::UdpMalformed);
        }
        let datagram = bytes.get(..len).ok_or(Reason::UdpMalformed)?;
        Ok(Self { header, datagram })
    }

    /// Source port.
    #[inline]
    #[must_use]
    pub const fn src_port(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// Destination port.
    #[inline]
    #[must_use]
    pub const fn dst_port(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// The checksum field; 0 says that the sender computed none.
    #[inline]
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[6], self.header[7]])
    }

    /// Whether the checksum is right, or absent where it may be: over IPv4 (RFC 768), never over
    /// IPv6 (RFC 8200 §8.1).
    #[inline]
    #[must_use]
    pub fn has_valid_checksum(&self, src: IpAddr, dst: IpAddr) -> bool {
        if self.checksum() == 0 {
            return src.is_ipv4();
        }
        let len = u32::from(u16::from_be_bytes([self.header[4], self.header[5]]));
        pseudo_header(src, dst, proto::UDP, len)
            .add_bytes(self.datagram)
            .is_valid()
    }

    /// What the datagram carries.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.datagram.get(HEADER_LEN..).unwrap_or_default()
    }

    /// Octets of header and payload.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.datagram.len()
    }

    /// Whether the datagram carries nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.datagram.len() == HEADER_LEN
    }
}

/// Whether a datagram that is sent gets a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpChecksum {
    /// Always.
    Compute,
    /// Not over IPv4. Over IPv6 it must have one.
    SkipOverIpv4,
}

/// The IP and UDP headers of a datagram, fragments excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpRepr {
    /// Source, of the same family as the destination.
    pub src: SocketAddr,
    /// Destination.
    pub dst: SocketAddr,
    /// Hops that the packet may take.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Whether to compute a checksum.
    pub checksum: UdpChecksum,
}

impl UdpRepr {
    /// Octets of IP and UDP header ahead of a payload for `dst`.
    #[inline]
    #[must_use]
    pub const fn headers_len(dst: SocketAddr) -> usize {
        match dst {
            SocketAddr::V4(_) => ipv4::HEADER_LEN + HEADER_LEN,
            SocketAddr::V6(_) => ipv6::HEADER_LEN + HEADER_LEN,
        }
    }

    /// Writes both headers to the front of `packet`, which is exactly as long as they and the
    /// payload that is already in place behind them. `None` if the families differ or the packet
    /// is shorter than the headers or longer than IP can say.
    #[inline]
    pub fn emit(&self, packet: &mut [u8]) -> Option<()> {
        let ip_len = Self::headers_len(self.dst) - HEADER_LEN;
        let udp_len = u16::try_from(packet.len().checked_sub(ip_len)?).ok()?;
        match (self.src.ip(), self.dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Ipv4Repr {
                src,
                dst,
                protocol: proto::UDP,
                payload_len: udp_len,
                hop_limit: self.hop_limit,
                traffic_class: self.traffic_class,
                ident: 0,
                dont_fragment: true,
            }
            .emit(packet)?,
            (IpAddr::V6(src), IpAddr::V6(dst)) => Ipv6Repr {
                src,
                dst,
                next_header: proto::UDP,
                payload_len: udp_len,
                hop_limit: self.hop_limit,
                traffic_class: self.traffic_class,
            }
            .emit(packet)?,
            _ => return None,
        }
        self.emit_udp(packet.get_mut(ip_len..)?, udp_len)
    }

    #[inline]
    fn emit_udp(&self, datagram: &mut [u8], len: u16) -> Option<()> {
        let (src, dst) = (self.src.port(), self.dst.port());
        let (header, payload) = datagram.split_first_chunk_mut::<HEADER_LEN>()?;
        let checksum = if self.checksum == UdpChecksum::SkipOverIpv4 && self.dst.is_ipv4() {
            0
        } else {
            // The header is summed from its fields, as an IPv4 header is.
            let sum = pseudo_header(self.src.ip(), self.dst.ip(), proto::UDP, u32::from(len));
            let sum = sum.add_u16(src).add_u16(dst).add_u16(len);
            nonzero(sum.add_bytes(payload).finish())
        };
        let ([s0, s1], [d0, d1]) = (src.to_be_bytes(), dst.to_be_bytes());
        let ([l0, l1], [c0, c1]) = (len.to_be_bytes(), checksum.to_be_bytes());
        *header = [s0, s1, d0, d1, l0, l1, c0, c1];
        Some(())
    }
}

/// A computed checksum of zero is sent as all ones, since zero means none (RFC 768).
#[inline]
pub(crate) const fn nonzero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

/// Source and destination port at the front of a TCP or UDP header.
#[inline]
#[must_use]
pub fn ports(header: &[u8]) -> Option<(u16, u16)> {
    Some((be16(header, 0)?, be16(header, 2)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(src: &str, dst: &str, payload: &[u8], checksum: UdpChecksum) -> Vec<u8> {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        let mut packet = vec![0; UdpRepr::headers_len(dst)];
        packet.extend_from_slice(payload);
        let repr = UdpRepr {
            src,
            dst,
            hop_limit: 64,
            traffic_class: 0xb8,
            checksum,
        };
        repr.emit(&mut packet).unwrap();
        packet
    }

    #[test]
    fn datagrams_check_out_over_both_families() {
        for (src, dst) in [
            ("192.0.2.1:5004", "198.51.100.2:6000"),
            ("[2001:db8::1]:5004", "[2001:db8:1::2]:6000"),
        ] {
            for payload in [&b""[..], b"odd", b"even"] {
                let packet = datagram(src, dst, payload, UdpChecksum::Compute);
                let (src, dst): (SocketAddr, SocketAddr) =
                    (src.parse().unwrap(), dst.parse().unwrap());
                let at = UdpRepr::headers_len(dst) - HEADER_LEN;
                let view = UdpView::parse(&packet[at..]).unwrap();
                assert!(view.has_valid_checksum(src.ip(), dst.ip()));
                assert_eq!((view.src_port(), view.dst_port()), (5004, 6000));
                assert_eq!(view.payload(), payload);
                assert_eq!(
                    (view.len(), view.is_empty()),
                    (8 + payload.len(), payload.is_empty())
                );
                let mut bad = packet.clone();
                bad[at + 1] ^= 1;
                assert!(
                    !UdpView::parse(&bad[at..])
                        .unwrap()
                        .has_valid_checksum(src.ip(), dst.ip())
                );
            }
        }
    }

    #[test]
    fn zero_checksum_passes_over_ipv4_only() {
        let v4 = datagram(
            "192.0.2.1:1",
            "192.0.2.2:2",
            b"x",
            UdpChecksum::SkipOverIpv4,
        );
        let view = UdpView::parse(&v4[20..]).unwrap();
        assert_eq!(view.checksum(), 0);
        assert!(view.has_valid_checksum([192, 0, 2, 1].into(), [192, 0, 2, 2].into()));
        let v6 = datagram(
            "[2001:db8::1]:1",
            "[2001:db8::2]:2",
            b"x",
            UdpChecksum::SkipOverIpv4,
        );
        assert_ne!(UdpView::parse(&v6[40..]).unwrap().checksum(), 0);
        let mut none = v6;
        none[46] = 0;
        none[47] = 0;
        let address = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        assert!(
            !UdpView::parse(&none[40..])
                .unwrap()
                .has_valid_checksum(address(1), address(2))
        );
    }

    #[test]
    fn sum_of_zero_is_sent_as_ones() {
        // A payload chosen so that everything else sums to all ones.
        let (src, dst) = ("192.0.2.1:1", "192.0.2.2:2");
        let plain = datagram(src, dst, &[0, 0], UdpChecksum::Compute);
        let word = [plain[26], plain[27]];
        let packet = datagram(src, dst, &word, UdpChecksum::Compute);
        assert_eq!(packet[26..28], [0xff, 0xff]);
        let view = UdpView::parse(&packet[20..]).unwrap();
        assert!(view.has_valid_checksum([192, 0, 2, 1].into(), [192, 0, 2, 2].into()));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let packet = datagram("192.0.2.1:1", "192.0.2.2:2", b"abc", UdpChecksum::Compute);
        let udp = &packet[20..];
        assert_eq!(UdpView::parse(&udp[..7]).unwrap_err(), Reason::UdpMalformed);
        assert_eq!(
            UdpView::parse(&udp[..10]).unwrap_err(),
            Reason::UdpMalformed
        );
        let mut short = udp.to_vec();
        short[5] = 7;
        assert_eq!(UdpView::parse(&short).unwrap_err(), Reason::UdpMalformed);
        short[5] = 8;
        assert!(UdpView::parse(&short).unwrap().is_empty());
    }

    #[test]
    fn mixed_families_and_lack_of_room_write_nothing_valid() {
        let repr = UdpRepr {
            src: "192.0.2.1:1".parse().unwrap(),
            dst: "[2001:db8::1]:2".parse().unwrap(),
            hop_limit: 1,
            traffic_class: 0,
            checksum: UdpChecksum::Compute,
        };
        assert_eq!(repr.emit(&mut [0; 60]), None);
        let v4 = UdpRepr {
            dst: repr.src,
            ..repr
        };
        assert_eq!(v4.emit(&mut [0; 27]), None);
        assert_eq!(v4.emit(&mut vec![0; 65536 + 20]), None);
        assert_eq!(v4.emit(&mut vec![0; 65536]), None);
    }
}
